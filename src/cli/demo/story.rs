//! Owns the story of a weekend: a promo, a STOP and its confirmation, a refusal; Sunday; an OTP at night; Monday.
//! Must never pretend: when something does not happen the story ends with an error.

use super::scene::Scene;
use super::words::{masked, outcome};
use crate::message::instant::CivilInstant;
use crate::sim::esme::Esme;
use crate::sim::message::Message;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::sleep;

/// Sunday 22 November 2026, 11:00 in Paris.
const SUNDAY: CivilInstant = CivilInstant::from_secs(1_795_341_600);
/// The same day, 23:10.
const NIGHT: CivilInstant = CivilInstant::from_secs(1_795_385_400);
/// Monday 23 November 2026, 09:30 in Paris.
const MONDAY: CivilInstant = CivilInstant::from_secs(1_795_422_600);
/// What the simulated operator or a client is given to show something.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two lines, so that a person can read along.
const PAUSE: Duration = Duration::from_millis(700);

const CUSTOMER: &str = "33639980012";
const OTHER: &str = "33639980034";
const PROMO: &str = "Soldes: -20% ce week-end. STOP 36111";

/// Tells it.
pub async fn tell(scene: &mut Scene) -> Result<(), String> {
    let acme = scene.bind("acme").await?;
    expect(submit(scene, &acme, "acme sends a promo", "ACME", CUSTOMER, PROMO).await?, 0)?;
    stop(scene).await?;
    expect(submit(scene, &acme, "acme sends the next promo", "ACME", CUSTOMER, PROMO).await?, 0x66)?;
    expect(
        submit(scene, &acme, "acme sends one without a way out", "ACME", OTHER, "Soldes: -20% ce week-end").await?,
        0x65,
    )?;
    drop(acme);

    scene.begin(SUNDAY).await?;
    let acme = scene.bind("acme").await?;
    let status = submit(scene, &acme, "acme sends a promo on Sunday", "ACME", OTHER, PROMO).await?;
    expect(status, 0x61)?;
    let opening = next_opening(scene).await?;
    scene.line(&format!("                                      its next opening: {opening}"));
    sleep(PAUSE).await;
    drop(acme);

    scene.begin(NIGHT).await?;
    let bank = scene.bind("bank").await?;
    expect(submit(scene, &bank, "bank sends an OTP at night", "BANK", CUSTOMER, "Votre code est 482913").await?, 0)?;
    drop(bank);

    scene.begin(MONDAY).await?;
    let acme = scene.bind("acme").await?;
    expect(submit(scene, &acme, "acme sends a promo on Monday", "ACME", OTHER, PROMO).await?, 0)?;
    expect(submit(scene, &acme, "acme tries who said STOP", "ACME", CUSTOMER, PROMO).await?, 0x66)
}

async fn submit(scene: &mut Scene, esme: &Esme, what: &str, from: &str, to: &str, text: &str) -> Result<u32, String> {
    let answer = esme.submit_and_wait(&Message::submit(from, to, text)).await.map_err(|error| error.to_string())?;
    let outcome = outcome(answer.status());
    scene.line(&format!("{what:<36}  -> {}  {outcome}", masked(to)));
    *scene.tally.outcomes.entry(outcome).or_default() += 1;
    sleep(PAUSE).await;
    Ok(answer.status())
}

async fn stop(scene: &mut Scene) -> Result<(), String> {
    let said = Message::mo(CUSTOMER, "36111", "STOP");
    let answer = scene.smsc.deliver(said, PATIENCE).await.map_err(|error| error.to_string())?;
    expect(answer.status, 0)?;
    let took = answer.at.saturating_sub(answer.sent_at).as_secs_f64() * 1e3;
    scene.tally.stops += 1;
    scene.line(&format!(
        "{:<36}  {} suppressed, on disk and acknowledged in {took:.1} ms",
        "a phone answers STOP to 36111",
        masked(CUSTOMER)
    ));
    let confirmed = scene
        .smsc
        .wait_for(PATIENCE, |records| records.to(CUSTOMER).find(|one| one.source() == "36111").map(|one| one.text()));
    let text = confirmed.await.ok_or("no confirmation came")?;
    scene.tally.confirmations += 1;
    scene.line(&format!("{:<36}  -> {}  {text:?}", "36111 confirms", masked(CUSTOMER)));
    sleep(PAUSE).await;
    Ok(())
}

/// Asks the running gateway, as a person would: `stopgate check`.
async fn next_opening(scene: &Scene) -> Result<String, String> {
    let binary = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(binary);
    command.arg("--config").arg(scene.config()).arg("--json").args([
        "check",
        "--account",
        "acme",
        "--text",
        PROMO,
        "--to",
    ]);
    command.arg(format!("+{OTHER}")).stdin(Stdio::null());
    let running = tokio::task::spawn_blocking(move || command.output());
    let output = running.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|error| {
        format!("`stopgate check` did not answer ({error}): {}", String::from_utf8_lossy(&output.stderr))
    })?;
    let at = answer["next_opening"].as_str().and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
    let at = at.ok_or("`stopgate check` told no next opening")?;
    Ok(format!("{} in Paris", super::words::day(at.to_utc().into())))
}

fn expect(status: u32, wanted: u32) -> Result<(), String> {
    match status == wanted {
        true => Ok(()),
        false => Err(format!("the gateway answered {status:#04x} where the story has {wanted:#04x}")),
    }
}
