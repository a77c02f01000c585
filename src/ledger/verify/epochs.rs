//! Owns the epochs of a ledger: which checkpoint is one of it, which stands for records that a restore has lost, and what was said of that.
//! Must never pass over a checkpoint of what is lost as if it held, nor call a message lawful that left while the ledger was closed.

use super::super::checkpoint::Stream;
use super::super::event::{Epoch, Reopen, ReopenedBy};
use super::super::verdict::VerdictRecord;
use super::report::rfc3339;
use crate::message::instant::CivilInstant;
use std::time::Duration;

/// The instant of a verdict is that of its lane's turn, which may have begun before the ledger was opened again. No turn lasts so long.
const TURN_MAX: Duration = Duration::from_secs(5);

/// From which size on, and up to which, the checkpoints of an epoch are this ledger's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    epoch: u32,
    from: [u64; 2],
    /// What the next epoch kept of it.
    upto: [u64; 2],
}

/// A restore, as the records tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochFound {
    /// Its record.
    pub seq: u64,
    pub at: CivilInstant,
    pub epoch: Epoch,
    /// Records before it, of events and of verdicts: what the backup held.
    pub kept: [u64; 2],
    pub reopened: Option<ReopenFound>,
}

/// How a restored ledger was opened again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReopenFound {
    pub seq: u64,
    pub at: CivilInstant,
    pub by: ReopenedBy,
    /// Names of the people, and what they said.
    pub people: [String; 2],
    pub detail: String,
}

/// The epochs of a ledger, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    spans: Vec<Span>,
    pub found: Vec<EpochFound>,
    /// A start has begun a new epoch; its record must follow.
    awaited: Option<(u32, [u64; 2])>,
}

impl Lineage {
    /// The epoch that holds now.
    pub fn current(&self) -> u32 {
        self.spans.last().map_or(0, |span| span.epoch)
    }

    /// A start: the epoch it names, and what stands before it.
    pub fn begin(&mut self, epoch: u32, events: u64, verdicts: u64) -> Result<(), String> {
        self.settled()?;
        if self.spans.is_empty() {
            self.spans.push(Span { epoch: 0, from: [0; 2], upto: [u64::MAX; 2] });
        }
        let current = self.current();
        if epoch < current {
            return Err(format!("this start is of epoch {epoch}, but epoch {current} has begun"));
        }
        if epoch > current {
            let kept = [events, verdicts];
            for span in &mut self.spans {
                span.upto = [span.upto[0].min(events), span.upto[1].min(verdicts)];
            }
            self.spans.push(Span { epoch, from: kept, upto: [u64::MAX; 2] });
            self.awaited = Some((epoch, kept));
        }
        Ok(())
    }

    /// The record of a restore.
    pub fn take(&mut self, seq: u64, at: CivilInstant, epoch: &Epoch) -> Result<(), String> {
        let Some((number, kept)) = self.awaited.take().filter(|(number, _)| *number == epoch.number) else {
            return Err("a restore is recorded where no new epoch has begun".into());
        };
        let backup = &epoch.backup;
        if backup.epoch >= number || backup.events.size > kept[0] || backup.verdicts.size > kept[1] {
            return Err("the checkpoint of the backup says more than the backup held".into());
        }
        self.found.push(EpochFound { seq, at, epoch: *epoch, kept, reopened: None });
        Ok(())
    }

    /// Any other record: none may stand where that of a restore belongs.
    pub fn settled(&self) -> Result<(), String> {
        match self.awaited {
            Some((epoch, _)) => Err(format!("epoch {epoch} has begun, and no record says what was restored")),
            None => Ok(()),
        }
    }

    /// A restored ledger was opened again.
    pub fn reopen(&mut self, seq: u64, at: CivilInstant, reopen: &Reopen, names: [String; 3]) -> Result<(), String> {
        let Some(found) = self.found.last_mut().filter(|found| found.epoch.number == reopen.epoch) else {
            return Err("a restore that there was not is said to be whole".into());
        };
        let [first, second, detail] = names;
        match reopen.by {
            ReopenedBy::TwoPeople if reopen.people[0] == reopen.people[1] => {
                return Err("one person alone has recorded what a restore lost".into());
            }
            ReopenedBy::Reached | ReopenedBy::TwoPeople => {}
        }
        let reopened = ReopenFound { seq, at, by: reopen.by, people: [first, second], detail };
        found.reopened.get_or_insert(reopened);
        Ok(())
    }

    /// Whether a checkpoint of this epoch over so many records is one of this ledger's.
    pub fn holds(&self, stream: Stream, epoch: u32, size: u64) -> bool {
        if self.spans.is_empty() {
            return epoch == 0;
        }
        let at = stream as usize;
        self.spans.iter().any(|span| span.epoch == epoch && span.from[at] <= size && size <= span.upto[at])
    }

    /// What an earlier epoch kept of such a checkpoint; `None` when it is of no earlier one.
    pub fn kept_of(&self, stream: Stream, epoch: u32) -> Option<u64> {
        if epoch >= self.current() {
            return None;
        }
        let known = self.spans.iter().find(|span| span.epoch == epoch);
        // An epoch that this ledger does not go on from: nothing is known to be kept but what the next one began with.
        let next = self.spans.iter().find(|span| span.epoch > epoch);
        known.map(|span| span.upto[stream as usize]).or(next.map(|span| span.from[stream as usize]))
    }

    /// Whether a commercial message may have left as far as restores go.
    pub fn weigh(&self, record: &VerdictRecord) -> Result<(), String> {
        let closed = self.found.iter().find(|found| {
            let open_again =
                |reopened: &ReopenFound| record.events > reopened.seq || reopened.at <= record.at.plus(TURN_MAX);
            record.events > found.seq && !found.reopened.as_ref().is_some_and(open_again)
        });
        match closed {
            Some(found) => Err(format!(
                "a commercial message left although the ledger was restored from a backup (event {}) and nobody had said that nothing was lost",
                found.seq
            )),
            None => Ok(()),
        }
    }

    /// The restores in words.
    pub fn words(&self) -> Vec<String> {
        self.found.iter().map(EpochFound::words).collect()
    }
}

impl EpochFound {
    fn words(&self) -> String {
        let Epoch { number, backup, newest } = &self.epoch;
        let mut words = format!(
            "epoch {number} began at {}: restored from a backup that reached the checkpoint of {} ({} events, {} verdicts kept)",
            rfc3339(self.at),
            rfc3339(backup.at),
            self.kept[0],
            self.kept[1]
        );
        match newest {
            None => words += "; how much was lost is not known: no later checkpoint was at hand",
            Some(newest) => {
                let lost = [
                    newest.events.size.saturating_sub(self.kept[0]),
                    newest.verdicts.size.saturating_sub(self.kept[1]),
                ];
                words += &match (newest.epoch > backup.epoch, lost) {
                    (false, [0, 0]) => {
                        format!("; it holds the newest checkpoint that was at hand, of {}", rfc3339(newest.at))
                    }
                    (false, [events, verdicts]) => format!(
                        "; LOST: at least {events} events and {verdicts} verdicts that were signed at {}",
                        rfc3339(newest.at)
                    ),
                    (true, _) => {
                        format!("; LOST: what epoch {} had recorded up to {}", newest.epoch, rfc3339(newest.at))
                    }
                };
            }
        }
        match &self.reopened {
            None => words += "; commercial traffic is refused since then",
            Some(reopened) => match reopened.by {
                ReopenedBy::Reached => {}
                ReopenedBy::TwoPeople => {
                    words += &format!(
                        "; {} and {} recorded the loss at {}: {:?}",
                        reopened.people[0],
                        reopened.people[1],
                        rfc3339(reopened.at),
                        reopened.detail
                    );
                }
            },
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::checkpoint::Head;
    use super::super::super::event::NamedCheckpoint;
    use super::super::super::verdict::VerdictKind;
    use super::*;
    use crate::compliance::class::TrafficClass;
    use crate::compliance::rule::RuleSet;
    use crate::message::name::NameId;

    const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);

    fn left(events: u64, at: CivilInstant) -> VerdictRecord {
        VerdictRecord {
            seq: 7,
            at,
            boot: 1,
            rehearsal: false,
            kind: VerdictKind::Permitted,
            account: NameId(3),
            tag: None,
            class: TrafficClass::Commercial,
            would_refuse: RuleSet::default(),
            pack: NameId(4),
            sender: 9,
            campaign: 5,
            segment: None,
            territory: 0,
            message_ref: 6,
            judged_at: at,
            events,
            smsc: NameId(8),
            stop_code: None,
        }
    }

    /// Restored at event 20, opened again by event 30 a minute later.
    fn restored(reopened: bool) -> Lineage {
        let head = |size| Head { size, root: [0; 32] };
        let named = NamedCheckpoint { epoch: 0, at: NOW, events: head(19), verdicts: head(9) };
        let mut lineage = Lineage::default();
        lineage.begin(0, 0, 0).expect("the first");
        lineage.begin(1, 19, 9).expect("restored");
        lineage.take(20, NOW, &Epoch { number: 1, backup: named, newest: None }).expect("recorded");
        if reopened {
            let by = ReopenedBy::TwoPeople;
            let reopen = Reopen { epoch: 1, by, people: [NameId(1), NameId(2)], detail: NameId(3) };
            let names = ["alice", "bob", "none lost"].map(str::to_owned);
            lineage.reopen(30, NOW.plus(Duration::from_secs(60)), &reopen, names).expect("two people");
        }
        lineage
    }

    #[test]
    fn a_message_that_left_between_the_restore_and_its_end_is_found() {
        let after = |s: u64| NOW.plus(Duration::from_secs(s));
        let closed = restored(false);
        assert!(closed.weigh(&left(20, NOW)).is_ok(), "judged by what the backup held");
        assert!(closed.weigh(&left(21, NOW)).is_err() && closed.weigh(&left(999, after(86_400))).is_err());
        let open = restored(true);
        assert!(open.weigh(&left(21, after(1))).is_err() && open.weigh(&left(29, after(50))).is_err());
        assert!(open.weigh(&left(30, after(54))).is_err(), "six seconds before");
        assert!(open.weigh(&left(30, after(56))).is_ok(), "a turn that was under way");
        assert!(open.weigh(&left(31, after(1))).is_ok(), "judged by what two people had said");
    }
}
