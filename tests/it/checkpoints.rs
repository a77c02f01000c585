//! Owns checkpoints that leave the house: a file grows, an address is told, and both anchor the ledger later.
//! Must never reach beyond loopback.

use super::support::gateway::stopgate;
use super::support::stage::Stage;
use super::support::{PROMO, phone};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Duration;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

/// How long a POST may be awaited.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "current_thread")]
async fn checkpoints_go_to_a_file_and_an_address_and_anchor_the_ledger() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a port");
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (mut request, mut piece) = (Vec::new(), [0; 4096]);
            // A note ends with its signature line: then nothing more comes.
            while !(request.ends_with(b"\n") && String::from_utf8_lossy(&request).contains("\n\n\u{2014} ")) {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => return,
                    Ok(read) => request.extend_from_slice(&piece[..read]),
                }
            }
            let answered = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            if answered.is_err() || sender.send(String::from_utf8_lossy(&request).into_owned()).is_err() {
                return;
            }
        }
    });
    let room = tempfile::tempdir().expect("a directory");
    let file = room.path().join("kept.checkpoints");
    let mut stage = Stage::with(Switches::default(), |config| {
        config
            .checkpoints
            .text("file", file.display())
            .text("post", format!("http://{address}/kept"))
            .text("every", "1s");
    })
    .await;
    let acme = stage.acme().await;
    assert_eq!(acme.submit_and_wait(&Message::submit("ACME", &phone(12), PROMO)).await.unwrap().status(), 0);
    let posted = tokio::task::spawn_blocking(move || {
        // The first may be of an empty ledger: the second is of one that has begun.
        received.recv_timeout(PATIENCE).and_then(|_| received.recv_timeout(PATIENCE))
    });
    let posted = posted.await.expect("joined").expect("checkpoints are posted");
    assert!(posted.starts_with("POST /kept HTTP/1.1\r\n"), "{posted}");
    let note = posted.split("\r\n\r\n").nth(1).expect("a body").to_owned();
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let kept = std::fs::read_to_string(&file).expect("the file is there");
    assert!(kept.contains(&note), "the file and the address get the same: {kept} {note}");
    let data = stage.gateway.home.path().join("data");
    let since = room.path().join("posted");
    std::fs::write(&since, note).expect("written");
    for since in [since, file] {
        let verify =
            stopgate().arg("verify").arg(&data).arg("--since").arg(&since).output().expect("the binary starts");
        let words = String::from_utf8_lossy(&verify.stdout).into_owned();
        assert!(verify.status.success() && words.contains("anchored up to"), "{words}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_checkpoint_that_nobody_takes_is_seen_and_taken_once_somebody_does() {
    // A port that nobody listens on any more.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let room = tempfile::tempdir().expect("a directory");
    let (away, file) = (room.path().join("not-mounted"), room.path().join("not-mounted/kept.checkpoints"));
    let stage = Stage::with(Switches::default(), |config| {
        config
            .checkpoints
            .text("file", file.display())
            .text("post", format!("http://{closed}/kept"))
            .text("every", "1s");
    })
    .await;
    let gateway = &stage.gateway;
    let (total, seen) = ("stopgate_checkpoints_out_total", |count: f64| count > 0.0);
    gateway.metric_becomes(total, &["to=\"file\"", "result=\"failed\""], seen).await;
    gateway.metric_becomes(total, &["to=\"post\"", "result=\"failed\""], seen).await;
    assert_eq!(gateway.metric(total, &["result=\"taken\""]).await, 0.0);
    assert!(gateway.log().contains("checkpoint.not_handed_out"), "{}", gateway.log());
    std::fs::create_dir(&away).expect("mounted");
    gateway.metric_becomes(total, &["to=\"file\"", "result=\"taken\""], seen).await;
    assert!(std::fs::read_to_string(&file).expect("the file is there").contains("/events\n"));
}
