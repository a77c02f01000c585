//! Owns texts that look like advertising on accounts whose contract is transactional: reclassified, logged or refused, and explained.
//! Must never let a choice loosen what a STOP mention in the text says.

use super::support::config::account;
use super::support::stage::Stage;
use super::support::status::{MISSING_MENTION, NO_CONSENT};
use super::support::{PROMO, phone};
use serde_json::Value;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

const LOOKS_PROMOTIONAL: &str = "Ventes privées : -20% samedi chez LEA";

async fn stage() -> Stage {
    Stage::with(Switches::default(), |config| {
        for (name, wanted) in [("usual", None), ("logs", Some("log")), ("refuses", Some("refuse"))] {
            let mut table = account(name, "pass", "operator-a");
            table.text("class", "transactional").set("senders", "[\"LEA\"]").set("stop_codes", "[\"36111\"]");
            if let Some(wanted) = wanted {
                table.text("promotional_text", wanted);
            }
            config.accounts.push(table);
        }
    })
    .await
}

async fn told(esme: &Esme, to: &str, text: &str) -> u32 {
    esme.submit_and_wait(&Message::submit("LEA", to, text)).await.unwrap().status()
}

#[tokio::test(flavor = "current_thread")]
async fn a_promotional_text_is_reclassified_logged_or_refused_as_the_account_asks() {
    let stage = stage().await;
    for (name, status, mention, outcome) in
        [("usual", MISSING_MENTION, 0, "reclassified"), ("logs", 0, 0, "logged"), ("refuses", NO_CONSENT, 0, "refused")]
    {
        let esme = stage.bound(&Bind::transceiver(name, "pass")).await;
        assert_eq!(told(&esme, &phone(901), LOOKS_PROMOTIONAL).await, status, "{name}");
        assert_eq!(told(&esme, &phone(902), "Votre code est 123456").await, 0, "{name}");
        // The mention says it is marketing, whatever the account asks for.
        assert_eq!(told(&esme, &phone(903), PROMO).await, mention, "{name}");
        for other in ["reclassified", "logged", "refused"] {
            let labels = [format!("account=\"{name}\""), format!("outcome=\"{other}\"")];
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            let expected = f64::from(u8::from(other == outcome));
            stage.gateway.metric_becomes("stopgate_promotional_text_total", &labels, |value| value == expected).await;
        }
    }
    assert_eq!(stage.count_to(&phone(901)), 1, "only where it is logged");
    let log = stage.gateway.log();
    assert!(log.contains("text.promotional") && log.contains("logged") && !log.contains("privées"), "{log}");
}

#[tokio::test(flavor = "current_thread")]
async fn check_explains_the_class_by_contract_step_and_signals() {
    let stage = stage().await;
    let to = format!("+{}", phone(904));
    let explained = async |account: &str, text: &str| -> (Value, i32) {
        let (out, error, code) = stage
            .gateway
            .command(&["--json", "check", "--account", account, "--to", &to, "--text", text, "--explain"])
            .await;
        let answer: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"));
        (answer["class_explained"].clone(), code)
    };
    let (told, code) = explained("usual", LOOKS_PROMOTIONAL).await;
    assert_eq!((&told["contract"], &told["contract_class"]), (&"transactional".into(), &"transactional".into()));
    assert_eq!((&told["tightened_by"], &told["promotional_text"]), (&"content".into(), &"reclassify".into()), "{told}");
    let signals = told["signals"].as_array().expect("signals");
    let of = |id: &str| signals.iter().find(|signal| signal["id"] == id).map(|signal| &signal["weight"]);
    assert_eq!(of("fr.percent_off"), Some(&10.into()), "{told}");
    let sum: u64 = signals.iter().filter_map(|signal| signal["weight"].as_u64()).sum();
    assert_eq!((&told["weight"], &told["threshold"], code), (&sum.into(), &5.into(), 3), "{told}");

    let (told, code) = explained("logs", LOOKS_PROMOTIONAL).await;
    assert_eq!((&told["tightened_by"], &told["promotional_text"], code), (&Value::Null, &"log".into(), 0), "{told}");
    let (told, _) = explained("usual", PROMO).await;
    assert_eq!((&told["tightened_by"], &told["promotional_text"]), (&"mention".into(), &Value::Null), "{told}");
    let (told, code) = explained("usual", "Votre code est 123456").await;
    assert_eq!((&told["signals"], &told["tightened_by"], code), (&Value::Array(vec![]), &Value::Null, 0), "{told}");
    let (told, _) = explained("acme", "Votre code est 123456").await;
    assert_eq!((&told["contract"], &told["tightened_by"]), (&"commercial".into(), &Value::Null), "{told}");

    let check = ["check", "--account", "usual", "--to", &to, "--text", LOOKS_PROMOTIONAL];
    let (words, _, _) = stage.gateway.command(&[&check[..], &["--explain"]].concat()).await;
    for part in ["the contract (transactional)", "content signals make it commercial", "fr.percent_off 10", "of 5"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let (words, _, _) = stage.gateway.command(&check).await;
    assert!(!words.contains("signals"), "only when asked: {words}");
    let (out, _, _) = stage.gateway.command(&[&["--json"], &check[..]].concat()).await;
    assert!(!out.contains("class_explained"), "only when asked: {out}");
}
