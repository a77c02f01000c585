//! Owns the roads: which link a message takes, whose a receipt is, whose a reply is.
//! Must never guess: what is ambiguous is parked and counted.

use super::account::Contract;
use super::lane::Lane;
use crate::compliance::verdict::Ruling;
use crate::message::name::NameId;
use crate::session::route::pick_link;

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Over the link in this slot.
    Link(usize),
    /// No operator of the account is bound: it waits at this one for `grace`.
    Blinking(usize),
}

/// Whose replies to a number are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners {
    /// The short code, when the destination is one.
    pub code: Option<u32>,
    pub accounts: Vec<NameId>,
}

impl Lane {
    /// The first bound operator in the account's order, and the destination's link among its bound ones.
    pub fn route(&self, contract: &Contract, ruling: &Ruling) -> Route {
        let key = ruling.destination.map_or(0, |number| number.as_u64());
        for smsc in &contract.smscs {
            let links = &self.smscs[*smsc].links;
            let bound = links.iter().copied().filter(|slot| self.links[*slot].carries_submits());
            if let Some(slot) = pick_link(key, bound) {
                return Route::Link(slot);
            }
        }
        Route::Blinking(contract.smscs[0])
    }

    /// Whose the replies to `destination` are, when they come over this operator.
    pub fn owners(&self, smsc: usize, destination: &[u8]) -> Owners {
        let digits = destination.strip_prefix(b"+").unwrap_or(destination);
        let code =
            std::str::from_utf8(digits).ok().filter(|digits| digits.len() <= 8).and_then(|digits| digits.parse().ok());
        let settings = &self.kit.settings;
        if let Some(code) = code
            && let Some(entry) = settings.short_codes.iter().find(|entry| entry.number == code)
        {
            return Owners { code: Some(code), accounts: entry.accounts.clone() };
        }
        let by_sender: Vec<NameId> = settings
            .accounts
            .iter()
            .filter(|account| {
                account.policy.senders.iter().any(|sender| sender.trim_start_matches('+').as_bytes() == digits)
            })
            .map(|account| account.id)
            .collect();
        let accounts = match (by_sender.is_empty(), self.smscs[smsc].mirrored) {
            (true, Some(account)) => vec![account],
            (true, None) | (false, _) => by_sender,
        };
        Owners { code, accounts }
    }
}
