//! Owns the manners of links: unbind drains, enquire_link is answered both ways, windows hold, throttling is passed on.
//! Must never see more unanswered submits at the operator than its window.

use super::support::stage::Stage;
use super::support::{PROMO, SOON, phone};
use std::time::Duration;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::{Switches, When};
use stopgate::sim::wire::{ENQUIRE_LINK, RESPONSE, UNBIND};

#[tokio::test(flavor = "current_thread")]
async fn an_unbind_is_answered_after_every_submit_before_it() {
    let mut switches = Switches::default();
    switches.answers.delay = Duration::from_millis(100);
    let stage = Stage::with(switches, |_| {}).await;
    let acme = stage.acme().await;
    for number in 0..10 {
        acme.submit(&Message::submit("ACME", &phone(200 + number), PROMO)).await.unwrap();
    }
    acme.request(UNBIND, b"").await.unwrap();
    let mut commands = Vec::new();
    for _ in 0..11 {
        let (_, pdu) = acme.next_answer(SOON).await.unwrap();
        assert_eq!(pdu.status(), 0, "{pdu:?}");
        commands.push(pdu.command());
    }
    assert_eq!(commands.last(), Some(&(UNBIND | RESPONSE)));
    assert!(acme.closed(SOON).await);
}

#[tokio::test(flavor = "current_thread")]
async fn enquire_link_is_answered_on_both_sides_and_asked_by_us_when_it_is_quiet() {
    let stage = Stage::with(Switches::default(), |config| {
        config.operator().text("enquire_link", "1s");
        config.acme().text("enquire_link", "1s");
    })
    .await;
    let acme = stage.acme().await;
    let sequence = acme.request(ENQUIRE_LINK, b"").await.unwrap();
    assert_eq!(acme.answer(sequence, SOON).await.unwrap().command(), ENQUIRE_LINK | RESPONSE);
    assert_eq!(acme.next_request(SOON).await.unwrap().command(), ENQUIRE_LINK);
    let seen = async |command| {
        let found = stage
            .smsc
            .wait_for(SOON, |records| records.other.iter().any(|(_, pdu)| pdu.command() == command).then_some(()));
        assert!(found.await.is_some(), "{command:#x} does not come\n{}", stage.gateway.log());
    };
    seen(ENQUIRE_LINK).await;
    stage.smsc.switch(|switches| switches.enquire_link = Some(Duration::from_millis(20)));
    seen(ENQUIRE_LINK | RESPONSE).await;
}

#[tokio::test(flavor = "current_thread")]
async fn no_more_submits_than_the_operator_s_window_are_unanswered_and_none_is_lost() {
    let stage = Stage::with(Switches::default(), |config| {
        config.operator().set("window", 5);
    })
    .await;
    stage.smsc.switch(|switches| switches.answers.stalled = true);
    let acme = stage.acme().await;
    let mut sequences = Vec::new();
    for number in 0..8 {
        sequences.push(acme.submit(&Message::submit("ACME", &phone(220 + number), PROMO)).await.unwrap());
    }
    stage.smsc.wait_for(SOON, |records| (records.submitted_total == 5).then_some(())).await.expect("a window full");
    let enquire = acme.request(ENQUIRE_LINK, b"").await.unwrap();
    acme.answer(enquire, SOON).await.expect("enquire_link is served while the window is full");
    assert_eq!(stage.mo(&phone(240), "36111", "STOP").await, 0, "a STOP is served while the window is full");
    assert_eq!(stage.smsc.records(|records| records.submitted_total), 5);
    stage.smsc.switch(|switches| switches.answers.stalled = false);
    for sequence in sequences {
        assert_eq!(acme.answer(sequence, SOON).await.unwrap().status(), 0);
    }
    let promos = stage.smsc.records(|records| records.submitted.iter().filter(|one| one.source() == "ACME").count());
    assert_eq!(promos, 8);
}

#[tokio::test(flavor = "current_thread")]
async fn an_operator_s_own_status_is_passed_on_and_nothing_is_sent_again() {
    let mut switches = Switches::default();
    switches.answers.statuses = vec![
        (When::To(phone(250)), 0x58),
        (When::To(phone(251)), 0x45),
        (When::To(phone(252)), 0x400),
        (When::To(phone(253)), 0x14),
    ];
    let stage = Stage::with(switches, |_| {}).await;
    let acme = stage.acme().await;
    for (number, status) in [(250, 0x58), (251, 0x45), (252, 0x400), (253, 0x14), (254, 0)] {
        let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(number), PROMO)).await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert_eq!(stage.smsc.records(|records| records.submitted_total), 5);
}

#[tokio::test(flavor = "current_thread")]
async fn messages_to_one_number_keep_their_order_over_many_binds_to_the_operator() {
    let stage = Stage::with(Switches::default(), |config| {
        config.operator().set("links", 3);
    })
    .await;
    assert!(stage.smsc.wait_bound(3, SOON).await);
    let acme = stage.acme().await;
    let mut sequences = Vec::new();
    for place in 0..60 {
        let text = format!("Soldes {place:02}. STOP 36111");
        sequences.push(acme.submit(&Message::submit("ACME", &phone(260 + place % 6), &text)).await.unwrap());
    }
    for sequence in sequences {
        assert_eq!(acme.answer(sequence, SOON).await.unwrap().status(), 0);
    }
    let mut links = std::collections::BTreeSet::new();
    for number in 0..6 {
        let (texts, on): (Vec<String>, Vec<u64>) =
            stage.smsc.records(|records| records.to(&phone(260 + number)).map(|one| (one.text(), one.link)).unzip());
        assert_eq!(texts.len(), 10);
        assert!(texts.is_sorted(), "{texts:?}");
        assert!(on.iter().all(|link| *link == on[0]), "one number, one link");
        links.insert(on[0]);
    }
    assert!(links.len() > 1, "six numbers on one of three links");
}

#[tokio::test(flavor = "current_thread")]
async fn sigterm_drains_what_is_in_flight_and_ends_cleanly() {
    let mut switches = Switches::default();
    switches.answers.delay = Duration::from_millis(200);
    let mut stage = Stage::with(switches, |_| {}).await;
    let acme = stage.acme().await;
    let sequence = acme.submit(&Message::submit("ACME", &phone(270), PROMO)).await.unwrap();
    stage.forwarded(&phone(270)).await;
    stage.gateway.signal(rustix::process::Signal::TERM);
    assert_eq!(acme.answer(sequence, SOON).await.unwrap().status(), 0);
    assert!(stage.gateway.ended().await.success(), "{}", stage.gateway.log());
    let unbound = stage.smsc.records(|records| records.other.iter().any(|(_, pdu)| pdu.command() == UNBIND));
    assert!(unbound, "the operator was told goodbye");
}

#[tokio::test(flavor = "current_thread")]
async fn an_unbind_resp_that_nobody_asked_for_ends_nothing() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    acme.request(UNBIND | RESPONSE, b"").await.unwrap();
    let promo = Message::submit("ACME", &phone(260), PROMO);
    assert_eq!(acme.submit_and_wait(&promo).await.unwrap().status(), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_that_sends_beyond_its_window_is_served_as_long_as_its_messages_move() {
    let mut switches = Switches::default();
    switches.answers.delay = Duration::from_millis(150);
    let stage = Stage::with(switches, |config| {
        config.acme().set("window", 1);
    })
    .await;
    let acme = stage.acme().await;
    let mut sequences = Vec::new();
    for number in 0..45 {
        sequences.push(acme.submit(&Message::submit("ACME", &phone(280 + number), PROMO)).await.unwrap());
        if number >= 4 {
            // Four more than its window, all the time.
            assert_eq!(
                acme.answer(sequences[number as usize - 4], SOON).await.unwrap().status(),
                0,
                "message {number}"
            );
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_drain_answers_what_the_operator_never_answered() {
    let mut switches = Switches::default();
    switches.answers.stalled = true;
    let mut stage = Stage::with(switches, |config| {
        config.operator().set("window", 1);
    })
    .await;
    let acme = stage.acme().await;
    let written = acme.submit(&Message::submit("ACME", &phone(271), PROMO)).await.unwrap();
    stage.forwarded(&phone(271)).await;
    let waiting = acme.submit(&Message::submit("ACME", &phone(272), PROMO)).await.unwrap();
    stage.gateway.metric_becomes("stopgate_submit_waiting", &[], |value| value == 1.0).await;
    stage.gateway.signal(rustix::process::Signal::TERM);
    assert_eq!(acme.answer(written, SOON).await.unwrap().status(), 0xff, "SG154: it may have been sent");
    let told = acme.answer(waiting, SOON).await.unwrap().status();
    assert!(
        [0x08, 0x14].contains(&told),
        "{told:#x}: it was not, and may be sent again (SG151, or SG152 when ten seconds are over)"
    );
    assert!(stage.gateway.ended().await.success(), "{}", stage.gateway.log());
}

#[tokio::test(flavor = "current_thread")]
async fn of_many_clients_that_are_held_for_an_operator_none_starves() {
    let mut switches = Switches::default();
    switches.answers.delay = Duration::from_millis(10);
    let stage = Stage::with(switches, |config| {
        config.operator().set("window", 1);
    })
    .await;
    let mut clients = Vec::new();
    for client in 0..4 {
        let acme = stage.acme().await;
        for number in 0..40 {
            acme.submit(&Message::submit("ACME", &phone(700 + client * 50 + number), PROMO)).await.unwrap();
        }
        clients.push(acme);
    }
    stage.smsc.wait_for(SOON, |records| (records.submitted_total >= 80).then_some(())).await.expect("half of them");
    let mut had = [0; 4];
    stage.smsc.records(|records| {
        for one in &records.submitted {
            let number: usize = one.destination()[7..].parse().expect("a number of the block");
            had[(number - 700) / 50] += 1;
        }
    });
    assert!(had.iter().all(|count| *count >= 10), "{had:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_that_never_pauses_is_told_to_come_again_and_nothing_it_sent_is_left_in_doubt() {
    let mut switches = Switches::default();
    switches.answers.delay = Duration::from_millis(30);
    let mut stage = Stage::with(switches, |_| {}).await;
    let acme = stage.acme().await;
    acme.answering(false);
    let mut sequences = std::collections::VecDeque::new();
    let mut told = Vec::new();
    for number in 0..5_000 {
        if number == 20 {
            stage.gateway.signal(rustix::process::Signal::TERM);
        }
        let Ok(sequence) = acme.submit(&Message::submit("ACME", &phone(800 + number % 100), PROMO)).await else {
            break;
        };
        sequences.push_back(sequence);
        if sequences.len() > 5 {
            let Ok(answer) = acme.answer(sequences.pop_front().expect("six"), SOON).await else { break };
            told.push(answer.status());
        }
    }
    // 0x08 while something of it is under way; 0x04 behind our unbind, which goes out in the first moment when nothing is.
    assert!(told.len() >= 20 && told.iter().any(|status| [0x08, 0x04].contains(status)), "{told:x?}");
    assert!(told.iter().all(|status| [0, 0x08, 0x04].contains(status)), "{told:x?}");
    assert!(stage.gateway.ended().await.success(), "{}", stage.gateway.log());
}
