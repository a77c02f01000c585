//! Owns how the account and the number that somebody names are found.
//! Must never read a number by other rules than those of the plan that messages are read by.

use super::problem::{Problem, ProblemKind};
use super::requests::WrittenNumber;
use crate::gateway::settings::{AccountSettings, Settings};
use crate::message::msisdn::Msisdn;

/// The account of this name.
pub(super) fn account<'s>(settings: &'s Settings, system_id: &str) -> Result<&'s AccountSettings, Problem> {
    settings.accounts.iter().find(|account| account.policy.system_id == system_id).ok_or_else(|| {
        let known: Vec<&str> = settings.accounts.iter().map(|account| account.policy.system_id.as_str()).collect();
        Problem::new(
            ProblemKind::NotFound,
            format!("no account {system_id:?}"),
            format!("accounts are: {}", known.join(", ")),
        )
    })
}

/// A number as the plan reads it.
pub(super) fn canonical(settings: &Settings, written: &WrittenNumber) -> Result<Msisdn, Problem> {
    settings.numbers.read(&written.text, &written.country).map_err(|error| {
        Problem::invalid(error.to_string(), "write it as +33 6 39 98 00 01, or nationally with its country")
    })
}
