//! Owns Sundays and nights: a promo is refused, and the next opening is told.
//! Must never compute an opening: it is written here from the calendar.

use super::support::stage::Stage;
use super::support::{PROMO, phone};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

#[tokio::test(flavor = "current_thread")]
async fn a_sunday_promo_is_refused_and_check_tells_monday_morning() {
    let stage = Stage::with(Switches::default(), |config| config.clock = "2026-11-22T15:00:00+01:00".into()).await;
    let acme = stage.acme().await;
    let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(50), PROMO)).await.unwrap();
    assert_eq!(answer.status(), 0x61);
    let number = format!("+{}", phone(50));
    let (out, error, code) =
        stage.gateway.command(&["--json", "check", "--account", "acme", "--to", &number, "--text", PROMO]).await;
    assert_eq!(code, 3, "{out}{error}");
    let check: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&check["code"], &check["next_opening"]), (&"SG111".into(), &"2026-11-23T07:00:00Z".into()), "{out}");
    assert_eq!(stage.smsc.records(|records| records.submitted_total), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn the_recipient_s_clock_counts_not_ours() {
    // Nine in the morning in Paris: five in the morning in Guadeloupe, noon in Réunion.
    let stage = Stage::with(Switches::default(), |config| config.clock = "2026-11-24T09:00:00+01:00".into()).await;
    let acme = stage.acme().await;
    let status =
        async |number: &str| acme.submit_and_wait(&Message::submit("ACME", number, PROMO)).await.unwrap().status();
    assert_eq!(status(&phone(51)).await, 0);
    assert_eq!(status("590690000001").await, 0x61);
    assert_eq!(status("262692000001").await, 0);
}
