//! Owns the read buffer that all connections of a lane share, and the little that a connection keeps between reads.
//! Must never grow beyond one PDU a connection: an idle bind costs no buffer.

/// Octets a lane reads at most in one call.
pub const READ_OCTETS: usize = 256 * 1024;

/// What a connection has received of a PDU that is not whole yet.
#[derive(Debug, Default)]
pub struct Remainder {
    octets: Vec<u8>,
}

impl Remainder {
    /// Takes what was in the buffer before the connection was handed over.
    pub fn new(octets: Vec<u8>) -> Self {
        Self { octets }
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Runs `consume` on all octets received so far followed by `fresh`; what it leaves is kept.
    /// `consume` returns how many octets it is done with.
    pub fn feed(&mut self, fresh: &[u8], consume: impl FnOnce(&[u8]) -> usize) {
        if self.octets.is_empty() {
            let done = consume(fresh);
            self.octets.extend_from_slice(&fresh[done..]);
            return;
        }
        self.octets.extend_from_slice(fresh);
        let done = consume(&self.octets);
        if done == self.octets.len() {
            // Freed, not cleared: thousands of idle binds must not each keep a buffer.
            self.octets = Vec::new();
        } else {
            self.octets.drain(..done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_consumed_comes_back_in_front_of_what_follows() {
        let mut kept = Remainder::default();
        kept.feed(b"abcde", |octets| {
            assert_eq!(octets, b"abcde");
            3
        });
        kept.feed(b"fg", |octets| {
            assert_eq!(octets, b"defg");
            0
        });
        kept.feed(b"", |octets| {
            assert_eq!(octets, b"defg");
            4
        });
        assert!(kept.is_empty());
    }
}
