//! Owns what the data plane answers, and how it looks in JSON: the contract behind every `--json`.
//! Must never hold a message's text or a secret.

use super::class_explained::ClassExplained;
use super::fields::{class_word, instant, instant_or_null, number_or_null};
use super::observed::{Observed, RefusedLater};
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use serde::{Serialize, Serializer};

/// What the judge would say now. `verdict`, `code` and `slug` of the JSON come from `refusal`.
#[derive(Clone, Debug)]
pub struct CheckAnswer {
    pub refusal: Option<RefusalCode>,
    pub class: TrafficClass,
    /// `id@version` of the pack.
    pub pack: String,
    /// The canonical destination; `None` when none could be made.
    pub number: Option<Msisdn>,
    /// Name of the territory in the pack.
    pub territory: Option<String>,
    /// The instant judged.
    pub judged_at: CivilInstant,
    /// When the same message may be sent; `None` when open.
    pub next_opening: Option<CivilInstant>,
    /// Every rule that would have refused: `R-SUPPRESS` and the like.
    pub would_refuse: Vec<&'static str>,
    /// Permitted only because a rule is observed: what it would be refused with, and from when on.
    pub observed: Option<RefusedLater>,
    /// How it got its class, for whoever asks to explain.
    pub classed: Option<ClassExplained>,
}

impl Serialize for CheckAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            verdict: &'static str,
            code: Option<&'static str>,
            slug: Option<&'static str>,
            class: &'static str,
            pack: &'a str,
            #[serde(serialize_with = "number_or_null")]
            number: Option<Msisdn>,
            territory: Option<&'a str>,
            #[serde(serialize_with = "instant")]
            judged_at: CivilInstant,
            #[serde(serialize_with = "instant_or_null")]
            next_opening: Option<CivilInstant>,
            would_refuse: &'a [&'static str],
            observed: Option<&'a RefusedLater>,
            #[serde(skip_serializing_if = "Option::is_none")]
            class_explained: Option<&'a ClassExplained>,
        }
        View {
            verdict: if self.refusal.is_some() { "refused" } else { "permitted" },
            code: self.refusal.map(RefusalCode::code),
            slug: self.refusal.map(RefusalCode::slug),
            class: self.class.word(),
            pack: &self.pack,
            number: self.number,
            territory: self.territory.as_deref(),
            judged_at: self.judged_at,
            next_opening: self.next_opening,
            would_refuse: &self.would_refuse,
            observed: self.observed.as_ref(),
            class_explained: self.classed.as_ref(),
        }
        .serialize(serializer)
    }
}

/// One entry of the suppression list.
#[derive(Clone, Debug, Serialize)]
pub struct StopEntry {
    /// `None` after an erasure: the tag stays, which is what honours the objection.
    #[serde(serialize_with = "number_or_null")]
    pub number: Option<Msisdn>,
    /// The number's tag in hexadecimal.
    pub tag: String,
    /// When it took effect.
    #[serde(serialize_with = "instant")]
    pub since: CivilInstant,
    /// When the person said it, where somebody entered it later.
    #[serde(serialize_with = "instant_or_null")]
    pub said_at: Option<CivilInstant>,
    /// `mo` (the handset), `operator`, `import`, `manual`, …
    pub source: String,
    /// `global`, `account:acme`, `sender:…`.
    pub scope: String,
    /// Who entered it: a token's name, or the operator it came from.
    pub by: String,
    pub short_code: Option<u32>,
    /// What proves it, in words; for a handset's STOP its text. Personal data.
    pub evidence: Option<String>,
    /// What the person said or wrote. Personal data.
    pub text: Option<String>,
    /// Position in the events stream.
    pub event: u64,
}

/// A page of the list.
#[derive(Clone, Debug, Serialize)]
pub struct StopPage {
    pub entries: Vec<StopEntry>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<String>,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct RejectedRow {
    pub line: u64,
    /// What is wrong and what to write instead; the number masked.
    pub error: String,
}

/// What became of a batch: durable and effective when this is given (unless it was a dry run).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct StopOutcome {
    pub added: u64,
    /// Already suppressed globally: nothing recorded.
    pub already: u64,
    pub rejected: Vec<RejectedRow>,
}

/// A lift that waits for a second person.
#[derive(Clone, Debug, Serialize)]
pub struct LiftWaiting {
    pub id: u64,
    /// `None` after an erasure.
    #[serde(serialize_with = "number_or_null")]
    pub number: Option<Msisdn>,
    pub accounts: Vec<String>,
    /// How many stops it lifts: those that stood when it was proposed.
    pub stops: usize,
    /// Who proposed it, when, and until when it may be decided.
    pub by: String,
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    #[serde(serialize_with = "instant")]
    pub until: CivilInstant,
    /// Personal data, as the reason.
    pub evidence: Option<String>,
    pub reason: Option<String>,
}

/// What became of a decision: durable and in force when this is given.
#[derive(Clone, Debug, Serialize)]
pub struct LiftOutcome {
    pub id: u64,
    pub lifted: bool,
    pub accounts: Vec<String>,
    /// The accounts for which a stop stands all the same, because it came after the proposal.
    pub still_stopped: Vec<String>,
}

/// A lift of a number's past.
#[derive(Clone, Debug, Serialize)]
pub struct PastLift {
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    /// `handset` or `two_people`.
    pub source: &'static str,
    pub accounts: Vec<String>,
    /// Who proposed and who approved; empty for a handset.
    pub people: Vec<String>,
    pub evidence: Option<String>,
    pub text: Option<String>,
    pub event: u64,
}

/// The hours of one number for one pack.
#[derive(Clone, Debug, Serialize)]
pub struct HoursNow {
    pub pack: String,
    pub territory: String,
    pub open: bool,
    /// Until when it stays as it is: the closing, or the next opening.
    #[serde(serialize_with = "instant_or_null")]
    pub until: Option<CivilInstant>,
}

/// A verdict still in reach.
#[derive(Clone, Debug, Serialize)]
pub struct PastVerdict {
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    pub account: String,
    #[serde(serialize_with = "class_word")]
    pub class: TrafficClass,
    /// `permitted`, `SG101`, …
    pub verdict: String,
}

/// All that is known about a number.
#[derive(Clone, Debug, Serialize)]
pub struct WhyAnswer {
    #[serde(serialize_with = "number_or_null")]
    pub number: Option<Msisdn>,
    /// What stands against writing to it; empty = not suppressed.
    pub suppressions: Vec<StopEntry>,
    /// Accounts for which a START or two people lifted it, and no later stop stands.
    pub lifted_for: Vec<String>,
    /// Every lift on record, oldest first.
    pub lifts: Vec<PastLift>,
    /// Lifts of this number that wait for a second person.
    pub proposed: Vec<LiftWaiting>,
    /// In words: which accounts rely on a declared consent, which on proof.
    pub consent: Vec<String>,
    /// In words: which accounts have rules that do not refuse yet.
    pub observed: Vec<String>,
    /// In words: how many promotions count against the cap of each account that has one.
    pub frequency: Vec<String>,
    pub hours: Vec<HoursNow>,
    /// Newest first; only what is still in memory.
    pub verdicts: Vec<PastVerdict>,
}

/// One check of readiness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadyCheck {
    /// `ledger`, `list`, `smsc`, `draining`.
    pub name: &'static str,
    pub ok: bool,
    pub detail: String,
}

/// An operator as `status` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct SmscStatus {
    pub name: String,
    pub address: String,
    pub links: usize,
    pub bound: usize,
    pub window_used: usize,
    pub window_size: usize,
    pub waiting: usize,
}

/// An account as `status` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct AccountStatus {
    pub system_id: String,
    pub pack: String,
    pub smsc: Vec<String>,
    pub transmitters: usize,
    pub receivers: usize,
    pub transceivers: usize,
    /// Receipts and messages waiting for it to bind.
    pub spooled: u64,
    /// Rules that do not refuse yet; `null` for most.
    pub observe: Option<Observed>,
}

/// The gateway at a glance.
#[derive(Clone, Debug, Serialize)]
pub struct StatusAnswer {
    pub node: String,
    pub version: String,
    #[serde(serialize_with = "instant")]
    pub now: CivilInstant,
    #[serde(serialize_with = "instant")]
    pub started: CivilInstant,
    pub rehearsal: bool,
    pub draining: bool,
    /// `whole`, `list_not_whole`, `ledger_unusable`.
    pub evidence: String,
    pub smpp: String,
    pub suppressed_numbers: u64,
    pub suppression_store_lag: u64,
    pub durable_events: u64,
    /// Erasures that were noted and are not over.
    pub erasures_waiting: u64,
    pub smscs: Vec<SmscStatus>,
    pub accounts: Vec<AccountStatus>,
}

/// What a reload changed, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReloadReport {
    pub changes: Vec<String>,
    /// What was written but needs a restart.
    pub restart_needed: Vec<String>,
    pub warnings: Vec<String>,
}

/// A reply that nothing followed from, for an officer to look at.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewEntry {
    pub id: u64,
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    /// Masked: `+336••••••12`.
    pub number: String,
    pub short_code: Option<u32>,
    /// `explained_away` or `near_keyword`.
    pub doubt: &'static str,
    /// Its beginning, digits hidden.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_in_json_has_the_promised_fields() {
        let answer = CheckAnswer {
            refusal: Some(RefusalCode::OutOfHours),
            class: TrafficClass::Commercial,
            pack: "fr-strict@2026.1".into(),
            number: Msisdn::from_canonical(33_639_980_042),
            territory: Some("metropole".into()),
            judged_at: CivilInstant::from_secs(1_795_348_800),
            next_opening: Some(CivilInstant::from_secs(1_795_420_800)),
            would_refuse: vec!["R-HOURS"],
            observed: None,
            classed: None,
        };
        let json = serde_json::to_value(&answer).expect("JSON");
        assert_eq!(json["verdict"], "refused");
        assert_eq!((&json["code"], &json["slug"]), (&"SG111".into(), &"out_of_hours".into()));
        assert_eq!(json["next_opening"], "2026-11-23T08:00:00Z");
        assert_eq!(json["number"], "+33639980042");
        let open = CheckAnswer { refusal: None, next_opening: None, ..answer };
        let json = serde_json::to_value(&open).expect("JSON");
        assert!(json["next_opening"].is_null() && json["code"].is_null(), "{json}");
    }
}
