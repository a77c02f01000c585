//! Owns the 64-bit fingerprints that stand for a source address and for a campaign in records and in scopes of the list.
//! Must never change how one is made: old records and stored suppressions would no longer match.

/// Multiplier of the mixing (from the fractional part of the golden ratio, made odd).
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Octets gathered eight at a time and mixed: not secret, not seeded, the same for ever.
struct Mixer {
    state: u64,
    word: u64,
    held: u32,
}

impl Mixer {
    const fn new(domain: u8) -> Self {
        Self { state: domain as u64 ^ FACTOR, word: 0, held: 0 }
    }

    #[inline]
    fn octet(&mut self, octet: u8) {
        self.word = self.word << 8 | u64::from(octet);
        self.held += 1;
        if self.held == 8 {
            self.fold();
        }
    }

    fn fold(&mut self) {
        // The count keeps "a" and "\0a" apart.
        let mixed = (self.state ^ self.word ^ u64::from(self.held) << 56).wrapping_mul(FACTOR);
        self.state = mixed ^ (mixed >> 32);
        (self.word, self.held) = (0, 0);
    }

    fn finish(mut self) -> u64 {
        self.fold();
        let mixed = self.state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 29)
    }
}

/// The fingerprint of a numeric source: a short code's digits, or a canonical number. Never 0.
pub fn numeric_sender(number: u64) -> u64 {
    let mut mixer = Mixer::new(1);
    for octet in number.to_be_bytes() {
        mixer.octet(octet);
    }
    mixer.finish().max(1)
}

/// The fingerprint of an alphanumeric source, whatever the case of its ASCII letters. Never 0.
pub fn alphanumeric_sender(name: &str) -> u64 {
    let mut mixer = Mixer::new(2);
    for octet in name.bytes() {
        mixer.octet(octet.to_ascii_uppercase());
    }
    mixer.finish().max(1)
}

const SPACE: u8 = 1;
const DIGIT: u8 = 2;
/// A link has one of these: a slash, or the first letter of `www`.
const MAY_LINK: u8 = 4;

/// What an octet is to `campaign`, which asks it for each octet of every text.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut octet = 0;
    while octet < 128 {
        kinds[octet] = match octet as u8 {
            b'/' | b'w' | b'W' => MAY_LINK,
            digit if digit.is_ascii_digit() => DIGIT,
            space if space.is_ascii_whitespace() => SPACE,
            _ => 0,
        };
        octet += 1;
    }
    kinds
};

/// The fingerprint of a text without its digits and links, so that one campaign is one value. 0 for no text.
pub fn campaign(text: &str) -> u64 {
    if text.is_empty() {
        return 0;
    }
    let mut mixer = Mixer::new(3);
    let octets = text.as_bytes();
    // Most texts hold no link: then no word has to be asked.
    if octets.iter().fold(0, |seen, octet| seen | KINDS[usize::from(*octet)]) & MAY_LINK == 0 {
        let mut in_word = false;
        for octet in octets {
            match KINDS[usize::from(*octet)] {
                SPACE if in_word => {
                    mixer.octet(b' ');
                    in_word = false;
                }
                SPACE => {}
                DIGIT => in_word = true,
                _ => {
                    mixer.octet(*octet);
                    in_word = true;
                }
            }
        }
        if in_word {
            mixer.octet(b' ');
        }
        return mixer.finish().max(1);
    }
    for word in octets.split(u8::is_ascii_whitespace) {
        if word.is_empty() || is_link(word) {
            continue;
        }
        for octet in word.iter().copied().filter(|octet| !octet.is_ascii_digit()) {
            mixer.octet(octet);
        }
        mixer.octet(b' ');
    }
    mixer.finish().max(1)
}

/// `https://…`, `www.…`, or a dotted name with a path: `lea.fr/x1`.
fn is_link(word: &[u8]) -> bool {
    let slash = word.iter().position(|octet| *octet == b'/');
    let dotted_path = slash.is_some_and(|at| word[..at].contains(&b'.') || word[..at].ends_with(b":"));
    dotted_path || (word.len() > 4 && word[..4].eq_ignore_ascii_case(b"www."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_is_one_whatever_its_numbers_and_links() {
        let first = campaign("-20% ce samedi, code A1 https://lea.fr/n1 STOP 36111");
        assert_eq!(first, campaign("-30% ce samedi, code A2 http://lea.fr/k9 STOP 36222"));
        assert_eq!(first, campaign("-20%  ce samedi, code A77 lea.fr/zzz STOP 36111"));
        assert_ne!(first, campaign("-20% ce dimanche, code A1 https://lea.fr/n1 STOP 36111"));
        assert_eq!(campaign(""), 0);
    }

    #[test]
    fn a_text_without_links_has_the_fingerprint_that_its_words_have_one_by_one() {
        // "w" sends a text the longer way; a word of digits weighs as much as another.
        for (short, long) in [("a b", "w a b"), (" a  1 b\n", "w a 1 b"), ("é 12", "w é 12")] {
            let mut mixer = Mixer::new(3);
            for word in long.split_ascii_whitespace().skip(1) {
                word.bytes().filter(|octet| !octet.is_ascii_digit()).for_each(|octet| mixer.octet(octet));
                mixer.octet(b' ');
            }
            assert_eq!(campaign(short), mixer.finish().max(1), "{short:?}");
        }
    }

    #[test]
    fn fingerprints_never_change() {
        // Pinned: stored records and scopes depend on them.
        assert_eq!(numeric_sender(36_111), 0xb27c_aefd_dc02_bd31);
        assert_eq!(alphanumeric_sender("ACME"), alphanumeric_sender("acme"));
        assert_eq!(alphanumeric_sender("ACME"), 0x1b75_fa53_3a0c_7755);
        assert_eq!(campaign("Promo STOP 36111"), 0xe4e6_3f0e_b361_8802);
    }
}
