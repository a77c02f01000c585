//! Owns the ledgers of gateways that broke the law: each breach is found from the records alone.
//! Must never let a test write what the gateway would refuse to itself: the verdicts are made by hand.

use super::super::book::Ledger;
use super::super::checkpoint::Stream;
use super::super::event::{AccountCounter, Event, Gap};
use super::super::golden_tests::ruling;
use super::super::keys::Keys;
use super::super::open::OpenOptions;
use super::super::sealed::{Personal, Sealer};
use super::super::suppression_event::{Lift, LiftSource, Scope, Stop, StopSource, SuppressionEvent};
use super::super::verdict::{VerdictEntry, VerdictKind};
use super::report::Report;
use super::tests::{NOW, keys, number, session};
use super::{Asked, ledger};
use crate::compliance::class::TrafficClass;
use crate::compliance::pack::Pack;
use crate::compliance::rule::RuleSet;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::segment::{Segment, SegmentScheme};
use std::sync::Arc;
use std::time::Duration;

struct House<'l> {
    ledger: &'l Arc<Ledger>,
    acme: NameId,
    pack: NameId,
    shop: Arc<Pack>,
}

impl<'l> House<'l> {
    fn new(ledger: &'l Arc<Ledger>) -> Self {
        let text = "id = \"house\"\nversion = \"7\"\nextends = \"fr-strict\"\neffective_from = \"2026-01-01\"\n";
        let shop = Arc::new(Pack::parse(text, "house.toml").unwrap());
        ledger.keep_pack(&shop).unwrap();
        let [acme, pack] = ["acme", &shop.full_name()].map(|name| ledger.intern(name, NOW).unwrap());
        Self { ledger, acme, pack, shop }
    }

    fn permit(&self, last: u64, at: CivilInstant, segment: Option<Segment>) {
        let mut ruling = ruling();
        ruling.class = TrafficClass::Commercial;
        (ruling.account, ruling.pack, ruling.segment) = (self.acme, self.pack, segment);
        (ruling.tag, ruling.would_refuse) = (Some(keys().tag_key().tag(number(last))), RuleSet::default());
        (ruling.territory, ruling.judged_at) = (self.shop.territory(number(last)).unwrap(), at);
        let mut appender = self.ledger.appender();
        let (kind, smsc) = (VerdictKind::Permitted, NameId::NONE);
        appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: last, smsc, at });
        appender.commit(at).unwrap();
    }

    fn stop(&self, last: u64, scope: Scope) -> Stop {
        Stop {
            id: self.ledger.next_event_id(),
            tag: keys().tag_key().tag(number(last)),
            scope,
            source: StopSource::Handset,
            account: self.acme,
            smsc: NameId::NONE,
            short_code: 36111,
            answers: None,
            detail: NameId::NONE,
        }
    }

    fn record(&self, event: SuppressionEvent) {
        let mut appender = self.ledger.appender();
        appender.event(NOW, &Event::Suppression(event), None).unwrap();
        appender.commit(NOW).unwrap();
    }
}

fn told(write: impl FnOnce(&House<'_>)) -> Report {
    let dir = tempfile::tempdir().unwrap();
    session(dir.path(), |ledger| write(&House::new(ledger)));
    ledger(dir.path(), &Asked::default())
}

#[test]
fn a_message_after_a_stop_is_found_and_one_before_it_or_after_a_lift_is_not() {
    let report = told(|house| {
        house.permit(12, NOW, None);
        let stop = house.stop(12, Scope::Global);
        house.record(SuppressionEvent::Stop(stop.clone()));
        house.permit(13, NOW, None);
        let lift = Lift {
            id: house.ledger.next_event_id(),
            tag: stop.tag,
            source: LiftSource::Handset,
            accounts: vec![house.acme],
            seen: vec![stop.id],
            smsc: NameId::NONE,
            short_code: 36111,
            people: [NameId::NONE; 2],
            detail: NameId::NONE,
        };
        house.record(SuppressionEvent::Lift(lift));
        house.permit(12, NOW, None);
        house.record(SuppressionEvent::Stop(house.stop(14, Scope::Account(NameId(99)))));
        house.permit(14, NOW, None);
    });
    assert_eq!(report.findings, []);
    assert_eq!((report.replayed.commercial, report.replayed.against_stops, report.replayed.against_hours), (4, 4, 4));

    for scope in [Scope::Global, Scope::Account(NameId(1)), Scope::Sender(ruling().sender)] {
        let report = told(|house| {
            house.record(SuppressionEvent::Stop(house.stop(12, scope)));
            house.permit(13, NOW, None);
            house.permit(12, NOW, None);
        });
        let first = report.findings.first().map(ToString::to_string).unwrap_or_default();
        assert!(
            first.starts_with("verdicts record 1: a commercial message left to a number that had opted out"),
            "{first}"
        );
    }
}

#[test]
fn a_message_judged_by_a_list_that_was_long_out_of_date_is_found() {
    let report = told(|house| {
        let mut stale = house.ledger.appender();
        house.record(SuppressionEvent::Stop(house.stop(12, Scope::Global)));
        let mut ruling = ruling();
        (ruling.class, ruling.account, ruling.pack) = (TrafficClass::Commercial, house.acme, house.pack);
        (ruling.tag, ruling.segment) = (Some(keys().tag_key().tag(number(12))), None);
        let at = NOW.plus(Duration::from_secs(3600));
        (ruling.judged_at, ruling.territory) = (at, house.shop.territory(number(12)).unwrap());
        let (kind, smsc) = (VerdictKind::Permitted, NameId::NONE);
        stale.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: 1, smsc, at });
        stale.commit(at).unwrap();
    });
    assert!(report.findings[0].what.contains("3600 s before"), "{:?}", report.findings);
}

#[test]
fn a_message_at_night_is_found_with_its_local_time_and_the_last_part_of_a_message_may_follow() {
    // 19:59:55 in Paris, fr-strict closes at 20:00.
    let closing = CivilInstant::from_secs(1_795_000_000 + 7 * 3600 + 53 * 60 + 15);
    let part = |number| Some(Segment { scheme: SegmentScheme::Udh8, reference: 7, total: 2, number });
    let late = closing.plus(Duration::from_secs(11));
    let report = told(|house| {
        house.permit(12, closing, part(1));
        house.permit(12, late, part(2));
    });
    assert_eq!(report.findings, []);
    let report = told(|house| house.permit(12, late, None));
    let first = report.findings.first().map(ToString::to_string).unwrap_or_default();
    assert!(first.contains("outside the sending hours of house@7: Wed 2026-11-18 20:00 CET there"), "{first}");
}

#[test]
fn a_pack_that_is_not_to_be_had_is_said_and_a_changed_one_is_found() {
    let dir = tempfile::tempdir().unwrap();
    session(dir.path(), |ledger| House::new(ledger).permit(12, NOW, None));
    let room = dir.path().join("packs");
    let path = std::fs::read_dir(&room).unwrap().next().unwrap().unwrap().path();
    let mut octets = std::fs::read(&path).unwrap();
    octets[30] ^= 1;
    std::fs::write(&path, octets).unwrap();
    let report = ledger(dir.path(), &Asked::default());
    assert!(report.findings[0].what.contains("its text was changed"), "{:?}", report.findings);
    std::fs::remove_file(&path).unwrap();
    let report = ledger(dir.path(), &Asked::default());
    assert!(report.holds() && report.replayed.against_hours == 0, "{:?}", report.findings);
    assert!(
        report.notes.iter().any(|note| note.contains("the hours of 1 messages under house@7#")),
        "{:?}",
        report.notes
    );
}

#[test]
fn the_tag_key_is_compared_with_what_the_first_record_commits_to() {
    let dir = tempfile::tempdir().unwrap();
    session(dir.path(), |_| {});
    let ask = |tag: [u8; 32]| {
        let tags = Some(Keys::from_octets(tag, [0; 32], [0; 32]).tag_links());
        ledger(dir.path(), &Asked { tags, ..Asked::default() })
    };
    let report = ask([1; 32]);
    assert!(report.holds() && report.tags_checked, "{:?}", report.findings);
    assert!(ask([7; 32]).findings[0].what.contains("another tag key"));
}

#[test]
fn a_counter_that_is_not_what_the_verdicts_add_up_to_is_found() {
    let counted = |bend: &dyn Fn(&mut AccountCounter)| {
        told(|house| {
            house.permit(12, NOW, None);
            house.permit(13, NOW, None);
            let mut counter = AccountCounter {
                account: house.acme,
                verdicts: 2,
                received: 3,
                permitted: 2,
                waiting: 1,
                answered: 1,
                in_flight: 1,
                ..AccountCounter::default()
            };
            bend(&mut counter);
            let mut appender = house.ledger.appender();
            appender.event(NOW, &Event::AccountCounter(counter), None).unwrap();
            appender.commit(NOW).unwrap();
            house.permit(14, NOW, None);
        })
    };
    let report = counted(&|_| {});
    assert_eq!((report.findings, report.replayed.counters), (vec![], 1));
    for (said, bend) in [
        (
            "3 received are not 2 permitted, 0 refused and 0 waiting",
            &(|c: &mut AccountCounter| c.waiting = 0) as &dyn Fn(&mut AccountCounter),
        ),
        ("2 permitted are not 1 answered, 0 unresolved, 0 withdrawn and 0 in flight", &|c| c.in_flight = 0),
        ("the verdicts add up to", &|c| (c.permitted, c.refused, c.in_flight) = (1, 1, 0)),
        ("the verdicts add up to", &|c| c.verdicts = 1),
        ("the verdicts add up to", &|c| c.verdicts = 3),
        ("the verdicts add up to", &|c| c.account = NameId(99)),
    ] {
        let first = counted(bend).findings.first().map(ToString::to_string).unwrap_or_default();
        assert!(first.contains(said), "{said}: {first}");
    }
}

/// One start: counters after 1, 2, 3 and 4 messages, of which `recorded` say which have a record, and a gap behind the second.
fn with_a_gap(gap: bool, recorded: [bool; 4], ends: bool) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let write = |ledger: &Arc<Ledger>| {
        let house = House::new(ledger);
        let mut verdicts = 0;
        for (at, is_recorded) in recorded.into_iter().enumerate() {
            if is_recorded {
                house.permit(12 + at as u64, NOW, None);
                verdicts += 1;
            }
            let count = at as u64 + 1;
            let (account, permitted) = (house.acme, count);
            let sums = AccountCounter { account, verdicts, permitted, received: count, ..AccountCounter::default() };
            let counter = AccountCounter { answered: count, ..sums };
            let mut appender = ledger.appender();
            appender.event(NOW, &Event::AccountCounter(counter), None).unwrap();
            if at == 1 && gap {
                let gap = Gap { account: house.acme, messages: 1, from: NOW, to: NOW };
                appender.event(NOW, &Event::Gap(gap), None).unwrap();
            }
            appender.commit(NOW).unwrap();
        }
        let verdicts = ledger.journal(Stream::Verdicts);
        assert!(verdicts.wait_synced(verdicts.appended() - 1, Duration::from_secs(60)));
    };
    if ends {
        session(dir.path(), write);
    } else {
        session(dir.path(), |_| {});
        let (last, _) = Ledger::open(dir.path(), &keys(), OpenOptions::new("gw-1", false), NOW).unwrap();
        write(&last);
    }
    ledger(dir.path(), &Asked::default())
}

#[test]
fn after_a_gap_the_counters_are_held_against_the_records_again_and_the_difference_is_said() {
    let whole = [true; 4];
    let said =
        |report: &Report| report.notes.iter().filter(|note| note.contains("1 records ahead of the verdicts")).count();
    for (what, gap, recorded, ends, found, notes) in [
        ("nothing is missing", false, whole, true, false, 0),
        ("a gap in which nothing left", true, whole, true, false, 0),
        ("the counter was recorded while the gap was open", true, [true, false, true, true], true, false, 1),
        ("missing without a gap", false, [true, false, true, true], true, true, 0),
        ("missing once more, after the gap was over", true, [true, false, true, false], true, true, 1),
        ("missing in a start that was killed", false, [true, false, true, true], false, false, 1),
    ] {
        let report = with_a_gap(gap, recorded, ends);
        assert_eq!(
            (!report.findings.is_empty(), said(&report)),
            (found, notes),
            "{what}: {:?} {:?}",
            report.findings,
            report.notes
        );
        if !found {
            assert_eq!(report.replayed.counters, 4, "{what}: all of them are compared");
        }
    }
}

#[test]
fn a_sealed_number_that_is_not_the_one_of_its_record_is_found_by_who_has_both_keys() {
    let sealed = |of: u64| {
        let dir = tempfile::tempdir().unwrap();
        session(dir.path(), |ledger| {
            let house = House::new(ledger);
            let event = Event::Suppression(SuppressionEvent::Stop(house.stop(12, Scope::Global)));
            let mut appender = ledger.appender();
            appender.event(NOW, &event, Some(&Personal::of(number(of)))).unwrap();
            appender.commit(NOW).unwrap();
        });
        let (tags, sealer) = (Some(keys().tag_links()), Some(Sealer::new(&keys())));
        ledger(dir.path(), &Asked { tags, sealer, ..Asked::default() })
    };
    let report = sealed(12);
    assert!(report.holds() && report.replayed.tags == 1 && report.replayed.unopened == 0, "{:?}", report.findings);
    let first = sealed(13).findings.first().map(ToString::to_string).unwrap_or_default();
    assert!(first.contains("not the one whose tag the record bears") && first.starts_with("events record "), "{first}");
}
