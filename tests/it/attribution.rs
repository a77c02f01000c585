//! Owns whom a reply answers: three accounts on one code, told by who wrote last, over restarts, kill -9 and ninety days.
//! Must never pass because nobody was told anything: each account has a reply of its own behind what it must not see.

use super::support::config::{Config, account};
use super::support::stage::Stage;
use super::support::status::MISSING_MENTION;
use super::support::{SOON, phone};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

/// Three shops write under their names and name the code that they share.
pub fn three_shops(config: &mut Config) {
    config.accounts.clear();
    for name in ["rosa", "lea", "tom"] {
        let mut shop = account(name, "secret", "operator-a");
        shop.set("senders", format!("[\"{}\"]", name.to_uppercase()));
        shop.text("identity", format!("{name} SARL, 75002 Paris"));
        config.accounts.push(shop);
    }
    let mut code = super::support::config::Table::default();
    code.text("number", "36111").text("identity", "Plateforme SAS, 75010 Paris");
    config.short_codes.push(code);
}

/// The three of them, bound.
pub struct Shops(Vec<Esme>);

impl Shops {
    pub async fn bound(stage: &Stage) -> Self {
        let mut shops = Vec::new();
        for name in ["rosa", "lea", "tom"] {
            shops.push(stage.bound(&Bind::transceiver(name, "secret")).await);
        }
        Self(shops)
    }

    pub async fn promo(&self, shop: usize, number: &str, text: &str) -> u32 {
        let name = ["ROSA", "LEA", "TOM"][shop];
        self.0[shop].submit_and_wait(&Message::submit(name, number, text)).await.unwrap().status()
    }

    /// What the next thing is that a shop is told: who wrote, and what.
    async fn told(&self, shop: usize) -> (String, String) {
        let told = Message::parse(&self.0[shop].next_delivery(SOON).await.unwrap()).unwrap();
        (told.source.as_text(), told.text())
    }

    /// Somebody to whom nobody wrote replies: all are told of that, and of nothing before it but what `expected` says.
    pub async fn are_told(&self, stage: &Stage, nobody: u32, expected: [&[(&str, &str)]; 3]) {
        let (number, text) = (phone(nobody), format!("bonjour {nobody}"));
        assert_eq!(stage.mo(&number, "36111", &text).await, 0);
        for (shop, expected) in expected.into_iter().enumerate() {
            for (from, text) in expected {
                assert_eq!(self.told(shop).await, ((*from).to_owned(), (*text).to_owned()), "shop {shop}");
            }
            assert_eq!(self.told(shop).await, (number.clone(), text.clone()), "shop {shop}");
        }
    }
}

const PROMO: &str = "Soldes samedi. STOP 36111";

#[tokio::test(flavor = "current_thread")]
async fn those_that_wrote_are_told_and_nobody_else() {
    let stage = Stage::with(Switches::default(), three_shops).await;
    let shops = Shops::bound(&stage).await;
    let [one, both, none] = [phone(700), phone(701), phone(702)];
    assert_eq!(shops.promo(0, &one, PROMO).await, 0);
    assert_eq!(shops.promo(1, &both, PROMO).await, 0);
    assert_eq!(shops.promo(2, &both, PROMO).await, 0);
    assert_eq!(stage.mo(&one, "36111", "oui merci").await, 0);
    assert_eq!(stage.mo(&one, "36111", "STOP").await, 0);
    assert_eq!(stage.mo(&both, "36111", "STOP").await, 0);
    assert_eq!(stage.mo(&none, "36111", "STOP").await, 0);
    let (one, both, none) = ([(&*one, "oui merci"), (&*one, "STOP")], (&*both, "STOP"), (&*none, "STOP"));
    shops.are_told(&stage, 710, [&[one[0], one[1], none], &[both, none], &[both, none]]).await;
    let count = async |shop: &str| {
        let label = format!("account=\"{shop}\"");
        stage.gateway.metric("stopgate_optout_account_total", &[&label]).await
    };
    assert_eq!([count("rosa").await, count("lea").await, count("tom").await], [1.0, 0.0, 1.0], "the last that wrote");
    let result = async |word: &str| {
        let label = format!("result=\"{word}\"");
        stage.gateway.metric("stopgate_reply_attribution_total", &[&label]).await
    };
    assert_eq!([result("known").await, result("unknown").await, result("unavailable").await], [3.0, 2.0, 0.0]);
}

#[tokio::test(flavor = "current_thread")]
async fn contact_names_the_one_that_wrote_last_else_the_code_s_own() {
    let stage = Stage::with(Switches::default(), three_shops).await;
    let shops = Shops::bound(&stage).await;
    let (written, unwritten) = (phone(720), phone(721));
    assert_eq!(shops.promo(0, &written, PROMO).await, 0);
    assert_eq!(shops.promo(1, &written, PROMO).await, 0);
    for number in [&written, &unwritten] {
        assert_eq!(stage.mo(number, "36111", "CONTACT").await, 0);
    }
    let answer = async |number: &str| {
        let found = stage.smsc.wait_for(SOON, |records| {
            let mut own = records.to(number).filter(|one| one.source() == "36111");
            own.next().map(|one| one.text())
        });
        found.await.expect("an answer")
    };
    assert!(answer(&written).await.contains("lea SARL"));
    assert!(answer(&unwritten).await.contains("Plateforme SAS"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_refused_or_withdrawn_message_is_answered_by_nobody() {
    let stage = Stage::with(Switches::default(), three_shops).await;
    let shops = Shops::bound(&stage).await;
    let number = phone(730);
    assert_eq!(shops.promo(0, &number, PROMO).await, 0);
    assert_eq!(shops.promo(1, &number, "Soldes samedi sans mention").await, MISSING_MENTION);
    assert_eq!(stage.mo(&number, "36111", "merci").await, 0);
    shops.are_told(&stage, 731, [&[(&number, "merci")], &[], &[]]).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_restart_and_a_kill_forget_nothing() {
    let mut stage = Stage::with(Switches::default(), three_shops).await;
    let numbers = [phone(740), phone(741), phone(742)];
    let shops = Shops::bound(&stage).await;
    assert_eq!(shops.promo(1, &numbers[0], PROMO).await, 0);
    drop(shops);
    stage.gateway.kill();
    stage.restart().await;
    let shops = Shops::bound(&stage).await;
    assert_eq!(shops.promo(2, &numbers[1], PROMO).await, 0);
    drop(shops);
    assert!(stage.gateway.terminate().await.success());
    stage.restart().await;
    let shops = Shops::bound(&stage).await;
    assert_eq!(shops.promo(0, &numbers[2], PROMO).await, 0);
    for number in &numbers {
        assert_eq!(stage.mo(number, "36111", "STOP").await, 0);
    }
    let stop = |at: usize| [(&*numbers[at], "STOP")];
    shops.are_told(&stage, 743, [&stop(2), &stop(0), &stop(1)]).await;
}

#[tokio::test(flavor = "current_thread")]
async fn ninety_days_later_nobody_has_written() {
    let mut stage = Stage::with(Switches::default(), three_shops).await;
    let (old, older) = (phone(750), phone(751));
    let shops = Shops::bound(&stage).await;
    assert_eq!(shops.promo(1, &older, PROMO).await, 0);
    assert_eq!(shops.promo(1, &old, PROMO).await, 0);
    drop(shops);
    let days = async |stage: &mut Stage, clock: &str| {
        assert!(stage.gateway.terminate().await.success());
        stage.config.clock = clock.to_owned();
        stage.restart().await;
        Shops::bound(stage).await
    };
    // It began on 24 November at ten.
    let shops = days(&mut stage, "2027-02-22T09:00:00+01:00").await;
    assert_eq!(stage.mo(&old, "36111", "merci").await, 0);
    shops.are_told(&stage, 752, [&[], &[(&old, "merci")], &[]]).await;
    drop(shops);
    let shops = days(&mut stage, "2027-02-22T10:30:00+01:00").await;
    assert_eq!(stage.mo(&older, "36111", "merci").await, 0);
    let all = [(&*older, "merci")];
    shops.are_told(&stage, 753, [&all, &all, &all]).await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_absent_client_finds_what_it_was_told_and_no_other_does() {
    let stage = Stage::with(Switches::default(), three_shops).await;
    let number = phone(760);
    {
        let shops = Shops::bound(&stage).await;
        assert_eq!(shops.promo(2, &number, PROMO).await, 0);
    }
    stage.gateway.metric_becomes("stopgate_account_binds", &[], |binds| binds == 0.0).await;
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    let shops = Shops::bound(&stage).await;
    shops.are_told(&stage, 761, [&[], &[], &[(&number, "STOP")]]).await;
}
