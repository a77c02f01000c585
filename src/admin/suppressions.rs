//! Owns the list's answers of the running gateway: what is added to it, and how its entries are shown.
//! Must never lift: that is `lifts`'s, and takes two people.

use super::answers::{RejectedRow, StopEntry, StopOutcome, StopPage};
use super::named::canonical;
use super::problem::Problem;
use super::requests::{PageRequest, Reach, StopBatch, StopOrigin, StopRow, WrittenNumber};
use super::review;
use crate::compliance::sender_rules::Source;
use crate::gateway::handle::{Handle, NewStop};
use crate::gateway::settings::Settings;
use crate::ledger::keys::hex;
use crate::ledger::suppression_event::{Scope, StopSource};
use crate::message::address::{Npi, Ton};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::suppression::registry::StopFound;
use std::time::Duration;

/// How far ahead of our clock a person may have said something: a day written without its hour, in any zone.
const AHEAD_MAX: Duration = Duration::from_secs(24 * 3600);

/// Characters of an alphanumeric source address (3GPP TS 23.040 §9.1.2.5).
const NAME_MAX: usize = 11;

const fn stop_source(origin: StopOrigin) -> StopSource {
    match origin {
        StopOrigin::Manual => StopSource::Manual,
        StopOrigin::Import => StopSource::Import,
        StopOrigin::Mail => StopSource::Mail,
        StopOrigin::Phone => StopSource::Phone,
        StopOrigin::Web => StopSource::Web,
        StopOrigin::Complaint => StopSource::Complaint,
        StopOrigin::Gdpr => StopSource::Objection,
        StopOrigin::Operator => StopSource::Operator,
    }
}

/// Adds a batch: durable and in force when this returns, but for the rows that come back.
pub async fn add(handle: &Handle, batch: StopBatch) -> Result<StopOutcome, Problem> {
    let settings = handle.shared.settings.load_full();
    let mut outcome = StopOutcome::default();
    let mut stops = Vec::with_capacity(batch.rows.len());
    let now = handle.shared.clock.civil();
    for row in batch.rows {
        let line = row.line;
        match stop(handle, &settings, row, stop_source(batch.origin), now) {
            Ok(stop) => stops.push(stop),
            Err(error) => outcome.rejected.push(RejectedRow { line, error }),
        }
    }
    if batch.dry_run {
        let already = |stop: &&NewStop| handle.is_stopped(stop);
        outcome.already = stops.iter().filter(already).count() as u64;
        outcome.added = stops.len() as u64 - outcome.already;
    } else {
        let added = handle.suppress(&stops, &batch.by).await?;
        (outcome.added, outcome.already) = (added.added, added.already);
    }
    Ok(outcome)
}

/// A row as the data plane takes it, or what is wrong with it.
fn stop(
    handle: &Handle,
    settings: &Settings,
    row: StopRow,
    source: StopSource,
    now: CivilInstant,
) -> Result<NewStop, String> {
    let number = match review::id_of(&row.number.text) {
        Some(id) => handle.writer_of(id).ok_or("this reply is not kept any more: `stopgate stop review` lists them")?,
        None => settings.numbers.read(&row.number.text, &row.number.country).map_err(|error| error.to_string())?,
    };
    let scope = match &row.reach {
        Reach::Everybody => Scope::Global,
        Reach::Account(system_id) => {
            let account = settings.accounts.iter().find(|account| account.policy.system_id == *system_id);
            Scope::Account(account.ok_or("no such account: `stopgate status` lists them")?.id)
        }
        Reach::Sender(text) => match fingerprint(settings, text, &row.number.country) {
            0 => return Err("this is no sender: write a name, a short code or a number".to_owned()),
            sender => Scope::Sender(sender),
        },
    };
    if row.at.is_some_and(|at| at.since(now) > AHEAD_MAX) {
        return Err("the instant lies ahead: write when the person said it".to_owned());
    }
    Ok(NewStop { number, scope, source, said_at: row.at, evidence: row.evidence, text: row.text })
}

/// The fingerprint of a source address as somebody wrote it; 0 when it is none.
fn fingerprint(settings: &Settings, text: &str, country: &str) -> u64 {
    let name = text.bytes().any(|octet| octet.is_ascii_alphabetic());
    let ton = if name { Ton::Alphanumeric } else { Ton::Unknown };
    match Source::read(ton, Npi(0), text.trim().as_bytes(), &settings.numbers, country) {
        // Longer than any name: the fingerprint of one that nobody uses any more, as an export shows it.
        Source::Name(name) if name.len() > NAME_MAX => 0,
        source => source.fingerprint(),
    }
}

/// The stops of a number that hold.
pub fn entries_of(handle: &Handle, written: &WrittenNumber) -> Result<Vec<StopEntry>, Problem> {
    entries(handle, canonical(&handle.shared.settings.load(), written)?)
}

/// The same of a number in its canonical form.
pub fn entries(handle: &Handle, number: Msisdn) -> Result<Vec<StopEntry>, Problem> {
    let shared = &handle.shared;
    let found = shared.registry.in_force(&shared.tags.tag(number))?;
    Ok(found.iter().map(|stop| entry(handle, stop)).collect())
}

/// A page of the list. Where it goes on is a position in the events.
pub fn page_of(handle: &Handle, page: &PageRequest) -> Result<StopPage, Problem> {
    let from = match &page.after {
        None => 0,
        Some(after) => after
            .parse()
            .map_err(|_| Problem::invalid("this is not where a page ended", "give back `next` as it was"))?,
    };
    let found = handle.shared.registry.page(from, page.limit)?;
    let entries = found.stops.iter().map(|stop| entry(handle, stop)).collect();
    Ok(StopPage { entries, next: found.next.map(|next| next.to_string()) })
}

fn entry(handle: &Handle, found: &StopFound) -> StopEntry {
    let name = |id: NameId| handle.shared.ledger.name(id).map_or_else(|| "?".to_owned(), |name| name.to_string());
    let stop = &found.stop;
    let personal = found.personal.as_ref();
    let by = [stop.smsc, stop.detail].into_iter().find(|id| *id != NameId::NONE);
    let text = personal.and_then(|personal| personal.text.clone());
    StopEntry {
        number: personal.and_then(|personal| personal.number),
        tag: hex(&stop.tag.0),
        since: found.at,
        said_at: personal.and_then(|personal| personal.said_at),
        source: stop.source.word().to_owned(),
        scope: match stop.scope {
            Scope::Global => "global".to_owned(),
            Scope::Account(account) => format!("account:{}", name(account)),
            Scope::Sender(sender) => format!("sender:{}", sender_name(&handle.shared.settings.load(), sender)),
        },
        by: by.map_or_else(String::new, name),
        short_code: (stop.short_code != 0).then_some(stop.short_code),
        evidence: personal.and_then(|personal| personal.evidence.clone()).or_else(|| text.clone()),
        text,
        event: found.seq,
    }
}

/// The name of a source address that some account may use; its fingerprint when none does any more.
fn sender_name(settings: &Settings, sender: u64) -> String {
    let mut all = settings.accounts.iter().flat_map(|account| {
        account.policy.senders.iter().map(|text| (text, fingerprint(settings, text, &account.policy.default_country)))
    });
    let known = all.find(|(_, known)| *known == sender);
    known.map_or_else(|| format!("{sender:016x}"), |(text, _)| text.clone())
}
