//! Owns `stopgate gdpr erase`: a person's data are erased, and the answer that they are sent.
//! Must never say that something is gone before the daemon has said so.

use super::super::client::Client;
use super::super::exit::{Exit, Outcome};
use super::super::global::Global;
use super::super::numbers::Number;
use super::super::print;
use super::{Person, may_write, write};
use crate::admin::gdpr::EraseBody;

/// Erase what is held about a number: texts, number and evidence go; the list's keyed code stays, and with it every stop
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate gdpr erase \"06 39 98 00 42\" --reason \"letter of 2026-11-20\" -o answer.txt
  stopgate gdpr erase +33639980042 --reason \"mail 12 of 2026-11-20, art. 17\" --json

The answer for the person says what is gone, what stays, why, and until when. The number stays blocked if it was. Asking twice
does no harm; after a failure it goes on by itself. An erasure is no objection: for that, stopgate stop add --origin gdpr.")]
pub struct Args {
    #[command(flatten)]
    person: Person,
    /// Why: a reference, kept in the ledger for ever; never a number
    #[arg(long)]
    reason: String,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let Person { number: Number { number, country }, output } = &args.person;
    may_write(output.as_deref())?;
    let body = EraseBody { number: number.clone(), country: country.clone(), reason: args.reason.clone() };
    let answer = Client::new(global)?.post("/v1/gdpr/erase", &body)?;
    let words = answer["answer"].as_str().unwrap_or_default();
    if let Some(path) = output {
        write(path, &format!("{words}\n"))?;
    }
    if global.json {
        print::json(&answer);
    } else if let Some(path) = output {
        let records = &answer["erased"]["records"];
        print::line(format!("erased: {records} sealed record(s); event {} says so", answer["record"]));
        print::line(format!("the answer for the person: {}", path.display()));
    } else {
        print::line(words);
    }
    Ok(Exit::Ok)
}
