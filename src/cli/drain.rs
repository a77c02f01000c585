//! Owns `stopgate drain`: the daemon takes no more work and finishes what it has.
//! Must never stop the daemon itself: its supervisor does.

use super::client::Client;
use super::exit::{Exit, Outcome};
use super::global::Global;
use super::print;
use serde_json::json;

/// Have the daemon take no more work and finish what it has.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  stopgate drain\n  stopgate drain && stopgate status")]
pub struct Args {}

/// Runs it.
pub fn run(_: &Args, global: &Global) -> Outcome {
    let answer = Client::new(global)?.post("/v1/drain", &json!({}))?;
    if global.json {
        print::json(&answer);
    } else {
        print::line("draining: no new binds, messages in flight are being finished; `stopgate status` shows how far");
    }
    Ok(Exit::Ok)
}
