//! Owns the canonical number: one u64 in E.164 for each subscriber, however it was written.
//! Must never let two spellings of one number become two numbers, nor print a whole number where a log may see it.

/// A canonical E.164 number: country code and national number as one integer, 7 to 15 digits, no trunk digit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Msisdn(u64);

impl Msisdn {
    /// From digits already canonical. `None` outside 7..=15 digits.
    pub const fn from_canonical(value: u64) -> Option<Self> {
        if value >= 1_000_000 && value <= 999_999_999_999_999 { Some(Self(value)) } else { None }
    }

    /// The number as an integer.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Writes the decimal digits into `buffer` and returns the written part.
    pub fn digits(self, buffer: &mut [u8; 20]) -> &[u8] {
        let mut at = buffer.len();
        let mut rest = self.0;
        loop {
            at -= 1;
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return &buffer[at..];
            }
        }
    }

    /// How many digits it has, 7..=15.
    pub const fn len(self) -> usize {
        let (mut len, mut rest) = (1, self.0 / 10);
        while rest > 0 {
            len += 1;
            rest /= 10;
        }
        len
    }

    /// Always false: a number has at least seven digits.
    pub const fn is_empty(self) -> bool {
        false
    }

    /// The number with its middle hidden, for logs: `+336••••••12`.
    pub fn masked(self) -> String {
        let all = self.0.to_string();
        let (head, tail) = (3.min(all.len()), all.len().saturating_sub(2));
        format!("+{}{}{}", &all[..head], "•".repeat(tail.saturating_sub(head)), &all[tail..])
    }
}

impl std::fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.masked())
    }
}

/// The digits of a number as somebody wrote it, before any country says what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// Whether a `+` stands before the first digit.
    pub plus: bool,
    /// How many zeros lead.
    pub zeros: u8,
    /// The digits behind the leading zeros, as an integer.
    pub rest: u64,
    /// How many digits `rest` has: 1..=19.
    pub len: u8,
}

/// Why a text is not the spelling of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpellingError {
    /// No digit, or zeros only.
    Empty,
    /// A letter, a digit that is not ASCII, a plus inside.
    NotDigits,
    /// More digits than any number has.
    TooLong,
}

impl Spelling {
    /// Reads digits with an optional plus before them; blanks, dots, dashes, slashes and parentheses may stand between,
    /// and a NUL tail is cut.
    pub fn read(text: &[u8]) -> Result<Self, SpellingError> {
        let mut spelling = Self { plus: false, zeros: 0, rest: 0, len: 0 };
        let mut at = 0;
        while at < text.len() {
            match text[at] {
                digit @ b'0'..=b'9' => {
                    if spelling.len == 0 && digit == b'0' {
                        spelling.zeros = spelling.zeros.saturating_add(1);
                    } else if spelling.len >= 19 {
                        return Err(SpellingError::TooLong);
                    } else {
                        spelling.rest = spelling.rest * 10 + u64::from(digit - b'0');
                        spelling.len += 1;
                    }
                }
                b'+' if !spelling.plus && spelling.len == 0 && spelling.zeros == 0 => spelling.plus = true,
                b' ' | b'\t' | b'.' | b'-' | b'/' | b'(' | b')' => {}
                0 if text[at..].iter().all(|octet| matches!(octet, 0 | b' ')) => break,
                // Word processors write no-break spaces and hyphens (U+00A0, U+202F, U+2011) between groups.
                0xC2 if text.get(at + 1) == Some(&0xA0) => at += 1,
                0xE2 if matches!(text.get(at + 1..at + 3), Some([0x80, 0x91 | 0xAF])) => at += 2,
                _ => return Err(SpellingError::NotDigits),
            }
            at += 1;
        }
        if spelling.len == 0 { Err(SpellingError::Empty) } else { Ok(spelling) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_seven_to_fifteen_digits() {
        assert_eq!(Msisdn::from_canonical(999_999), None);
        assert_eq!(Msisdn::from_canonical(1_000_000_000_000_000), None);
        assert_eq!(Msisdn::from_canonical(1_000_000).unwrap().len(), 7);
        assert_eq!(Msisdn::from_canonical(999_999_999_999_999).unwrap().len(), 15);
        let number = Msisdn::from_canonical(33_639_981_234).unwrap();
        assert_eq!(number.digits(&mut [0; 20]), b"33639981234");
        assert_eq!(format!("{number:?}"), "+336••••••34");
    }

    #[test]
    fn a_spelling_is_digits_with_harmless_marks() {
        let read = |text: &[u8]| Spelling::read(text).map(|s| (s.plus, s.zeros, s.rest, s.len));
        for (text, expected) in [
            (&b"+33 6.39-98/12 34"[..], Ok((true, 0, 33_639_981_234, 11))),
            (b"0033639981234", Ok((false, 2, 33_639_981_234, 11))),
            (b"+33(0)639981234\0\0 ", Ok((true, 0, 330_639_981_234, 12))),
            ("06\u{a0}39\u{202f}98\u{2011}12 34".as_bytes(), Ok((false, 1, 639_981_234, 9))),
            (b"", Err(SpellingError::Empty)),
            (b"000", Err(SpellingError::Empty)),
            (b"+", Err(SpellingError::Empty)),
            (b"06\x0039981234", Err(SpellingError::NotDigits)),
            (b"06+39981234", Err(SpellingError::NotDigits)),
            (b"++33639981234", Err(SpellingError::NotDigits)),
            (b"ACME", Err(SpellingError::NotDigits)),
            (b"0639981234x", Err(SpellingError::NotDigits)),
            ("٠٦٣٩٩٨١٢٣٤".as_bytes(), Err(SpellingError::NotDigits)),
            ("０６３９９８１２３４".as_bytes(), Err(SpellingError::NotDigits)),
            (b"12345678901234567890", Err(SpellingError::TooLong)),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }
}
