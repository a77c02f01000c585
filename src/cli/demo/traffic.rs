//! Owns the traffic behind the story: promos to random phones, some of which answer STOP, and an OTP now and then.
//! Must never be heavier than asked for, nor go on when the gateway has ended.

use super::scene::Scene;
use super::words::{masked, outcome};
use crate::sim::esme::Esme;
use crate::sim::message::Message;
use crate::sim::phone::PhoneRule;
use crate::sim::smsc::records::Records;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Messages a second when nothing is said: slow enough to be read.
const READABLE: u32 = 1;
/// From how many messages a second on only sums are printed.
const LINES_UP_TO: u32 = 10;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(35);

/// Runs until the gateway ends or the demo is interrupted.
pub async fn flow(scene: &mut Scene, load: Option<u32>) -> Result<(), String> {
    let rate = load.unwrap_or(READABLE);
    scene.smsc.phones(|phones| {
        // Every tenth phone answers STOP: those whose number ends in 7.
        phones.rules = (0..1_000).map(|number| stop_of(number * 10 + 7)).collect();
    });
    let (acme, bank) = (scene.bind("acme").await?, scene.bind("bank").await?);
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sums = interval(Duration::from_secs(1));
    let mut seconds: BTreeMap<String, u64> = BTreeMap::new();
    let (mut sent, mut stops_before, mut waiting) = (0u64, scene.tally.stops, VecDeque::new());
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                sent += 1;
                let number = format!("3363998{:04}", scatter(sent) % 10_000);
                let otp = sent % 5 == 0;
                let (esme, message) = match otp {
                    true => (&bank, Message::submit("BANK", &number, &format!("Votre code est {:06}", scatter(sent) % 1_000_000))),
                    false => (&acme, Message::submit("ACME", &number, "Soldes: -20% cette semaine. STOP 36111")),
                };
                let sequence = esme.submit(&message).await.map_err(|error| error.to_string())?;
                waiting.push_back((otp, sequence, number));
            }
            answer = next(&acme, &bank, &waiting) => {
                let status = answer?;
                let Some((otp, _, number)) = waiting.pop_front() else { continue };
                let outcome = outcome(status);
                *scene.tally.outcomes.entry(outcome.clone()).or_default() += 1;
                if rate <= LINES_UP_TO {
                    let what = if otp { "bank sends an OTP" } else { "acme sends a promo" };
                    scene.line(&format!("{what:<36}  -> {}  {outcome}", masked(&number)));
                } else {
                    *seconds.entry(outcome).or_default() += 1;
                }
            }
            _ = sums.tick() => {
                scene.alive()?;
                (scene.tally.stops, scene.tally.confirmations) = scene.smsc.records(|records| (stops(records), confirmations(records)));
                if scene.tally.stops > stops_before {
                    scene.line(&format!("STOP from {} more, suppressed and acknowledged", scene.tally.stops - stops_before));
                    stops_before = scene.tally.stops;
                }
                if !seconds.is_empty() {
                    let sums: Vec<String> = seconds.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
                    scene.line(&sums.join(" · "));
                    seconds.clear();
                }
            }
        }
    }
}

/// The status of the answer to the oldest submit that waits for one.
async fn next(acme: &Esme, bank: &Esme, waiting: &VecDeque<(bool, u32, String)>) -> Result<u32, String> {
    let Some((otp, sequence, _)) = waiting.front() else { return std::future::pending().await };
    let esme = if *otp { bank } else { acme };
    let answer = esme.answer(*sequence, PATIENCE).await.map_err(|error| error.to_string())?;
    Ok(answer.status())
}

fn stops(records: &Records) -> u64 {
    let acknowledged = records.answered.iter().filter(|one| one.status == 0 && one.message.text() == "STOP");
    acknowledged.count() as u64
}

fn confirmations(records: &Records) -> u64 {
    records.submitted.iter().filter(|one| one.source() == "36111").count() as u64
}

fn stop_of(number: u32) -> PhoneRule {
    let rule = PhoneRule::once(&format!("3363998{number:04}"), "soldes", "STOP", "36111");
    PhoneRule { after: Duration::from_millis(500), ..rule }
}

/// A fixed scatter: the same traffic each time.
fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}
