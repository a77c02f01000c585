//! Owns damage to the ledger under a running gateway: it is found by the daily reading, said, and traffic goes on.
//! Must never count on a start: what is damaged here was whole when the gateway began.

use super::support::config::bank;
use super::support::offline::{offline, utf8};
use super::support::stage::Stage;
use super::support::{PROMO, SOON, phone};
use std::os::unix::fs::FileExt;
use std::path::Path;
use stopgate::journal::offline::Offline;
use stopgate::sim::esme::Bind;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

const DAMAGED: &str = "stopgate_ledger_damaged_places";

/// Where the record with this number stands: octets from the beginning of its file, the first one.
fn place(dir: &Path, stream: &str, seq: u64) -> usize {
    let files = Offline::open(dir, stream).expect("readable");
    let mut walk = files.walk();
    while let Some(placed) = walk.next_record().expect("readable") {
        if placed.frame.seq == seq {
            return placed.offset as usize;
        }
    }
    panic!("{stream} has no record {seq}");
}

/// In place: what the gateway writes meanwhile stays.
fn flip(path: &Path, at: usize) {
    let file = std::fs::File::options().read(true).write(true).open(path).expect("there");
    let mut octet = [0];
    file.read_exact_at(&mut octet, at as u64).expect("readable");
    file.write_all_at(&[octet[0] ^ 4], at as u64).expect("written");
}

#[tokio::test(flavor = "current_thread")]
async fn a_record_that_the_disk_loses_under_the_running_gateway_is_found_within_a_day_and_traffic_goes_on() {
    let mut stage = Stage::with(Switches::default(), |config| {
        // A day a second.
        config.speed = 86_400;
        config.accounts.push(bank());
    })
    .await;
    let home = stage.gateway.home.path().to_owned();
    let bank = stage.bound(&Bind::transceiver("bank", "pass")).await;
    for number in 0..20 {
        let code = Message::submit("BANK", &phone(number), "Votre code est 123456");
        assert_eq!(bank.submit_and_wait(&code).await.expect("answered").status(), 0);
        assert_eq!(stage.mo(&phone(number), "36111", "STOP").await, 0);
    }
    let reread = stage.gateway.metric_becomes("stopgate_ledger_reread_timestamp_seconds", &[], |at| at > 0.0).await;
    assert_eq!(stage.gateway.metric(DAMAGED, &[]).await, 0.0);
    for (stream, seq, octet) in [("verdicts", 7, 60), ("events", 9, 30)] {
        let dir = home.join("data").join(stream);
        let path = dir.join("0000000001.seg");
        let at = place(&dir, stream, seq) + octet;
        flip(&path, at);
        stage.gateway.metric_becomes(DAMAGED, &[], |places| places == 1.0).await;
        let said = format!("\"event\":\"ledger.damaged\",\"stream\":\"{stream}\",\"record\":{seq},");
        assert!(stage.gateway.log().contains(&said), "{said}\n{}", stage.gateway.log());
        let (words, exit) = offline(&home, &["verify", utf8(&home.join("data"))]);
        let named = format!("DOES NOT HOLD: {stream} record {seq}: ");
        assert!(exit == 3 && words.starts_with(&named), "verify names the same: {words}");
        // Nothing that is decided needs it.
        let code = Message::submit("BANK", &phone(30), "Votre code est 123456");
        assert_eq!(bank.submit_and_wait(&code).await.expect("answered").status(), 0);
        assert_eq!(stage.mo(&phone(31), "36111", "STOP").await, 0);
        let (ready, words) = stage.gateway.get("/readyz?verbose").await;
        assert_eq!(ready, 200, "{words}");
        // Put back: the next reading finds it whole.
        flip(&path, at);
        stage.gateway.metric_becomes(DAMAGED, &[], |places| places == 0.0).await;
    }
    let later = |at: f64| at > reread + 86_400.0;
    stage.gateway.metric_becomes("stopgate_ledger_reread_timestamp_seconds", &[], later).await;
    bank.unbind(SOON).await.expect("unbound");
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    // A segment that was lost is put back from a backup, octet for octet what it was.
    let backup = home.join("backup");
    let (words, exit) = offline(&home, &["backup", utf8(&backup)]);
    assert_eq!(exit, 0, "{words}");
    let segment = home.join("data/verdicts/0000000001.seg");
    flip(&segment, 512 + 200);
    std::fs::copy(backup.join("verdicts/0000000001.seg"), &segment).expect("put back");
    stage.config.speed = 1;
    stage.restart().await;
    stage.gateway.metric_becomes("stopgate_ledger_reread_timestamp_seconds", &[], |at| at > 0.0).await;
    assert_eq!(stage.gateway.metric(DAMAGED, &[]).await, 0.0);
    let acme = stage.acme().await;
    assert_eq!(
        acme.submit_and_wait(&Message::submit("ACME", &phone(5), PROMO)).await.expect("answered").status(),
        0x66
    );
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
}
