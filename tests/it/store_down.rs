//! Owns a disk that takes nothing any more: no STOP is acknowledged, no promo leaves, codes still pass.
//! Must never pass silently where the tool it needs is missing: it says so, and fails when nothing may be skipped.

use super::support::config::{account, bank};
use super::support::search;
use super::support::skip::skip;
use super::support::stage::Stage;
use super::support::strace::Injected;
use super::support::{OPTED_OUT_THERE, PROMO, SOON, phone, receipt_of};
use stopgate::sim::esme::Bind;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

/// A receipt whose error the operator uses for people who opted out there.
fn opted_out(number: &str) -> Message {
    receipt_of(number, "36111", "1", OPTED_OUT_THERE)
}

/// A person writes to 36111, as often as it takes for an answer: with one that fails the link is given up too, and comes back.
async fn brought(stage: &Stage, number: u32, text: &str) -> u32 {
    let until = tokio::time::Instant::now() + SOON;
    loop {
        assert!(stage.smsc.wait_bound(1, SOON).await, "{}", stage.gateway.log());
        match stage.smsc.deliver(Message::mo(&phone(number), "36111", text), SOON).await {
            Ok(answer) => {
                assert_eq!(answer.pdu.octets().len(), 17);
                return answer.status;
            }
            Err(error) => assert!(tokio::time::Instant::now() < until, "{error}\n{}", stage.gateway.log()),
        }
    }
}

/// STOPs of other people, until the first that the operator is to bring again: on a busy machine strace holds a process a moment
/// before its calls fail. Gives that number.
async fn first_that_fails(stage: &Stage) -> u32 {
    let until = tokio::time::Instant::now() + SOON;
    for number in 5_000.. {
        let status = brought(stage, number, "STOP").await;
        if status == 0x08 {
            return number;
        }
        assert_eq!(status, 0);
        assert!(tokio::time::Instant::now() < until, "nothing fails\n{}", stage.gateway.log());
    }
    unreachable!("numbers do not end")
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_that_is_a_stop_is_not_acknowledged_before_that_is_on_the_disk() {
    let stage = Stage::with(Switches { redeliver: None, ..Switches::default() }, |config| {
        config.operator().set("optout_errors", "[\"53\"]");
    })
    .await;
    let acme = stage.acme().await;
    let answer = stage.smsc.deliver(opted_out(&phone(503)), SOON).await.expect("an answer");
    assert_eq!(answer.status, 0, "the disk is whole\n{}", stage.gateway.log());
    let refused = acme.submit_and_wait(&Message::submit("ACME", &phone(503), PROMO)).await.unwrap().status();
    assert_eq!(refused, 0x66);
    let Some(failing) = Injected::under(stage.gateway.id(), "fdatasync,fsync", "error=EIO") else {
        return skip("strace is missing or may not attach");
    };
    let answer = stage.smsc.deliver(opted_out(&phone(504)), SOON).await.expect("an answer");
    assert_eq!(answer.status, 0x08, "the operator is to bring it again\n{}", stage.gateway.log());
    let told = [acme.next_delivery(SOON).await.unwrap(), acme.next_delivery(SOON).await.unwrap()];
    let told = told.map(|pdu| Message::parse(&pdu).unwrap().source.as_text());
    assert_eq!(told, [phone(503), phone(504)], "the client has it all the same");
    let refused = acme.submit_and_wait(&Message::submit("ACME", &phone(504), PROMO)).await.unwrap().status();
    assert!([0x66, 0x08].contains(&refused), "{refused:#x}: it blocks, durable or not");
    drop(failing);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_that_does_not_reach_the_disk_is_not_acknowledged_and_blocks_all_the_same() {
    let stage = Stage::with(Switches { redeliver: None, ..Switches::default() }, |config| {
        config.accounts.push(bank());
    })
    .await;
    let acme = stage.acme().await;
    let bank = stage.bound(&Bind::transceiver("bank", "pass")).await;
    assert_eq!(stage.mo(&phone(500), "36111", "STOP").await, 0, "the disk is whole");
    let Some(failing) = Injected::under(stage.gateway.id(), "fdatasync,fsync", "error=EIO") else {
        return skip("strace is missing or may not attach");
    };
    let first = first_that_fails(&stage).await;
    // From then on none is acknowledged.
    for number in first + 1..first + 4 {
        assert_eq!(brought(&stage, number, "STOP").await, 0x08, "{}", stage.gateway.log());
    }
    for number in first..first + 4 {
        let refused = acme.submit_and_wait(&Message::submit("ACME", &phone(number), PROMO)).await.unwrap().status();
        assert!([0x66, 0x08].contains(&refused), "{refused:#x}: it blocks, durable or not");
    }
    stage.gateway.readyz_becomes(503).await;
    let closed = acme.submit_and_wait(&Message::submit("ACME", &phone(502), PROMO)).await.unwrap().status();
    assert_eq!(closed, 0x08, "SG153: nothing commercial leaves without evidence");
    let code = bank.submit_and_wait(&Message::submit("BANK", &phone(502), "Votre code est 123456")).await.unwrap();
    assert_eq!(code.status(), 0, "codes pass, and are counted");
    drop(failing);
}

#[tokio::test(flavor = "current_thread")]
async fn nothing_that_a_person_did_is_called_done_and_nothing_is_shown_of_anybody_while_the_disk_takes_nothing() {
    let stage = Stage::with(Switches { redeliver: None, ..Switches::default() }, |config| {
        let mut asked = account("asked", "asked", "operator-a");
        asked.set("senders", "[\"ASKED\", \"36333\"]").set("stop_codes", "[\"36333\"]").text("consent", "proof");
        asked.unset("consent_statement");
        config.accounts.push(asked);
    })
    .await;
    let home = stage.gateway.home.path().to_owned();
    assert_eq!(stage.mo(&phone(510), "36111", "STOP Hippolyte").await, 0);
    let (sealed, _) = search::sealed(&home, 510);
    assert!(!sealed.is_empty());
    // What is needed for the commands below is on record before.
    let [stopped, other] = [510, 511].map(|number| format!("+{}", phone(number)));
    let commands: [&[&str]; 8] = [
        &["stop", "add", &other, "--evidence", "letter 1"],
        &[
            "consent",
            "record",
            &other,
            "--account",
            "asked",
            "--source",
            "web",
            "--wording",
            "v3",
            "--evidence",
            "form",
        ],
        &["stop", "lift", &stopped, "--account", "acme", "--evidence", "letter 2", "--reason", "asks"],
        &["gdpr", "erase", &stopped, "--reason", "letter 3"],
        // Readings of personal data are recorded first.
        &["why", &stopped],
        &["stop", "show", &stopped],
        &["gdpr", "access", &stopped],
        &["stop", "review"],
    ];
    let Some(failing) = Injected::under(stage.gateway.id(), "fdatasync,fsync", "error=EIO") else {
        return skip("strace is missing or may not attach");
    };
    first_that_fails(&stage).await;
    // The way back needs the disk first, and the list in memory last.
    assert_eq!(brought(&stage, 510, "START").await, 0x08, "the operator is to bring it again\n{}", stage.gateway.log());
    for command in commands {
        let (out, error, code) = stage.gateway.command(command).await;
        assert!(code != 0, "{command:?}: {out}{error}");
        assert!(!out.contains("Hippolyte") && !error.contains("Hippolyte"), "{command:?}: {out}{error}");
        assert!(error.contains("next: "), "{command:?} says what to do: {error}");
    }
    let acme = stage.acme().await;
    for number in [510, 511] {
        let refused = acme.submit_and_wait(&Message::submit("ACME", &phone(number), PROMO)).await.unwrap().status();
        assert!([0x66, 0x08].contains(&refused), "{refused:#x}: {number} blocks, durable or not");
    }
    drop(failing);
    assert!(!search::holding(&home.join("data"), &sealed).is_empty(), "what was not recorded was not erased");
    assert!(!stage.gateway.log().contains("panicked"), "{}", stage.gateway.log());
}
