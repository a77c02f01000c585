//! Owns the answer to "what do you hold about me": its form, and how it is made of what the data plane holds.
//! Must never leave out a field because nobody asks for it: the person asks for all.

use super::super::answers::StopEntry;
use super::super::consent::ConsentEntry;
use super::super::fields::{instant, instant_or_null, number_or_null};
use crate::gateway::handle::Held;
use crate::ledger::about::About;
use crate::ledger::event_code::EventRecord;
use crate::ledger::keys::hex;
use crate::ledger::suppression_event::{LiftSource, Scope, SuppressionEvent};
use crate::ledger::{Personal, VerdictKind, VerdictRecord};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use serde::Serialize;

/// A record of the ledger about the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventHeld {
    pub event: u64,
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    pub kind: &'static str,
    /// What it says, in words.
    pub what: String,
    /// Who entered it, or whom it names.
    pub by: Option<String>,
    /// What is sealed beside it.
    #[serde(serialize_with = "number_or_null")]
    pub number: Option<Msisdn>,
    pub text: Option<String>,
    /// The text's octets as they came, in hexadecimal, where they are kept.
    pub octets: Option<String>,
    pub evidence: Option<String>,
    #[serde(serialize_with = "instant_or_null")]
    pub said_at: Option<CivilInstant>,
}

/// A receipt or message that waits for a sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingHeld {
    pub account: String,
    /// `receipt` or `message`.
    pub kind: &'static str,
    #[serde(serialize_with = "instant")]
    pub since: CivilInstant,
    pub text: Option<String>,
}

/// A part of a reply, or a reply kept for an officer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplyHeld {
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    pub to: String,
    pub text: Option<String>,
}

/// A message that an operator holds for later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduledHeld {
    pub account: String,
    pub operator: String,
    #[serde(serialize_with = "instant")]
    pub due: CivilInstant,
}

/// An answer that is owed to the telephone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfirmationHeld {
    pub kind: &'static str,
    #[serde(serialize_with = "instant")]
    pub since: CivilInstant,
}

/// Who wrote last from, or naming, an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WriterHeld {
    pub account: String,
    pub address: String,
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
}

/// How often an account's messages to the number were judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TallyHeld {
    pub account: String,
    pub left: u64,
    pub refused: u64,
    pub other: u64,
    #[serde(serialize_with = "instant")]
    pub first: CivilInstant,
    #[serde(serialize_with = "instant")]
    pub last: CivilInstant,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerdictHeld {
    pub verdict: u64,
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    pub account: String,
    pub class: &'static str,
    /// `permitted`, `SG101`, …
    pub decision: String,
}

/// The pseudonymous trail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrailHeld {
    pub count: u64,
    /// Whether every verdict that is kept was read.
    pub complete: bool,
    pub by_account: Vec<TallyHeld>,
    /// The newest 1,000, newest first.
    pub newest: Vec<VerdictHeld>,
    /// For how long they are kept.
    pub kept: String,
}

/// Everything that is held about a number.
#[derive(Clone, Debug, Serialize)]
pub struct AccessAnswer {
    #[serde(serialize_with = "number_or_null")]
    pub number: Option<Msisdn>,
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    /// The keyed code under which the number stands.
    pub tag: String,
    pub suppressed: bool,
    /// The stops that hold.
    pub stops: Vec<StopEntry>,
    /// The opt-ins, one an account.
    pub consents: Vec<ConsentEntry>,
    pub events: Vec<EventHeld>,
    pub waiting: Vec<WaitingHeld>,
    pub reply_parts: Vec<ReplyHeld>,
    pub scheduled: Vec<ScheduledHeld>,
    pub confirmations: Vec<ConfirmationHeld>,
    pub review: Vec<ReplyHeld>,
    pub writers: Vec<WriterHeld>,
    pub verdicts: TrailHeld,
    /// All of it in words for the person.
    pub answer: String,
}

/// Makes the answer of what is held; `words` are still to be made. `name` gives the name of a handle.
pub fn answer(
    (number, at): (Msisdn, CivilInstant),
    held: Held,
    (stops, consents): (Vec<StopEntry>, Vec<ConsentEntry>),
    kept: &str,
    name: impl Fn(NameId) -> String,
) -> AccessAnswer {
    let trail = held.trail;
    let by_account: Vec<TallyHeld> = trail
        .by_account
        .iter()
        .map(|(account, tally)| TallyHeld {
            account: name(*account),
            left: tally.left,
            refused: tally.refused,
            other: tally.other,
            first: tally.first,
            last: tally.last,
        })
        .collect();
    let counted = by_account.iter().map(|one| one.left + one.refused + one.other).sum();
    let reply = |at, to, text| ReplyHeld { at, to, text };
    AccessAnswer {
        number: Some(number),
        at,
        tag: hex(&held.tag.0),
        suppressed: !stops.is_empty(),
        stops,
        consents,
        events: held.events.into_iter().map(|(record, personal)| event(record, personal, &name)).collect(),
        waiting: held
            .waiting
            .into_iter()
            .map(|item| WaitingHeld {
                account: name(item.account),
                kind: if item.is_receipt { "receipt" } else { "message" },
                since: item.since,
                text: item.text,
            })
            .collect(),
        reply_parts: held.parts.into_iter().map(|part| reply(part.at, part.to, part.text)).collect(),
        scheduled: held
            .scheduled
            .iter()
            .map(|one| ScheduledHeld { account: name(one.account), operator: name(one.smsc), due: one.due })
            .collect(),
        confirmations: held
            .confirmations
            .iter()
            .map(|(kind, since)| ConfirmationHeld { kind: kind.word(), since: *since })
            .collect(),
        review: held.review.into_iter().map(|one| reply(one.at, one.short_code.to_string(), Some(one.text))).collect(),
        writers: held
            .writers
            .into_iter()
            .map(|one| WriterHeld { account: name(one.account), address: one.address, at: one.at })
            .collect(),
        verdicts: TrailHeld {
            count: counted,
            complete: trail.from.is_none(),
            by_account,
            newest: trail.newest.iter().map(|record| verdict(record, &name)).collect(),
            kept: kept.to_owned(),
        },
        answer: String::new(),
    }
}

fn verdict(record: &VerdictRecord, name: impl Fn(NameId) -> String) -> VerdictHeld {
    let decision = match record.kind {
        VerdictKind::Refused(code) | VerdictKind::Withdrawn(code) | VerdictKind::Observed(code) => {
            format!("{} {}", record.kind.word(), code.code())
        }
        VerdictKind::Permitted
        | VerdictKind::Composed
        | VerdictKind::Unresolved
        | VerdictKind::LateAnswer(_)
        | VerdictKind::Recalled(_)
        | VerdictKind::NotRecalled => record.kind.word().to_owned(),
    };
    let (at, account, class) = (record.at, name(record.account), record.class.word());
    VerdictHeld { verdict: record.seq, at, account, class, decision }
}

fn event(record: EventRecord, personal: Option<Personal>, name: impl Fn(NameId) -> String) -> EventHeld {
    let kind = record.event.word();
    let names = |ids: &[NameId]| ids.iter().map(|id| name(*id)).collect::<Vec<_>>().join(", ");
    let known = |id: NameId| (id != NameId::NONE).then(|| name(id));
    let (what, by) = match record.event.about() {
        Some(About::Suppression(SuppressionEvent::Stop(stop))) => {
            let scope = match stop.scope {
                Scope::Global => "for everybody".to_owned(),
                Scope::Account(account) => format!("for {}", name(account)),
                Scope::Sender(sender) => format!("for the sender {sender:016x}"),
            };
            let code = if stop.short_code == 0 { String::new() } else { format!(" to {}", stop.short_code) };
            (format!("opt-out by {}{code}, {scope}", stop.source.word()), known(stop.detail).or(known(stop.smsc)))
        }
        Some(About::Suppression(SuppressionEvent::Lift(lift))) => {
            let accounts = names(&lift.accounts);
            match lift.source {
                LiftSource::Handset => (format!("lifted by your START, for {accounts}"), known(lift.detail)),
                LiftSource::TwoPeople => (format!("lifted by two people, for {accounts}"), Some(names(&lift.people))),
            }
        }
        Some(About::Consent(consent)) => {
            let wording = known(consent.wording).map(|wording| format!(", wording {wording}")).unwrap_or_default();
            let (act, account, source) = (consent.act.word(), name(consent.account), name(consent.source));
            (format!("consent to {account}: {act} of {} ({source}{wording})", consent.given_at), known(consent.by))
        }
        Some(About::Erase(erase)) => (format!("erasure of your data: {}", name(erase.reason)), known(erase.by)),
        Some(About::Admin(admin)) => {
            let detail = known(admin.detail).map(|detail| format!(": {detail}")).unwrap_or_default();
            (format!("looked up or acted on: {}{detail}", name(admin.action)), known(admin.by))
        }
        None => (kind.to_owned(), None),
    };
    let Personal { number, text, octets, evidence, said_at } = personal.unwrap_or_default();
    let octets = octets.map(|octets| hex(&octets));
    EventHeld { event: record.seq, at: record.at, kind, what, by, number, text, octets, evidence, said_at }
}

/// The answer that a person can be sent.
pub fn words(answer: &AccessAnswer) -> String {
    let number = answer.number.map_or_else(|| "-".to_owned(), |number| format!("+{}", number.as_u64()));
    let mut lines = vec![
        format!("What is held about {number}, {}", answer.at.to_utc().format("%Y-%m-%d")),
        String::new(),
        "This gateway forwards text messages of companies to telephones, and keeps those that may not be sent from leaving. It does".to_owned(),
        "so to honour your wish not to be written to, and to prove that the rules were kept (GDPR art. 6(1)(c) and (f)).".to_owned(),
    ];
    let mut part = |title: &str, rows: Vec<String>| {
        if !rows.is_empty() {
            lines.extend([String::new(), title.to_owned()]);
            lines.extend(rows.into_iter().map(|row| format!("- {row}")));
        }
    };
    let said = |text: &Option<String>| text.as_ref().map(|text| format!(": \"{text}\"")).unwrap_or_default();
    part(
        "Whether you may be written to",
        vec![if answer.suppressed {
            format!("You are on the list of those who must not be written to ({} stop(s) hold).", answer.stops.len())
        } else {
            "You are not on the list of those who must not be written to.".to_owned()
        }],
    );
    let consents = answer.consents.iter().map(|one| {
        let evidence = one.evidence.as_deref().unwrap_or("erased");
        format!(
            "{}: {} since {}, given by {}, wording {}; evidence: {evidence}",
            one.account, one.state, one.at, one.source, one.wording
        )
    });
    part("Consents", consents.collect());
    let events = answer.events.iter().map(|one| {
        let by = one.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
        let evidence = one.evidence.as_ref().map(|evidence| format!("; evidence: {evidence}")).unwrap_or_default();
        let said_at = one.said_at.map(|at| format!("; said at {at}")).unwrap_or_default();
        format!("{} {}{by}{}{evidence}{said_at}", one.at, one.what, said(&one.text))
    });
    part("Records, oldest first", events.collect());
    let waiting = answer.waiting.iter();
    let waiting =
        waiting.map(|one| format!("since {}, a {} for {}{}", one.since, one.kind, one.account, said(&one.text)));
    part("Waiting for a company's system, at most 72 hours", waiting.collect());
    let parts = answer.reply_parts.iter().map(|one| format!("{} to {}{}", one.at, one.to, said(&one.text)));
    part("Parts of replies, about 20 minutes", parts.collect());
    let review = answer.review.iter().map(|one| format!("{} to {}{}", one.at, one.to, said(&one.text)));
    part("Replies kept in memory for an officer, at most 7 days", review.collect());
    let scheduled = answer.scheduled.iter();
    let scheduled = scheduled.map(|one| format!("from {} at {}, due {}", one.account, one.operator, one.due));
    part("Messages that an operator holds for later", scheduled.collect());
    let confirmations = answer.confirmations.iter().map(|one| format!("{} since {}", one.kind, one.since));
    part("Answers owed to your telephone, at most 24 hours", confirmations.collect());
    let writers = answer.writers.iter().map(|one| format!("{} from {}, last at {}", one.account, one.address, one.at));
    part("Who has written to you in the last 90 days: whom a reply answers", writers.collect());
    let trail = &answer.verdicts;
    let mut tallies: Vec<String> = trail
        .by_account
        .iter()
        .map(|one| {
            format!(
                "{}: {} sent on, {} refused, {} other, from {} to {}",
                one.account, one.left, one.refused, one.other, one.first, one.last
            )
        })
        .collect();
    if !trail.complete {
        tallies.push("older ones were not counted for want of time: ask again, or for `stopgate proof`".to_owned());
    }
    part(&format!("Decisions about messages to you, without number or text, kept {}", trail.kept), tallies);
    let newest = trail.newest.iter().map(|one| format!("{} {} {} {}", one.at, one.account, one.class, one.decision));
    part("The newest of them", newest.collect());
    lines.extend([
        String::new(),
        "Who gets it: the companies whose messages you answer, the operators that carry them, and authorities that ask.".to_owned(),
        "Your number stands in records as a code made with a secret key; texts and evidence are encrypted. Copies in backups are".to_owned(),
        "gone after at most 35 days. You may have it corrected or erased, object, and complain to your data protection authority".to_owned(),
        "(in France the CNIL). The companies and operators keep their own records: ask them for theirs.".to_owned(),
    ]);
    lines.join("\n")
}
