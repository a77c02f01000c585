//! Owns a disk that the kernel has made read-only: answers keep coming, blocking goes on, nothing is acknowledged that is not kept.
//! Must never pass silently where nothing can be mounted.

use super::support::config::{Config, bank};
use super::support::disk::Disk;
use super::support::figures::Figures;
use super::support::gateway::{Gateway, Home, stopgate};
use super::support::stage::operator;
use super::support::status::OPTED_OUT;
use super::support::{PROMO, SOON, phone};
use std::time::Duration;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::{Smsc, switches::Switches};
use tokio::time::Instant;

/// SG153 for a commercial message: come again. The same for an MO.
const COME_AGAIN: u32 = 0x08;
const MEBIBYTES: u32 = 96;
const WITHIN: Duration = Duration::from_secs(5);
const STOPS: u32 = 20;

async fn bound(gateway: &Gateway, system_id: &str, password: &str) -> Esme {
    Esme::bind(gateway.smpp, &Bind::transceiver(system_id, password)).await.expect("bound")
}

async fn status(esme: &Esme, source: &str, number: &str, text: &str) -> u32 {
    esme.submit_and_wait(&Message::submit(source, number, text)).await.expect("an answer").status()
}

async fn stop(smsc: &Smsc, number: &str) -> u32 {
    smsc.deliver(Message::mo(number, "36111", "STOP"), SOON).await.expect("an answer").status
}

/// Starts in `home` to the end: exit code and standard error.
fn refused_start(home: &Home, config: &Config) -> (i32, String) {
    let file = home.path().join("refused.toml");
    std::fs::write(&file, config.write(home.path())).expect("the configuration is written");
    let output = stopgate().arg("--config").arg(file).args(["run", "--clock", &config.clock]).output();
    let output = output.expect("the binary starts");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "current_thread")]
async fn a_disk_that_becomes_read_only_loses_nothing_that_was_acknowledged_and_acknowledges_nothing_more() {
    let home = Home::new();
    let Some(disk) = Disk::in_an_image(&home, MEBIBYTES) else { return };
    let smsc = operator(Switches { redeliver: None, ..Switches::default() }).await;
    let mut config = Config::new(smsc.address());
    config.accounts.push(bank());
    let mut gateway = Gateway::start_in(home.clone(), &config).await;
    gateway.ready().await;
    let (acme, bank) = (bound(&gateway, "acme", "secret").await, bound(&gateway, "bank", "pass").await);
    for number in 0..STOPS {
        assert_eq!(stop(&smsc, &phone(number)).await, 0);
        assert_eq!(status(&acme, "ACME", &phone(1_000 + number), PROMO).await, 0);
    }

    disk.becomes_read_only();
    let began = Instant::now();
    let mut answered = 0;
    for number in 0..STOPS {
        let refused = status(&acme, "ACME", &phone(number), PROMO).await;
        assert!([OPTED_OUT, COME_AGAIN].contains(&refused), "{refused:#x}: it blocks");
        assert_eq!(status(&acme, "ACME", &phone(2_000 + number), PROMO).await, COME_AGAIN, "{}", gateway.log());
        assert_eq!(status(&bank, "BANK", &phone(3_000 + number), "Votre code est 123456").await, 0, "codes pass");
        answered += 3;
    }
    gateway.readyz_becomes(503).await;
    assert!(began.elapsed() < WITHIN, "{:?}", began.elapsed());
    let (_, why) = gateway.get("/readyz?verbose").await;
    assert!(why.contains("FAILED ledger: "), "{why}");
    // An MO may be what unbinds the link: the operator keeps it then.
    let told = smsc.deliver(Message::mo(&phone(500), "36111", "STOP"), SOON).await.map(|answer| answer.status);
    assert!(told.as_ref().is_ok_and(|status| *status == COME_AGAIN), "nothing is acknowledged: {told:?}");
    let refused = status(&acme, "ACME", &phone(500), PROMO).await;
    assert!([OPTED_OUT, COME_AGAIN].contains(&refused), "{refused:#x}: it blocks all the same");
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
    gateway.kill();

    let (code, error) = refused_start(&home, &config);
    assert_eq!(code, 69, "{error}");
    assert!(error.contains("Read-only file system") && error.contains("mount it for writing"), "{error}");
    assert!(!error.contains("panicked"), "{error}");
    drop(disk);
    smsc.close(None);

    let Some(disk) = Disk::of_image(&home) else { return };
    let mut gateway = Gateway::start_in(home, &config).await;
    gateway.ready().await;
    let acme = bound(&gateway, "acme", "secret").await;
    let mut lost = 0;
    for number in 0..STOPS {
        lost += u64::from(status(&acme, "ACME", &phone(number), PROMO).await != OPTED_OUT);
    }
    assert_eq!(status(&acme, "ACME", &phone(2_000), PROMO).await, 0, "promos leave again");
    assert!(gateway.terminate().await.success(), "{}", gateway.log());
    drop(disk);
    Figures::of("read_only", 1, 0)
        .counted("STOPs acknowledged", STOPS.into())
        .counted("submits answered on the disk that took nothing", answered)
        .lost("acknowledged STOPs lost", lost)
        .report(None);
}
