//! Owns the retention of verdicts through the real binary: what is over goes, and everything that stays still proves itself.
//! Must never wait for time to pass: a later clock is a restart.

use super::support::gateway::stopgate;
use super::support::offline::{second_verifier, utf8};
use super::support::phone;
use super::support::stage::Stage;
use super::support::status::OPTED_OUT;
use std::path::Path;
use stopgate::journal::offline::Offline;
use stopgate::ledger::verify::{self, Asked};

fn first_verdict(data: &Path) -> u64 {
    Offline::open(&data.join("verdicts"), "verdicts").expect("readable").first_seq()
}

/// The next run begins at this instant.
async fn later(stage: &mut Stage, clock: &str) {
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    stage.config.clock = clock.to_owned();
    stage.restart().await;
}

#[tokio::test(flavor = "current_thread")]
async fn verdicts_are_given_up_after_their_time_and_older_checkpoints_still_hold() {
    let mut stage = Stage::start().await;
    let home = stage.gateway.home.path().to_owned();
    let data = home.join("data");
    for number in 700..710 {
        assert_eq!(stage.promo(number).await, 0);
    }
    assert_eq!(stage.mo(&phone(700), "36111", "STOP").await, 0);
    assert_eq!(stage.promo(700).await, OPTED_OUT);
    // A checkpoint and a proof of these days leave the house.
    let proof = home.join("701.proof");
    let asked = ["proof", "+33639980701", "-o", proof.to_str().expect("UTF-8")];
    let made = stage.gateway.command(&asked).await;
    assert_eq!(made.2, 0, "{made:?}");
    std::fs::copy(data.join("checkpoints/newest"), home.join("kept")).expect("kept");

    // A quiet month later the segment is left; what comes then stands in another.
    later(&mut stage, "2027-01-12T10:00:00+01:00").await;
    stage.until("the segment is not left", || stage.gateway.log().contains("verdicts.segment_left")).await;
    assert_eq!(stage.promo(711).await, 0);
    let between = first_verdict(&data);
    assert_eq!(between, 0, "nothing is over yet");

    // Nearly five years after the first: nothing goes. Five years after: they go, and the later ones stay.
    later(&mut stage, "2031-11-18T10:00:00+01:00").await;
    assert_eq!(stage.mo(&phone(712), "36111", "STOP").await, 0);
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    assert_eq!(first_verdict(&data), 0);
    stage.config.clock = "2031-12-02T10:00:00+01:00".to_owned();
    stage.restart().await;
    // While a segment is being given up the files do not fit together for a moment.
    let given_up = || Offline::open(&data.join("verdicts"), "verdicts").is_ok_and(|files| files.first_seq() > 0);
    stage.until("nothing is given up", given_up).await;
    assert_eq!(stage.promo(700).await, OPTED_OUT, "a stop has no end");
    let (out, _, _) = stage.gateway.command(&["--json", "gdpr", "access", "+33639980700"]).await;
    let told: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&told["verdicts"]["count"], &told["verdicts"]["complete"]), (&1.into(), &true.into()), "{told}");
    assert_eq!(told["verdicts"]["kept"], "5 years");
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());

    let first = first_verdict(&data);
    assert!(first >= 11, "{first}");
    let kept = std::fs::read(home.join("kept")).expect("kept");
    let since = Some(("kept".to_owned(), kept));
    let report = verify::ledger(&data, &Asked { since, ..Asked::default() });
    assert_eq!(report.findings, []);
    assert_eq!(report.verdicts.first, first);
    assert!(
        report.notes.iter().any(|note| note.contains(&format!("verdicts begin with {first}"))),
        "{:?}",
        report.notes
    );
    assert!(report.gaps.is_empty(), "given up is no gap");
    if let Some((words, exit)) = second_verifier(&[utf8(&data)]) {
        assert_eq!(exit, 0, "{words}");
    }
    let checked = stopgate().arg("verify").arg(&proof).output().expect("the binary starts");
    assert!(
        checked.status.success(),
        "a proof that was given out stands: {}",
        String::from_utf8_lossy(&checked.stdout)
    );
    // It starts again on what is left, and goes on.
    stage.restart().await;
    assert_eq!(stage.promo(713).await, 0);
    let (_, error, code) =
        stage.gateway.command(&["proof", "+33639980711", "-o", home.join("711").to_str().expect("UTF-8")]).await;
    assert_eq!(code, 0, "{error}");
    let checked = stopgate().arg("verify").arg(home.join("711")).output().expect("the binary starts");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
}

#[tokio::test(flavor = "current_thread")]
async fn a_retention_that_is_too_short_is_refused_with_the_reason() {
    let stage = Stage::start().await;
    let home = stage.gateway.home.path();
    let text = stage.config.write(home) + "\n[retention]\nverdicts = \"90d\"\n";
    let file = home.join("short.toml");
    std::fs::write(&file, text).expect("written");
    let checked = stopgate().arg("--config").arg(&file).args(["config", "check"]).output().expect("the binary starts");
    let said = String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert_eq!(checked.status.code(), Some(78), "{said}");
    for part in ["`verdicts` = \"90d\"", "1096d", "CNIL", "art. 2224"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
