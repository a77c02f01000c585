//! Owns the decision: the one visible ladder of rules, and the only place a submission becomes a `Permitted`.
//! Must never skip a rule: every rule is asked, so that the record shows all that would have refused; the first refusal wins.

use super::class::TrafficClass;
use super::code::RefusalCode;
use super::consent;
use super::contract;
use super::facts::{Evidence, Facts, SuppressionList};
use super::fingerprint;
use super::frequency::{self, Room};
use super::hours::Opening;
use super::instants;
use super::mention;
use super::pack::Pack;
use super::pack::senders::Stance;
use super::parts::{self, Gate, Key, Part, Standing};
use super::policy::PromotionalText;
use super::rule::{Rule, RuleSet};
use super::sender_rules::{self, Source};
use super::verdict::{Outgoing, Permitted, Refusal, Ruling, Verdict};
use crate::message::instant::CivilInstant;
use crate::message::submission::Submission;
use crate::message::tag::NumberTag;
use crate::message::text;
use std::sync::{Arc, PoisonError};

/// Stands for "no territory" in a ruling.
const NO_TERRITORY: u16 = u16::MAX;

/// Judges a submission at `now`. Total: every submission gets a verdict. Allocates nothing for a text of up to 600 octets.
pub fn judge<'a, L: SuppressionList + ?Sized>(
    submission: Submission<'a>,
    facts: &Facts<'_, L>,
    now: CivilInstant,
) -> Verdict<'a> {
    let (ruling, refused) = facts.bench.with_text(|buffer| weigh(&submission, facts, now, buffer));
    match refused {
        None => Verdict::Permitted(Permitted { outgoing: Outgoing::Forwarded(submission), ruling }),
        Some(Refused { code, next_opening }) => Verdict::Refused(Refusal { code, ruling, next_opening }),
    }
}

/// The first rule that refused.
struct Refused {
    code: RefusalCode,
    next_opening: Option<CivilInstant>,
}

/// What the rules have said so far.
struct Scales {
    ruling: Ruling,
    refused: Option<Refused>,
    /// The rules that do not refuse now: `mode = "observe"`.
    observing: RuleSet,
}

impl Scales {
    fn refuse(&mut self, rule: Rule, code: RefusalCode) {
        if self.observing.contains(rule) {
            self.ruling.would_refuse.insert(rule);
            self.ruling.observed.insert(rule);
            return;
        }
        self.refuse_until(rule, code, None);
    }

    /// Refuses whether the rule is observed or not.
    fn refuse_until(&mut self, rule: Rule, code: RefusalCode, next_opening: Option<CivilInstant>) {
        self.ruling.would_refuse.insert(rule);
        self.refused.get_or_insert(Refused { code, next_opening });
    }
}

/// Gathers what the submission is, then asks every rule in the ladder's order.
fn weigh<L: SuppressionList + ?Sized>(
    submission: &Submission<'_>,
    facts: &Facts<'_, L>,
    now: CivilInstant,
    buffer: &mut String,
) -> (Ruling, Option<Refused>) {
    let account = facts.account;
    let to = submission.destination;
    let destination = facts.numbers.canonical(to.ton, to.npi, submission.slice(to.text), &account.default_country).ok();
    let tag = destination.map(|number| facts.tags.tag(number));
    let from = submission.source;
    let source = Source::read(from.ton, from.npi, submission.slice(from.text), facts.numbers, &account.default_country);
    let sender = source.fingerprint();
    let gate = gate(submission, sender, tag, facts, now);
    let (pack, pack_name) = match gate.as_ref().and_then(|gate| gate.pinned.pack.as_ref()) {
        Some((pack, name)) => (pack, *name),
        None => (&account.pack, account.pack_name),
    };
    let own = readable(submission, gate.is_some(), facts, buffer);
    let content = Content::of(own, submission.ports, gate.as_ref());
    let mention = content
        .text()
        .and_then(|text| mention::find(text, &pack.mentions, &account.stop_codes, source.takes_replies(account)));
    let settled = gate.as_ref().and_then(|gate| gate.pinned.class);
    let (class, promotional) = match (&content, settled) {
        // What cannot be known is commercial.
        (Content::Misfit, _) | (_, Some(TrafficClass::Commercial)) => (TrafficClass::Commercial, None),
        (
            Content::Whole(_) | Content::Part | Content::Alone(_) | Content::Addressed(_) | Content::Unreadable,
            Some(TrafficClass::Transactional) | None,
        ) => {
            let text = content.text();
            let (_, found) = contract::classified(submission, source, text, pack, account, facts.numbers);
            (found.class, found.promotional)
        }
    };
    let judged_at = instants::judged_at(submission.schedule, now);
    let ruling = Ruling {
        class,
        promotional,
        destination,
        tag,
        territory: destination.and_then(|number| pack.territory(number)).unwrap_or(NO_TERRITORY),
        pack: pack_name,
        account: account.account,
        campaign: own.map_or(0, fingerprint::campaign),
        sender,
        segment: submission.segment,
        set: gate.as_ref().map(|gate| gate.of_set()),
        stop_code: mention.as_ref().and_then(|mention| mention.code),
        counted: false,
        would_refuse: RuleSet::default(),
        observed: RuleSet::default(),
        judged_at,
    };
    let mut scales = Scales { ruling, refused: None, observing: account.observe.at(now) };
    match class {
        TrafficClass::Commercial => {
            let case = Case { source, content, mentioned: mention.is_some(), pack };
            commercial(&mut scales, submission, &case, facts, now);
            if gate.as_ref().is_some_and(|gate| !gate.room) {
                scales.refuse_until(Rule::Mention, RefusalCode::QueueFull, None);
            }
        }
        TrafficClass::Transactional => transactional(&mut scales, source, facts),
    }
    if scales.refused.is_none() && gate.is_some() {
        let pack = (Arc::clone(pack), pack_name);
        gate.into_iter().for_each(|gate| gate.permit(class, pack.clone(), judged_at, now));
    }
    (scales.ruling, scales.refused)
}

/// The gate a part stands before. Port-addressed messages are for applications: their parts make no text.
fn gate<'g, L: SuppressionList + ?Sized>(
    submission: &'g Submission<'_>,
    sender: u64,
    tag: Option<NumberTag>,
    facts: &Facts<'g, L>,
    now: CivilInstant,
) -> Option<Gate<'g>> {
    let segment = submission.segment.filter(|_| !submission.ports)?;
    let part = Part {
        key: Key::of(Some(segment), sender, tag)?,
        number: segment.number,
        account: facts.account.account,
        data_coding: submission.data_coding,
        octets: submission.slice(submission.text),
    };
    Some(Gate::open(facts.parts, part, facts.account.alphabet, now))
}

/// What is known of what a message says.
enum Content<'c> {
    /// This, and no more: a whole message, or all that can be known of one.
    Whole(&'c str),
    /// A part that can be read: what the message says is judged with the part that completes it.
    Part,
    /// A part the table has no room for: only by itself can it show that it is marketing, which then has to wait.
    Alone(&'c str),
    /// A part that may not stand beside what was forwarded: nobody can say what the message would say.
    Misfit,
    /// For an application's port: no person is meant to read it, but what stands in it may show that it is marketing.
    Addressed(&'c str),
    /// It cannot be read.
    Unreadable,
}

impl<'c> Content<'c> {
    /// From the submission's own text, and what the gate knows.
    fn of(own: Option<&'c str>, ports: bool, gate: Option<&'c Gate<'_>>) -> Self {
        let Some(own) = own else { return Self::Unreadable };
        if ports {
            return Self::Addressed(own);
        }
        let Some(gate) = gate else { return Self::Whole(own) };
        match (gate.standing, gate.joined.as_deref()) {
            (Standing::Begins | Standing::Continues, _) if !gate.room => Self::Alone(own),
            (Standing::Begins | Standing::Continues | Standing::Repeats, _) => Self::Part,
            (Standing::Completes, Some(joined)) => Self::Whole(joined),
            (Standing::Completes, None) => Self::Unreadable,
            (Standing::CompletesBlind, _) => Self::Whole(own),
            (Standing::Altered | Standing::Foreign, _) => Self::Misfit,
        }
    }

    /// The text that is judged.
    fn text(&self) -> Option<&'c str> {
        match self {
            Self::Whole(text) | Self::Alone(text) | Self::Addressed(text) => Some(text),
            Self::Part | Self::Misfit | Self::Unreadable => None,
        }
    }
}

/// What a commercial message is judged by.
struct Case<'c> {
    source: Source<'c>,
    content: Content<'c>,
    mentioned: bool,
    /// The account's, or the one that was pinned with the set's first part.
    pack: &'c Pack,
}

/// The text, when it can be read whole.
/// Of a part, what its neighbours hold the other half of is left out.
fn readable<'b, L: SuppressionList + ?Sized>(
    submission: &Submission<'_>,
    part: bool,
    facts: &Facts<'_, L>,
    buffer: &'b mut String,
) -> Option<&'b str> {
    let mut octets = submission.slice(submission.text);
    if part {
        octets = parts::readable_alone(submission.data_coding, octets);
    }
    if text::decode(submission.data_coding, octets, facts.account.alphabet, buffer).is_err() {
        return None;
    }
    Some(buffer.as_str())
}

/// The ladder for commercial messages.
fn commercial<L: SuppressionList + ?Sized>(
    scales: &mut Scales,
    submission: &Submission<'_>,
    case: &Case<'_>,
    facts: &Facts<'_, L>,
    now: CivilInstant,
) {
    let account = facts.account;
    // R-FAILCLOSED
    match facts.evidence {
        Evidence::Whole => {}
        Evidence::ListNotWhole | Evidence::LedgerUnusable | Evidence::Restored => {
            scales.refuse(Rule::FailClosed, RefusalCode::EvidenceUnavailable);
        }
    }
    // R-DEST: a person's number that the account's pack knows.
    let territory = scales.ruling.territory;
    if territory == NO_TERRITORY {
        scales.refuse(Rule::Dest, RefusalCode::BadDestination);
    }
    // R-TEXT
    match case.content {
        Content::Addressed(_) | Content::Unreadable => scales.refuse(Rule::Text, RefusalCode::UndecodableText),
        Content::Whole(text) if text.trim().is_empty() => scales.refuse(Rule::Text, RefusalCode::UndecodableText),
        Content::Whole(_) | Content::Part | Content::Alone(_) | Content::Misfit => {}
    }
    // R-SENDER
    weigh_sender(scales, case.source, facts);
    // R-SUPPRESS
    if scales.ruling.tag.is_some_and(|tag| facts.list.is_suppressed(&tag, account.account, scales.ruling.sender)) {
        scales.refuse(Rule::Suppress, RefusalCode::OptedOut);
    }
    // R-CONSENT. An account whose promotional texts are refused has a contract that covers no advertising: nobody consented to it.
    let judged_at = scales.ruling.judged_at;
    let uncovered = scales.ruling.promotional == Some(PromotionalText::Refuse);
    if uncovered || !consent::stands(account, case.pack, scales.ruling.tag.as_ref(), facts.opt_ins, judged_at) {
        scales.refuse(Rule::Consent, RefusalCode::NoConsent);
    }
    // R-HOURS
    if territory != NO_TERRITORY {
        weigh_hours(scales, submission, case.pack, facts, now);
    }
    // R-MENTION, on whole texts: a part may leave while others are missing, the one that completes the message decides.
    match case.content {
        Content::Part | Content::Alone(_) => {}
        Content::Whole(_) if case.mentioned => {}
        Content::Whole(_) | Content::Addressed(_) | Content::Unreadable => {
            scales.refuse(Rule::Mention, RefusalCode::MissingStopMention)
        }
        // Observed or not: it would change what stands at the SMSC already.
        Content::Misfit => scales.refuse_until(Rule::Mention, RefusalCode::MissingStopMention, None),
    }
    // R-FREQ
    if let Some(cap) = account.frequency
        && let Some(tag) = scales.ruling.tag
        && frequency::counts(&scales.ruling)
    {
        let counts = facts.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.room(account.account, &tag, cap, now) {
            Room::Free => {}
            Room::Reached { .. } if scales.observing.contains(Rule::Freq) => {
                scales.refuse(Rule::Freq, RefusalCode::FrequencyCap);
            }
            Room::Reached { until } => {
                let next = frequency::next_chance(case.pack, territory, until);
                scales.refuse_until(Rule::Freq, RefusalCode::FrequencyCap, next);
            }
            // Observed or not: nobody would know how many there were.
            Room::Full => scales.refuse_until(Rule::Freq, RefusalCode::QueueFull, None),
        }
    }
}

/// R-HOURS. Later parts follow the hours of the first, which leaves time for them before closing.
fn weigh_hours<L: SuppressionList + ?Sized>(
    scales: &mut Scales,
    submission: &Submission<'_>,
    pack: &Pack,
    facts: &Facts<'_, L>,
    now: CivilInstant,
) {
    let (territory, judged_at, set) = (scales.ruling.territory, scales.ruling.judged_at, scales.ruling.set);
    if set.is_some_and(|set| set.follows(judged_at)) {
        return;
    }
    match instants::check(submission.schedule, pack, territory, facts, now) {
        Err(closed) => scales.refuse_until(Rule::Hours, RefusalCode::OutOfHours, closed.next_opening),
        Ok(closing) if set.is_some_and(|set| set.begins) && closing.since(judged_at) < parts::BEFORE_CLOSING => {
            let next = match pack.opening(territory, closing) {
                Opening::Open { .. } => Some(closing),
                Opening::Closed { next } => next,
            };
            scales.refuse_until(Rule::Hours, RefusalCode::OutOfHours, next);
        }
        Ok(_) => {}
    }
}

/// The ladder for transactional messages: only what protects the road. The rest of the law is about marketing.
fn transactional<L: SuppressionList + ?Sized>(scales: &mut Scales, source: Source<'_>, facts: &Facts<'_, L>) {
    // R-DEST: any number in canonical form.
    if scales.ruling.destination.is_none() {
        scales.refuse(Rule::Dest, RefusalCode::BadDestination);
    }
    // R-SENDER
    weigh_sender(scales, source, facts);
}

/// R-SENDER. A warned source passes; the record shows that the rule would have refused.
fn weigh_sender<L: SuppressionList + ?Sized>(scales: &mut Scales, source: Source<'_>, facts: &Facts<'_, L>) {
    match sender_rules::stance(source, scales.ruling.class, facts.account, facts.numbers) {
        Stance::Allowed => {}
        Stance::Warned => scales.ruling.would_refuse.insert(Rule::Sender),
        Stance::Refused => scales.refuse(Rule::Sender, RefusalCode::SenderNotAllowed),
    }
}

#[cfg(test)]
mod observe_tests;
#[cfg(test)]
mod tests;
