//! Owns `stopgate check`: what the judge would say to a message, without sending it.
//! Must never send, count or record anything.

use super::client::Client;
use super::exit::{Exit, Outcome};
use super::explain;
use super::global::Global;
use super::{instant, print};
use crate::admin::control::CheckBody;
use crate::compliance::code::RefusalCode;
use serde_json::Value;

/// Ask for a dry-run verdict (exit 0 permitted, 3 refused).
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stopgate check --account acme --to \"06 39 98 00 42\" --text \"Soldes -20% STOP au 36111\"\n  stopgate check --account acme --to +33639980042 --text \"Soldes\" --at 2026-11-22T10:00:00Z --json\n  stopgate check --account otp --to +33639980042 --text \"-20% samedi\" --explain"
)]
pub struct Args {
    /// The account that would send it
    #[arg(long)]
    account: String,
    /// The recipient, as one writes it
    #[arg(long)]
    to: String,
    /// The whole text
    #[arg(long)]
    text: String,
    /// The source address [default: the account's first sender]
    #[arg(long)]
    from: Option<String>,
    /// The instant, RFC 3339 [default: now]
    #[arg(long, value_name = "T")]
    at: Option<String>,
    /// Say how the class came about: contract, what tightened it, content signals and their weights
    #[arg(long)]
    explain: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let at = args.at.as_deref().map(|at| instant::read(at, "--at")).transpose()?;
    let body = CheckBody {
        account: args.account.clone(),
        to: args.to.clone(),
        text: args.text.clone(),
        from: args.from.clone(),
        at: at.map(|at| at.to_string()),
        country: None,
        explain: args.explain,
    };
    let answer = Client::new(global)?.post("/v1/check", &body)?;
    let refused = answer["verdict"] != "permitted";
    if global.json {
        print::json(&answer);
    } else {
        in_words(&answer).iter().for_each(print::line);
    }
    Ok(if refused { Exit::Findings } else { Exit::Ok })
}

fn in_words(answer: &Value) -> Vec<String> {
    let text = |key: &str| answer[key].as_str().unwrap_or("-").to_owned();
    let mut lines = Vec::new();
    match answer["code"].as_str() {
        None => lines.push(format!("permitted: {} by pack {}", text("class"), text("pack"))),
        Some(code) => {
            lines.push(format!("refused {code} {}: {} by pack {}", text("slug"), text("class"), text("pack")));
            let known = RefusalCode::ALL.into_iter().find(|known| known.code() == code);
            lines.extend(known.map(|known| format!("  {}", explain::advice(known))));
        }
    }
    lines.push(format!("  to {} in {}, judged at {}", text("number"), text("territory"), text("judged_at")));
    if let Some(next) = answer["next_opening"].as_str() {
        lines.push(format!("  next opening {next}"));
    }
    if let Some(code) = answer["observed"]["code"].as_str() {
        let of = |key: &str| answer["observed"][key].as_str().unwrap_or("-").to_owned();
        lines.push(format!("  only observed: would be refused {code} {} from {} on", of("slug"), of("from")));
    }
    let rules: Vec<_> = answer["would_refuse"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if rules.len() > 1 {
        lines.push(format!("  also against it: {}", rules.join(", ")));
    }
    lines.extend(class_in_words(&answer["class_explained"]));
    lines
}

/// How the class came about; nothing when it was not asked for.
fn class_in_words(explained: &Value) -> Vec<String> {
    let Some(contract) = explained["contract"].as_str() else { return Vec::new() };
    let by_contract = explained["contract_class"].as_str().unwrap_or("-");
    let number = |key: &str| explained[key].as_u64().unwrap_or(0);
    let step = explained["tightened_by"].as_str().map(|step| match step {
        "mention" => "a STOP mention makes",
        "source" => "a promotional source makes",
        _ => "the content signals make",
    });
    let mut lines = vec![match step {
        None => format!("  class: {by_contract} by the contract ({contract})"),
        Some(step) => format!("  class: the contract ({contract}) says {by_contract}; {step} it commercial"),
    }];
    let signals: Vec<String> = explained["signals"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|signal| Some(format!("{} {}", signal["id"].as_str()?, signal["weight"])))
        .collect();
    let subject =
        if explained["service"] == true { "a text of service" } else { "a text without a subject of service" };
    lines.push(if signals.is_empty() {
        "  signals: none".to_owned()
    } else {
        format!("  signals: {} = {} of {} for {subject}", signals.join(" + "), number("weight"), number("threshold"))
    });
    if let Some(wanted) = explained["promotional_text"].as_str() {
        lines.push(format!("  promotional_text = \"{wanted}\" of the account decides"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_with_what_to_do_and_when() {
        let answer = serde_json::json!({
            "verdict": "refused", "code": "SG111", "slug": "out_of_hours", "class": "commercial", "pack": "fr-strict@2026.1",
            "number": "+33639980042", "territory": "FR", "judged_at": "2026-11-22T10:00:00Z",
            "next_opening": "2026-11-23T07:00:00Z", "would_refuse": ["R-HOURS", "R-MENTION"],
        });
        let words = in_words(&answer).join("\n");
        for part in ["SG111", "fr-strict@2026.1", "next opening 2026-11-23T07:00:00Z", "R-HOURS, R-MENTION"] {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}
