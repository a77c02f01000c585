//! Owns finding a valid STOP mention in the text of a message, by the forms of a pack.
//! Must never guess what a reader might understand: full-width letters, homoglyphs and torn words are no mention.

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

/// The compiled mention forms of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MentionForms {
    /// Forms that name a code: valid from every source.
    pub with_code: Vec<Form>,
    /// Forms that ask for a reply: valid only where the source can receive one.
    pub replies: Vec<Form>,
    /// Words that take a mention its meaning when they stand right before it ("non stop"), upper-case.
    pub not_after: Vec<String>,
    /// Shapes of codes, `d` for any digit: `3dddd`.
    pub codes: Vec<String>,
}

/// One form: what must stand one behind the other, with or without white space between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form(Vec<Element>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    /// An upper-case word or a sign.
    Word(Box<str>),
    /// At most one of these; the longest that fits is tried first.
    Optional(Vec<Box<str>>),
    /// A code of one of the pack's shapes.
    Code,
}

impl Form {
    /// Reads a form such as `STOP [SMS|PUB] [AU|A|=|:] {code}`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut elements = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (element, after) = if let Some(inside) = rest.strip_prefix('[') {
                let (inside, after) = inside.split_once(']').ok_or("a '[' has no ']'")?;
                let mut words: Vec<Box<str>> = inside.split('|').map(|word| word.trim().into()).collect();
                words.sort_by_key(|word| std::cmp::Reverse(word.len()));
                (Element::Optional(words), after)
            } else {
                let end = rest.find([' ', '[']).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                (if word == "{code}" { Element::Code } else { Element::Word(word.into()) }, after)
            };
            let words: &[Box<str>] = match &element {
                Element::Word(word) => std::slice::from_ref(word),
                Element::Optional(words) => words,
                Element::Code => &[],
            };
            if words.iter().any(|word| word.is_empty() || !word.bytes().all(is_form_octet)) {
                return Err("write upper-case words without accents, signs, [A|B] and {code}");
            }
            elements.push(element);
            rest = after.trim_start();
        }
        match elements.first() {
            Some(Element::Word(word))
                if word.len() > 1 && word.bytes().take(2).all(|octet| octet.is_ascii_uppercase()) =>
            {
                Ok(Self(elements))
            }
            Some(Element::Word(_) | Element::Optional(_) | Element::Code) | None => {
                Err("a form begins with a word of two letters and more")
            }
        }
    }

    /// Whether the form names a code.
    pub fn names_code(&self) -> bool {
        self.0.contains(&Element::Code)
    }

    /// The first two octets, both letters.
    fn beginning(&self) -> [u8; 2] {
        match self.0.first() {
            Some(Element::Word(word)) => [word.as_bytes()[0], word.as_bytes()[1]],
            Some(Element::Optional(_) | Element::Code) | None => [0, 0],
        }
    }
}

fn is_form_octet(octet: u8) -> bool {
    octet.is_ascii_graphic() && !octet.is_ascii_lowercase() && !matches!(octet, b'[' | b']' | b'{' | b'}' | b'|')
        || octet == b' '
}

/// A mention that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Where it begins in the text, in octets.
    pub start: usize,
    /// Where it ends, in octets.
    pub end: usize,
    /// The code it names; `None` when it asks for a reply.
    pub code: Option<u32>,
}

/// The first valid mention: a form that names one of `stop_codes`, or, where `reply_capable`, one that asks for a reply.
/// Upper-case, accents stripped, every kind of space a space; nothing else is folded, nothing is allocated.
pub fn find(text: &str, forms: &MentionForms, stop_codes: &[u32], reply_capable: bool) -> Option<Mention> {
    search(text, forms, reply_capable, |code| stop_codes.contains(&code))
}

/// The first mention of any code, or one that asks for a reply: what makes a text commercial, whoever's code it is.
pub fn find_any(text: &str, forms: &MentionForms) -> Option<Mention> {
    search(text, forms, true, |_| true)
}

fn search(text: &str, forms: &MentionForms, replies: bool, accept: impl Fn(u32) -> bool) -> Option<Mention> {
    let replies: &[Form] = if replies { &forms.replies } else { &[] };
    let forms_all = || forms.with_code.iter().chain(replies);
    // Forms begin with plain letters: only where one of those stands can a mention begin.
    let (first, second) = forms_all().fold((0u32, 0u32), |(first, second), form| {
        let [one, two] = form.beginning();
        (first | letter_bit(one), second | letter_bit(two))
    });
    let octets = text.as_bytes();
    // Behind the first letter an accent may stand.
    let begins =
        |pair: &[u8]| first & letter_bit(pair[0]) != 0 && (!pair[1].is_ascii() || second & letter_bit(pair[1]) != 0);
    for (start, pair) in octets.windows(2).enumerate().filter(|(_, pair)| begins(pair)) {
        let octet = pair[0];
        if in_a_word(text, start) {
            continue;
        }
        for form in forms_all().filter(|form| form.beginning()[0] == octet.to_ascii_uppercase()) {
            if let Some((end, code)) = matches(&form.0, Folded { text, at: start }, &forms.codes, None)
                && code.is_none_or(&accept)
                && !follows(&text[..start], &forms.not_after)
            {
                return Some(Mention { start, end, code });
            }
        }
    }
    None
}

/// One bit for each letter, whatever its case; none for other octets.
const fn letter_bit(octet: u8) -> u32 {
    LETTER_BITS[octet as usize]
}

/// `letter_bit` of every octet: it is asked for each octet of every promotion.
const LETTER_BITS: [u32; 256] = {
    let mut bits = [0; 256];
    let mut letter = 0;
    while letter < 26 {
        bits[(b'a' + letter) as usize] = 1 << letter;
        bits[(b'A' + letter) as usize] = 1 << letter;
        letter += 1;
    }
    bits
};

/// Whether a letter or digit stands right in front of `start`.
fn in_a_word(text: &str, start: usize) -> bool {
    match text.as_bytes()[..start].last() {
        None => false,
        Some(octet) if octet.is_ascii() => octet.is_ascii_alphanumeric(),
        Some(_) => text[..start].chars().next_back().is_some_and(char::is_alphanumeric),
    }
}

/// Whether one of `words` stands right in front, with nothing but spaces and hyphens between.
fn follows(before: &str, words: &[String]) -> bool {
    let before = before.trim_end_matches(|c: char| c.is_whitespace() || c == '-');
    words.iter().any(|word| {
        let mut rest = before.chars().rev();
        let same = word.bytes().rev().all(|wanted| rest.next().is_some_and(|found| fold(found) == wanted));
        same && !rest.next().is_some_and(char::is_alphanumeric)
    })
}

/// Matches the elements from `at` on; gives where they end, and the code among them.
fn matches(elements: &[Element], at: Folded<'_>, shapes: &[String], code: Option<u32>) -> Option<(usize, Option<u32>)> {
    let Some((element, rest)) = elements.split_first() else {
        let complete = at.peek().is_none_or(|octet| !octet.is_ascii_alphanumeric());
        return (complete && (code.is_some() || !at.leads_to_digits())).then_some((at.at, code));
    };
    // A quoted keyword (Répondez « STOP ») is still the keyword; between a word and its code only spaces may stand.
    let at = if elements.len() < 2 && *element != Element::Code {
        at.skip(is_space_or_quote)
    } else {
        at.skip(|o| o == b' ')
    };
    match element {
        Element::Word(word) => matches(rest, at.after(word)?, shapes, code),
        Element::Optional(words) => words
            .iter()
            .find_map(|word| matches(rest, at.clone().after(word)?, shapes, code))
            .or_else(|| matches(rest, at.clone(), shapes, code)),
        Element::Code => {
            let (code, after) = at.code(shapes)?;
            matches(rest, after, shapes, Some(code))
        }
    }
}

fn is_space_or_quote(octet: u8) -> bool {
    matches!(octet, b' ' | b'"' | b'\'' | QUOTE)
}

/// Stands for « and » and other quotation marks.
const QUOTE: u8 = 0x81;
/// Stands for every character that is folded to nothing else.
const OTHER: u8 = 0x80;

/// Every ASCII octet folded: upper-case, each kind of white space a space. Asked several times for each octet of a mention.
const FOLDED_ASCII: [u8; 256] = {
    let mut folded = [0; 256];
    let mut octet = 0;
    while octet < 128 {
        folded[octet] = if (octet as u8).is_ascii_whitespace() { b' ' } else { (octet as u8).to_ascii_uppercase() };
        octet += 1;
    }
    folded
};

/// A text as upper-case ASCII octets: accents stripped, spaces folded, every other character `OTHER` or `QUOTE`.
#[derive(Clone)]
struct Folded<'t> {
    text: &'t str,
    at: usize,
}

impl Folded<'_> {
    /// The next octet. Combining marks are stepped over.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let octet = *self.text.as_bytes().get(self.at)?;
        if octet.is_ascii() {
            self.at += 1;
            return Some(FOLDED_ASCII[usize::from(octet)]);
        }
        self.next_beyond_ascii()
    }

    /// The same, from a character that is not ASCII.
    fn next_beyond_ascii(&mut self) -> Option<u8> {
        loop {
            let character = self.text[self.at..].chars().next()?;
            self.at += character.len_utf8();
            if !is_combining_mark(character) {
                return Some(if character.is_ascii_whitespace() { b' ' } else { fold(character) });
            }
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        let octet = *self.text.as_bytes().get(self.at)?;
        if octet.is_ascii() { Some(FOLDED_ASCII[usize::from(octet)]) } else { self.clone().next_beyond_ascii() }
    }

    fn skip(mut self, unwanted: impl Fn(u8) -> bool) -> Self {
        while self.peek().is_some_and(&unwanted) {
            self.next();
        }
        self
    }

    /// What stands behind `word`; `None` when it does not stand here. A space in it stands for any number of them.
    fn after(mut self, word: &str) -> Option<Self> {
        // Most words fail at their first letter.
        if let (Some(first), Some(wanted)) = (self.text.as_bytes().get(self.at), word.bytes().next())
            && first.is_ascii()
            && wanted != b' '
            && FOLDED_ASCII[usize::from(*first)] != wanted
        {
            return None;
        }
        for wanted in word.bytes() {
            if wanted == b' ' {
                self = self.skip(|octet| octet == b' ');
            } else if self.next()? != wanted {
                return None;
            }
        }
        Some(self)
    }

    /// A run of digits of one of the shapes, with no letter or digit behind it.
    fn code(mut self, shapes: &[String]) -> Option<(u32, Self)> {
        let mut digits = [0u8; 9];
        let mut count = 0;
        while let Some(octet) = self.peek().filter(u8::is_ascii_alphanumeric) {
            *digits.get_mut(count)? = octet;
            count += 1;
            self.next();
        }
        let digits = &digits[..count];
        let fits = |shape: &String| {
            shape.len() == count && shape.bytes().zip(digits).all(|(s, d)| d.is_ascii_digit() && (s == b'd' || s == *d))
        };
        let value =
            digits.iter().fold(0u32, |value, digit| value.wrapping_mul(10).wrapping_add(u32::from(digit & 0xF)));
        shapes.iter().any(fits).then_some((value, self))
    }

    /// Whether a number follows, perhaps behind a short word or sign: then the keyword goes there, not in a reply.
    fn leads_to_digits(&self) -> bool {
        let at = self.clone().skip(is_space_or_quote);
        let mut short = at.clone();
        for _ in 0..2 {
            if short.peek().is_some_and(|octet| octet.is_ascii_uppercase() || matches!(octet, b'=' | b':')) {
                short.next();
            }
        }
        [at, short.skip(|octet| octet == b' ')].iter().any(|at| at.peek().is_some_and(|octet| octet.is_ascii_digit()))
    }
}

/// A character beyond ASCII: a space, a quotation mark, a letter without its accent, or `OTHER`.
fn fold(character: char) -> u8 {
    if character.is_ascii() {
        return character.to_ascii_uppercase() as u8;
    }
    if character.is_whitespace() {
        return b' ';
    }
    if matches!(character, '«' | '»' | '“' | '”' | '„' | '‘' | '’') {
        return QUOTE;
    }
    let mut base = None;
    decompose_canonical(character, |part| {
        base.get_or_insert(part);
    });
    match base {
        Some(letter) if letter.is_ascii_alphabetic() => (letter as u8).to_ascii_uppercase(),
        Some(_) | None => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn forms() -> MentionForms {
        MentionForms {
            with_code: vec![Form::parse("STOP [SMS|PUB] [AU|A|=|:] {code}").expect("a form")],
            replies: ["REPONDEZ STOP", "REPONDEZ PAR STOP"].map(|form| Form::parse(form).expect("a form")).to_vec(),
            not_after: vec!["NON".to_owned()],
            codes: vec!["3dddd".to_owned()],
        }
    }

    fn code(text: &str) -> Option<Option<u32>> {
        find(text, &forms(), &[36111, 36034], true).map(|mention| mention.code)
    }

    #[test]
    fn the_forms_of_the_charter_are_found_wherever_they_stand() {
        for text in [
            "-20% STOP 36111",
            "-20% stop au 36111",
            "STOP 36111 -20%",
            "Promo.STOP=36111.",
            "STOP : 36111",
            "Stop\u{a0}au\u{a0}36111",
            "Stop\u{202f}à 36111",
            "STOP\n36111",
            "stop sms au 36111",
            "StopSMS 36111",
            "STOPPUB:36111",
            "STOP36111",
            "Ouvert non stop 36999, STOP 36111",
            "Répondez OUI ou NON. STOP 36111",
            "STOP au 36222 STOP au 36111",
            "-20% chez LEA🎉STOP 36111",
            "canon STOP 36111",
        ] {
            assert_eq!(code(text), Some(Some(36111)), "{text}");
        }
        let text = "é STOP 36111!";
        assert_eq!(find(text, &forms(), &[36111], false).map(|m| &text[m.start..m.end]), Some("STOP 36111"));
    }

    #[test]
    fn what_a_reader_or_a_handset_cannot_follow_is_refused() {
        for text in [
            "",
            "-20%",
            "SOLDES non stop 36111 articles",
            "non-stop 36111",
            "NON STOP\u{a0}36111",
            "AUTOSTOP 36111",
            "éSTOP 36111",
            "STOP au 3 61 11",
            "STOP 3611",
            "STOP 361110",
            "STOP 36111a",
            "STOP au 36",
            "STOP au 0639980012",
            "STOP au 36112",
            "STOP",
            "ＳＴＯＰ 36111",
            "ST0P 36111",
            "S T O P 36111",
            "S.T.O.P 36111",
            "SТOP 36111",
            "ЅTOP 36111",
            "STOΡ 36111",
            "ST\u{200b}OP 36111",
            "STOP \u{200b}36111",
            "STOP ３６１１１",
            "🅢🅣🅞🅟 36111",
            "STOP au : x 36111",
        ] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn a_reply_counts_only_where_one_can_be_received_and_goes_nowhere_else() {
        for text in
            ["Répondez STOP", "repondez stop.", "Répondez « STOP »", "Répondez par STOP pour ne plus rien recevoir"]
        {
            assert_eq!(code(text), Some(None), "{text}");
            assert_eq!(find(text, &forms(), &[36111], false), None, "{text}");
        }
        for text in ["Répondez STOP au 36999", "Répondez STOP:0639980012", "Répondez STOP 36999", "Répondez STOPPER"]
        {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn any_code_makes_a_text_commercial() {
        assert_eq!(find_any("-20% STOP 36999", &forms()).and_then(|mention| mention.code), Some(36999));
        assert_eq!(find_any("Le bus fait stop a 8h", &forms()), None);
    }

    #[test]
    fn a_form_with_a_fault_is_refused() {
        for text in ["", "S {code}", "[A] STOP", "STOP [AU {code}", "stop {code}", "STOP [AU||A]", "É", "{code}"] {
            assert!(Form::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_searched_and_a_mention_lies_inside_it(text in any::<String>()) {
            let whole = format!("{text} STOP 36111");
            let found = find(&whole, &forms(), &[36111], true);
            if let Some(mention) = found {
                prop_assert!(whole.get(mention.start..mention.end).is_some());
            }
        }
    }
}
