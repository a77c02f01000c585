//! Owns the answers to people who ask about opt-ins: of one number, a page of them, all of them.
//! Must never be asked on a lane: it reads files. Numbers and evidence come out of sealed blobs; the caller records who read them.

use super::entry::Standing;
use super::index::Index;
use crate::ledger::book::Ledger;
use crate::ledger::error::OpenError;
use crate::ledger::event::{Consent, ConsentAct, Event};
use crate::ledger::event_code::EventRecord;
use crate::ledger::read::Events;
use crate::ledger::sealed::Personal;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::sync::Arc;

/// An act as it stands in the ledger, with what its blob holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActFound {
    pub seq: u64,
    /// When it was recorded.
    pub at: CivilInstant,
    pub consent: Consent,
    /// `None` when it was erased, or never given.
    pub personal: Option<Personal>,
}

/// What holds for a number and an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentFound {
    pub standing: Standing,
    /// The act that holds: an opt-in, or a revocation.
    pub act: ActFound,
}

/// A page of opt-ins, in the order of the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsentPage {
    pub found: Vec<ConsentFound>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<u64>,
}

/// Records that a page looks at, at most: a page of a rare account in a long ledger may be short, and says where to go on.
const LOOKED_AT_MAX: u64 = 200_000;

/// What answers.
#[derive(Clone)]
pub struct Registry {
    ledger: Arc<Ledger>,
    index: Arc<Index>,
}

impl Registry {
    /// Answers from these.
    pub fn new(ledger: Arc<Ledger>, index: Arc<Index>) -> Self {
        Self { ledger, index }
    }

    /// What holds for a number and an account; `None` when nothing was recorded, or nothing is in the ledger yet.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn of(&self, tag: &NumberTag, account: NameId) -> Result<Option<ConsentFound>, OpenError> {
        let Some(standing) = self.index.standing(tag, account) else { return Ok(None) };
        let (Standing::OptedIn { event, .. } | Standing::Revoked { event, .. }) = standing;
        if let Some(seq) = event {
            let Some((record, personal)) = self.ledger.event(seq)? else { return Ok(None) };
            return Ok(found(record, personal)
                .filter(|act| act.consent.tag == *tag)
                .map(|act| ConsentFound { standing, act }));
        }
        let mut events = self.ledger.read_events(0, u64::MAX);
        while let Some((record, blob)) = events.next_consent_with_blob()? {
            let personal = record.binding.and_then(|binding| self.ledger.sealer().open(blob, &binding));
            let act = found(record, personal);
            let hit = act.filter(|act| {
                act.consent.tag == *tag && act.consent.account == account && is_that(&act.consent, act.seq, standing)
            });
            if let Some(act) = hit {
                return Ok(Some(ConsentFound { standing, act }));
            }
        }
        Ok(None)
    }

    /// A page of the opt-ins that are not revoked, from the event `from` on, at most `limit`: of one account, or of all.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn page(&self, account: Option<NameId>, from: u64, limit: usize) -> Result<ConsentPage, OpenError> {
        let upto = self.ledger.durable_events();
        let mut events = self.ledger.read_events(from, upto.min(from.saturating_add(LOOKED_AT_MAX)));
        let mut page = ConsentPage::default();
        while page.found.len() < limit {
            let Some(found) = self.next(account, &mut events)? else {
                page.next = (events.position() < upto).then(|| events.position());
                return Ok(page);
            };
            page.found.push(found);
        }
        page.next = Some(events.position());
        Ok(page)
    }

    fn next(&self, account: Option<NameId>, events: &mut Events) -> Result<Option<ConsentFound>, OpenError> {
        while let Some((record, blob)) = events.next_consent_with_blob()? {
            let Event::Consent(consent) = &record.event else { continue };
            if account.is_some_and(|account| account != consent.account) {
                continue;
            }
            let Some(standing @ Standing::OptedIn { .. }) = self.index.standing(&consent.tag, consent.account) else {
                continue;
            };
            if !is_that(consent, record.seq, standing) {
                continue;
            }
            let personal = record.binding.and_then(|binding| self.ledger.sealer().open(blob, &binding));
            return Ok(found(record, personal).map(|act| ConsentFound { standing, act }));
        }
        Ok(None)
    }
}

/// Whether this is the act that holds.
fn is_that(consent: &Consent, seq: u64, standing: Standing) -> bool {
    let (wanted, when, event) = match standing {
        Standing::OptedIn { given, event, .. } => (ConsentAct::Record, given, event),
        Standing::Revoked { at, event } => (ConsentAct::Revoke, at, event),
    };
    consent.act == wanted && consent.given_at.as_secs() == when.as_secs() && event.is_none_or(|event| event == seq)
}

fn found(record: EventRecord, personal: Option<Personal>) -> Option<ActFound> {
    let (seq, at) = (record.seq, record.at);
    let Event::Consent(consent) = record.event else { return None };
    Some(ActFound { seq, at, consent, personal })
}

#[cfg(test)]
mod tests {
    use super::super::apply;
    use super::*;
    use crate::ledger::fixture::{self, NOW};
    use crate::ledger::keys::Keys;
    use crate::message::msisdn::Msisdn;
    use std::path::Path;
    use std::time::Duration;

    const ACME: NameId = NameId(1);
    const BETA: NameId = NameId(2);

    struct House {
        keys: Keys,
        ledger: Arc<Ledger>,
        index: Arc<Index>,
        registry: Registry,
    }

    fn house(dir: &Path) -> House {
        let (keys, ledger) = (fixture::keys(), fixture::ledger(dir, 64));
        let index = Arc::new(Index::default());
        let registry = Registry::new(Arc::clone(&ledger), Arc::clone(&index));
        House { keys, ledger, index, registry }
    }

    impl House {
        fn tag(&self, n: u64) -> (Msisdn, NumberTag) {
            let number = Msisdn::from_canonical(33_639_980_000 + n).expect("number");
            (number, self.keys.tag_key().tag(number))
        }

        fn act(&self, act: ConsentAct, n: u64, account: NameId, secs: u64) -> u64 {
            let (number, tag) = self.tag(n);
            let (id, given_at) = (self.ledger.next_event_id(), NOW.plus(Duration::from_secs(secs)));
            let consent =
                Consent { id, act, tag, account, source: NameId(7), wording: NameId(8), given_at, by: NameId(9) };
            let personal = Personal { evidence: Some(format!("form {n}")), ..Personal::of(number) };
            let mut appender = self.ledger.appender();
            let ticket = appender.event(NOW, &Event::Consent(consent.clone()), Some(&personal)).expect("taken");
            let seq = appender.commit(NOW).expect("appended").seq(ticket);
            assert!(self.ledger.wait_durable(seq, Duration::from_secs(5)));
            apply(&self.index, &consent, Some(seq));
            seq
        }
    }

    #[test]
    fn what_holds_comes_back_with_its_number_and_evidence() {
        let dir = tempfile::tempdir().expect("tempdir");
        let house = house(dir.path());
        let first = house.act(ConsentAct::Record, 1, ACME, 0);
        house.act(ConsentAct::Record, 1, BETA, 1);
        house.act(ConsentAct::Renew, 1, ACME, 2);
        let (number, tag) = house.tag(1);
        let found = house.registry.of(&tag, ACME).expect("readable").expect("recorded");
        assert_eq!((found.act.seq, found.act.consent.account), (first, ACME));
        let personal = found.act.personal.expect("sealed");
        assert_eq!((personal.number, personal.evidence.as_deref()), (Some(number), Some("form 1")));
        assert!(matches!(found.standing, Standing::OptedIn { given, last_contact, .. } if given < last_contact));
        let revoked = house.act(ConsentAct::Revoke, 1, ACME, 9);
        let found = house.registry.of(&tag, ACME).expect("readable").expect("recorded");
        assert!(matches!(found.standing, Standing::Revoked { .. }));
        assert_eq!(found.act.seq, revoked);
        assert_eq!(house.registry.of(&house.tag(2).1, ACME).expect("readable"), None);
    }

    #[test]
    fn an_act_whose_place_is_not_known_is_found_all_the_same() {
        let dir = tempfile::tempdir().expect("tempdir");
        let house = house(dir.path());
        let seq = house.act(ConsentAct::Record, 1, ACME, 0);
        let blind = Index::default();
        let consent = house.registry.of(&house.tag(1).1, ACME).expect("readable").expect("recorded").act.consent;
        apply(&blind, &consent, None);
        let registry = Registry::new(Arc::clone(&house.ledger), Arc::new(blind));
        assert_eq!(registry.of(&house.tag(1).1, ACME).expect("readable").expect("recorded").act.seq, seq);
    }

    #[test]
    fn pages_join_to_all_opt_ins_that_hold_each_once() {
        let dir = tempfile::tempdir().expect("tempdir");
        let house = house(dir.path());
        for n in 0..25 {
            house.act(ConsentAct::Record, n % 20, ACME, n);
        }
        house.act(ConsentAct::Record, 3, BETA, 1);
        house.act(ConsentAct::Revoke, 4, ACME, 90);
        house.act(ConsentAct::Renew, 6, ACME, 95);
        for (account, expected) in [(Some(ACME), 19), (Some(BETA), 1), (None, 20), (Some(NameId(3)), 0)] {
            let (mut found, mut from) = (Vec::new(), Some(0));
            while let Some(next) = from {
                let page = house.registry.page(account, next, 4).expect("readable");
                assert!(page.found.len() <= 4);
                found.extend(page.found);
                from = page.next;
            }
            assert_eq!(found.len(), expected, "{account:?}");
            let mut numbers: Vec<_> = found
                .iter()
                .map(|found| (found.act.personal.as_ref().unwrap().number, found.act.consent.account))
                .collect();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), expected, "{account:?}");
            assert!(found.iter().all(|found| found.act.consent.tag != house.tag(4).1), "revoked");
        }
    }
}
