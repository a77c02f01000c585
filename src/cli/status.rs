//! Owns `stopgate status` and `stopgate ready`: the daemon at a glance.
//! Must never show personal data.

use super::client::Client;
use super::exit::{Exit, Outcome};
use super::global::Global;
use super::print::{self, Table};
use serde_json::Value;

/// Show operators, accounts, list and ledger.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  stopgate status\n  stopgate status --json | jq .smscs")]
pub struct Args {}

/// Say whether the daemon is ready (exit 0 ready, 3 not ready, 69 no answer).
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  stopgate ready\n  stopgate ready --json")]
pub struct ReadyArgs {}

/// Runs `status`.
pub fn run(_: &Args, global: &Global) -> Outcome {
    let answer = Client::new(global)?.get("/v1/status")?;
    if global.json {
        print::json(&answer);
        return Ok(Exit::Ok);
    }
    heading(&answer).iter().for_each(print::line);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut smscs = Table::new(&["smsc", "address", "bound", "in flight", "waiting"]);
    for smsc in answer["smscs"].as_array().into_iter().flatten() {
        let of = |part: &str, whole: &str| format!("{}/{}", smsc[part], smsc[whole]);
        let (bound, window) = (of("bound", "links"), of("window_used", "window_size"));
        smscs.row([text(&smsc["name"]), text(&smsc["address"]), bound, window, text(&smsc["waiting"])]);
    }
    smscs.print();
    let mut accounts = Table::new(&["account", "pack", "smsc", "tx/rx/trx", "spooled"]);
    for account in answer["accounts"].as_array().into_iter().flatten() {
        let smsc = account["smsc"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
        let binds = format!("{}/{}/{}", account["transmitters"], account["receivers"], account["transceivers"]);
        let names = [text(&account["system_id"]), text(&account["pack"]), smsc.join(" ")];
        accounts.row(names.into_iter().chain([binds, text(&account["spooled"])]));
    }
    accounts.print();
    observed(&answer).iter().for_each(print::line);
    Ok(Exit::Ok)
}

/// The accounts with rules that do not refuse yet.
fn observed(answer: &Value) -> Vec<String> {
    let accounts = answer["accounts"].as_array().into_iter().flatten().filter(|account| !account["observe"].is_null());
    let line = |account: &Value| {
        let observe = &account["observe"];
        let rules = observe["rules"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
        let (system_id, until) =
            (account["system_id"].as_str().unwrap_or("-"), observe["until"].as_str().unwrap_or("-"));
        match observe["over"] == true {
            true => format!("{system_id}: {} was observed until {until}: remove [account.observe]", rules.join(", ")),
            false => format!("{system_id}: {} ONLY OBSERVED until {until}", rules.join(", ")),
        }
    };
    accounts.map(line).collect()
}

fn heading(answer: &Value) -> Vec<String> {
    let text = |key: &str| answer[key].as_str().unwrap_or("-");
    let mut state = String::new();
    if answer["rehearsal"] == true {
        state.push_str(", REHEARSAL");
    }
    if answer["draining"] == true {
        state.push_str(", draining");
    }
    let evidence = match text("evidence") {
        "whole" => "evidence whole".to_owned(),
        other => format!("FAILING CLOSED: {other}"),
    };
    let erasures = answer["erasures_waiting"].as_u64().filter(|waiting| *waiting > 0);
    let erasures = erasures
        .map(|waiting| format!("{waiting} erasure(s) noted and not over: one runs, or waits for room on the disk"));
    let lines = [
        format!(
            "{} stopgate {}, smpp {}, since {}{state}",
            text("node"),
            text("version"),
            text("smpp"),
            text("started")
        ),
        format!(
            "{evidence}; {} numbers suppressed, {} events durable, store {} behind",
            answer["suppressed_numbers"], answer["durable_events"], answer["suppression_store_lag"]
        ),
    ];
    lines.into_iter().chain(erasures).collect()
}

/// Runs `ready`.
pub fn ready(_: &ReadyArgs, global: &Global) -> Outcome {
    let answered = Client::without_token(global)?.get_any("/readyz?json")?;
    let ready = answered.status == 200;
    if global.json {
        print::json(&answered.body);
    } else {
        for check in answered.body["checks"].as_array().into_iter().flatten() {
            let mark = if check["ok"] == true { "ok" } else { "FAILED" };
            let (name, detail) = (check["name"].as_str().unwrap_or("-"), check["detail"].as_str().unwrap_or("-"));
            print::line(format!("{mark} {name}: {detail}"));
        }
        print::line(if ready { "ready" } else { "not ready" });
    }
    Ok(if ready { Exit::Ok } else { Exit::Findings })
}
