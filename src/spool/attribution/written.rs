//! Owns one fact: an account has written to a number from an address, or named that address for replies.
//! Must never hold a number: it stands as the first 64 bits of its keyed tag, mixed with the address.

use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::time::Duration;

/// How long a message may be answered (rules.md, "Short codes").
pub const SPAN: Duration = Duration::from_secs(90 * 24 * 3600);
/// Accounts remembered for one number and one address; the newest are.
pub const ACCOUNTS_MAX: usize = 16;
/// Octets of a fact on disk.
pub const WRITTEN: usize = 40;

/// Under which a number's replies to an address are found. Tags are keyed hashes: two numbers meet by chance only, once in
/// 2^64, and nobody can make them.
pub fn key(tag: &NumberTag, address: u64) -> u64 {
    tag.prefix() ^ address
}

/// A message that its recipient may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// See [`key`].
    pub key: u64,
    pub account: NameId,
    /// Fingerprint of the source address.
    pub sender: u64,
    pub campaign: u64,
    /// Sequence number of its verdict: a later one is newer.
    pub verdict: u64,
    /// When it is delivered, in seconds since the Unix epoch.
    pub at_s: u32,
}

impl Written {
    /// Whether it is too old to be answered. A clock that was set back makes nothing older.
    pub fn is_over(&self, now: CivilInstant) -> bool {
        now.since(CivilInstant::from_secs(self.at_s.into())) > SPAN
    }

    /// Whether it is to be delivered later.
    pub fn is_ahead(&self, now: CivilInstant) -> bool {
        CivilInstant::from_secs(self.at_s.into()) > now
    }

    /// Appends its octets.
    pub fn write(&self, out: &mut Vec<u8>) {
        for word in [self.key, self.sender, self.campaign, self.verdict] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&self.account.0.to_be_bytes());
        out.extend_from_slice(&self.at_s.to_be_bytes());
    }

    /// Reads it back.
    pub fn read(octets: &[u8; WRITTEN]) -> Self {
        let word = |at: usize| u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
        let long = |at: usize| u64::from(word(at)) << 32 | u64::from(word(at + 4));
        Self {
            key: long(0),
            sender: long(8),
            campaign: long(16),
            verdict: long(24),
            account: NameId(word(32)),
            at_s: word(36),
        }
    }
}

/// What is left of the facts of one key: the newest of each account, newest first, at most [`ACCOUNTS_MAX`], none too old.
pub fn condense(facts: &mut Vec<Written>, now: CivilInstant) {
    facts.retain(|fact| !fact.is_over(now));
    if facts.len() < 2 {
        return;
    }
    facts.sort_unstable_by_key(|fact| u64::MAX - fact.verdict);
    let mut kept: usize = 0;
    for at in 0..facts.len() {
        if kept < ACCOUNTS_MAX && facts[..kept].iter().all(|newer| newer.account != facts[at].account) {
            facts[kept] = facts[at];
            kept += 1;
        }
    }
    facts.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_each_account_is_left_and_nothing_older_than_ninety_days() {
        let now = CivilInstant::from_secs(1_800_000_000);
        let fact = |account, verdict, days: u32| Written {
            key: 1,
            account: NameId(account),
            sender: 2,
            campaign: 3,
            verdict,
            at_s: 1_800_000_000 - days * 86_400,
        };
        let mut facts = vec![fact(1, 10, 80), fact(2, 20, 90), fact(1, 30, 10), fact(3, 5, 91)];
        condense(&mut facts, now);
        assert_eq!(facts, [fact(1, 30, 10), fact(2, 20, 90)]);
        let mut many: Vec<_> = (0..40).map(|n| fact(n, n.into(), 1)).collect();
        condense(&mut many, now);
        assert_eq!((many.len(), many[0].verdict, many[15].verdict), (ACCOUNTS_MAX, 39, 24));
        let mut octets = Vec::new();
        many[0].write(&mut octets);
        let (whole, rest) = octets.as_chunks::<WRITTEN>();
        assert_eq!((whole.iter().map(Written::read).collect::<Vec<_>>(), rest), (vec![many[0]], &[][..]));
    }
}
