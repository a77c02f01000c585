//! Owns change under load: a hundred reloads, a second process on the same directories, an orderly end, all while messages flow.
//! Must never count a message whose answer was not waited for.

use super::support::config::account;
use super::support::figures::Figures;
use super::support::gateway::stopgate;
use super::support::stage::Stage;
use super::support::status::OPTED_OUT;
use super::support::{SOON, left_over, phone};
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

/// Reloads, in CI as in the long form.
const RELOADS: u32 = 100;
/// Promos in flight on each bind around a reload.
const PROMOS: u32 = 20;
/// SG151: come again.
const DRAINING: u32 = 0x08;
/// ESME_RINVBNDSTS: sent before the sender had read our unbind, and come behind it.
const CROSSED: u32 = 0x04;

/// What was sent and what came of it.
#[derive(Default)]
struct Books {
    sent: u64,
    statuses: BTreeMap<u32, u64>,
}

impl Books {
    async fn send(&mut self, bind: &Esme) -> Vec<u32> {
        let mut sequences = Vec::new();
        for _ in 0..PROMOS {
            self.sent += 1;
            let to = phone(1_000 + (self.sent % 5_000) as u32);
            let promo = Message::submit("ACME", &to, &format!("Offre {}. STOP 36111", self.sent));
            sequences.push(bind.submit(&promo).await.expect("the bind stays"));
        }
        sequences
    }

    async fn collect(&mut self, bind: &Esme, sequences: Vec<u32>) {
        for sequence in sequences {
            let answer = bind.answer(sequence, SOON).await.expect("every submit is answered");
            *self.statuses.entry(answer.status()).or_default() += 1;
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_hundred_reloads_a_second_process_and_an_orderly_end_disturb_nobody() {
    let mut stage = Stage::with(Switches::default(), |config| {
        config.operator().set("window", 1000);
    })
    .await;
    let binds = [stage.acme().await, stage.acme().await];
    let mut books = Books::default();
    let (mut strangers, mut stops) = (0u64, 0u32);
    let plain = stage.config.clone();
    for turn in 0..RELOADS {
        let mut flying = Vec::new();
        for bind in &binds {
            flying.push(books.send(bind).await);
        }
        stage.config = plain.clone();
        if turn % 2 == 0 {
            let mut beta = account("beta", "geheim", "operator-a");
            beta.set("senders", "[\"BETA\"]").set("stop_codes", "[\"36222\"]");
            stage.config.accounts.push(beta);
        }
        stage.config.acme().text("pack", if turn % 3 == 0 { "fr-strict" } else { "fr-8-20" });
        let faulty = turn % 10 == 9;
        if faulty {
            stage.config.acme().text("snders", "ACME");
        }
        let result = if faulty { "result=\"invalid\"" } else { "result=\"ok\"" };
        let before = stage.gateway.metric("stopgate_config_reload_total", &[result]).await;
        let home = stage.gateway.home.path();
        std::fs::write(home.join("stopgate.toml"), stage.config.write(home)).expect("written");
        stage.gateway.signal(Signal::HUP);
        assert_eq!(stage.mo(&phone(turn), "36111", "STOP").await, 0);
        stops += 1;
        for (bind, flying) in binds.iter().zip(&mut flying) {
            flying.extend(books.send(bind).await);
        }
        stage.gateway.metric_becomes("stopgate_config_reload_total", &[result], |count| count > before).await;
        for (bind, flying) in binds.iter().zip(flying) {
            books.collect(bind, flying).await;
        }
        if turn % 2 == 0 && !faulty {
            let beta = stage.bound(&Bind::transceiver("beta", "geheim")).await;
            strangers += left_over(&beta).await.len() as u64;
        }
        if turn == RELOADS / 2 {
            second_process(&stage).await;
        }
    }
    assert_eq!(books.statuses.keys().copied().collect::<Vec<_>>(), [0], "{:?}", books.statuses);

    // The end, in the middle of it all: whoever is not served is told to come again.
    stage.config = plain;
    let mut flying = Vec::new();
    for bind in &binds {
        flying.push(books.send(bind).await);
    }
    stage.gateway.signal(Signal::TERM);
    for (bind, flying) in binds.iter().zip(flying) {
        books.collect(bind, flying).await;
    }
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let served: BTreeSet<u32> = books.statuses.keys().copied().collect();
    assert!(served.is_subset(&BTreeSet::from([0, DRAINING, CROSSED])), "{:?}", books.statuses);
    let again: usize = binds.iter().map(|bind| bind.drain().iter().filter(|pdu| pdu.is_response()).count()).sum();
    stage.restart().await;
    let (acme, mut lost) = (stage.acme().await, 0);
    for number in 0..stops {
        let promo = Message::submit("ACME", &phone(number), &format!("Encore {number}. STOP 36111"));
        lost += u64::from(acme.submit_and_wait(&promo).await.expect("answered").status() != OPTED_OUT);
    }
    let (forwarded, doubled) = stage.smsc.records(|records| {
        let mut texts: BTreeMap<(String, String), u64> = BTreeMap::new();
        let promos = records.submitted.iter().filter(|one| one.source() == "ACME");
        promos.for_each(|one| *texts.entry((one.destination(), one.text())).or_default() += 1);
        (texts.len() as u64, texts.values().filter(|count| **count > 1).count() as u64)
    });
    assert_eq!(forwarded, books.statuses[&0], "what was answered ROK is what was forwarded");
    Figures::of("reload", RELOADS, 0)
        .counted("promos answered", books.statuses.values().sum())
        .counted("promos forwarded", forwarded)
        .counted("STOPs acknowledged", u64::from(stops))
        .lost("submits unanswered", books.sent - books.statuses.values().sum::<u64>())
        .lost("submits answered twice", again as u64)
        .lost("promos forwarded twice", doubled)
        .lost("acknowledged STOPs lost", lost)
        .lost("PDUs of another account", strangers)
        .report(None);
}

/// The next release, started before the last one has ended: it says who has the directories, and nobody else notices.
async fn second_process(stage: &Stage) {
    let home = stage.gateway.home.path().to_owned();
    let clock = stage.config.clock.clone();
    let second = tokio::task::spawn_blocking(move || {
        let mut command = stopgate();
        command.arg("--config").arg(home.join("stopgate.toml")).args(["run", "--clock", &clock]);
        command.output().expect("the binary starts")
    });
    let second = second.await.expect("it ends");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(69), "{said}");
    assert!(said.contains("another stopgate process"), "{said}");
}
