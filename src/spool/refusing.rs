//! Owns for which accounts the spool takes nothing now, so that it is said when that begins and when it ends.
//! Must never say it with every item: a full spool refuses them by the thousand, and `stopgate_spool_lost_total` counts them.

use crate::message::name::NameId;
use std::collections::BTreeSet;

/// Accounts whose last item was refused.
#[derive(Debug, Default)]
pub struct Refusing(BTreeSet<NameId>);

impl Refusing {
    /// An item of this account was refused. Whether it is the first since one was taken.
    pub fn begins(&mut self, account: NameId) -> bool {
        self.0.insert(account)
    }

    /// An item of this account was taken. Whether it is the first since one was refused.
    pub fn ends(&mut self, account: NameId) -> bool {
        !self.0.is_empty() && self.0.remove(&account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_said_when_it_begins_and_when_it_ends_for_each_account() {
        let (mut refusing, one, other) = (Refusing::default(), NameId(1), NameId(2));
        assert!(!refusing.ends(one), "nothing was refused");
        assert_eq!([refusing.begins(one), refusing.begins(one), refusing.begins(other)], [true, false, true]);
        assert_eq!([refusing.ends(one), refusing.ends(one)], [true, false]);
        assert!(refusing.begins(one) && !refusing.begins(other));
    }
}
