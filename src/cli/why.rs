//! Owns `stopgate why`: all that is known about a number, in words.
//! Must never be asked without being recorded: the daemon does so before it answers.

use super::client::Client;
use super::exit::{Exit, Outcome};
use super::global::Global;
use super::numbers::Number;
use super::print;
use serde_json::Value;

/// Say why a number may or may not be written to (the reading is recorded).
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  stopgate why \"06 39 98 00 42\"\n  stopgate why +33639980042 --json")]
pub struct Args {
    #[command(flatten)]
    number: Number,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let answer = Client::new(global)?.post("/v1/why", &args.number.body())?;
    if global.json {
        print::json(&answer);
    } else {
        in_words(&answer).iter().for_each(print::line);
    }
    Ok(Exit::Ok)
}

/// When a person said a stop, what proves it and what was said.
pub fn proof(stop: &Value) -> Vec<String> {
    let part = |key: &str| stop[key].as_str();
    let mut lines = Vec::new();
    lines.extend(part("said_at").map(|at| format!("  said at {at}")));
    lines.extend(part("evidence").map(|evidence| format!("  evidence: {evidence}")));
    lines.extend(part("text").filter(|text| part("evidence") != Some(text)).map(|text| format!("  text: {text}")));
    lines
}

fn list<'v>(answer: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    answer[key].as_array().into_iter().flatten()
}

fn in_words(answer: &Value) -> Vec<String> {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or("-").to_owned();
    let mut lines = vec![text(answer, "number")];
    let suppressions: Vec<_> = list(answer, "suppressions").collect();
    if suppressions.is_empty() {
        lines.push("not suppressed: nobody told us that this person opted out".to_owned());
    }
    for stop in suppressions {
        let code = stop["short_code"].as_u64().map(|code| format!(" to {code}")).unwrap_or_default();
        lines.push(format!(
            "suppressed ({}) since {} by {}{code}, entered by {}; event {}",
            text(stop, "scope"),
            text(stop, "since"),
            text(stop, "source"),
            text(stop, "by"),
            stop["event"]
        ));
        lines.extend(proof(stop));
    }
    let lifted: Vec<_> = list(answer, "lifted_for").filter_map(Value::as_str).collect();
    if !lifted.is_empty() {
        lines.push(format!("may be written to again by {}", lifted.join(", ")));
    }
    for lift in list(answer, "proposed") {
        let accounts: Vec<_> = list(lift, "accounts").filter_map(Value::as_str).collect();
        let (id, by, until) = (&lift["id"], text(lift, "by"), text(lift, "until"));
        lines.push(format!(
            "a lift for {} waits for a second person: proposal {id} by {by}, until {until}",
            accounts.join(", ")
        ));
    }
    for lift in list(answer, "lifts") {
        let people: Vec<_> = list(lift, "people").filter_map(Value::as_str).collect();
        let accounts: Vec<_> = list(lift, "accounts").filter_map(Value::as_str).collect();
        let how = match people[..] {
            [] => "by the person's START".to_owned(),
            [_, ..] => format!("by two people: {}", people.join(" and ")),
        };
        let (accounts, at) = (accounts.join(", "), text(lift, "at"));
        lines.push(format!("lifted for {accounts} at {at} {how}; event {}", lift["event"]));
        lines.extend(proof(lift));
    }
    lines.extend(list(answer, "frequency").filter_map(Value::as_str).map(|count| format!("frequency: {count}")));
    lines.extend(list(answer, "consent").filter_map(Value::as_str).map(|consent| format!("consent: {consent}")));
    lines.extend(list(answer, "observed").filter_map(Value::as_str).map(|observed| format!("observe: {observed}")));
    for hours in list(answer, "hours") {
        let state = if hours["open"] == true { "open until" } else { "closed until" };
        lines.push(format!(
            "pack {} in {}: {state} {}",
            text(hours, "pack"),
            text(hours, "territory"),
            text(hours, "until")
        ));
    }
    let verdicts: Vec<_> = list(answer, "verdicts").collect();
    if verdicts.is_empty() {
        lines.push("no recent verdict in memory".to_owned());
    }
    for verdict in verdicts {
        lines.push(format!(
            "{} {} {} {}",
            text(verdict, "at"),
            text(verdict, "account"),
            text(verdict, "class"),
            text(verdict, "verdict")
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suppressed_number_and_a_free_one_are_told_apart_in_words() {
        let free = serde_json::json!({ "number": "+33639980042", "suppressions": [], "verdicts": [] });
        assert!(in_words(&free)[1].starts_with("not suppressed"));
        let stopped = serde_json::json!({
            "number": "+33639980042",
            "suppressions": [{ "scope": "global", "since": "2026-11-21T10:00:00Z", "source": "mo", "by": "operator-a", "short_code": 36111, "event": 7, "evidence": "STOP" }],
            "hours": [{ "pack": "fr-strict@1", "territory": "FR", "open": false, "until": "2026-11-23T07:00:00Z" }],
            "verdicts": [{ "at": "2026-11-21T10:01:00Z", "account": "acme", "class": "commercial", "verdict": "SG101" }],
        });
        let words = in_words(&stopped).join("\n");
        for part in ["suppressed (global)", "to 36111", "evidence: STOP", "closed until 2026-11-23T07:00:00Z", "SG101"]
        {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}
