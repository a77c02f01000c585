//! Owns the roads: which link a message takes, whose a receipt is, whose a reply is.
//! Must never guess: what is ambiguous is parked and counted.

use super::account::Contract;
use super::lane::Lane;
use super::sets;
use crate::clock::Now;
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
    /// A reload named operators that only a restart connects.
    Nowhere,
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
    /// Parts take the link their set has taken, whatever operator has come back meanwhile.
    pub fn route(&mut self, contract: &Contract, ruling: &Ruling, now: Now) -> Route {
        let key = ruling.destination.map_or(0, |number| number.as_u64());
        let set = sets::road(ruling);
        if let Some(slot) = set.and_then(|set| self.set_links.kept(set, now.monotonic))
            && contract.smscs.contains(&self.links[slot].smsc)
            && self.links[slot].carries_submits()
        {
            return Route::Link(slot);
        }
        for smsc in &contract.smscs {
            let links = &self.smscs[*smsc].links;
            let bound = links.iter().copied().filter(|slot| self.links[*slot].carries_submits());
            let picked = match set {
                Some(set) => self.set_links.pick(set, bound, now.monotonic),
                None => pick_link(key, bound),
            };
            if let Some(slot) = picked {
                return Route::Link(slot);
            }
        }
        contract.smscs.first().map_or(Route::Nowhere, |first| Route::Blinking(*first))
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
