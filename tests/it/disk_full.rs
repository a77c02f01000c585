//! Owns a disk without room: answers keep coming, blocking and STOPs go on, and it recovers by itself when there is room again.
//! Must never pass silently where nothing can be mounted.

use super::support::config::{Config, bank};
use super::support::disk::Disk;
use super::support::figures::Figures;
use super::support::gateway::{Gateway, Home};
use super::support::stage::operator;
use super::support::status::OPTED_OUT;
use super::support::{PROMO, SOON, phone};
use std::time::Duration;
use stopgate::ledger::verify;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::{Smsc, switches::Switches};
use tokio::time::Instant;

/// SG153 for a commercial message: come again.
const CLOSED: u32 = 0x08;
/// Room for all that is pre-written at a start, and little more.
const MEBIBYTES: u32 = 48;
/// Promos under way at once.
const AT_ONCE: usize = 500;
/// More than the pre-written segments of a rehearsal hold, several times.
const FLOOD_MAX: usize = 400_000;
/// How soon a degraded state must show, and how soon it must be over once there is room.
const WITHIN: Duration = Duration::from_secs(5);

/// A gateway on a small disk, with an account for promos and one for codes.
pub struct House {
    pub disk: Disk,
    smsc: Smsc,
    config: Config,
    pub gateway: Gateway,
}

/// A gateway whose data_dir is a small disk; `None` where nothing can be mounted.
pub async fn house() -> Option<House> {
    let home = Home::new();
    let disk = Disk::in_memory(&home, MEBIBYTES)?;
    let smsc = operator(Switches { redeliver: None, ..Switches::default() }).await;
    let mut config = Config::new(smsc.address());
    config.segment_mib = 1;
    config.accounts.push(bank());
    let mut gateway = Gateway::start_in(home, &config).await;
    gateway.ready().await;
    Some(House { disk, smsc, config, gateway })
}

impl House {
    pub async fn bound(&self, system_id: &str, password: &str) -> Esme {
        Esme::bind(self.gateway.smpp, &Bind::transceiver(system_id, password)).await.expect("bound")
    }

    pub async fn stop(&self, number: &str) -> u32 {
        let answer = self.smsc.deliver(Message::mo(number, "36111", "STOP"), SOON).await;
        answer.unwrap_or_else(|error| panic!("{number}: {error}\n{}", self.gateway.log())).status
    }

    /// Killed, and started again on the same disk.
    pub async fn again(&mut self) {
        self.gateway.kill();
        self.smsc.close(None);
        let home = self.gateway.home.clone();
        self.gateway = Gateway::start_in(home, &self.config).await;
        self.gateway.ready().await;
    }

    /// Sends promos until one is refused for want of evidence; gives how many were sent. Each must have its answer.
    async fn flood_until_closed(&self, acme: &Esme) -> usize {
        let mut sent = 0;
        while sent < FLOOD_MAX {
            let mut asked = Vec::with_capacity(AT_ONCE);
            for number in 0..AT_ONCE {
                let promo = Message::submit("ACME", &phone(5_000 + (number % 4_000) as u32), PROMO);
                asked.push(acme.submit(&promo).await.expect("written"));
            }
            let mut closed = false;
            for sequence in asked {
                let answer = acme.answer(sequence, SOON).await;
                let status = answer.unwrap_or_else(|error| panic!("{error}\n{}", self.gateway.log())).status();
                assert!([0, CLOSED].contains(&status), "{status:#x}\n{}", self.gateway.log());
                closed |= status == CLOSED;
                sent += 1;
            }
            if closed {
                return sent;
            }
        }
        panic!("{FLOOD_MAX} promos, and the disk is not full\n{}", self.gateway.log());
    }

    async fn status(&self, esme: &Esme, source: &str, number: &str, text: &str) -> u32 {
        let answer = esme.submit_and_wait(&Message::submit(source, number, text)).await;
        answer.unwrap_or_else(|error| panic!("{error}\n{}", self.gateway.log())).status()
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_full_disk_refuses_promos_passes_codes_keeps_stops_and_recovers_by_itself() {
    let Some(mut house) = house().await else { return };
    let (acme, bank) = (house.bound("acme", "secret").await, house.bound("bank", "pass").await);
    assert_eq!(house.stop(&phone(1)).await, 0);
    let neighbour = house.disk.full();
    let sent = house.flood_until_closed(&acme).await;

    let closed = Instant::now();
    house.gateway.readyz_becomes(503).await;
    assert!(closed.elapsed() < WITHIN, "{:?}", closed.elapsed());
    let (_, why) = house.gateway.get("/readyz?verbose").await;
    assert!(why.contains("FAILED ledger") && why.contains("No space left on device"), "{why}");
    let mut codes = 0;
    for round in 0..50 {
        assert_eq!(house.status(&bank, "BANK", &phone(200 + round), "Votre code est 123456").await, 0, "codes pass");
        codes += 1;
        assert_eq!(house.status(&acme, "ACME", &phone(300 + round), PROMO).await, CLOSED, "round {round}: SG153");
        assert_eq!(house.stop(&phone(400 + round)).await, 0, "a STOP is kept\n{}", house.gateway.log());
        let refused = house.status(&acme, "ACME", &phone(400 + round), PROMO).await;
        assert!([OPTED_OUT, CLOSED].contains(&refused), "{refused:#x}");
        let (ready, _) = house.gateway.get("/readyz").await;
        assert_eq!(ready, 503, "round {round}: it does not flap");
    }
    drop(neighbour);
    let room = Instant::now();
    house.gateway.readyz_becomes(200).await;
    let recovered = room.elapsed();
    assert!(recovered < WITHIN, "{recovered:?}");
    assert_eq!(house.status(&acme, "ACME", &phone(300), PROMO).await, 0, "promos leave again");
    let mut lost = 0;
    for round in 0..50 {
        lost += u64::from(house.status(&acme, "ACME", &phone(400 + round), PROMO).await != OPTED_OUT);
    }
    assert!(!house.gateway.log().contains("panicked"), "{}", house.gateway.log());
    assert!(house.gateway.terminate().await.success(), "{}", house.gateway.log());
    let report = verify::ledger(&house.gateway.home.path().join("data"), &verify::Asked::default());
    let counted: u64 = report.gaps.iter().filter(|gap| gap.account == "bank").map(|gap| gap.messages).sum();
    assert_eq!(counted, codes, "every code that left without a record is counted once: {:?}", report.gaps);
    Figures::of("disk_full", 1, 0)
        .counted("promos answered", sent as u64)
        .counted("codes passed and counted in the gap", codes)
        .counted("STOPs acknowledged on the full disk", 50)
        .counted("ms until it recovered by itself", recovered.as_millis() as u64)
        .lost("acknowledged STOPs lost", lost)
        .lost("findings of verify", report.findings.len() as u64)
        .report(None);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_acknowledged_on_a_full_disk_is_there_after_kill_9_on_the_disk_that_is_still_full() {
    let Some(mut house) = house().await else { return };
    let acme = house.bound("acme", "secret").await;
    let neighbour = house.disk.full();
    house.flood_until_closed(&acme).await;
    for number in 0..20 {
        assert_eq!(house.stop(&phone(number)).await, 0, "{}", house.gateway.log());
    }
    house.again().await;
    let acme = house.bound("acme", "secret").await;
    for number in 0..20 {
        let refused = house.status(&acme, "ACME", &phone(number), PROMO).await;
        assert!([OPTED_OUT, CLOSED].contains(&refused), "{refused:#x}");
    }
    drop(neighbour);
    house.gateway.readyz_becomes(200).await;
    for number in 0..20 {
        assert_eq!(house.status(&acme, "ACME", &phone(number), PROMO).await, OPTED_OUT, "{}", house.gateway.log());
    }
    assert!(!house.gateway.log().contains("panicked"), "{}", house.gateway.log());
    assert_eq!(house.status(&acme, "ACME", &phone(21), PROMO).await, 0, "promos leave again");
    assert!(house.gateway.terminate().await.success(), "{}", house.gateway.log());
}
