//! Owns the tests of when an answer is owed.
//! Must never wait for a time to pass.

use super::*;

fn duty(kind: DutyKind) -> Duty {
    Duty {
        kind,
        number: Msisdn::from_canonical(33_639_980_001).unwrap(),
        tag: NumberTag([1; 16]),
        short_code: 36_111,
        account: NameId(1),
    }
}

fn at(seconds: i64) -> CivilInstant {
    CivilInstant::from_secs(1_790_000_000 + seconds)
}

const HOUR: i64 = 3_600;

/// Decides, owes, intends and settles at once.
fn answer(duties: &mut Duties, id: u64, kind: DutyKind, transition: bool, now: CivilInstant) -> Result<(), Quiet> {
    duties.decide(&duty(kind), transition, now)?;
    duties.owe(DutyId(id), duty(kind), now);
    assert_eq!(duties.intend(DutyId(id), now), Some(duty(kind)));
    assert_eq!(duties.settle(DutyId(id), Fate::Accepted, now), Some(Next::Over(Fate::Accepted)));
    Ok(())
}

#[test]
fn a_repeated_stop_is_confirmed_once_in_24_hours_and_a_transition_each_time() {
    let mut duties = Duties::default();
    assert_eq!(answer(&mut duties, 1, DutyKind::Stop, true, at(0)), Ok(()));
    assert_eq!(answer(&mut duties, 2, DutyKind::Stop, false, at(23 * HOUR)), Err(Quiet::RepeatedStop));
    assert_eq!(answer(&mut duties, 3, DutyKind::Stop, false, at(24 * HOUR)), Ok(()));
    assert_eq!(answer(&mut duties, 4, DutyKind::Start, true, at(25 * HOUR)), Ok(()));
    assert_eq!(answer(&mut duties, 5, DutyKind::Stop, true, at(26 * HOUR)), Ok(()));
}

#[test]
fn no_number_is_answered_more_than_three_times_a_day_whatever_it_sends() {
    let mut duties = Duties::default();
    let mut answers = Vec::new();
    for minute in 0..3 * 24 * 60 {
        let kind = [DutyKind::Stop, DutyKind::Start, DutyKind::Contact][minute % 3];
        let now = at(minute as i64 * 60);
        if answer(&mut duties, minute as u64, kind, true, now).is_ok() {
            answers.push(now);
        }
        duties.expire(now);
    }
    assert_eq!(answers.len(), 9);
    assert!(answers.windows(4).all(|four| four[3].since(four[0]) >= DAY));
}

#[test]
fn what_may_have_been_sent_is_never_sent_again() {
    for fate in [Fate::Unknown, Fate::Accepted, Fate::Final] {
        let mut duties = Duties::default();
        duties.owe(DutyId(1), duty(DutyKind::Stop), at(0));
        duties.intend(DutyId(1), at(0)).unwrap();
        assert_eq!(duties.intend(DutyId(1), at(1)), None, "an intent is used once");
        assert_eq!(duties.settle(DutyId(1), fate, at(30)), Some(Next::Over(fate)));
        assert!(duties.due(at(23 * HOUR), 10).is_empty() && duties.is_empty());
    }
}

#[test]
fn a_crash_between_intent_and_answer_counts_as_sent() {
    let mut duties = Duties::default();
    duties.owe(DutyId(1), duty(DutyKind::Stop), at(0));
    duties.owe(DutyId(2), duty(DutyKind::Contact), at(0));
    duties.intend(DutyId(1), at(0)).unwrap();
    assert_eq!(duties.restarted(at(5)), [DutyId(1)]);
    assert_eq!(duties.due(at(5), 10).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [DutyId(2)]);
    assert_eq!(duties.decide(&duty(DutyKind::Stop), false, at(HOUR)), Err(Quiet::RepeatedStop));
}

#[test]
fn a_definite_temporary_refusal_is_retried_for_24_hours_ever_more_slowly() {
    let mut duties = Duties::default();
    duties.owe(DutyId(1), duty(DutyKind::Stop), at(0));
    let (mut now, mut attempts) = (at(0), 0);
    loop {
        assert_eq!(duties.next_due(), Some(now));
        duties.intend(DutyId(1), now).unwrap();
        attempts += 1;
        match duties.settle(DutyId(1), Fate::of_status(0x58), now).unwrap() {
            Next::Again(again) => {
                assert!(again.since(now) >= RETRY_MIN && again.since(now) <= RETRY_MAX);
                assert_eq!(duties.intend(DutyId(1), now), None, "not before its time");
                now = again;
            }
            Next::Over(fate) => {
                assert_eq!(fate, Fate::Temporary);
                break;
            }
        }
    }
    assert!((20..40).contains(&attempts) && now.since(at(0)) >= Duration::from_secs(22 * 3600), "{attempts}");
    assert_eq!(duties.decide(&duty(DutyKind::Stop), false, now), Ok(()), "nothing was sent, so nothing counts");
}

#[test]
fn an_answer_that_found_no_link_is_tried_again_soon() {
    let mut duties = Duties::default();
    duties.owe(DutyId(1), duty(DutyKind::Stop), at(0));
    let mut now = at(0);
    let mut waits = Vec::new();
    for _ in 0..8 {
        duties.intend(DutyId(1), now).unwrap();
        let Some(Next::Again(again)) = duties.settle(DutyId(1), Fate::NotWritten, now) else { panic!("it is owed") };
        waits.push(again.since(now).as_secs());
        now = again;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn what_is_told_again_decides_the_same() {
    let mut duties = Duties::default();
    answer(&mut duties, 1, DutyKind::Stop, true, at(0)).unwrap();
    answer(&mut duties, 2, DutyKind::Contact, false, at(10)).unwrap();
    duties.owe(DutyId(3), duty(DutyKind::Stop), at(20));
    duties.intend(DutyId(3), at(20)).unwrap();
    let mut again = Duties::default();
    for (tag, kind, at) in duties.remembered(at(30)) {
        again.remember(tag, kind, at);
    }
    for (id, duty, since, intended) in duties.opened() {
        again.owe(id, duty, since);
        intended.map(|at| again.intend(id, at).unwrap());
    }
    for both in [&mut duties, &mut again] {
        assert_eq!(both.decide(&duty(DutyKind::Start), true, at(30)), Err(Quiet::DailyLimit));
        both.settle(DutyId(3), Fate::Final, at(31)).unwrap();
        assert_eq!(both.decide(&duty(DutyKind::Start), true, at(32)), Ok(()));
        assert_eq!(both.decide(&duty(DutyKind::Stop), false, at(32)), Err(Quiet::RepeatedStop));
    }
    assert!(duties.remembered(at(25 * HOUR)).is_empty());
}

#[test]
fn statuses_are_read_as_the_operator_means_them() {
    let cases = [(0, Fate::Accepted), (0x08, Fate::Temporary), (0x14, Fate::Temporary), (0x58, Fate::Temporary)];
    for (status, fate) in cases.into_iter().chain([(0x64, Fate::Temporary), (0x0b, Fate::Final), (0x45, Fate::Final)]) {
        assert_eq!(Fate::of_status(status), fate, "{status:#x}");
    }
}

#[test]
fn the_same_answer_under_way_is_not_begun_again_and_old_debts_are_given_up() {
    let mut duties = Duties::default();
    duties.owe(DutyId(1), duty(DutyKind::Contact), at(0));
    assert_eq!(duties.decide(&duty(DutyKind::Contact), false, at(1)), Err(Quiet::UnderWay));
    assert_eq!(duties.expire(at(23 * HOUR)), []);
    assert_eq!(duties.expire(at(24 * HOUR)), [DutyId(1)]);
    assert!(duties.numbers.is_empty());
    duties.owe(DutyId(2), duty(DutyKind::Stop), at(0));
    assert_eq!(duties.erase(&NumberTag([1; 16])), [DutyId(2)]);
}

#[test]
fn a_question_counts_as_put_from_its_intent_on_unless_it_certainly_did_not_leave() {
    let (kind, tag) = (DutyKind::StartQuestion, duty(DutyKind::StartQuestion).tag);
    for (fate, put) in [
        (Fate::Accepted, true),
        (Fate::Unknown, true),
        (Fate::Final, false),
        (Fate::Temporary, false),
        (Fate::NotWritten, false),
    ] {
        let mut duties = Duties::default();
        duties.owe(DutyId(1), duty(kind), at(0));
        assert_eq!(duties.last_question(&tag), None, "owed, not put");
        duties.intend(DutyId(1), at(1));
        assert_eq!(duties.last_question(&tag), Some(at(1)));
        duties.settle(DutyId(1), fate, at(2));
        assert_eq!(duties.last_question(&tag), put.then_some(at(1)), "{fate:?}");
        // What a rewritten journal says tells the same.
        let mut again = Duties::default();
        duties.remembered(at(3)).into_iter().for_each(|(tag, kind, at)| again.remember(tag, kind, at));
        assert_eq!(again.last_question(&tag), duties.last_question(&tag), "{fate:?}");
    }
}
