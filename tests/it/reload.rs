//! Owns the reload: accounts and packs change while messages flow, and a faulty file changes nothing.
//! Must never need a restart for what a reload promises, nor lose a bind that did not change.

use super::support::config::{Config, account, operator as operator_table};
use super::support::stage::{Stage, operator};
use super::support::{PROMO, SOON, phone};
use rustix::process::Signal;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;
use stopgate::sim::wire::UNBIND;

/// Rewrites the configuration file of the running gateway.
fn rewrite(stage: &mut Stage, change: impl FnOnce(&mut Config)) {
    change(&mut stage.config);
    let home = stage.gateway.home.path();
    std::fs::write(home.join("stopgate.toml"), stage.config.write(home)).expect("the configuration is written");
}

/// The status of a promo to this number.
async fn promo(acme: &Esme, number: u32) -> u32 {
    acme.submit_and_wait(&Message::submit("ACME", &phone(number), PROMO)).await.unwrap().status()
}

#[tokio::test(flavor = "current_thread")]
async fn an_account_is_added_and_removed_while_another_stays_bound() {
    let mut stage = Stage::start().await;
    let acme = stage.acme().await;
    rewrite(&mut stage, |config| config.accounts.push(account("beta", "geheim", "operator-a")));
    let (out, error, code) = stage.gateway.command(&["reload"]).await;
    assert_eq!(code, 0, "{out}{error}");
    assert!(out.contains("account beta added"), "{out}");
    let beta = stage.bound(&Bind::transceiver("beta", "geheim")).await;
    assert_eq!(promo(&acme, 301).await, 0);
    rewrite(&mut stage, |config| config.accounts.truncate(1));
    stage.gateway.signal(Signal::HUP);
    assert!(beta.next_request(SOON).await.is_ok(), "the removed account is asked to leave");
    assert!(Esme::bind(stage.gateway.smpp, &Bind::transceiver("beta", "geheim")).await.is_err());
    assert_eq!(promo(&acme, 302).await, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_changed_pack_is_the_law_from_the_reload_on() {
    // 20:30 on a Tuesday: closed by fr-strict, open by the charter of 2026.
    let evening = |config: &mut Config| config.clock = "2026-11-24T20:30:00+01:00".to_owned();
    let mut stage = Stage::with(Switches::default(), evening).await;
    let acme = stage.acme().await;
    assert_eq!(promo(&acme, 303).await, 0x61);
    rewrite(&mut stage, |config| {
        config.acme().text("pack", "fr-af2m-2026");
    });
    let (out, error, code) = stage.gateway.command(&["reload"]).await;
    assert_eq!(code, 0, "{out}{error}");
    assert!(out.contains("account acme changed"), "{out}");
    assert_eq!(promo(&acme, 303).await, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_faulty_file_keeps_the_old_settings_and_says_why() {
    let mut stage = Stage::start().await;
    let acme = stage.acme().await;
    rewrite(&mut stage, |config| {
        config.acme().text("snders", "ACME");
    });
    let (out, error, code) = stage.gateway.command(&["reload"]).await;
    assert_ne!(code, 0, "{out}{error}");
    assert!(error.contains("did you mean `senders`?"), "{error}");
    stage.gateway.signal(Signal::HUP);
    let reloads = "stopgate_config_reload_total";
    stage.gateway.metric_becomes(reloads, &["result=\"invalid\""], |count| count >= 2.0).await;
    assert_eq!(stage.gateway.metric(reloads, &["result=\"ok\""]).await, 0.0);
    assert_eq!(promo(&acme, 304).await, 0);
}

/// Has the running gateway read its file again.
async fn hang_up(stage: &Stage) {
    let before = stage.gateway.metric("stopgate_config_reload_total", &["result=\"ok\""]).await;
    stage.gateway.signal(Signal::HUP);
    stage.gateway.metric_becomes("stopgate_config_reload_total", &["result=\"ok\""], |count| count > before).await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_account_of_an_operator_that_only_a_restart_connects_is_told_to_try_again() {
    let mut stage = Stage::start().await;
    let acme = stage.acme().await;
    let second = operator(Switches::default()).await;
    rewrite(&mut stage, |config| {
        config.smscs.push(operator_table("operator-b", second.address()));
        config.accounts.push(account("shop", "secret2", "operator-b"));
    });
    hang_up(&stage).await;
    let shop = stage.bound(&Bind::transceiver("shop", "secret2")).await;
    assert_eq!(promo(&shop, 600).await, 0x08, "SG151: no link to that operator yet");
    assert_eq!(promo(&acme, 601).await, 0, "nobody else notices");
}

#[tokio::test(flavor = "current_thread")]
async fn an_account_that_a_reload_removes_still_gets_its_answers() {
    let mut stage = Stage::start().await;
    rewrite(&mut stage, |config| config.accounts.push(account("shop", "secret2", "operator-a")));
    hang_up(&stage).await;
    let shop = stage.bound(&Bind::transceiver("shop", "secret2")).await;
    stage.smsc.switch(|switches| switches.answers.stalled = true);
    let waits = shop.submit(&Message::submit("ACME", &phone(602), PROMO)).await.unwrap();
    stage.forwarded(&phone(602)).await;
    shop.answering(false);
    rewrite(&mut stage, |config| config.accounts.truncate(1));
    hang_up(&stage).await;
    assert_eq!(shop.next_request(SOON).await.unwrap().command(), UNBIND);
    stage.smsc.switch(|switches| switches.answers.stalled = false);
    assert_eq!(shop.answer(waits, SOON).await.unwrap().status(), 0);
}
