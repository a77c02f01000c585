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
