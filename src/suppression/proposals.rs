//! Owns the lifts that one person has proposed and a second one has to approve, and how they stand in the events.
//! Must never let one person do both, nor let a proposal outlive its time or see a stop that came after it.

use crate::ledger::about::About;
use crate::ledger::event::Admin;
use crate::ledger::event_code::EventRecord;
use crate::ledger::suppression_event::{EventId, LiftSource, SuppressionEvent};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a proposal waits for the second person.
pub const PROPOSAL_KEPT: Duration = Duration::from_secs(72 * 3600);
/// Proposals that wait at once.
pub const PROPOSALS_MAX: usize = 1_000;

/// What is done about a lift, as the `action` of an admin record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Propose,
    Approve,
    Refuse,
    /// Nobody decided in time.
    Expire,
}

impl Step {
    const ALL: [Self; 4] = [Self::Propose, Self::Approve, Self::Refuse, Self::Expire];

    /// The word of the record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Propose => "stop.lift.propose",
            Self::Approve => "stop.lift.approve",
            Self::Refuse => "stop.lift.refuse",
            Self::Expire => "stop.lift.expire",
        }
    }
}

/// A lift that waits for the second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Position of its record in the events.
    pub id: u64,
    pub tag: NumberTag,
    pub accounts: Vec<NameId>,
    /// The stops that stood when it was proposed. Others stand.
    pub seen: Vec<EventId>,
    /// Who proposed it.
    pub by: NameId,
    pub at: CivilInstant,
}

impl Proposal {
    /// When it is over.
    pub fn until(&self) -> CivilInstant {
        self.at.plus(PROPOSAL_KEPT)
    }

    /// The `detail` of its record: handles and ids only.
    pub fn detail(accounts: &[NameId], seen: &[EventId]) -> String {
        let accounts: String = accounts.iter().map(|account| format!(" {}", account.0)).collect();
        let stops: String = seen.iter().map(|stop| format!(" {stop}")).collect();
        format!("accounts{accounts}; stops{stops}")
    }

    /// The accounts and the stops of a `detail`.
    pub fn read_detail(detail: &str) -> Option<(Vec<NameId>, Vec<EventId>)> {
        let (accounts, seen) = detail.strip_prefix("accounts")?.split_once("; stops")?;
        let accounts = accounts.split_whitespace().map(|one| one.parse().ok().map(NameId)).collect::<Option<_>>()?;
        let seen = seen.split_whitespace().map(event_id).collect::<Option<_>>()?;
        Some((accounts, seen))
    }

    fn read(record: &EventRecord, admin: &Admin, detail: &str) -> Option<Self> {
        let (accounts, seen) = Self::read_detail(detail)?;
        Some(Self { id: record.seq, tag: admin.tag?, accounts, seen, by: admin.by, at: record.at })
    }
}

fn event_id(text: &str) -> Option<EventId> {
    let (origin, number) = text.split_once('-')?;
    Some(EventId { origin: u32::from_str_radix(origin, 16).ok()?, number: u64::from_str_radix(number, 16).ok()? })
}

/// The `detail` of what is decided about a proposal, and of its lift.
pub fn of_proposal(id: u64) -> String {
    format!("proposal {id}")
}

/// Why a step is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// No such proposal waits: it never did, was decided, or is over.
    Unknown,
    /// Who proposed it may not approve it.
    SamePerson,
    /// This one waits already for the same number and account.
    Waiting(u64),
    /// Too many wait.
    Full,
}

/// The proposals that wait.
#[derive(Clone, Debug, Default)]
pub struct Proposals {
    waiting: BTreeMap<u64, Proposal>,
}

impl Proposals {
    /// Whether a lift may be proposed.
    ///
    /// # Errors
    /// `Waiting` and `Full`.
    pub fn may_propose(&self, tag: &NumberTag, accounts: &[NameId], now: CivilInstant) -> Result<(), Blocked> {
        let mut live = self.waiting.values().filter(|one| now < one.until());
        let same = |one: &&Proposal| one.tag == *tag && one.accounts.iter().any(|account| accounts.contains(account));
        match live.clone().find(same) {
            Some(waiting) => Err(Blocked::Waiting(waiting.id)),
            None if live.nth(PROPOSALS_MAX - 1).is_some() => Err(Blocked::Full),
            None => Ok(()),
        }
    }

    /// A proposal whose record is durable. Also gives one back whose decision could not be recorded.
    pub fn add(&mut self, proposal: Proposal) {
        self.waiting.insert(proposal.id, proposal);
    }

    /// Takes a proposal out, for the second person to approve.
    ///
    /// # Errors
    /// `Unknown` and `SamePerson`; it stays then.
    pub fn approve(&mut self, id: u64, by: NameId, now: CivilInstant) -> Result<Proposal, Blocked> {
        match self.waiting.get(&id) {
            Some(waiting) if waiting.by == by => Err(Blocked::SamePerson),
            Some(_) | None => self.refuse(id, now),
        }
    }

    /// Takes a proposal out that anybody refuses: who proposed it may take it back.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn refuse(&mut self, id: u64, now: CivilInstant) -> Result<Proposal, Blocked> {
        let live = self.waiting.get(&id).is_some_and(|waiting| now < waiting.until());
        self.waiting.remove(&id).filter(|_| live).ok_or(Blocked::Unknown)
    }

    /// Takes out what is over.
    pub fn expire(&mut self, now: CivilInstant) -> Vec<Proposal> {
        self.waiting.extract_if(.., |_, waiting| now >= waiting.until()).map(|(_, over)| over).collect()
    }

    /// Those that wait, oldest first.
    pub fn waiting(&self, now: CivilInstant) -> impl Iterator<Item = &Proposal> {
        self.waiting.values().filter(move |one| now < one.until())
    }

    /// Takes in a record as it is read back, in the order of the events. A lift decides too: it may have reached the disk
    /// without the approval behind it.
    pub fn replay<N: AsRef<str>>(&mut self, record: &EventRecord, name: impl Fn(NameId) -> Option<N>) {
        let decided = |detail: NameId| name(detail)?.as_ref().strip_prefix("proposal ")?.parse::<u64>().ok();
        match record.event.about() {
            Some(About::Admin(admin)) => {
                let Some(action) = name(admin.action) else { return };
                match Step::ALL.into_iter().find(|step| step.word() == action.as_ref()) {
                    Some(Step::Propose) => {
                        let detail = name(admin.detail);
                        let found = detail.and_then(|detail| Proposal::read(record, admin, detail.as_ref()));
                        found.into_iter().for_each(|proposal| self.add(proposal));
                    }
                    Some(Step::Approve | Step::Refuse | Step::Expire) => {
                        decided(admin.detail).map(|id| self.waiting.remove(&id));
                    }
                    None => {}
                }
            }
            Some(About::Suppression(SuppressionEvent::Lift(lift))) if lift.source == LiftSource::TwoPeople => {
                decided(lift.detail).map(|id| self.waiting.remove(&id));
            }
            Some(About::Suppression(_) | About::Consent(_) | About::Erase(_)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::event::Event;
    use crate::ledger::suppression_event::Lift;

    const ALICE: NameId = NameId(1);
    const BOB: NameId = NameId(2);
    const ACME: NameId = NameId(3);
    const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);
    const STOP: EventId = EventId { origin: 0xab, number: 0x12_0000_0007 };

    fn proposal(id: u64) -> Proposal {
        let tag = NumberTag([id as u8; 16]);
        Proposal { id, tag, accounts: vec![ACME], seen: vec![STOP], by: ALICE, at: NOW }
    }

    #[test]
    fn a_second_person_approves_in_time_and_nobody_else_does() {
        let late = NOW.plus(PROPOSAL_KEPT);
        let before = late.minus(Duration::from_secs(1));
        for (id, by, now, expected) in [
            (7, BOB, NOW, Ok(7)),
            (7, BOB, before, Ok(7)),
            (7, ALICE, NOW, Err(Blocked::SamePerson)),
            (7, BOB, late, Err(Blocked::Unknown)),
            (8, BOB, NOW, Err(Blocked::Unknown)),
        ] {
            let mut proposals = Proposals::default();
            proposals.add(proposal(7));
            assert_eq!(proposals.approve(id, by, now).map(|one| one.id), expected, "{id} by {by:?} at {now}");
            let again = proposals.approve(7, BOB, NOW).map(|one| one.id);
            let gone = expected.is_ok() || now == late;
            assert_eq!(again.is_err(), gone, "decided once, and kept where it was not");
        }
        let mut proposals = Proposals::default();
        proposals.add(proposal(7));
        assert_eq!(proposals.refuse(7, NOW).map(|one| one.by), Ok(ALICE), "anybody may refuse");
        assert_eq!(proposals.refuse(7, NOW), Err(Blocked::Unknown));
    }

    #[test]
    fn one_proposal_for_a_number_and_account_waits_and_no_more_than_the_bound() {
        let mut proposals = Proposals::default();
        proposals.add(proposal(1));
        let tag = proposal(1).tag;
        assert_eq!(proposals.may_propose(&tag, &[BOB, ACME], NOW), Err(Blocked::Waiting(1)));
        assert_eq!(proposals.may_propose(&tag, &[NameId(9)], NOW), Ok(()), "another account");
        assert_eq!(proposals.may_propose(&tag, &[ACME], NOW.plus(PROPOSAL_KEPT)), Ok(()), "that one is over");
        (2..=PROPOSALS_MAX as u64).for_each(|id| proposals.add(proposal(id)));
        assert_eq!(proposals.may_propose(&NumberTag([0xff; 16]), &[NameId(9)], NOW), Err(Blocked::Full));
        assert_eq!(proposals.expire(NOW.plus(PROPOSAL_KEPT)).len(), PROPOSALS_MAX);
        assert_eq!(proposals.waiting(NOW).count(), 0);
    }

    fn record(seq: u64, event: Event) -> EventRecord {
        EventRecord { seq, at: NOW, boot: 1, rehearsal: false, binding: None, event }
    }

    #[test]
    fn what_waited_is_read_back_from_the_records_and_what_was_decided_is_not() {
        let texts = ["-", "alice", "bob", "acme"].map(str::to_owned).to_vec();
        let names = std::cell::RefCell::new(texts);
        let name = |id: NameId| names.borrow().get(id.0 as usize).cloned();
        let intern = |text: &str| {
            names.borrow_mut().push(text.to_owned());
            NameId(names.borrow().len() as u32 - 1)
        };
        let admin = |seq, by, step: Step, detail: &str| {
            let (action, detail) = (intern(step.word()), intern(detail));
            record(seq, Event::Admin(Admin { by, action, tag: Some(proposal(seq).tag), detail }))
        };
        let propose = |seq| admin(seq, ALICE, Step::Propose, &Proposal::detail(&[ACME], &[STOP]));
        let mut proposals = Proposals::default();
        (1..=5).for_each(|seq| proposals.replay(&propose(seq), name));
        assert_eq!(proposals.waiting(NOW).cloned().collect::<Vec<_>>(), (1..=5).map(proposal).collect::<Vec<_>>());
        proposals.replay(&admin(6, BOB, Step::Approve, &of_proposal(1)), name);
        proposals.replay(&admin(7, BOB, Step::Refuse, &of_proposal(2)), name);
        proposals.replay(&admin(8, BOB, Step::Expire, &of_proposal(3)), name);
        // The lift is on the disk, the approval behind it is not.
        let lift = Lift {
            id: STOP,
            tag: proposal(4).tag,
            source: LiftSource::TwoPeople,
            accounts: vec![ACME],
            seen: vec![STOP],
            smsc: NameId::NONE,
            short_code: 0,
            people: [ALICE, BOB],
            detail: intern(&of_proposal(4)),
        };
        proposals.replay(&record(9, Event::Suppression(SuppressionEvent::Lift(lift))), name);
        let mut other = admin(10, BOB, Step::Approve, &of_proposal(5));
        if let Event::Admin(admin) = &mut other.event {
            admin.action = intern("reload");
        }
        proposals.replay(&other, name);
        assert_eq!(proposals.waiting(NOW).map(|one| one.id).collect::<Vec<_>>(), [5]);
    }
}
