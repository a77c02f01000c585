//! Owns a folded text cut into words, sentences and clauses.
//! Must never drop a word: what does not count is marked by those who know why.

use super::fold::fold;

/// One word: letters and digits, or a sign that carries meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    start: u32,
    end: u32,
    /// The sentence it stands in, counted from 0.
    pub sentence: u32,
    /// The clause it stands in, counted from 0 over the whole text.
    pub clause: u32,
    /// The breath it stands in, counted from 0 over the whole text: a comma or a line ends one, a quotation mark does not.
    pub breath: u32,
}

/// A text as words.
#[derive(Clone, Debug, Default)]
pub struct Words {
    text: String,
    words: Vec<Word>,
    /// The sentences that end with a question mark.
    questions: Vec<u32>,
}

/// Signs that stand as words of their own: amounts, and the stop signs that people send.
const SIGNS: [char; 7] = ['%', '€', '£', '🛑', '⛔', '🚫', '✋'];

/// Texting shorthand for "more" where it stands alone: "je veux + de sms", but not "+33".
const PLUS: char = '+';

/// Digits behind letters that are a number of their own: STOP36111, but not NOEL15.
const GLUED_DIGITS_MIN: usize = 3;

impl Words {
    /// Cuts a text into words.
    pub fn read(text: &str) -> Self {
        let mut folded = Vec::with_capacity(text.len());
        fold(text, |character| folded.push(character));
        let mut reader = Reader::default();
        for (at, &character) in folded.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| folded.get(at)).copied();
            reader.take(before, character, folded.get(at + 1).copied());
        }
        reader.end_word();
        reader.out
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The letters of a word.
    pub fn text(&self, at: usize) -> &str {
        let word = &self.words[at];
        &self.text[word.start as usize..word.end as usize]
    }

    /// A word's place.
    pub fn word(&self, at: usize) -> Word {
        self.words[at]
    }

    /// Whether the sentence of a word ends with a question mark.
    pub fn asks(&self, at: usize) -> bool {
        self.questions.contains(&self.words[at].sentence)
    }

    /// The words as they are, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.text(at))
    }

    /// Replaces the words `from..to` by one; it stands where the first stood.
    pub fn replace(&mut self, from: usize, to: usize, by: &str) {
        let first = self.words[from];
        self.words.drain(from + 1..to);
        self.words[from] = self.append(by, first);
    }

    /// Replaces a word by one or several, with spaces between; gives how many there are now.
    pub fn respell(&mut self, at: usize, by: &str) -> usize {
        let like = self.words[at];
        let words: Vec<Word> = by.split(' ').map(|word| self.append(word, like)).collect();
        let count = words.len();
        self.words.splice(at..=at, words);
        count
    }

    /// Splits a word in two.
    pub fn split(&mut self, at: usize, octet: usize) {
        let word = self.words[at];
        let middle = word.start + octet as u32;
        self.words[at].end = middle;
        self.words.insert(at + 1, Word { start: middle, ..word });
    }

    /// Begins a clause and a breath at a word: "but", "otherwise".
    pub fn pause_before(&mut self, at: usize) {
        for word in &mut self.words[at..] {
            word.clause += 1;
            word.breath += 1;
        }
    }

    fn append(&mut self, text: &str, like: Word) -> Word {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        Word { start, end: self.text.len() as u32, ..like }
    }
}

/// Takes characters one by one.
#[derive(Default)]
struct Reader {
    out: Words,
    /// Where the word being read begins.
    begun: Option<u32>,
    sentence: u32,
    clause: u32,
    breath: u32,
}

impl Reader {
    fn take(&mut self, before: Option<char>, character: char, after: Option<char>) {
        let letter_after = after.is_some_and(char::is_alphabetic);
        match character {
            '$' if letter_after && !before.is_some_and(char::is_alphanumeric) => self.put('S'),
            letter if letter.is_alphanumeric() => self.put(letter),
            sign if SIGNS.contains(&sign) => self.sign(sign),
            // "-20%", but neither "18-20" nor "opt-out".
            '-' if after.is_some_and(|c| c.is_ascii_digit()) && !before.is_some_and(char::is_alphanumeric) => {
                self.sign('-')
            }
            PLUS if [before, after].iter().all(|beside| !beside.is_some_and(|c| c.is_alphanumeric())) => {
                self.sign(PLUS)
            }
            '!' | ';' | '…' | '¿' | '¡' => self.end_sentence(),
            '?' => {
                self.end_word();
                self.out.questions.push(self.sentence);
                self.end_sentence();
            }
            '.' => {
                let long = self.begun.is_some_and(|start| self.out.text.len() as u32 - start > 1);
                let behind_letter = before.is_some_and(char::is_alphabetic);
                if after.is_none_or(char::is_whitespace) || (long && letter_after && behind_letter) {
                    self.end_sentence();
                } else {
                    self.end_word();
                }
            }
            ':' | '"' | '«' | '»' | '“' | '”' | '„' => self.end_clause(),
            ',' | '(' | ')' | '[' | ']' | '{' | '}' | '–' | '—' | '|' | '\n' | '\r' => self.end_breath(),
            '-' if before.is_none_or(char::is_whitespace) || after.is_none_or(char::is_whitespace) => self.end_breath(),
            // Emoji and the like part clauses; apostrophes, hyphens, slashes and spaces only words.
            odd if odd as u32 >= 0x2190 => self.end_breath(),
            _ => self.end_word(),
        }
    }

    fn put(&mut self, character: char) {
        self.begun.get_or_insert(self.out.text.len() as u32);
        self.out.text.push(character);
    }

    fn sign(&mut self, sign: char) {
        self.end_word();
        self.put(sign);
        self.end_word();
    }

    fn end_word(&mut self) {
        let Some(start) = self.begun.take() else { return };
        let Self { sentence, clause, breath, .. } = *self;
        let word = Word { start, end: self.out.text.len() as u32, sentence, clause, breath };
        self.out.words.push(word);
        let text = &self.out.text[start as usize..];
        let letters = text.trim_end_matches(|c: char| c.is_ascii_digit());
        if !letters.is_empty()
            && text.len() - letters.len() >= GLUED_DIGITS_MIN
            && letters.chars().all(char::is_alphabetic)
        {
            let octet = letters.len();
            self.out.split(self.out.words.len() - 1, octet);
        }
    }

    fn end_clause(&mut self) {
        self.end_word();
        self.clause += 1;
    }

    fn end_breath(&mut self) {
        self.end_clause();
        self.breath += 1;
    }

    fn end_sentence(&mut self) {
        self.end_breath();
        self.sentence += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let words = Words::read(text);
        let mut out = String::new();
        for at in 0..words.len() {
            let word = words.word(at);
            if at > 0 {
                let last = words.word(at - 1);
                let mark = if last.sentence != word.sentence {
                    " . "
                } else if last.clause != word.clause {
                    " , "
                } else {
                    " "
                };
                out.push_str(mark);
            }
            out.push_str(words.text(at));
        }
        out
    }

    #[test]
    fn texts_are_cut_where_readers_pause() {
        for (text, expected) in [
            ("Désinscrivez-moi, svp !", "DESINSCRIVEZ MOI , SVP"),
            ("N’envoyez plus. Merci", "N ENVOYEZ PLUS . MERCI"),
            ("S.T.O.P.", "S T O P"),
            ("merci.stop", "MERCI . STOP"),
            ("STOP36111", "STOP 36111"),
            ("code NOEL15", "CODE NOEL15"),
            ("-20% 18-20h", "- 20 % 18 20H"),
            ("veux + de +33", "VEUX + DE 33"),
            ("$TOP 5$", "STOP 5"),
            ("STOP🙏merci 🛑", "STOP , MERCI 🛑"),
            ("oui\nnon", "OUI , NON"),
            ("a : b - c (d)", "A , B , C , D"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert!(Words::read("stop ?").asks(0) && !Words::read("stop !").asks(0));
    }

    proptest! {
        #[test]
        fn any_text_is_cut_into_words_that_are_not_empty(text in any::<String>()) {
            prop_assert!(Words::read(&text).iter().all(|word| !word.is_empty()));
        }
    }
}
