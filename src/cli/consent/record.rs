//! Owns `stopgate consent record`: the opt-ins of a few numbers, with evidence.
//! Must never record without saying what the person saw and what proves the opt-in.

use super::super::exit::Outcome;
use super::super::global::Global;
use super::act::Act;
use crate::admin::consent::ConsentWork;

/// Record that people opted in to an account's messages (exit 3 when a number is not taken)
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "A later act of the person (a purchase, a call) is recorded the same way, with its own date: the opt-in holds from then on anew.\n\nExamples:\n  stopgate consent record \"06 39 98 00 42\" --account acme --source web --wording v3 --evidence \"web form, submission 4711\"\n  stopgate consent record +33639980042 --account acme --source shop --wording \"till 2026\" --at 2026-11-20T16:05:00+01:00 --evidence \"card 12, signed\""
)]
pub struct Args {
    #[command(flatten)]
    act: Act,
    /// Where they opted in: web, app, shop, paper, phone, sms, mail, partner, other
    #[arg(long, value_parser = super::source)]
    source: String,
    /// Version of the text they saw, such as v3
    #[arg(long)]
    wording: String,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    args.act.enter(ConsentWork::Record, &args.source, Some(&args.wording), global)
}
