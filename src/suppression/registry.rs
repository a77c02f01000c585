//! Owns the answers to people who ask about the list: the history of a number, a page of it, all of it.
//! Must never be asked on a lane: it reads files. Numbers and texts come out of sealed blobs; the caller records who read them.

use super::detail::scope_rank;
use super::follower::Follower;
use super::index::Index;
use crate::ledger::book::Ledger;
use crate::ledger::error::OpenError;
use crate::ledger::event::Event;
use crate::ledger::event_code::EventRecord;
use crate::ledger::read::Events;
use crate::ledger::sealed::{Personal, Sealer};
use crate::ledger::suppression_event::{Lift, Stop, SuppressionEvent};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::sync::Arc;

/// A stop as it stands in the ledger, with what its blob holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopFound {
    pub seq: u64,
    pub at: CivilInstant,
    pub stop: Stop,
    /// `None` when it was erased, or never given.
    pub personal: Option<Personal>,
    /// Whether it is the newest of its scope and origin: older ones say the same.
    pub in_force: bool,
}

/// A lift as it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiftFound {
    pub seq: u64,
    pub at: CivilInstant,
    pub lift: Lift,
    pub personal: Option<Personal>,
}

/// One chapter of a number's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chapter {
    Stop(StopFound),
    Lift(LiftFound),
}

/// A page of the list, in the order of the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub stops: Vec<StopFound>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<u64>,
}

/// What answers.
#[derive(Clone)]
pub struct Registry {
    ledger: Arc<Ledger>,
    index: Arc<Index>,
    follower: Arc<Follower>,
}

impl Registry {
    /// Answers from these.
    pub fn new(ledger: Arc<Ledger>, index: Arc<Index>, follower: Arc<Follower>) -> Self {
        Self { ledger, index, follower }
    }

    /// All stops and lifts of a number, oldest first. While the store is being rebuilt, every event is read for it.
    pub fn history(&self, tag: &NumberTag) -> Result<Vec<Chapter>, OpenError> {
        let (known, from) = self.follower.history(tag).unwrap_or_default();
        match self.chapters(tag, known, from)? {
            Some(chapters) => Ok(chapters),
            // The store names an event of another number: it is not to be believed.
            None => Ok(self.chapters(tag, Vec::new(), 0)?.unwrap_or_default()),
        }
    }

    /// The chapters that the store names, and those among the events from `from` on; `None` when one is another number's.
    fn chapters(&self, tag: &NumberTag, mut seqs: Vec<u64>, from: u64) -> Result<Option<Vec<Chapter>>, OpenError> {
        let mut events = self.ledger.read_events(from, u64::MAX);
        while let Some((found, seq, _)) = events.next_suppression_leaf()? {
            if found == *tag && seqs.last().is_none_or(|last| *last < seq) {
                seqs.push(seq);
            }
        }
        let mut chapters = Vec::with_capacity(seqs.len());
        for seq in seqs {
            match self.ledger.event(seq)? {
                Some((record, personal)) if is_about(&record.event, tag) => {
                    chapters.extend(self.chapter(record, personal));
                }
                Some(_) | None => return Ok(None),
            }
        }
        Ok(Some(chapters))
    }

    /// The stops of a number that hold, for everybody or for some.
    pub fn in_force(&self, tag: &NumberTag) -> Result<Vec<StopFound>, OpenError> {
        // Most numbers that are asked about are free: the index knows without reading a file.
        if self.index.detail(tag).is_none_or(|detail| detail.stops.is_empty()) {
            return Ok(Vec::new());
        }
        let all = self.history(tag)?.into_iter().filter_map(|chapter| match chapter {
            Chapter::Stop(found) if found.in_force => Some(found),
            Chapter::Stop(_) | Chapter::Lift(_) => None,
        });
        Ok(all.collect())
    }

    /// Every lift of a number, oldest first.
    pub fn lifts(&self, tag: &NumberTag) -> Result<Vec<LiftFound>, OpenError> {
        if self.index.detail(tag).is_none_or(|detail| detail.lifts.iter().all(|(whose, ..)| whose != tag)) {
            return Ok(Vec::new());
        }
        let all = self.history(tag)?.into_iter().filter_map(|chapter| match chapter {
            Chapter::Lift(found) => Some(found),
            Chapter::Stop(_) => None,
        });
        Ok(all.collect())
    }

    /// The accounts for which a lift holds: they may write, although others may not.
    pub fn lifted_for(&self, tag: &NumberTag) -> Vec<NameId> {
        let Some(detail) = self.index.detail(tag) else { return Vec::new() };
        let mut accounts: Vec<NameId> =
            detail.lifts.iter().filter(|(whose, ..)| whose == tag).map(|(_, account, _)| *account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        accounts.retain(|account| !detail.stops_any_way(tag, *account));
        accounts
    }

    /// A page of the stops that hold, from the event `from` on, at most `limit`: each number once for each scope.
    pub fn page(&self, from: u64, limit: usize) -> Result<Page, OpenError> {
        let mut export = self.export(from);
        let mut page = Page::default();
        while page.stops.len() < limit {
            match export.next_stop()? {
                Some(found) => page.stops.push(found),
                None => return Ok(page),
            }
        }
        page.next = Some(export.events.position());
        Ok(page)
    }

    /// All stops that hold, from the event `from` on.
    pub fn export(&self, from: u64) -> Export {
        let events = self.ledger.read_events(from, self.ledger.durable_events());
        Export { events, index: Arc::clone(&self.index), sealer: self.ledger.sealer().clone() }
    }

    fn chapter(&self, record: EventRecord, personal: Option<Personal>) -> Option<Chapter> {
        let (seq, at) = (record.seq, record.at);
        let Event::Suppression(event) = record.event else { return None };
        Some(match event {
            SuppressionEvent::Stop(stop) => {
                let in_force = holds(&self.index, &stop);
                Chapter::Stop(StopFound { seq, at, stop, personal, in_force })
            }
            SuppressionEvent::Lift(lift) => Chapter::Lift(LiftFound { seq, at, lift, personal }),
        })
    }
}

/// Whether an event changes the suppression of this number.
fn is_about(event: &Event, tag: &NumberTag) -> bool {
    matches!(event, Event::Suppression(event) if event.tag() == *tag)
}

/// Whether a stop is the newest of its scope and origin.
fn holds(index: &Index, stop: &Stop) -> bool {
    let Some(detail) = index.detail(&stop.tag) else { return false };
    detail.stops.iter().any(|(scope, id)| scope_rank(*scope) == scope_rank(stop.scope) && *id == stop.id)
}

/// Stops that hold, in the order of the events: memory does not grow with the list.
pub struct Export {
    events: Events,
    index: Arc<Index>,
    sealer: Sealer,
}

impl Export {
    /// The next stop that holds.
    pub fn next_stop(&mut self) -> Result<Option<StopFound>, OpenError> {
        loop {
            let Some((record, blob)) = self.events.next_suppression_with_blob()? else { return Ok(None) };
            let Event::Suppression(SuppressionEvent::Stop(stop)) = record.event else { continue };
            if !holds(&self.index, &stop) {
                continue;
            }
            let personal = record.binding.and_then(|binding| self.sealer.open(blob, &binding));
            return Ok(Some(StopFound { seq: record.seq, at: record.at, stop, personal, in_force: true }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::fixture::{self, NOW};
    use crate::ledger::keys::Keys;
    use crate::ledger::suppression_event::{LiftSource, Scope, StopSource};
    use crate::message::msisdn::Msisdn;
    use crate::suppression::apply;
    use crate::suppression::follower::{Stage, quarantine_dir};
    use crate::suppression::sled_store::SEGMENT_OCTETS;
    use std::path::Path;
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(30);
    const ACME: NameId = NameId(1);

    struct House {
        keys: Keys,
        ledger: Arc<Ledger>,
        index: Arc<Index>,
        follower: Arc<Follower>,
        registry: Registry,
    }

    fn house(dir: &Path) -> House {
        let (keys, ledger) = (fixture::keys(), fixture::ledger(dir, 64));
        let index = Arc::new(Index::new(ledger.origin()));
        let mut events = ledger.read_events(0, u64::MAX);
        while let Some(record) = events.next_suppression().expect("readable") {
            if let Event::Suppression(event) = &record.event {
                apply(&index, event);
            }
        }
        let follower = Arc::new(Follower::start(&ledger, &index).expect("started"));
        let registry = Registry::new(Arc::clone(&ledger), Arc::clone(&index), Arc::clone(&follower));
        House { keys, ledger, index, follower, registry }
    }

    impl House {
        fn record(&self, event: SuppressionEvent, personal: Option<&Personal>) -> u64 {
            apply(&self.index, &event);
            let mut appender = self.ledger.appender();
            let ticket = appender.event(NOW, &Event::Suppression(event), personal).expect("taken");
            let seq = appender.commit(NOW).expect("appended").seq(ticket);
            assert!(self.ledger.wait_durable(seq, PATIENCE));
            seq
        }

        fn tag(&self, n: u64) -> (Msisdn, NumberTag) {
            let number = Msisdn::from_canonical(33_639_980_000 + n).expect("number");
            (number, self.keys.tag_key().tag(number))
        }

        fn stop(&self, n: u64, scope: Scope) -> u64 {
            let (number, tag) = self.tag(n);
            let stop = Stop {
                id: self.ledger.next_event_id(),
                tag,
                scope,
                source: StopSource::Handset,
                account: ACME,
                smsc: NameId(2),
                short_code: 36111,
                answers: None,
                detail: NameId(3),
            };
            let personal = Personal { text: Some("STOP".into()), ..Personal::of(number) };
            self.record(SuppressionEvent::Stop(stop), Some(&personal))
        }

        fn lift(&self, n: u64) -> u64 {
            let (_, tag) = self.tag(n);
            let lift = Lift {
                id: self.ledger.next_event_id(),
                tag,
                source: LiftSource::Handset,
                accounts: vec![ACME],
                seen: self.index.seen(&tag),
                smsc: NameId(2),
                short_code: 36111,
                people: [NameId::NONE; 2],
                detail: NameId(3),
            };
            self.record(SuppressionEvent::Lift(lift), None)
        }
    }

    #[test]
    fn a_number_s_history_comes_back_with_its_number_and_text() {
        let dir = tempfile::tempdir().expect("tempdir");
        let house = house(dir.path());
        let (number, tag) = house.tag(1);
        let first = house.stop(1, Scope::Global);
        house.stop(2, Scope::Global);
        let lifted = house.lift(1);
        let again = house.stop(1, Scope::Global);
        assert!(house.follower.wait_in_step(PATIENCE));
        let history = house.registry.history(&tag).expect("readable");
        let [Chapter::Stop(one), Chapter::Lift(two), Chapter::Stop(three)] = &history[..] else {
            panic!("{history:?}")
        };
        assert_eq!((one.seq, two.seq, three.seq), (first, lifted, again));
        assert!(!one.in_force && three.in_force);
        let personal = three.personal.as_ref().expect("sealed");
        assert_eq!((personal.number, personal.text.as_deref()), (Some(number), Some("STOP")));
        assert_eq!(house.registry.in_force(&tag).expect("readable"), std::slice::from_ref(three));
        assert_eq!(house.registry.in_force(&house.tag(9).1).expect("readable"), []);
        assert_eq!(house.registry.lifted_for(&tag), [], "the later stop cleared the exception");
        house.lift(2);
        assert_eq!(house.registry.lifted_for(&house.tag(2).1), [ACME]);
    }

    #[test]
    fn pages_join_to_the_whole_list_and_name_each_number_once_for_each_scope() {
        let dir = tempfile::tempdir().expect("tempdir");
        let house = house(dir.path());
        for n in 0..25 {
            house.stop(n % 20, Scope::Global);
        }
        house.stop(3, Scope::Account(ACME));
        let mut pages = Vec::new();
        let mut from = Some(0);
        while let Some(next) = from {
            let page = house.registry.page(next, 4).expect("readable");
            pages.extend(page.stops);
            from = page.next;
        }
        let mut export = house.registry.export(0);
        let mut all = Vec::new();
        while let Some(found) = export.next_stop().expect("readable") {
            all.push(found);
        }
        assert_eq!(pages, all);
        assert_eq!(all.len(), 21);
        let mut numbers: Vec<u64> =
            all.iter().filter_map(|found| found.personal.as_ref()?.number).map(Msisdn::as_u64).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, (0..20).map(|n| 33_639_980_000 + n).collect::<Vec<_>>());
    }

    #[test]
    fn a_store_that_does_not_hold_what_it_says_is_moved_aside_and_rebuilt() {
        let dir = tempfile::tempdir().expect("tempdir");
        {
            let house = house(dir.path());
            for n in 0..10 {
                house.stop(n, Scope::Global);
            }
            assert!(house.follower.wait_in_step(PATIENCE));
            house.follower.close();
        }
        {
            let whole = house(dir.path());
            assert!(whole.follower.wait_in_step(PATIENCE));
            assert_eq!(whole.follower.status().quarantined, 0, "a store that is whole is kept");
            whole.follower.close();
        }
        let tag = fixture::keys().tag_key();
        let tag = tag.tag(Msisdn::from_canonical(33_639_980_004).expect("number"));
        {
            let config = sled::Config::new().path(dir.path().join("store")).segment_size(SEGMENT_OCTETS);
            let db = config.open().expect("opens");
            use crate::suppression::bucket::{self, Width};
            let key = bucket::key(&tag, Width::Wide);
            assert!(db.remove(key).expect("removed").is_some());
            db.flush().expect("flushed");
        }
        let mended = house(dir.path());
        assert!(mended.follower.wait_in_step(PATIENCE));
        let status = mended.follower.status();
        assert_eq!((status.stage, status.quarantined, status.lag), (Stage::Following, 1, 0));
        assert!(status.why.is_some_and(|why| why.contains("differ")));
        assert!(quarantine_dir(dir.path()).exists());
        assert_eq!(mended.registry.in_force(&tag).expect("readable").len(), 1);
    }

    #[test]
    fn a_store_that_names_another_number_s_events_is_not_believed() {
        use crate::suppression::sled_store::SledStore;
        use crate::suppression::store::{Fact, Store};
        let dir = tempfile::tempdir().expect("tempdir");
        let (one, two, position, label) = {
            let house = house(dir.path());
            let seqs = (house.stop(1, Scope::Global), house.stop(2, Scope::Global));
            assert!(house.follower.wait_in_step(PATIENCE), "there is a store to be replaced");
            house.follower.close();
            let swapped = [(house.tag(1).1, seqs.1), (house.tag(2).1, seqs.0)];
            (swapped[0], swapped[1], house.ledger.durable_events(), house.ledger.key_check())
        };
        std::fs::remove_dir_all(dir.path().join("store")).expect("removed");
        {
            let store = SledStore::open(&dir.path().join("store"), label).expect("opens");
            let facts = [one, two].map(|(tag, seq)| Fact { tag, seq });
            store.take(&facts, position).expect("taken");
            store.flush().expect("flushed");
        }
        let house = house(dir.path());
        assert!(house.follower.wait_in_step(PATIENCE));
        for (tag, others) in [one, two] {
            let found = house.registry.in_force(&tag).expect("readable");
            assert_eq!(found.len(), 1);
            assert_ne!(found[0].seq, others);
        }
    }

    #[test]
    fn a_store_of_rubbish_is_rebuilt_and_the_list_answers_meanwhile() {
        let dir = tempfile::tempdir().expect("tempdir");
        {
            let house = house(dir.path());
            for n in 0..10 {
                house.stop(n, Scope::Global);
            }
            assert!(house.follower.wait_in_step(PATIENCE));
            house.follower.close();
        }
        let db = dir.path().join("store").join("db");
        let octets = std::fs::metadata(&db).expect("there").len();
        std::fs::write(&db, vec![0xa5; octets as usize]).expect("write");
        let house = house(dir.path());
        let tag = house.tag(5).1;
        assert_eq!(house.registry.in_force(&tag).expect("readable").len(), 1, "from the events");
        assert!(house.follower.wait_in_step(PATIENCE));
        assert_eq!(house.registry.in_force(&tag).expect("readable").len(), 1);
        let (facts, position) = house.follower.history(&tag).expect("in step");
        assert_eq!((facts.len(), position), (1, house.ledger.durable_events()));
    }
}
