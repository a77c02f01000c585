//! Owns the look-up by longest prefix of decimal digits, flattened so that a binary search answers it.
//! Must never know what a prefix stands for.

/// Powers of ten that fit a u64.
pub const POW10: [u64; 20] = {
    let mut table = [1u64; 20];
    let mut i = 1;
    while i < 20 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

/// Numbers are compared left-aligned to this many digits: the longest E.164 number.
pub const ALIGNED_DIGITS: usize = 15;

/// How many decimal digits a number has.
pub const fn decimal_len(value: u64) -> usize {
    let mut len = 1;
    while len < 20 && value >= POW10[len] {
        len += 1;
    }
    len
}

/// A prefix: its digits as a number (a leading zero cannot occur in E.164) and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    pub digits: u64,
    pub len: usize,
}

impl Prefix {
    /// Reads 1..=15 ASCII digits without a leading zero.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = (1..=ALIGNED_DIGITS).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit())
            && !text.starts_with('0');
        plain.then(|| text.parse().ok().map(|digits| Self { digits, len: text.len() })).flatten()
    }

    /// The first and one past the last left-aligned number under this prefix.
    fn interval(self) -> (u64, u64) {
        let unit = POW10[ALIGNED_DIGITS - self.len];
        (self.digits * unit, (self.digits + 1) * unit)
    }
}

/// Disjoint, sorted intervals of left-aligned numbers: the longest prefix has already won.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixMap<T> {
    starts: Vec<u64>,
    values: Vec<Option<T>>,
}

impl<T: Copy + PartialEq> PrefixMap<T> {
    /// Flattens prefixes; of two equal prefixes the later wins.
    pub fn build(entries: &[(Prefix, T)]) -> Self {
        let mut edges: Vec<u64> = entries.iter().flat_map(|(p, _)| <[u64; 2]>::from(p.interval())).collect();
        edges.push(0);
        edges.sort_unstable();
        edges.dedup();
        let mut map = Self { starts: Vec::new(), values: Vec::new() };
        for edge in edges {
            let mut best: Option<(usize, T)> = None;
            for (prefix, value) in entries {
                let (from, to) = prefix.interval();
                if from <= edge && edge < to && best.is_none_or(|(len, _)| prefix.len >= len) {
                    best = Some((prefix.len, *value));
                }
            }
            let value = best.map(|(_, value)| value);
            if map.values.last() != Some(&value) {
                map.starts.push(edge);
                map.values.push(value);
            }
        }
        map
    }

    /// The value of the longest prefix of `number`, which has `len` decimal digits.
    pub fn get(&self, number: u64, len: usize) -> Option<T> {
        let aligned = number.checked_mul(*POW10.get(ALIGNED_DIGITS.checked_sub(len)?)?)?;
        let at = self.starts.partition_point(|start| *start <= aligned);
        *self.values.get(at.checked_sub(1)?)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).unwrap()
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let entries = [(prefix("33"), 1u16), (prefix("33639"), 2), (prefix("3363998"), 3), (prefix("336399812"), 4)];
        for rotation in 0..entries.len() {
            let mut rotated = entries;
            rotated.rotate_left(rotation);
            let map = PrefixMap::build(&rotated);
            for (number, expected) in [
                (33_600_000_000u64, Some(1)),
                (33_639_000_000, Some(2)),
                (33_639_980_000, Some(3)),
                (33_639_981_234, Some(4)),
                (33_639_990_000, Some(2)),
                (34_000_000_000, None),
                (32_999_999_999, None),
                (33, Some(1)),
            ] {
                assert_eq!(map.get(number, decimal_len(number)), expected, "{number}");
            }
        }
    }

    #[test]
    fn a_prefix_is_digits_without_a_leading_zero() {
        for bad in ["", "0", "06", "33x", "+33", "1234567890123456", "٣٣"] {
            assert_eq!(Prefix::parse(bad), None, "{bad}");
        }
        assert_eq!(decimal_len(0), 1);
        assert_eq!(decimal_len(999), 3);
        assert_eq!(decimal_len(1000), 4);
    }
}
