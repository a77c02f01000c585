//! Owns one-time passwords: they pass at night and on Sundays, and a promo cannot borrow their way.
//! Must never let the text loosen the contract.

use super::support::config::bank;
use super::support::stage::Stage;
use super::support::status::{NO_CONSENT, OUT_OF_HOURS};
use super::support::{PROMO, phone};
use stopgate::sim::esme::Bind;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

#[tokio::test(flavor = "current_thread")]
async fn an_otp_passes_at_night_and_a_promo_on_the_same_account_does_not() {
    let stage = Stage::with(Switches::default(), |config| {
        config.clock = "2026-11-24T23:30:00+01:00".into();
        config.accounts.push(bank());
    })
    .await;
    let bank = stage.bound(&Bind::transceiver("bank", "pass")).await;
    let otp = Message::submit("BANK", &phone(60), "Votre code est 123456");
    assert_eq!(bank.submit_and_wait(&otp).await.unwrap().status(), 0);
    let promo = bank.submit_and_wait(&Message::submit("BANK", &phone(60), PROMO)).await.unwrap().status();
    assert_eq!(promo, NO_CONSENT, "a STOP mention makes it commercial, and this account has asked nobody");
    let acme = stage.acme().await.submit_and_wait(&Message::submit("ACME", &phone(60), PROMO)).await.unwrap().status();
    assert_eq!(acme, OUT_OF_HOURS);
    assert_eq!(stage.count_to(&phone(60)), 1);
}
