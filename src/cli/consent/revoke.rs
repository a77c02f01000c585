//! Owns `stopgate consent revoke`: opt-ins that hold no more.
//! Must never be mistaken for a stop: it concerns one account, and `stop add` concerns all.

use super::super::exit::Outcome;
use super::super::global::Global;
use super::act::Act;
use crate::admin::consent::ConsentWork;

/// Revoke the opt-ins of numbers to one account, in force at once (exit 3 when a number is not taken)
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Only a later opt-in counts afterwards. A person who wants no messages from anybody is added with `stopgate stop add`.\n\nExamples:\n  stopgate consent revoke \"06 39 98 00 42\" --account acme --evidence \"mail of 2026-11-20\"\n  stopgate consent revoke +33639980042 --account acme --evidence \"unticked in the app\" --source app --dry-run"
)]
pub struct Args {
    #[command(flatten)]
    act: Act,
    /// Where they said so: web, app, shop, paper, phone, sms, mail, partner, other
    #[arg(long, default_value = "other", value_parser = super::source)]
    source: String,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    args.act.enter(ConsentWork::Revoke, &args.source, None, global)
}
