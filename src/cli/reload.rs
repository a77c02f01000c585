//! Owns `stopgate reload`: the daemon reads its configuration again.
//! Must never report success for a file with a fault: the old one still holds then.

use super::client::Client;
use super::exit::{Exit, Failure, Outcome};
use super::global::Global;
use super::print;
use serde_json::{Value, json};

/// Have the daemon read its configuration again; a file with a fault changes nothing (exit 78).
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  stopgate config check && stopgate reload\n  stopgate reload --json")]
pub struct Args {}

/// Runs it.
pub fn run(_: &Args, global: &Global) -> Outcome {
    let answer = Client::new(global)?.post("/v1/reload", &json!({})).map_err(|failure| match failure.exit {
        Exit::Usage => Failure { exit: Exit::BadConfiguration, ..failure },
        Exit::Ok | Exit::Failure | Exit::Findings | Exit::Unavailable | Exit::BadConfiguration => failure,
    })?;
    if global.json {
        print::json(&answer);
        return Ok(Exit::Ok);
    }
    let texts = |key: &str| answer[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut said = 0;
    for (key, note) in
        [("changes", ""), ("restart_needed", " (holds after a restart)"), ("warnings", " (worth knowing)")]
    {
        for text in texts(key) {
            print::line(format!("{text}{note}"));
            said += 1;
        }
    }
    print::line(if said == 0 { "reloaded: nothing changed" } else { "reloaded" });
    Ok(Exit::Ok)
}
