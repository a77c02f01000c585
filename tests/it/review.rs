//! Owns the review of replies that were not understood as a STOP: listed masked, counted, and made a STOP by hand.
//! Must never see a whole number or a digit of the text in what is listed.

use super::support::stage::Stage;
use super::support::status::OPTED_OUT;
use super::support::{PROMO, phone};
use serde_json::Value;
use stopgate::sim::message::Message;

#[tokio::test(flavor = "current_thread")]
async fn a_doubtful_reply_is_listed_masked_and_becomes_a_stop_by_its_id() {
    let mut stage = Stage::start().await;
    let acme = stage.acme().await;
    let writer = phone(931);
    assert_eq!(stage.mo(&writer, "36111", "C'est quoi STOP au 36111 ? Appelez le 0639980931").await, 0);
    assert_eq!(stage.mo(&phone(932), "36111", "Oui, demain a 15h").await, 0);
    assert_eq!(stage.mo(&phone(933), "36111", "STOP").await, 0);
    let smsc = ["smsc=\"operator-a\""];
    stage.gateway.metric_becomes("stopgate_optout_doubtful_total", &smsc, |value| value == 1.0).await;

    let (out, error, code) = stage.gateway.command(&["--json", "stop", "review"]).await;
    assert_eq!(code, 0, "{out}{error}");
    let listed: Value = serde_json::from_str(&out).expect("JSON");
    let [only] = listed.as_array().expect("a list").as_slice() else { panic!("{out}") };
    assert_eq!(
        (&only["id"], &only["short_code"], &only["doubt"]),
        (&1.into(), &36111.into(), &"explained_away".into())
    );
    assert_eq!(only["text"], "C'est quoi STOP au ••••• ? Appelez le ••••••••••");
    assert!(only["number"].as_str().is_some_and(|number| number.contains('•')), "{out}");
    assert!(!out.contains(&writer) && !out.contains("0639980931"), "{out}");
    let (out, _, _) = stage.gateway.command(&["stop", "review"]).await;
    assert!(out.contains("review:1") && !out.contains(&writer), "{out}");

    // Nothing follows from a doubt; an officer's decision is a STOP like any other.
    let promo = Message::submit("ACME", &writer, PROMO);
    assert_eq!(acme.submit_and_wait(&promo).await.unwrap().status(), 0);
    let add = ["stop", "add", "review:1", "--evidence", "reply read by the officer"];
    let (out, error, code) = stage.gateway.command(&add).await;
    assert_eq!(code, 0, "{out}{error}");
    assert_eq!(acme.submit_and_wait(&promo).await.unwrap().status(), OPTED_OUT);
    let (out, _, code) = stage.gateway.command(&["stop", "add", "review:7", "--evidence", "none"]).await;
    assert!(code == 3 && out.contains("not kept any more"), "{out}");

    // It is kept in memory only: after a restart nothing is left of the text.
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    stage.restart().await;
    let (out, error, _) = stage.gateway.command(&["--json", "stop", "review"]).await;
    assert_eq!(out.trim(), "[]", "{error}");
}
