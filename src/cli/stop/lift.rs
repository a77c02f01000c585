//! Owns `stopgate stop lift`: propose, list, approve and refuse the lift of a suppression by two people.
//! Must never propose and approve in one call.

use super::super::client::Client;
use super::super::exit::{Exit, Failure, Outcome, counted};
use super::super::global::Global;
use super::super::print::{self, Table};
use crate::admin::lifts::{DecisionBody, ProposalBody};
use serde_json::Value;

/// Lift a suppression by two people with evidence: one proposes, another approves within 72 hours
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stopgate --token-file alice.token stop lift \"06 39 98 00 42\" --account acme --evidence \"letter of 2026-11-20\" --reason \"asks for the newsletter again\"\n  stopgate --token-file bob.token stop lift --list\n  stopgate --token-file bob.token stop lift --approve 4711\n  stopgate --token-file bob.token stop lift --refuse 4711 --reason \"the letter is not signed\""
)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["number", "list", "approve", "refuse"]))]
pub struct Args {
    /// The number to propose a lift for
    #[arg(requires_all = ["account", "evidence", "reason"])]
    number: Option<String>,
    /// An account that may write again; repeat it for more
    #[arg(long)]
    account: Vec<String>,
    /// What proves that the person wants it: a reference, sealed
    #[arg(long)]
    evidence: Option<String>,
    /// Why it is lifted by hand, or why it is refused; sealed
    #[arg(long)]
    reason: Option<String>,
    /// Country of a national number [default: [admin] default_country]
    #[arg(long)]
    country: Option<String>,
    /// List the proposals that wait; the reading is recorded
    #[arg(long)]
    list: bool,
    /// Approve a proposal of somebody else
    #[arg(long, value_name = "ID")]
    approve: Option<u64>,
    /// Refuse a proposal, or take one's own back
    #[arg(long, value_name = "ID", requires = "reason")]
    refuse: Option<u64>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let client = Client::new(global)?;
    match (&args.number, args.approve, args.refuse) {
        (Some(number), _, _) => propose(args, number, &client, global),
        (None, Some(id), _) => decide(DecisionBody { id, refused: None }, &client, global),
        (None, None, Some(id)) => decide(DecisionBody { id, refused: args.reason.clone() }, &client, global),
        (None, None, None) => list(&client, global),
    }
}

fn propose(args: &Args, number: &str, client: &Client, global: &Global) -> Outcome {
    let body = ProposalBody {
        number: number.to_owned(),
        country: args.country.clone(),
        accounts: args.account.clone(),
        evidence: args.evidence.clone().unwrap_or_default(),
        reason: args.reason.clone().unwrap_or_default(),
    };
    let answer = client.post("/v1/lifts", &body)?;
    if global.json {
        print::json(&answer);
    } else {
        print::line(format!(
            "proposal {}: {} would be lifted for {}; nothing is lifted yet",
            answer["id"],
            counted(answer["stops"].as_u64().unwrap_or(0) as usize, "stop"),
            words(&answer["accounts"])
        ));
        print::line(format!(
            "a second person approves it until {}: stopgate stop lift --approve {}",
            answer["until"].as_str().unwrap_or("-"),
            answer["id"]
        ));
    }
    Ok(Exit::Ok)
}

fn decide(body: DecisionBody, client: &Client, global: &Global) -> Result<Exit, Failure> {
    let answer = client.post("/v1/lifts/decide", &body)?;
    let still = answer["still_stopped"].as_array().is_some_and(|still| !still.is_empty());
    if global.json {
        print::json(&answer);
    } else if answer["lifted"] == true {
        print::line(format!("lifted for {}", words(&answer["accounts"])));
        if still {
            let accounts = words(&answer["still_stopped"]);
            print::line(format!("a stop that came after the proposal stands for {accounts}"));
        }
    } else {
        print::line(format!("proposal {} refused: nothing is lifted", answer["id"]));
    }
    Ok(if still { Exit::Findings } else { Exit::Ok })
}

fn list(client: &Client, global: &Global) -> Outcome {
    let answer = client.get("/v1/lifts")?;
    if global.json {
        print::json(&answer);
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["id", "number", "accounts", "proposed by", "until", "evidence", "reason"]);
    for one in answer.as_array().into_iter().flatten() {
        let text = |key: &str| one[key].as_str().unwrap_or("(erased)").to_owned();
        let (id, accounts) = (one["id"].to_string(), words(&one["accounts"]));
        table.row([id, text("number"), accounts, text("by"), text("until"), text("evidence"), text("reason")]);
    }
    table.print();
    Ok(Exit::Ok)
}

fn words(list: &Value) -> String {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
