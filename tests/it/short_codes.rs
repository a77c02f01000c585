//! Owns short codes as France uses them: shared, over an operator of their own, and what is owed to whoever writes to one.
//! Must never take an answer that leaves later for one that does not: something else always leaves behind it.

use super::attribution::{Shops, three_shops};
use super::support::config::{Config, account, operator};
use super::support::stage::{self, Stage};
use super::support::{SOON, phone};
use stopgate::sim::esme::Bind;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::Smsc;
use stopgate::sim::smsc::switches::{Switches, When};

const PROMO: &str = "Soldes samedi. STOP 36111";

/// What the code has written to a number, as far as this operator has it.
fn answers(smsc: &Smsc, number: &str) -> Vec<String> {
    smsc.records(|records| records.to(number).filter(|one| one.source() == "36111").map(|one| one.text()).collect())
}

/// Waits until the code has written so often to a number; then until it has answered somebody else, who came later.
async fn answered(stage: &Stage, number: &str, times: usize, later: u32) -> Vec<String> {
    let later = phone(later);
    assert_eq!(stage.mo(&later, "36111", "CONTACT").await, 0);
    let written = |records: &stopgate::sim::smsc::records::Records, number: &str| {
        records.to(number).filter(|one| one.source() == "36111").count()
    };
    let both = stage
        .smsc
        .wait_for(SOON, |records| (written(records, number) >= times && written(records, &later) > 0).then_some(()));
    assert!(both.await.is_some(), "{:?}\n{}", answers(&stage.smsc, number), stage.gateway.log());
    let found = answers(&stage.smsc, number);
    assert_eq!(found.len(), times, "{found:?}");
    found
}

/// The same gateway at another time.
async fn at(stage: &mut Stage, clock: &str) {
    stage.gateway.kill();
    stage.config.clock = clock.to_owned();
    stage.restart().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_code_whose_messages_come_over_another_operator_is_answered_there() {
    let codes = stage::operator(Switches::default()).await;
    let address = codes.address();
    let stage = Stage::with(Switches::default(), |config| {
        three_shops(config);
        config.smscs.push(operator("codes", address));
        config.short_codes[0].text("smsc", "codes");
    })
    .await;
    assert!(codes.wait_bound(1, SOON).await);
    let shops = Shops::bound(&stage).await;
    let number = phone(900);
    assert_eq!(shops.promo(1, &number, PROMO).await, 0);
    let said = codes.deliver(Message::mo(&number, "36111", "STOP"), SOON).await.expect("answered");
    assert_eq!(said.status, 0);
    let confirmed =
        codes.wait_for(SOON, |records| records.to(&number).next().map(|one| (one.source(), one.text()))).await;
    let (source, text) = confirmed.expect("a confirmation over the code's operator");
    assert!(source == "36111" && text.contains("lea SARL"), "{source}: {text}");
    assert_eq!(shops.promo(1, &number, PROMO).await, 0x66);
    assert_eq!(stage.count_to(&number), 1, "the promo, and no confirmation where it left");
    shops.are_told(&stage, 901, [&[], &[(&number, "STOP")], &[]]).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_code_that_only_accounts_list_is_theirs() {
    let stage = Stage::with(Switches::default(), |config: &mut Config| {
        three_shops(config);
        config.short_codes.clear();
        config.accounts[2].set("stop_codes", "[\"36222\"]");
    })
    .await;
    let mut shops = Vec::new();
    for name in ["rosa", "lea", "tom"] {
        shops.push(stage.bound(&Bind::transceiver(name, "secret")).await);
    }
    for (number, code) in [(910, "36111"), (911, "36222")] {
        assert_eq!(stage.mo(&phone(number), code, "STOP").await, 0);
        let confirmed = stage.forwarded(&phone(number)).await;
        assert_eq!(confirmed.source(), code, "from the code that received it");
    }
    for (shop, number) in [(0, 910), (1, 910), (2, 911)] {
        let told = Message::parse(&shops[shop].next_delivery(SOON).await.unwrap()).unwrap();
        assert_eq!((told.source.as_text(), told.text()), (phone(number), "STOP".to_owned()), "shop {shop}");
    }
    // Whatever else had been told would be in front of this.
    assert_eq!(stage.mo(&phone(912), "36222", "merci").await, 0);
    assert_eq!(stage.mo(&phone(913), "36111", "merci").await, 0);
    for (shop, number) in [(0, 913), (1, 913), (2, 912)] {
        let told = Message::parse(&shops[shop].next_delivery(SOON).await.unwrap()).unwrap();
        assert_eq!(told.source.as_text(), phone(number), "shop {shop}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_reply_to_a_whole_number_goes_to_the_account_that_wrote_from_it() {
    let stage = Stage::with(Switches::default(), |config: &mut Config| {
        config.accounts.clear();
        for name in ["rosa", "lea"] {
            let mut shop = account(name, "secret", "operator-a");
            shop.set("senders", "[\"+33937001122\", \"SHOP\"]").set("stop_codes", "[\"36111\"]");
            config.accounts.push(shop);
        }
    })
    .await;
    let rosa = stage.bound(&Bind::transceiver("rosa", "secret")).await;
    let lea = stage.bound(&Bind::transceiver("lea", "secret")).await;
    let number = phone(920);
    let promo = Message::submit("33937001122", &number, PROMO);
    assert_eq!(lea.submit_and_wait(&promo).await.unwrap().status(), 0);
    assert_eq!(stage.mo(&number, "33937001122", "oui").await, 0);
    assert_eq!(stage.mo(&phone(921), "33937001122", "non").await, 0);
    for (shop, expected) in [(&lea, [number, phone(921)]), (&rosa, [phone(921), phone(922)])] {
        assert_eq!(stage.mo(&phone(922), "33937001122", "peut-être").await, 0);
        for from in expected {
            let told = Message::parse(&shop.next_delivery(SOON).await.unwrap()).unwrap();
            assert_eq!(told.source.as_text(), from);
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_is_confirmed_again_after_a_day_and_no_sooner_whatever_is_restarted() {
    let mut stage = Stage::start().await;
    let number = phone(930);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    answered(&stage, &number, 1, 931).await;
    at(&mut stage, "2026-11-24T20:00:00+01:00").await;
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    answered(&stage, &number, 1, 932).await;
    at(&mut stage, "2026-11-25T10:30:00+01:00").await;
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    answered(&stage, &number, 2, 933).await;
}

#[tokio::test(flavor = "current_thread")]
async fn nobody_is_answered_more_than_three_times_a_day_whatever_is_restarted() {
    let mut stage = Stage::start().await;
    let number = phone(940);
    for (turn, word) in ["STOP", "START", "STOP"].into_iter().enumerate() {
        assert_eq!(stage.mo(&number, "36111", word).await, 0);
        answered(&stage, &number, turn + 1, 941 + turn as u32).await;
    }
    at(&mut stage, "2026-11-24T18:00:00+01:00").await;
    for word in ["START", "STOP", "CONTACT"] {
        assert_eq!(stage.mo(&number, "36111", word).await, 0);
    }
    answered(&stage, &number, 3, 945).await;
    at(&mut stage, "2026-11-25T18:30:00+01:00").await;
    assert_eq!(stage.mo(&number, "36111", "CONTACT").await, 0);
    answered(&stage, &number, 4, 946).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_start_is_answered_once_and_stands_on_record() {
    let stage = Stage::start().await;
    let number = phone(950);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    answered(&stage, &number, 1, 951).await;
    assert_eq!(stage.mo(&number, "36111", "START").await, 0);
    let texts = answered(&stage, &number, 2, 952).await;
    assert_ne!(texts[0], texts[1]);
    let (out, error, code) = stage.gateway.command(&["--json", "why", &format!("+{number}")]).await;
    assert_eq!(code, 0, "{out}{error}");
    let why: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(why["lifted_for"], serde_json::json!(["acme"]), "{out}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_name_or_a_short_code_is_never_answered() {
    let stage = Stage::start().await;
    let mut from_a_name = Message::mo("ACMEBANK", "36111", "STOP");
    (from_a_name.source.ton, from_a_name.source.npi) = (5, 0);
    assert_eq!(stage.smsc.deliver(from_a_name, SOON).await.expect("answered").status, 0);
    assert_eq!(stage.mo("36000", "36111", "STOP").await, 0);
    answered(&stage, &phone(961), 0, 960).await;
    let (names, codes) = (answers(&stage.smsc, "ACMEBANK"), answers(&stage.smsc, "36000"));
    assert!(names.is_empty() && codes.is_empty(), "{names:?} {codes:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_code_that_its_operator_confirms_is_not_confirmed_here() {
    let stage = Stage::with(Switches::default(), |config| {
        let mut code = super::support::config::Table::default();
        code.text("number", "36111").text("confirmation", "operator");
        config.short_codes.push(code);
    })
    .await;
    let number = phone(970);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    answered(&stage, &number, 0, 971).await;
    stage.gateway.metric_becomes("stopgate_confirmation_total", &["result=\"not_due\""], |count| count == 1.0).await;
    stage.gateway.metric_becomes("stopgate_suppressed_numbers", &[], |count| count == 1.0).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_confirmation_refused_for_now_is_written_again_and_one_of_unknown_fate_is_not() {
    let [throttled, silent] = [phone(980), phone(981)];
    let switches = {
        let mut switches = Switches::default();
        switches.answers.statuses = vec![(When::To(throttled.clone()), 0x58)];
        switches.answers.drop = When::To(silent.clone());
        switches
    };
    let mut stage = Stage::with(switches, |_| {}).await;
    for number in [&throttled, &silent] {
        assert_eq!(stage.mo(number, "36111", "STOP").await, 0);
        stage.forwarded(number).await;
    }
    let deferred = ["result=\"deferred\""];
    stage.gateway.metric_becomes("stopgate_confirmation_total", &deferred, |count| count == 1.0).await;
    stage.smsc.switch(|switches| (switches.answers.statuses, switches.answers.drop) = (Vec::new(), When::Never));
    at(&mut stage, "2026-11-24T10:05:00+01:00").await;
    answered(&stage, &throttled, 2, 982).await;
    answered(&stage, &silent, 1, 983).await;
}
