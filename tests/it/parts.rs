//! Owns messages in parts on their way through the real binary: which part is forwarded, and which one is the gate.
//! Must never wait for a fixed while: verdicts come with answers.

use super::support::config::account;
use super::support::stage::Stage;
use super::support::status::{MISSING_MENTION, OUT_OF_HOURS};
use super::support::{SOON, phone};
use std::time::Duration;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;
use tokio::time::{Instant, sleep};

/// Part `number` of `total` to a number, by an 8-bit header.
fn part(number: &str, text: &str, reference: u8, total: u8, at: u8) -> Message {
    Message::submit("ACME", number, text).as_part(reference, total, at)
}

/// The same by sar_msg_ref_num, sar_total_segments and sar_segment_seqnum.
fn sar(number: &str, text: &str, reference: u16, total: u8, at: u8) -> Message {
    let whole = Message::submit("ACME", number, text);
    whole.with_tlv(0x020c, reference.to_be_bytes()).with_tlv(0x020e, [total]).with_tlv(0x020f, [at])
}

/// The same by a 16-bit header.
fn wide(number: &str, text: &str, reference: u16, total: u8, at: u8) -> Message {
    let mut message = Message::submit("ACME", number, text);
    let [high, low] = reference.to_be_bytes();
    message.esm_class |= 0x40;
    message.short_message.splice(0..0, [6, 8, 4, high, low, total, at]);
    message
}

async fn told(esme: &Esme, message: &Message) -> u32 {
    esme.submit_and_wait(message).await.unwrap().status()
}

#[tokio::test(flavor = "current_thread")]
async fn a_mention_that_straddles_two_parts_passes_by_every_segmentation_in_every_order() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    type Make = fn(&str, &str, u8) -> Message;
    let ways: [Make; 3] = [
        |to, text, at| part(to, text, 7, 2, at),
        |to, text, at| wide(to, text, 0x0107, 2, at),
        |to, text, at| sar(to, text, 0x0107, 2, at),
    ];
    for (index, make) in ways.into_iter().enumerate() {
        for (turn, order) in [[1, 2], [2, 1]].into_iter().enumerate() {
            let number = phone(700 + 2 * index as u32 + turn as u32);
            for at in order {
                let text = if at == 1 { "-20% ce samedi. ST" } else { "OP 36111" };
                let message = make(&number, text, at);
                assert_eq!(told(&acme, &message).await, 0, "way {index}, order {order:?}, part {at}");
                let last = stage.smsc.records(|records| records.to(&number).last().cloned()).expect("forwarded");
                assert_eq!(last.pdu, message.pdu(last.pdu.sequence()), "forwarded as it came");
            }
            assert_eq!(stage.count_to(&number), 2);
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_part_that_would_complete_a_promo_without_a_mention_never_leaves() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    for (index, order) in [[1, 2, 3], [3, 1, 2], [2, 3, 1]].into_iter().enumerate() {
        let number = phone(710 + index as u32);
        for at in &order[..2] {
            assert_eq!(told(&acme, &part(&number, "-20% ce samedi ", 7, 3, *at)).await, 0);
        }
        for _ in 0..2 {
            assert_eq!(
                told(&acme, &part(&number, "venez nombreux ", 7, 3, order[2])).await,
                MISSING_MENTION,
                "{order:?}"
            );
        }
        assert_eq!(stage.count_to(&number), 2);
        assert_eq!(told(&acme, &part(&number, "STOP 36111 ", 7, 3, order[2])).await, 0);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn parts_over_two_binds_are_one_message_and_a_part_of_another_account_is_refused() {
    let stage = Stage::with(Switches::default(), |config| {
        config.accounts.push(account("other", "pass", "operator-a"));
    })
    .await;
    let (first, second) = (stage.acme().await, stage.acme().await);
    let other = stage.bound(&Bind::transceiver("other", "pass")).await;
    let number = phone(720);
    assert_eq!(told(&first, &part(&number, "-20% ce samedi ", 7, 2, 1)).await, 0);
    assert_eq!(told(&second, &part(&number, "venez nombreux", 7, 2, 2)).await, MISSING_MENTION);
    assert_eq!(told(&other, &part(&number, "STOP 36111", 7, 2, 2)).await, MISSING_MENTION);
    assert_eq!(told(&second, &part(&number, "STOP 36111", 7, 2, 2)).await, 0);
    assert_eq!(stage.count_to(&number), 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_retried_part_has_its_verdict_and_another_text_for_it_is_refused() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let number = phone(721);
    for _ in 0..2 {
        assert_eq!(told(&acme, &part(&number, "-20% ce samedi ", 7, 2, 1)).await, 0);
    }
    assert_eq!(told(&acme, &part(&number, "-90% ce samedi ", 7, 2, 1)).await, MISSING_MENTION);
    for _ in 0..2 {
        assert_eq!(told(&acme, &part(&number, "STOP 36111", 7, 2, 2)).await, 0);
    }
    assert_eq!(
        told(&acme, &part(&number, "a demain", 7, 2, 2)).await,
        MISSING_MENTION,
        "also when the message is whole"
    );
    assert_eq!(stage.count_to(&number), 4);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_between_two_parts_holds_for_the_second() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let number = phone(722);
    assert_eq!(told(&acme, &part(&number, "-20% ce samedi ", 7, 2, 1)).await, 0);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(told(&acme, &part(&number, "STOP 36111", 7, 2, 2)).await, 0x66);
}

#[tokio::test(flavor = "current_thread")]
async fn after_a_restart_a_set_is_completed_by_a_part_that_carries_the_mention_only() {
    let mut stage = Stage::start().await;
    let acme = stage.acme().await;
    let (number, other) = (phone(723), phone(724));
    for to in [&number, &other] {
        assert_eq!(told(&acme, &part(to, "-20% ce samedi. STOP 36111 ", 7, 2, 1)).await, 0);
    }
    stage.gateway.kill();
    stage.restart().await;
    let acme = stage.acme().await;
    assert_eq!(told(&acme, &part(&number, "venez nombreux", 7, 2, 2)).await, MISSING_MENTION);
    assert_eq!(told(&acme, &part(&other, "STOP 36111", 7, 2, 2)).await, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn in_the_last_ten_seconds_before_closing_no_message_in_parts_begins() {
    let stage = Stage::with(Switches::default(), |config| config.clock = "2026-11-24T19:59:35+01:00".to_owned()).await;
    let acme = stage.acme().await;
    let until = Instant::now() + 2 * SOON;
    let mut others = 726..;
    // A message in one piece still passes then.
    let begun = loop {
        let to = phone(others.next().expect("numbers without end"));
        if told(&acme, &part(&to, "-20% ", 7, 2, 1)).await == OUT_OF_HOURS {
            break told(&acme, &Message::submit("ACME", &to, "-20% STOP 36111")).await;
        }
        assert!(Instant::now() < until, "the last ten seconds do not come");
        sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(begun, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn all_parts_are_paid_with_the_first() {
    let stage = Stage::with(Switches::default(), |config| {
        config.acme().set("throughput", 1);
    })
    .await;
    let acme = stage.acme().await;
    let number = phone(740);
    assert_eq!(told(&acme, &part(&number, "-20% ce samedi ", 7, 60, 1)).await, 0);
    let alone = Message::submit("ACME", &phone(741), "-20% STOP 36111");
    assert_eq!(told(&acme, &alone).await, 0x58, "a minute's worth was taken at once");
    for at in 2..10 {
        assert_eq!(told(&acme, &part(&number, "et dimanche ", 7, 60, at)).await, 0, "{at}");
    }
    assert_eq!(told(&acme, &part(&number, "et dimanche ", 7, 60, 2)).await, 0x58, "a repeated part is paid again");
}

#[tokio::test(flavor = "current_thread")]
async fn a_part_that_did_not_leave_may_be_sent_with_another_text() {
    let mut switches = Switches::default();
    switches.answers.stalled = true;
    let stage = Stage::with(switches, |config| {
        config.operator().set("window", 1);
    })
    .await;
    let acme = stage.acme().await;
    let (number, other) = (phone(742), phone(743));
    let full = acme.submit(&part(&other, "-20% ce samedi ", 7, 2, 1)).await.unwrap();
    stage.forwarded(&other).await;
    let waiting = acme.submit(&part(&number, "-20% ce samedi ", 7, 2, 1)).await.unwrap();
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    stage.smsc.switch(|switches| switches.answers.stalled = false);
    assert_eq!(acme.answer(full, SOON).await.unwrap().status(), 0);
    assert_eq!(acme.answer(waiting, SOON).await.unwrap().status(), 0x66);
    assert_eq!(stage.mo(&number, "36111", "START").await, 0);
    assert_eq!(told(&acme, &part(&number, "-90% ce samedi ", 7, 2, 1)).await, 0);
    assert_eq!(told(&acme, &part(&other, "-90% ce samedi ", 7, 2, 1)).await, MISSING_MENTION, "that one left");
}
