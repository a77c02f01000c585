//! Owns the memory of who has used an operator in the last seven days: one account alone, or several.
//! Must never make a receipt somebody's that could be another's: with two answers there is none.

use super::id_index::ID_SPAN;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use std::collections::HashMap;
use std::time::Duration;

/// How often the same is written again, so that its instant does not age.
const AGAIN: Duration = Duration::from_secs(3600);

/// Whose messages go to an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    /// One account's alone: ids and receipts are that account's by the link they come over.
    One(NameId),
    /// Several accounts': the map of ids says whose.
    Several,
}

/// What was true of an operator, and when that was last said.
#[derive(Clone, Copy, Debug)]
struct Said {
    users: Users,
    at: CivilInstant,
    /// The journal's record that says it.
    record: u64,
    /// Something else was true between an earlier time of the same and this one.
    returned: bool,
}

/// The users that an operator had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former {
    /// Whose an id is that the map does not know: of the only account that was alone with the operator.
    pub unmapped: Option<NameId>,
    /// From when on it no longer matters.
    pub until: CivilInstant,
}

/// What is remembered of each operator, newest last.
#[derive(Default)]
pub struct UserBook {
    operators: HashMap<NameId, Vec<Said>>,
}

impl UserBook {
    /// Whether this is to be written: it is new, or was last said an hour ago.
    pub fn is_news(&self, smsc: NameId, users: Users, now: CivilInstant) -> bool {
        let last = self.operators.get(&smsc).and_then(|said| said.last());
        last.is_none_or(|last| last.users != users || now.since(last.at) >= AGAIN)
    }

    /// Takes what a record says.
    pub fn say(&mut self, smsc: NameId, users: Users, at: CivilInstant, record: u64) {
        let said = self.operators.entry(smsc).or_default();
        said.retain(|known| at.since(known.at) < ID_SPAN);
        let before = said.iter().position(|known| known.users == users);
        let returned = before.is_some_and(|place| said[place].returned || place + 1 < said.len());
        said.retain(|known| known.users != users);
        said.push(Said { users, at, record, returned });
    }

    /// What was true of an operator in the last seven days beside what is true now; `None` when nothing was.
    pub fn former(&self, smsc: NameId, now: CivilInstant) -> Option<Former> {
        let (last, before) = self.operators.get(&smsc)?.split_last()?;
        let before = before.iter().filter(|known| now.since(known.at) < ID_SPAN);
        let until = before.clone().map(|known| known.at.plus(ID_SPAN)).max()?;
        let mut alone = before.chain(last.returned.then_some(last)).filter_map(|known| match known.users {
            Users::One(account) => Some(account),
            Users::Several => None,
        });
        let unmapped = match (alone.next(), alone.next()) {
            (Some(only), None) => Some(only),
            (Some(_), Some(_)) | (None, _) => None,
        };
        Some(Former { unmapped, until })
    }

    /// The first record that is still needed.
    pub fn needed(&self, now: CivilInstant) -> Option<u64> {
        let said = self.operators.values().flatten();
        said.filter(|known| now.since(known.at) < ID_SPAN).map(|known| known.record).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Users::{One, Several};

    const SMSC: NameId = NameId(9);
    const A: NameId = NameId(1);
    const B: NameId = NameId(2);

    fn hour(hour: i64) -> CivilInstant {
        CivilInstant::from_secs(1_790_000_000 + hour * 3600)
    }

    #[test]
    fn whose_an_unknown_id_is_follows_from_who_was_alone() {
        for (said, unmapped) in [
            (vec![(0, One(A))], None),
            (vec![(0, One(A)), (1, One(A))], None),
            (vec![(0, Several)], None),
            (vec![(0, One(A)), (1, Several)], Some(Some(A))),
            (vec![(0, One(A)), (1, One(B))], Some(Some(A))),
            (vec![(0, Several), (1, One(A))], Some(None)),
            (vec![(0, One(A)), (1, Several), (2, One(A))], Some(Some(A))),
            (vec![(0, One(A)), (1, One(B)), (2, Several)], Some(None)),
            (vec![(0, One(A)), (1, One(B)), (2, One(A))], Some(None)),
            (vec![(0, One(B)), (1, Several), (2, One(A))], Some(Some(B))),
        ] {
            let mut book = UserBook::default();
            for (record, (at, users)) in said.iter().enumerate() {
                book.say(SMSC, *users, hour(*at), record as u64);
            }
            assert_eq!(book.former(SMSC, hour(3)).map(|former| former.unmapped), unmapped, "{said:?}");
            assert_eq!(book.former(SMSC, hour(3 + 8 * 24)), None, "{said:?}: forgotten after seven days");
        }
    }

    #[test]
    fn the_same_is_said_again_only_after_an_hour_and_its_record_is_needed_for_seven_days() {
        let mut book = UserBook::default();
        assert!(book.is_news(SMSC, One(A), hour(0)));
        book.say(SMSC, One(A), hour(0), 5);
        assert!(!book.is_news(SMSC, One(A), hour(0)));
        assert!(book.is_news(SMSC, One(A), hour(1)));
        assert!(book.is_news(SMSC, Several, hour(0)));
        book.say(SMSC, Several, hour(1), 6);
        assert_eq!(book.needed(hour(2)), Some(5));
        assert_eq!(book.needed(hour(7 * 24)), Some(6));
        assert_eq!(book.needed(hour(8 * 24)), None);
    }
}
