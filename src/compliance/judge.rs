//! Owns the decision: the one visible ladder of rules, and the only place a submission becomes a `Permitted`.
//! Must never skip a rule: every rule is asked, so that the record shows all that would have refused; the first refusal wins.

use super::class::TrafficClass;
use super::code::RefusalCode;
use super::consent;
use super::contract;
use super::facts::{Evidence, Facts, SuppressionList};
use super::fingerprint;
use super::instants;
use super::mention;
use super::pack::senders::Stance;
use super::rule::Rule;
use super::sender_rules::{self, Source};
use super::traffic;
use super::verdict::{Outgoing, Permitted, Refusal, Ruling, Verdict};
use crate::message::instant::CivilInstant;
use crate::message::submission::Submission;
use crate::message::text;

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
}

impl Scales {
    fn refuse(&mut self, rule: Rule, code: RefusalCode) {
        self.refuse_until(rule, code, None);
    }

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
    let from = submission.source;
    let source = Source::read(from.ton, from.npi, submission.slice(from.text), facts.numbers, &account.default_country);
    let text = readable(submission, facts, buffer);
    let mention = text.and_then(|text| {
        let replies = source.takes_replies(account);
        mention::find(text, &account.pack.mentions, &account.stop_codes, replies)
    });
    let class = class(submission, source, text, facts);
    let ruling = Ruling {
        class,
        destination,
        tag: destination.map(|number| facts.tags.tag(number)),
        territory: destination.and_then(|number| account.pack.territory(number)).unwrap_or(NO_TERRITORY),
        pack: account.pack_name,
        account: account.account,
        campaign: text.map_or(0, fingerprint::campaign),
        sender: source.fingerprint(),
        segment: submission.segment,
        stop_code: mention.as_ref().and_then(|mention| mention.code),
        would_refuse: super::rule::RuleSet::default(),
        judged_at: instants::judged_at(submission.schedule, now),
    };
    let mut scales = Scales { ruling, refused: None };
    match class {
        TrafficClass::Commercial => {
            commercial(&mut scales, submission, &Content { source, text, mentioned: mention.is_some() }, facts, now)
        }
        TrafficClass::Transactional => transactional(&mut scales, source, facts),
    }
    (scales.ruling, scales.refused)
}

/// What a commercial message says, and from whom.
struct Content<'c> {
    source: Source<'c>,
    text: Option<&'c str>,
    mentioned: bool,
}

/// The class: the contract's, which what the message shows can only tighten.
fn class<L: SuppressionList + ?Sized>(
    submission: &Submission<'_>,
    source: Source<'_>,
    text: Option<&str>,
    facts: &Facts<'_, L>,
) -> TrafficClass {
    let account = facts.account;
    let promotional = source.number().is_some_and(|number| account.pack.senders.is_promotional(number))
        && !contract::names_source(source, account, facts.numbers);
    traffic::classify(contract::class(submission, source, account, facts.numbers), promotional, text, &account.pack)
        .class
}

/// The text, when it can be read whole. Port-addressed messages are for applications: nobody reads them as text.
fn readable<'b, L: SuppressionList + ?Sized>(
    submission: &Submission<'_>,
    facts: &Facts<'_, L>,
    buffer: &'b mut String,
) -> Option<&'b str> {
    let octets = submission.slice(submission.text);
    if submission.ports || text::decode(submission.data_coding, octets, facts.account.alphabet, buffer).is_err() {
        return None;
    }
    Some(buffer.as_str())
}

/// The ladder for commercial messages.
fn commercial<L: SuppressionList + ?Sized>(
    scales: &mut Scales,
    submission: &Submission<'_>,
    content: &Content<'_>,
    facts: &Facts<'_, L>,
    now: CivilInstant,
) {
    let account = facts.account;
    // R-FAILCLOSED
    match facts.evidence {
        Evidence::Whole => {}
        Evidence::ListNotWhole | Evidence::LedgerUnusable => {
            scales.refuse(Rule::FailClosed, RefusalCode::EvidenceUnavailable);
        }
    }
    // R-DEST: a person's number that the account's pack knows.
    let territory = scales.ruling.territory;
    if territory == NO_TERRITORY {
        scales.refuse(Rule::Dest, RefusalCode::BadDestination);
    }
    // R-TEXT
    if content.text.is_none_or(|text| text.trim().is_empty()) {
        scales.refuse(Rule::Text, RefusalCode::UndecodableText);
    }
    // R-SENDER
    weigh_sender(scales, content.source, facts);
    // R-SUPPRESS
    if scales.ruling.tag.is_some_and(|tag| facts.list.is_suppressed(&tag, account.account, scales.ruling.sender)) {
        scales.refuse(Rule::Suppress, RefusalCode::OptedOut);
    }
    // R-CONSENT
    if !consent::stands(&account.consent) {
        scales.refuse(Rule::Consent, RefusalCode::NoConsent);
    }
    // R-HOURS
    if territory != NO_TERRITORY
        && let Err(closed) = instants::check(submission.schedule, territory, facts, now)
    {
        scales.refuse_until(Rule::Hours, RefusalCode::OutOfHours, closed.next_opening);
    }
    // R-MENTION, on whole texts: no part shows that the whole carries one.
    let whole = submission.segment.is_none_or(|segment| segment.total == 1);
    if !(whole && content.mentioned) {
        scales.refuse(Rule::Mention, RefusalCode::MissingStopMention);
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
mod tests;
