//! Owns the report of unsubscribes: what was sent and who said STOP, counted exactly, by account, sender and campaign.
//! Must never let a number into a report, nor one account's figures into another's.

use super::attribution::{Shops, three_shops};
use super::support::stage::Stage;
use super::support::status::MISSING_MENTION;
use super::support::{SOON, phone};
use serde_json::Value;
use std::time::Duration;
use stopgate::sim::esme::Bind;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::{Receipts, Switches};

/// Two campaigns: what differs between the messages of one are digits.
fn sale(nth: u32) -> String {
    format!("Soldes -{nth}% samedi. STOP 36111")
}
const OPENING: &str = "Ouverture dimanche, venez. STOP 36111";

async fn report(stage: &Stage, arguments: &[&str]) -> Value {
    let arguments = [&["--json", "report", "unsubscribes"], arguments].concat();
    let (out, error, code) = stage.gateway.command(&arguments).await;
    assert_eq!(code, 0, "{out}{error}");
    assert!(!out.contains("3363998") && !out.contains("63998"), "a number: {out}");
    serde_json::from_str(&out).expect("JSON")
}

/// Account, sender, messages, STOPs and numbers of every row.
fn rows(report: &Value) -> Vec<(String, String, u64, u64, u64)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let count = |value: &Value| value.as_u64().expect("a count");
    let row = |row: &Value| {
        (
            text(&row["account"]),
            text(&row["sender"]),
            count(&row["messages"]),
            count(&row["stops"]),
            count(&row["numbers"]),
        )
    };
    report["rows"].as_array().expect("rows").iter().map(row).collect()
}

fn row(account: &str, sender: &str, messages: u64, stops: u64, numbers: u64) -> (String, String, u64, u64, u64) {
    (account.to_owned(), sender.to_owned(), messages, stops, numbers)
}

#[tokio::test(flavor = "current_thread")]
async fn every_stop_counts_for_the_campaign_it_answers() {
    let mut stage = Stage::with(Switches::default(), three_shops).await;
    let shops = Shops::bound(&stage).await;
    for nth in 0..20 {
        assert_eq!(shops.promo(0, &phone(800 + nth), &sale(nth)).await, 0);
    }
    for nth in 0..10 {
        assert_eq!(shops.promo(0, &phone(830 + nth), OPENING).await, 0);
    }
    for nth in 0..8 {
        assert_eq!(shops.promo(1, &phone(815 + nth), &sale(nth)).await, 0);
    }
    assert_eq!(shops.promo(1, &phone(850), "Soldes sans mention").await, MISSING_MENTION);
    // Of Rosa's sale three, of her opening one; of those to whom Lea wrote last two, one of them twice; one is nobody's.
    for number in [800, 801, 802, 830, 815, 816, 816, 855] {
        assert_eq!(stage.mo(&phone(number), "36111", "STOP").await, 0);
    }
    let (out, error, code) =
        stage.gateway.command(&["stop", "add", &format!("+{}", phone(840)), "--evidence", "a letter"]).await;
    assert_eq!(code, 0, "{out}{error}");
    let all = [
        row("lea", "LEA", 8, 3, 2),
        row("rosa", "ROSA", 20, 3, 3),
        row("rosa", "ROSA", 10, 1, 1),
        row("-", "-", 0, 1, 1),
    ];
    let found = report(&stage, &[]).await;
    assert_eq!(rows(&found), all, "{found}");
    let total = &found["total"];
    assert_eq!((&total["messages"], &total["stops"], &total["numbers"]), (&38.into(), &8.into(), &7.into()), "{found}");
    assert_eq!((&found["elsewhere"], &found["omitted"]), (&1.into(), &0.into()), "{found}");
    assert_eq!((&found["rows"][0]["rate"], &found["rows"][1]["rate"]), (&0.25.into(), &0.15.into()), "{found}");
    let campaigns: std::collections::BTreeSet<_> =
        found["rows"].as_array().unwrap().iter().filter_map(|row| row["campaign"].as_str()).collect();
    assert_eq!(campaigns.len(), 2, "Lea's sale is Rosa's text: {found}");

    let own = report(&stage, &["--account", "lea"]).await;
    assert_eq!((rows(&own), &own["elsewhere"]), (vec![all[0].clone()], &Value::Null));
    let some = report(&stage, &["--limit", "1"]).await;
    assert_eq!((rows(&some), &some["omitted"], &some["total"]), (vec![all[0].clone()], &3.into(), total));
    assert_eq!(rows(&report(&stage, &["--until", "2026-11-24T08:59:00Z"]).await), []);
    let (out, error, code) = stage.gateway.command(&["report", "unsubscribes", "--csv", "--account", "lea"]).await;
    assert_eq!(code, 0, "{error}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "account,sender,campaign,messages,stops,numbers,rate");
    assert!(lines.len() == 2 && lines[1].starts_with("lea,LEA,") && lines[1].ends_with(",8,3,2,0.25"), "{out}");
    let (out, _, code) = stage.gateway.command(&["report", "unsubscribes"]).await;
    assert!(code == 0 && out.lines().any(|line| line.starts_with("total\t-\t-\t38\t8\t7\t18.42 %")), "{out}");
    let (_, error, code) = stage.gateway.command(&["report", "unsubscribes", "--account", "nobody"]).await;
    assert!(code != 0 && error.contains("nobody"), "{error}");

    drop(shops);
    stage.gateway.kill();
    stage.restart().await;
    assert_eq!(rows(&report(&stage, &[]).await), all, "the records say it again");
}

#[tokio::test(flavor = "current_thread")]
async fn an_opt_out_in_a_receipt_counts_for_the_message_it_is_about() {
    let receipts =
        Receipts { after: Duration::from_millis(50), stat: "UNDELIV".into(), err: "053".into(), ..Receipts::default() };
    let stage = Stage::with(Switches { receipts: Some(receipts), ..Switches::default() }, |config| {
        three_shops(config);
        config.operator().set("optout_errors", "[\"53\"]");
    })
    .await;
    let [rosa, lea] = ["rosa", "lea"].map(|name| Bind::transceiver(name, "secret"));
    let (rosa, lea) = (stage.bound(&rosa).await, stage.bound(&lea).await);
    let number = phone(870);
    assert_eq!(lea.submit_and_wait(&Message::submit("LEA", &number, OPENING)).await.unwrap().status(), 0);
    let asking = Message::submit("LEA", &number, &sale(20)).with_receipt();
    assert_eq!(lea.submit_and_wait(&asking).await.unwrap().status(), 0);
    assert_eq!(rosa.submit_and_wait(&Message::submit("ROSA", &phone(871), &sale(30))).await.unwrap().status(), 0);
    stage.gateway.metric_becomes("stopgate_optout_account_total", &["account=\"lea\""], |count| count == 1.0).await;
    // Acknowledged, hence on record.
    lea.next_delivery(SOON).await.expect("its receipt");
    assert_eq!(rosa.submit_and_wait(&Message::submit("ROSA", &number, OPENING)).await.unwrap().status(), 0x66);
    let found = report(&stage, &[]).await;
    assert_eq!(rows(&found), [row("lea", "LEA", 1, 1, 1), row("lea", "LEA", 1, 0, 0), row("rosa", "ROSA", 1, 0, 0)]);
    assert_eq!(found["rows"][0]["campaign"], found["rows"][2]["campaign"], "the sale, not the opening: {found}");
}
