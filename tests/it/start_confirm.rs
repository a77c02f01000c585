//! Owns `start_by_mo = "confirm"`: a START is asked about first, and lifts only when the person answers START.
//! Must never count a START twice as a person's answer to a question that never left.

use super::support::config::Table;
use super::support::stage::Stage;
use super::support::status::OPTED_OUT;
use super::support::{SOON, phone};
use stopgate::sim::smsc::switches::Switches;

async fn asking() -> Stage {
    Stage::with(Switches::default(), |config| {
        let mut code = Table::default();
        code.text("number", "36111").text("start_by_mo", "confirm");
        config.short_codes.push(code);
    })
    .await
}

async fn says(stage: &Stage, number: u32, word: &str) {
    assert_eq!(stage.mo(&phone(number), "36111", word).await, 0, "{word}");
}

/// The text of the `nth` message (from 1) that the short code has written to a number.
async fn written(stage: &Stage, number: u32, nth: usize) -> String {
    let number = phone(number);
    let own = |one: &&stopgate::sim::smsc::records::Submitted| one.source() == "36111";
    let found = stage.smsc.wait_for(SOON, |records| records.to(&number).filter(own).nth(nth - 1).cloned()).await;
    found.unwrap_or_else(|| panic!("no message {nth} to {number}\n{}", stage.gateway.log())).text()
}

#[tokio::test(flavor = "current_thread")]
async fn a_start_is_asked_about_and_lifts_when_the_person_answers_start() {
    let stage = asking().await;
    says(&stage, 890, "STOP").await;
    written(&stage, 890, 1).await;
    says(&stage, 890, "START").await;
    let question = written(&stage, 890, 2).await;
    assert!(question.contains("START") && question.contains("ACME SAS"), "{question}");
    assert_eq!(stage.promo(890).await, OPTED_OUT, "asked, not lifted");
    says(&stage, 890, "START").await;
    assert_ne!(written(&stage, 890, 3).await, question, "told that it took effect");
    assert_eq!(stage.promo(890).await, 0);
    // Who was never stopped is not asked.
    says(&stage, 891, "START").await;
    assert!(!written(&stage, 891, 1).await.contains("24 h"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_in_between_makes_the_answer_none() {
    let stage = asking().await;
    says(&stage, 892, "STOP").await;
    written(&stage, 892, 1).await;
    says(&stage, 892, "START").await;
    let question = written(&stage, 892, 2).await;
    says(&stage, 892, "STOP").await;
    says(&stage, 892, "START").await;
    assert_eq!(stage.promo(892).await, OPTED_OUT);
    assert_eq!(written(&stage, 892, 3).await, question, "asked again");
    says(&stage, 892, "START").await;
    assert_eq!(stage.promo(892).await, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_question_outlives_a_kill_for_a_day_and_no_longer() {
    let mut stage = asking().await;
    for number in [893, 894] {
        says(&stage, number, "STOP").await;
        written(&stage, number, 1).await;
        says(&stage, number, "START").await;
        written(&stage, number, 2).await;
    }
    stage.gateway.kill();
    stage.restart().await;
    // Once the waiting lifts are known, the open questions are too.
    let (out, error, code) = stage.gateway.command(&["stop", "lift", "--list"]).await;
    assert_eq!(code, 0, "{out}{error}");
    assert_eq!(stage.promo(893).await, OPTED_OUT);
    says(&stage, 893, "START").await;
    assert_eq!(stage.promo(893).await, 0);
    stage.gateway.kill();
    stage.config.clock = "2026-11-25T12:00:00+01:00".to_owned();
    stage.restart().await;
    let (out, error, code) = stage.gateway.command(&["stop", "lift", "--list"]).await;
    assert_eq!(code, 0, "{out}{error}");
    says(&stage, 894, "START").await;
    written(&stage, 894, 3).await;
    assert_eq!(stage.promo(894).await, OPTED_OUT, "too late: it is asked again");
    assert_eq!(stage.promo(893).await, 0, "what was lifted stays so");
}

#[tokio::test(flavor = "current_thread")]
async fn a_question_that_may_not_be_put_is_not_answered_by_saying_start_again() {
    let stage = asking().await;
    for nth in 1..=3 {
        says(&stage, 895, "CONTACT").await;
        written(&stage, 895, nth).await;
    }
    says(&stage, 895, "STOP").await;
    for _ in 0..3 {
        says(&stage, 895, "START").await;
    }
    assert_eq!(stage.promo(895).await, OPTED_OUT);
    assert_eq!(stage.count_to(&phone(895)), 3, "three answers a day, the question among them");
}
