//! Owns the dry run: what the judge would say, in the words of `check`, for whoever asks before sending.
//! Must never judge by itself, nor let what it judged leave.

use super::class::TrafficClass;
use super::code::RefusalCode;
use super::contract;
use super::facts::{Facts, SuppressionList};
use super::hours::Opening;
use super::judge::judge;
use super::observe;
use super::policy::PromotionalText;
use super::rule::RuleSet;
use super::sender_rules::Source;
use super::traffic::{Hits, Reason};
use super::verdict::Verdict;
use crate::message::instant::CivilInstant;
use crate::message::submission::Submission;
use crate::message::text;

/// What would become of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DryRun {
    /// `None` when it would be permitted.
    pub code: Option<RefusalCode>,
    pub class: TrafficClass,
    /// Id and version of the pack that was applied.
    pub pack: String,
    pub pack_version: String,
    /// Id of the recipient's territory in the pack.
    pub territory: Option<String>,
    /// When the recipient's hours open next; `None` when they are open at the judged instant or nobody knows them.
    pub next_opening: Option<CivilInstant>,
    /// Every rule that would refuse.
    pub would_refuse: RuleSet,
    /// What it would be refused with, and from when on, where only a rule in observe mode lets it pass.
    pub observed: Option<(RefusalCode, CivilInstant)>,
    pub judged_at: CivilInstant,
    pub classed: Classing,
}

/// How a message got its class: the contract's, the step that tightened it, and what the text shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classing {
    /// `commercial`, `transactional` or `mixed`.
    pub contract: &'static str,
    /// The class by contract alone.
    pub by_contract: TrafficClass,
    /// The step that made it commercial, or the contract.
    pub decided_by: Reason,
    /// What the account asked for, where the text alone shows that it is promotional.
    pub promotional: Option<PromotionalText>,
    /// Every content signal the text shows, with its weight, whether or not it was asked for.
    pub signals: Vec<(String, u32)>,
    /// Whether the text shows what a message of service is about.
    pub service: bool,
    /// The sum of weights from which this text counts as promotional.
    pub threshold: u32,
}

impl Classing {
    /// The class that follows.
    pub const fn class(&self) -> TrafficClass {
        match self.decided_by {
            Reason::Contract => self.by_contract,
            Reason::Mention | Reason::Source | Reason::Content => TrafficClass::Commercial,
        }
    }

    /// The sum of the signals' weights.
    pub fn weight(&self) -> u32 {
        self.signals.iter().map(|(_, weight)| weight).sum()
    }

    /// Finds out for a whole message.
    fn of<L: SuppressionList + ?Sized>(submission: &Submission<'_>, facts: &Facts<'_, L>) -> Self {
        let account = facts.account;
        let from = submission.source;
        let source =
            Source::read(from.ton, from.npi, submission.slice(from.text), facts.numbers, &account.default_country);
        let mut buffer = String::new();
        let octets = submission.slice(submission.text);
        let readable =
            !submission.ports && text::decode(submission.data_coding, octets, account.alphabet, &mut buffer).is_ok();
        let text = readable.then_some(buffer.as_str());
        let (by_contract, found) =
            contract::classified(submission, source, text, &account.pack, account, facts.numbers);
        let signals = &account.pack.signals;
        let hits = text.map_or_else(Hits::default, |text| signals.find(text));
        Self {
            contract: account.contract.word(),
            by_contract,
            decided_by: found.reason,
            promotional: found.promotional,
            signals: signals.explain(hits).map(|(id, weight)| (id.to_owned(), weight)).collect(),
            service: hits.service,
            threshold: signals.threshold_of(hits),
        }
    }
}

impl DryRun {
    /// `permitted` or `refused`.
    pub const fn verdict(&self) -> &'static str {
        match self.code {
            None => "permitted",
            Some(_) => "refused",
        }
    }
}

/// Judges a submission as if it had arrived at `now`; nothing is recorded and nothing leaves.
pub fn dry_run<L: SuppressionList + ?Sized>(
    submission: Submission<'_>,
    facts: &Facts<'_, L>,
    now: CivilInstant,
) -> DryRun {
    let classed = Classing::of(&submission, facts);
    let (ruling, code, refused_until) = match judge(submission, facts, now) {
        Verdict::Permitted(permitted) => (*permitted.ruling(), None, None),
        Verdict::Refused(refusal) => (refusal.ruling, Some(refusal.code), refusal.next_opening),
    };
    let pack = &facts.account.pack;
    let territory = pack.territories().get(usize::from(ruling.territory));
    let next_opening = refused_until.or_else(|| match pack.opening(ruling.territory, ruling.judged_at) {
        Opening::Open { .. } => None,
        Opening::Closed { next } => next,
    });
    DryRun {
        code,
        class: ruling.class,
        pack: pack.id.clone(),
        pack_version: pack.version.clone(),
        territory: territory.map(|territory| territory.id.clone()),
        next_opening,
        would_refuse: ruling.would_refuse,
        observed: observe::first_code(ruling.observed)
            .filter(|_| code.is_none())
            .map(|first| (first, facts.account.observe.until())),
        judged_at: ruling.judged_at,
        classed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::fixture::{House, at};
    use crate::message::draft::Draft;

    #[test]
    fn a_dry_run_says_what_the_judge_says_and_when_it_opens() {
        let house = House::new();
        house.suppress("0639980001");
        for (to, now, code, next) in [
            ("0639981234", "2026-01-13T11:30:00Z", None, None),
            ("0639981234", "2026-01-11T11:30:00Z", Some(RefusalCode::OutOfHours), Some("2026-01-12T07:00:00Z")),
            ("0639980001", "2026-01-13T11:30:00Z", Some(RefusalCode::OptedOut), None),
            ("0639980001", "2026-01-11T11:30:00Z", Some(RefusalCode::OptedOut), Some("2026-01-12T07:00:00Z")),
            ("36111", "2026-01-11T11:30:00Z", Some(RefusalCode::BadDestination), None),
        ] {
            let submission = Draft::new("ACME", to, "-20% ce samedi. STOP 36111").submission();
            let run = dry_run(submission, &house.facts(), at(now));
            assert_eq!((run.code, run.next_opening), (code, next.map(at)), "{to} at {now}");
            assert_eq!((run.pack.as_str(), run.class), ("fr-strict", TrafficClass::Commercial));
            assert_eq!(run.verdict(), if code.is_none() { "permitted" } else { "refused" });
        }
    }
}
