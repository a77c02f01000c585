//! Owns whom a reply concerns: who is told of it, and for whom a STOP in it counts.
//! Must never name one account alone where nobody is known to have written and several own the address.

use super::attribution::address;
use super::held::HeldWriter;
use super::lane::Lane;
use super::settings::Settings;
use super::shared::Shared;
use crate::clock::Now;
use crate::ledger::suppression_event::{Answered, Scope};
use crate::message::address::Ton;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use crate::spool::attribution::Written;
use crate::telemetry::labels::ReplyAttribution;

/// Whom a reply concerns.
#[derive(Clone, Debug, Default)]
pub struct Concerned {
    /// Whose messages it may answer: newest first, each account once; empty when that is not known.
    pub writers: Vec<Written>,
    /// Who is told: those that wrote, else every owner of the address.
    pub told: Vec<NameId>,
}

impl Concerned {
    fn new(writers: Vec<Written>, owners: &[NameId]) -> Self {
        let told = match writers.is_empty() {
            true => owners.to_vec(),
            false => writers.iter().map(|written| written.account).collect(),
        };
        Self { writers, told }
    }

    /// The account that a STOP counts for: the last that wrote, else the only owner. `NONE`: nobody can say.
    pub fn account(&self) -> NameId {
        match (self.writers.first(), &self.told[..]) {
            (Some(last), _) => last.account,
            (None, [only]) => *only,
            (None, [] | [_, ..]) => NameId::NONE,
        }
    }

    /// The account that a stop of this scope counts for, and the message it answers: a narrow one is for who is meant by it.
    pub fn of(&self, scope: Scope) -> (NameId, Option<Answered>) {
        let by = |wanted: &dyn Fn(&&Written) -> bool| self.writers.iter().find(wanted);
        match scope {
            Scope::Global => (self.account(), self.writers.first().map(answered)),
            Scope::Account(only) => (only, by(&|written| written.account == only).map(answered)),
            Scope::Sender(sender) => {
                let written = by(&|written| written.sender == sender);
                (written.map_or(NameId::NONE, |written| written.account), written.map(answered))
            }
        }
    }

    /// The account that wrote last. `NONE`: none did.
    pub fn writer(&self) -> NameId {
        self.writers.first().map_or(NameId::NONE, |last| last.account)
    }
}

fn answered(written: &Written) -> Answered {
    Answered { verdict: written.verdict, sender: written.sender, campaign: written.campaign }
}

impl Lane {
    /// Whom a reply of this number to this address concerns.
    pub fn concerned(
        &self,
        smsc: usize,
        tag: &NumberTag,
        destination: &[u8],
        owners: &[NameId],
        now: Now,
    ) -> Concerned {
        let country = self.country_of(smsc);
        Concerned::new(self.kit.shared.writers(tag, destination, country, now.civil), owners)
    }

    /// What an account has written last to a number, from one of its addresses or naming one: what a receipt is about that came
    /// to `destination` and names no verdict.
    pub fn last_written(&self, account: NameId, tag: &NumberTag, destination: &[u8], now: Now) -> Option<Answered> {
        let found = self.kit.settings.accounts.iter().find(|one| one.id == account)?;
        let country = &found.policy.default_country;
        let codes = found.policy.stop_codes.iter().map(|code| code.to_string().into_bytes());
        let addresses = codes.chain([destination.to_vec()]);
        let written = addresses.filter_map(|address| self.kit.shared.written(tag, &address, country, now.civil));
        let written = written.flat_map(|(written, _)| written);
        written.filter(|one| one.account == account).max_by_key(|one| one.verdict).as_ref().map(answered)
    }
}

impl Shared {
    /// Who has written to a number from the address to which it now replies: newest first, each account once, of those that
    /// still have a contract. Empty when nobody has in 90 days, and when it cannot be said.
    fn writers(&self, tag: &NumberTag, destination: &[u8], country: &str, now: CivilInstant) -> Vec<Written> {
        let Some((writers, result)) = self.written(tag, destination, country, now) else { return Vec::new() };
        self.metrics.attributions.one(result);
        writers
    }

    /// The same, with how well it is known. `None`: nobody can write to that address.
    fn written(
        &self,
        tag: &NumberTag,
        destination: &[u8],
        country: &str,
        now: CivilInstant,
    ) -> Option<(Vec<Written>, ReplyAttribution)> {
        let settings = self.settings.load();
        let text =
            destination.strip_prefix(b"+").map_or((destination, Ton::Unknown), |text| (text, Ton::International));
        let address = address(text.0, text.1, &settings.numbers, country)?;
        let (mut writers, result) = self.attributions.writers(tag, address, now);
        writers.retain(|written| settings.accounts.iter().any(|account| account.id == written.account));
        Some((writers, result))
    }
}

/// Who has written to a number in 90 days, by the addresses to which people write back.
pub(super) fn writers_to(shared: &Shared, settings: &Settings, tag: &NumberTag, now: CivilInstant) -> Vec<HeldWriter> {
    let mut found: Vec<HeldWriter> = Vec::new();
    for account in &settings.accounts {
        let policy = &account.policy;
        let codes = policy.stop_codes.iter().map(ToString::to_string);
        for sender in policy.senders.iter().cloned().chain(codes) {
            let address = address(sender.trim().as_bytes(), Ton::Unknown, &settings.numbers, &policy.default_country);
            let Some(address) = address else { continue };
            for written in shared.attributions.writers(tag, address, now).0 {
                let at = CivilInstant::from_secs(written.at_s.into());
                let writer = HeldWriter { account: written.account, address: sender.clone(), at };
                if !found.contains(&writer) {
                    found.push(writer);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_wrote_are_told_else_all_and_only_one_counts() {
        let written =
            |account, verdict| Written { key: 1, account: NameId(account), sender: 2, campaign: 3, verdict, at_s: 4 };
        let owners = [NameId(1), NameId(2), NameId(3)];
        let known = Concerned::new(vec![written(2, 9), written(1, 8)], &owners);
        assert_eq!(
            (&known.told[..], known.account(), known.writer()),
            (&[NameId(2), NameId(1)][..], NameId(2), NameId(2))
        );
        let answered = |verdict| Some(Answered { verdict, sender: 2, campaign: 3 });
        assert_eq!(known.of(Scope::Global), (NameId(2), answered(9)));
        assert_eq!(known.of(Scope::Account(NameId(1))), (NameId(1), answered(8)), "a narrow one is for who is meant");
        assert_eq!(known.of(Scope::Sender(9)), (NameId::NONE, None));
        let unknown = Concerned::new(Vec::new(), &owners);
        assert_eq!((&unknown.told[..], unknown.account(), unknown.writer()), (&owners[..], NameId::NONE, NameId::NONE));
        let only = Concerned::new(Vec::new(), &owners[..1]);
        assert_eq!((only.of(Scope::Global), only.writer()), ((NameId(1), None), NameId::NONE));
    }
}
