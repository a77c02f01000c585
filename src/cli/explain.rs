//! Owns `stopgate explain`: a refusal by its code, its slug or the status on the wire, offline.
//! Must never hold the table itself: codes and statuses come from `compliance` and `pdu`.

use super::exit::{Exit, Failure, Outcome};
use super::global::Global;
use super::print::{self, Table};
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use crate::pdu::status::{self, CommandStatus};
use serde_json::json;

/// Say what a refusal means and what the sender should do.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stopgate explain SG101\n  stopgate explain 0x66\n  stopgate explain          every refusal"
)]
pub struct Args {
    /// A code (SG101), a slug (opted_out) or a status (0x66, 102); nothing: the whole table
    what: Option<String>,
}

/// What the sender should do.
pub const fn advice(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::OptedOut => "the person opted out: remove the number",
        RefusalCode::NoConsent => "record an opt-in first: stopgate consent record NUMBER --account …",
        RefusalCode::OutOfHours => {
            "outside the pack's sending hours: send again at the next opening (`stopgate check` tells it)"
        }
        RefusalCode::MissingStopMention => {
            "add the STOP mention, with a short code of the account, such as \"STOP au 36111\""
        }
        RefusalCode::UndecodableText => {
            "the text cannot be read under its data_coding, so it cannot be checked: fix the encoding"
        }
        RefusalCode::SenderNotAllowed => "use a source address that is registered to the account",
        RefusalCode::BadDestination => "not a mobile number that the pack knows: write it in international form",
        RefusalCode::FrequencyCap => "too many commercial messages to this number: wait",
        RefusalCode::RateLimited => "slow down, and send again",
        RefusalCode::SmscUnavailable => "no operator link: send again",
        RefusalCode::QueueFull => "too many messages wait: send again, slower",
        RefusalCode::EvidenceUnavailable => {
            "list or ledger cannot be used, so nothing commercial leaves: send again later"
        }
        RefusalCode::FateUnknown => "it may have been sent: do not send a commercial message again blindly",
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let found = match &args.what {
        None => RefusalCode::ALL.to_vec(),
        Some(what) => matching(what),
    };
    if found.is_empty() {
        let what = args.what.as_deref().unwrap_or_default();
        let name = number(what).and_then(|status| CommandStatus(status).name());
        return Err(Failure::usage(
            match name {
                Some(name) => format!("{what} is {name}: an SMPP status that stopgate gives no refusal"),
                None => format!("{what:?} is no code, slug or status of a refusal"),
            },
            "`stopgate explain` lists them all",
        ));
    }
    if global.json {
        let all: Vec<_> = found.iter().map(|code| view(*code)).collect();
        print::json(&if args.what.is_some() && all.len() == 1 { all[0].clone() } else { json!(all) });
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["code", "slug", "status", "temporary", "what the sender should do"]);
    for code in found {
        let (commercial, transactional) =
            (status::of(code, TrafficClass::Commercial), status::of(code, TrafficClass::Transactional));
        let (status, temporary) = if commercial == transactional {
            (commercial.to_string(), yes_no(code.is_temporary(TrafficClass::Commercial)).to_owned())
        } else {
            (format!("{commercial} (transactional: {transactional})"), "no / yes".to_owned())
        };
        table.row([code.code().to_owned(), code.slug().to_owned(), status, temporary, advice(code).to_owned()]);
    }
    table.print();
    Ok(Exit::Ok)
}

const fn yes_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

fn view(code: RefusalCode) -> serde_json::Value {
    let of_class = |class| {
        let status = status::of(code, class);
        json!({ "status": status.0, "status_name": status.name(), "temporary": code.is_temporary(class) })
    };
    json!({
        "code": code.code(),
        "slug": code.slug(),
        "commercial": of_class(TrafficClass::Commercial),
        "transactional": of_class(TrafficClass::Transactional),
        "advice": advice(code),
    })
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// By code (with or without `SG`), slug, or status in either base.
fn matching(what: &str) -> Vec<RefusalCode> {
    let named = |code: &RefusalCode| code.code().eq_ignore_ascii_case(what) || code.slug().eq_ignore_ascii_case(what);
    let by_name: Vec<_> = RefusalCode::ALL.into_iter().filter(named).collect();
    if !by_name.is_empty() {
        return by_name;
    }
    let wire = |code: &RefusalCode| {
        [TrafficClass::Commercial, TrafficClass::Transactional]
            .map(|class| Some(status::of(*code, class).0))
            .contains(&number(what))
    };
    RefusalCode::ALL.into_iter().filter(wire).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_found_by_code_slug_and_status() {
        for what in ["SG101", "sg101", "opted_out", "0x66", "102"] {
            assert_eq!(matching(what), [RefusalCode::OptedOut], "{what}");
        }
        let shared = matching("0x08");
        assert_eq!(shared, [RefusalCode::SmscUnavailable, RefusalCode::EvidenceUnavailable, RefusalCode::FateUnknown]);
        assert_eq!(matching("SG199"), []);
    }

    #[test]
    fn what_is_unknown_ends_with_the_next_step() {
        let args = Args { what: Some("0x43".to_owned()) };
        let failure = run(&args, &Global::default()).expect_err("no refusal");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.error.contains("ESME_RINVESMCLASS"), "{}", failure.error);
    }
}
