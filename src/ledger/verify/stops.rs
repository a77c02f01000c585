//! Owns I1 read again from the records: no commercial message left to a number whose stop the gateway knew.
//! Must never use the gateway's own index: this is the second computation, straight from the events.

use super::super::event_code::EventRecord;
use super::super::suppression_event::{EventId, Scope, SuppressionEvent};
use super::super::verdict::VerdictRecord;
use super::report::rfc3339;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::time::Duration;

/// A message may have been judged by a list this much older than itself: a lane was busy. Not in a rehearsal, whose hours are seconds.
const STALE_MAX: Duration = Duration::from_secs(60);

/// One stop or lift: what it does to one scope.
#[derive(Clone, Copy, Debug)]
struct Act {
    tag: NumberTag,
    /// The generation of the tag key that made the tag, by its place; the newest after `carry`.
    place: usize,
    /// The event's number.
    seq: u64,
    at: CivilInstant,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Stop(Scope, EventId),
    /// A lift for this account that has seen this stop (and the earlier ones of its origin).
    Lift(NameId, EventId),
}

/// Every stop and lift, by number.
#[derive(Debug, Default)]
pub struct Stops {
    acts: Vec<Act>,
    sorted: bool,
    /// A bit for each tag that may be there: most numbers never wrote STOP.
    filter: Vec<u64>,
}

impl Stops {
    /// Takes an event. `place`: that of the tag key it was recorded under.
    pub fn take(&mut self, record: &EventRecord, event: &SuppressionEvent, place: usize) {
        let mut add = |what| {
            self.acts.push(Act { tag: event.tag(), place, seq: record.seq, at: record.at, what });
        };
        match event {
            SuppressionEvent::Stop(stop) => add(What::Stop(stop.scope, stop.id)),
            SuppressionEvent::Lift(lift) => {
                for account in &lift.accounts {
                    lift.seen.iter().for_each(|seen| add(What::Lift(*account, *seen)));
                }
            }
        }
    }

    /// Carries every tag to the newest key, before anything is weighed.
    pub fn carry(&mut self, carry: impl Fn(NumberTag, usize) -> NumberTag) {
        self.acts.iter_mut().for_each(|act| act.tag = carry(act.tag, act.place));
    }

    fn sort(&mut self) {
        self.acts.sort_by_key(|act| (act.tag, act.seq));
        let bits = (self.acts.len() * 16).next_power_of_two().max(64);
        self.filter = vec![0; bits / 64];
        for act in &self.acts {
            let (word, bit) = slot(&act.tag, self.filter.len());
            self.filter[word] |= bit;
        }
        self.sorted = true;
    }

    /// Whether this commercial message, which left, may have left.
    pub fn weigh(&mut self, record: &VerdictRecord) -> Result<(), String> {
        if !self.sorted {
            self.sort();
        }
        let Some(tag) = record.tag else { return Err("a commercial message left to nobody that is named".into()) };
        let (word, bit) = slot(&tag, self.filter.len());
        if self.filter[word] & bit == 0 {
            return Ok(());
        }
        let from = self.acts.partition_point(|act| act.tag < tag);
        let acts = self.acts[from..].iter().take_while(|act| act.tag == tag);
        if let Some(stop) = standing(acts.clone().filter(|act| act.seq < record.events), record) {
            return Err(format!(
                "a commercial message left to a number that had opted out (event {} of {}), although the gateway knew",
                stop.seq,
                rfc3339(stop.at)
            ));
        }
        // The list it was judged by may be a moment old, not more.
        if let Some(stop) = standing(acts, record)
            && !record.rehearsal
            && stop.at.plus(STALE_MAX) < record.at
            && stop.seq >= record.events
        {
            return Err(format!(
                "a commercial message left to a number that had opted out {} s before (event {} of {}): it was judged by a \
                 list of {} events",
                record.at.since(stop.at).as_secs(),
                stop.seq,
                rfc3339(stop.at),
                record.events
            ));
        }
        Ok(())
    }
}

/// The first stop that concerns the message and that no lift for its account has seen.
fn standing<'a>(acts: impl Iterator<Item = &'a Act> + Clone, record: &VerdictRecord) -> Option<&'a Act> {
    acts.clone().find(|act| {
        let What::Stop(scope, id) = act.what else { return false };
        let concerns = match scope {
            Scope::Global => true,
            Scope::Account(account) => account == record.account,
            Scope::Sender(sender) => sender == record.sender,
        };
        concerns
            && !acts.clone().any(|other| match other.what {
                What::Lift(account, seen) => {
                    account == record.account && seen.origin == id.origin && seen.number >= id.number
                }
                What::Stop(..) => false,
            })
    })
}

fn slot(tag: &NumberTag, words: usize) -> (usize, u64) {
    let at = tag.prefix() as usize % (words * 64);
    (at / 64, 1 << (at % 64))
}
