//! Owns observe mode through the real binary: what a rule would refuse leaves, is said everywhere, and is refused after the last day.
//! Must never take a forwarded message for a permitted one: the operator's own records are looked at.

use super::support::stage::Stage;
use super::support::status::{MISSING_MENTION, OPTED_OUT};
use super::support::{PROMO, SOON, multi, phone, sme};
use stopgate::sim::esme::Esme;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;
use stopgate::sim::wire::SUBMIT_MULTI;

const BARE: &str = "Soldes: -20% samedi";

async fn observing() -> Stage {
    Stage::with(Switches::default(), |config| {
        config
            .acme()
            .set("observe", "{ rules = [\"R-MENTION\"], until = \"2026-12-31\" }")
            .text("submit_multi", "filter");
    })
    .await
}

async fn told(acme: &Esme, message: &Message) -> u32 {
    acme.submit_and_wait(message).await.unwrap().status()
}

#[tokio::test(flavor = "current_thread")]
async fn what_an_observed_rule_would_refuse_leaves_and_is_counted_and_explained() {
    let stage = observing().await;
    let acme = stage.acme().await;
    assert_eq!(told(&acme, &Message::submit("ACME", &phone(850), PROMO)).await, 0);
    assert_eq!(told(&acme, &Message::submit("ACME", &phone(851), BARE)).await, 0);
    assert_eq!(stage.forwarded(&phone(851)).await.text(), BARE);
    // In parts, the one that completes the message is the one that would be refused.
    for at in [1, 2] {
        assert_eq!(told(&acme, &Message::submit("ACME", &phone(852), "-20% ").as_part(7, 2, at)).await, 0);
    }
    let sequence = acme.request(SUBMIT_MULTI, &multi(&[&sme(&phone(853)), &sme(&phone(854))], BARE)).await.unwrap();
    assert_eq!(acme.answer(sequence, SOON).await.expect("an answer").status(), 0);
    let observed = ["account=\"acme\"", "reason=\"missing_stop_mention\""];
    stage.gateway.metric_becomes("stopgate_observed_refusals_total", &observed, |value| value == 4.0).await;
    assert_eq!(stage.gateway.metric("stopgate_submit_refused_total", &observed).await, 0.0);
    // 2027-01-01T00:00:00Z.
    let until = "stopgate_observe_until_timestamp_seconds";
    assert_eq!(stage.gateway.metric(until, &["account=\"acme\""]).await, 1_798_761_600.0);
    // The list and the hours are never observed.
    assert_eq!(stage.mo(&phone(855), "36111", "STOP").await, 0);
    assert_eq!(told(&acme, &Message::submit("ACME", &phone(855), BARE)).await, OPTED_OUT);

    let to = format!("+{}", phone(851));
    let check = ["--json", "check", "--account", "acme", "--to", &to, "--text", BARE];
    let (out, error, code) = stage.gateway.command(&check).await;
    assert_eq!(code, 0, "{out}{error}");
    let answer: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&answer["verdict"], &answer["would_refuse"][0]), (&"permitted".into(), &"R-MENTION".into()), "{out}");
    assert_eq!(answer["observed"]["code"], "SG121", "{out}");
    assert_eq!(answer["observed"]["from"], "2027-01-01T00:00:00Z", "{out}");
    let later = [&check[..], &["--at", "2027-01-04T10:00:00Z"]].concat();
    let (out, _, code) = stage.gateway.command(&later).await;
    assert_eq!(code, 3, "after the last day: {out}");
    let (out, error, _) = stage.gateway.command(&["why", &to]).await;
    assert!(out.contains("observed SG121") && out.contains("acme: R-MENTION only observed"), "{out}{error}");
    let (out, error, _) = stage.gateway.command(&["status"]).await;
    assert!(out.contains("acme: R-MENTION ONLY OBSERVED until 2027-01-01T00:00:00Z"), "{out}{error}");
}

#[tokio::test(flavor = "current_thread")]
async fn after_the_last_day_the_same_file_refuses() {
    let mut stage = observing().await;
    assert_eq!(told(&stage.acme().await, &Message::submit("ACME", &phone(856), BARE)).await, 0);
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    stage.config.clock = "2027-01-04T10:00:00+01:00".to_owned();
    stage.restart().await;
    assert_eq!(told(&stage.acme().await, &Message::submit("ACME", &phone(856), BARE)).await, MISSING_MENTION);
    let (out, error, _) = stage.gateway.command(&["status"]).await;
    assert!(out.contains("acme: R-MENTION was observed until 2027-01-01T00:00:00Z"), "{out}{error}");
}
