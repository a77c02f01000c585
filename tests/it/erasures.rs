//! Owns erasures that meet something: another one, a backup that is being made, a disk without room.
//! Must never count on which of two comes first: whatever the order, nothing is left and nothing is half done.

use super::disk_full;
use super::support::gateway::stopgate;
use super::support::offline::{offline, said, second_verifier, utf8};
use super::support::search::{holding, sealed};
use super::support::stage::Stage;
use super::support::status::OPTED_OUT;
use super::support::{PROMO, SOON, phone};
use std::path::Path;
use stopgate::ledger::verify::{self, Asked};
use stopgate::sim::message::Message;

/// `gdpr erase` of a number: what it printed, and its exit code.
async fn erase(stage: &Stage, number: u32) -> (String, i32) {
    let person = format!("+{}", phone(number));
    let (out, error, code) = stage.gateway.command(&["gdpr", "erase", &person, "--reason", "letter"]).await;
    (out + &error, code)
}

fn holds(data: &Path) {
    let report = verify::ledger(data, &Asked::default());
    assert_eq!(report.findings, []);
    if let Some((words, exit)) = second_verifier(&[utf8(data)]) {
        assert_eq!(exit, 0, "{words}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn erasures_of_one_number_and_of_several_at_once_all_end_and_leave_nothing() {
    let mut stage = Stage::start().await;
    let home = stage.gateway.home.path().to_owned();
    let data = home.join("data");
    for number in 800..806 {
        assert_eq!(stage.mo(&phone(number), "36111", "STOP Hippolyte").await, 0);
    }
    let gone: Vec<Vec<u8>> = (800..805).flat_map(|number| sealed(&home, number).0).collect();
    let (others, _) = sealed(&home, 805);
    assert!(gone.len() >= 15 && !others.is_empty());
    // The same one three times, and others beside it: each waits for its turn.
    let all = tokio::join!(
        erase(&stage, 800),
        erase(&stage, 800),
        erase(&stage, 801),
        erase(&stage, 800),
        erase(&stage, 802),
        erase(&stage, 803),
        erase(&stage, 804)
    );
    for (words, code) in [&all.0, &all.1, &all.2, &all.3, &all.4, &all.5, &all.6] {
        assert_eq!(*code, 0, "{words}");
        assert!(words.contains("stays blocked"), "{words}");
    }
    let found = [&all.0, &all.1, &all.3].map(|(words, _)| words.contains("Erased from every file"));
    assert_eq!(found.iter().filter(|found| **found).count(), 1, "one of the three found something: {all:?}");
    stage.gateway.metric_becomes("stopgate_erasures_waiting", &[], |waiting| waiting == 0.0).await;
    assert_eq!(holding(&data, &gone), [""; 0]);
    assert!(!holding(&data, &others).is_empty(), "nobody asked for this one");
    for number in 800..806 {
        assert_eq!(stage.promo(number).await, OPTED_OUT);
    }
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    holds(&data);
}

#[tokio::test(flavor = "current_thread")]
async fn a_backup_made_during_erasures_holds_and_each_record_in_it_has_its_data_whole_or_not_at_all() {
    let mut stage = Stage::start().await;
    let home = stage.gateway.home.path().to_owned();
    let room = tempfile::tempdir().expect("a directory");
    for number in 810..822 {
        assert_eq!(stage.mo(&phone(number), "36111", "STOP Hippolyte").await, 0);
    }
    let blobs: Vec<Vec<Vec<u8>>> = (810..822).map(|number| sealed(&home, number).0).collect();
    let mut made = 0;
    for round in 0..4u32 {
        let target = room.path().join(format!("b{round}"));
        let (config, path) = (home.join("stopgate.toml"), target.clone());
        let making = tokio::task::spawn_blocking(move || {
            said(stopgate().arg("--config").arg(config).arg("backup").arg(path).output().expect("the binary starts"))
        });
        for number in 810 + round * 3..813 + round * 3 {
            let (words, code) = erase(&stage, number).await;
            assert_eq!(code, 0, "{words}");
        }
        let (words, code) = making.await.expect("joined");
        assert_eq!(code, 0, "{words}");
        let (words, exit) = said(stopgate().arg("verify").arg(&target).output().expect("the binary starts"));
        assert!(exit == 0 && words.contains("a backup, made "), "{words}");
        // Of each record there is the whole of what was sealed, or nothing of it: no salt, no beginning, no end.
        for parts in blobs.iter().flat_map(|parts| parts.chunks(3)) {
            let there = parts.iter().filter(|part| !holding(&target, std::slice::from_ref(part)).is_empty()).count();
            assert!(there == 0 || there == parts.len(), "{there} of {}", parts.len());
            made += usize::from(there > 0);
        }
    }
    assert!(made > 0, "the first backups hold somebody");
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    // Made afterwards it holds nobody's.
    let after = room.path().join("after");
    let (words, code) = offline(&home, &["backup", utf8(&after)]);
    assert_eq!(code, 0, "{words}");
    assert_eq!(holding(&after, &blobs.concat()), [""; 0]);
    holds(&after);
}

#[tokio::test(flavor = "current_thread")]
async fn an_erasure_ordered_on_a_full_disk_is_noted_shown_and_goes_on_by_itself_once_there_is_room() {
    let Some(mut house) = disk_full::house().await else { return };
    let home = house.gateway.home.path().to_owned();
    let data = home.join("data");
    for number in 840..843 {
        assert_eq!(house.stop(&phone(number)).await, 0);
    }
    let gone: Vec<Vec<u8>> = (840..842).flat_map(|number| sealed(&home, number).0).collect();
    let neighbour = house.disk.full();
    for (number, waiting) in [(840, 1), (841, 2)] {
        let person = format!("+{}", phone(number));
        let order = ["gdpr", "erase", &person, "--reason", "letter"];
        let (out, error, code) = house.gateway.command(&order).await;
        let words = out + &error;
        assert!(code != 0 && words.contains("the erasure is noted and not over"), "{code}: {words}");
        assert!(words.contains("make room on the disk") && words.contains("goes on by itself"), "{words}");
        let waiting = f64::from(waiting);
        house.gateway.metric_becomes("stopgate_erasures_waiting", &[], |seen| seen == waiting).await;
    }
    let (words, error, code) = house.gateway.command(&["status"]).await;
    assert!(code == 0 && words.contains("2 erasure(s) noted and not over"), "{words}{error}");
    assert!(!holding(&data, &gone).is_empty(), "nothing is half done");
    assert_eq!(house.stop(&phone(845)).await, 0, "STOPs are kept");
    // The order outlives a kill on the disk that is still full.
    house.again().await;
    house.gateway.metric_becomes("stopgate_erasures_waiting", &[], |seen| seen == 2.0).await;
    drop(neighbour);
    house.gateway.metric_becomes("stopgate_erasures_waiting", &[], |seen| seen == 0.0).await;
    assert_eq!(holding(&data, &gone), [""; 0]);
    assert!(house.gateway.log().contains("erasure.finished"), "{}", house.gateway.log());
    let acme = house.bound("acme", "secret").await;
    for number in [840, 841, 842, 845] {
        let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(number), PROMO)).await.expect("answered");
        assert_eq!(answer.status(), OPTED_OUT);
    }
    acme.unbind(SOON).await.expect("unbound");
    let person = format!("+{}", phone(840));
    let (words, error, code) = house.gateway.command(&["gdpr", "erase", &person, "--reason", "letter"]).await;
    assert!(code == 0 && words.contains("Nothing was held"), "{words}{error}");
    assert!(house.gateway.terminate().await.success(), "{}", house.gateway.log());
    holds(&data);
}
