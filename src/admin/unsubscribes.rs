//! Owns the report of unsubscribes: STOPs and messages of a span, by account, sender and campaign, counted from the records.
//! Must never show a number, nor one account's figures to another; never on a lane's thread.

use super::problem::{Problem, ProblemKind};
use super::requests::ReportRequest;
use crate::compliance::fingerprint;
use crate::compliance::sender_rules::Source;
use crate::gateway::settings::Settings;
use crate::ledger::suppression_event::{StopSource, SuppressionEvent};
use crate::ledger::verdict::Way;
use crate::ledger::{Event, Ledger, VerdictRecord};
use crate::message::address::{Npi, Ton};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

/// Campaigns counted apart; what more there are stands in the row of its account and sender without a campaign.
const CAMPAIGNS_MAX: usize = 65_536;
/// STOPs in one report.
const STOPS_MAX: usize = 2_000_000;
/// The span when none is asked for.
const SPAN: Duration = Duration::from_secs(30 * 24 * 3600);
/// Records between two looks at the time.
const BREATH: u64 = 65_536;

fn instant<S: Serializer>(at: &CivilInstant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// What an account's messages from one sender in one campaign led to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unsubscribes {
    /// `None`: the STOPs of numbers to which nobody is known to have written.
    pub account: Option<String>,
    /// As it is configured; a sender that is not any more by its fingerprint. `None` = not known.
    pub sender: Option<String>,
    /// The campaign's fingerprint, 16 hexadecimal digits. `None` = not known, or one of many.
    pub campaign: Option<String>,
    /// Messages that left, one in parts counted once.
    pub messages: u64,
    /// STOPs, from handsets and by receipts.
    pub stops: u64,
    /// Numbers that said so: who repeats it is one.
    pub numbers: u64,
    /// Numbers that said STOP for each message; `None` without a message.
    pub rate: Option<f64>,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnsubscribeReport {
    /// Inclusive.
    #[serde(serialize_with = "instant")]
    pub since: CivilInstant,
    /// Exclusive.
    #[serde(serialize_with = "instant")]
    pub until: CivilInstant,
    /// By account, most STOPs first.
    pub rows: Vec<Unsubscribes>,
    /// Rows that `limit` left out: they are in `total` all the same.
    pub omitted: u64,
    pub total: Unsubscribes,
    /// STOPs that came by neither: mail, telephone, web, complaints, objections, by hand. Imports are not counted. For all
    /// accounts, hence `None` where one was asked for.
    pub elsewhere: Option<u64>,
}

/// Whose, from where, which campaign.
type Key = (NameId, u64, u64);

#[derive(Default)]
struct Tally {
    /// Messages and STOPs of each key, and its place in `said`.
    rows: HashMap<Key, (u64, u64)>,
    /// Who said STOP to what.
    said: Vec<(Key, u64)>,
    elsewhere: u64,
}

impl Tally {
    fn row(&mut self, key: Key) -> (Key, &mut (u64, u64)) {
        let full = self.rows.len() >= CAMPAIGNS_MAX && !self.rows.contains_key(&key);
        let key = if full { (key.0, key.1, 0) } else { key };
        (key, self.rows.entry(key).or_default())
    }

    fn message(&mut self, record: &VerdictRecord) {
        let in_parts = record.segment.is_some_and(|segment| segment.total > 1);
        if in_parts && record.stop_code.is_none() {
            // The message is counted with the part that has its mention.
            return;
        }
        let (_, (messages, _)) = self.row((record.account, record.sender, record.campaign));
        match record.kind.way() {
            Some(Way::Released) => *messages += 1,
            Some(Way::TakenBack) => *messages = messages.saturating_sub(1),
            None => {}
        }
    }
}

/// Counts from the records. Reads them all since then: seconds for many millions. `over` says when it has taken too long.
///
/// # Errors
/// The account is not known, the records cannot be read, there are too many STOPs, or it takes too long.
pub fn unsubscribes(
    ledger: &Ledger,
    settings: &Settings,
    asked: &ReportRequest,
    now: CivilInstant,
    over: &dyn Fn() -> bool,
) -> Result<UnsubscribeReport, Problem> {
    let account = match &asked.account {
        None => None,
        Some(name) => Some(ledger.handle(name).ok_or_else(|| {
            Problem::new(ProblemKind::NotFound, format!("no account {name:?}"), "stopgate status lists the accounts")
        })?),
    };
    let until = asked.until.unwrap_or(now);
    let since = asked.since.unwrap_or_else(|| until.minus(SPAN));
    if since >= until {
        return Err(Problem::invalid("no time between `since` and `until`", "write `since` before `until`"));
    }
    let within = |at: CivilInstant| at >= since && at < until;
    let mine = |one: NameId| account.is_none_or(|account| account == one);
    let mut tally = Tally::default();
    let mut events = ledger.events_since(since)?;
    let mut read = 0_u64;
    let mut breathe = || {
        read += 1;
        if read.is_multiple_of(BREATH) && over() { Err(too_much("it takes too long")) } else { Ok(()) }
    };
    while let Some(record) = events.next_suppression()? {
        breathe()?;
        let Event::Suppression(SuppressionEvent::Stop(stop)) = &record.event else { continue };
        if !within(record.at) {
            continue;
        }
        match stop.source {
            StopSource::Handset | StopSource::Operator if mine(stop.account) => {
                if tally.said.len() >= STOPS_MAX {
                    return Err(too_much("there are more than two million STOPs"));
                }
                let (sender, campaign) = stop.answers.map_or((0, 0), |answered| (answered.sender, answered.campaign));
                let (key, (_, stops)) = tally.row((stop.account, sender, campaign));
                *stops += 1;
                tally.said.push((key, stop.tag.prefix()));
            }
            StopSource::Handset | StopSource::Operator | StopSource::Import => {}
            StopSource::Manual
            | StopSource::Mail
            | StopSource::Phone
            | StopSource::Web
            | StopSource::Complaint
            | StopSource::Objection => tally.elsewhere += 1,
        }
    }
    let mut verdicts = ledger.verdicts_since(since)?;
    while let Some(record) = verdicts.next_leaving()? {
        breathe()?;
        if within(record.at) && mine(record.account) {
            tally.message(&record);
        }
    }
    Ok(report(tally, ledger, settings, asked, since..until))
}

fn too_much(why: &str) -> Problem {
    Problem::new(ProblemKind::Conflict, format!("no report: {why}"), "ask for a shorter span, by --since and --until")
}

/// The figures under their names.
fn report(
    mut tally: Tally,
    ledger: &Ledger,
    settings: &Settings,
    asked: &ReportRequest,
    span: Range<CivilInstant>,
) -> UnsubscribeReport {
    tally.said.sort_unstable();
    tally.said.dedup();
    let mut numbers: HashMap<Key, u64> = HashMap::new();
    for (key, _) in &tally.said {
        *numbers.entry(*key).or_default() += 1;
    }
    tally.said.sort_unstable_by_key(|(_, number)| *number);
    tally.said.dedup_by_key(|(_, number)| *number);
    let senders = senders(settings);
    let mut rows = Vec::with_capacity(tally.rows.len());
    let mut total = named(None, None, 0, (0, 0), 0);
    for ((account, sender, campaign), counted) in tally.rows {
        if counted == (0, 0) {
            continue;
        }
        total.messages += counted.0;
        total.stops += counted.1;
        let name = ledger.name(account).map(|name| name.to_string());
        let text = senders.get(&sender).cloned().unwrap_or_else(|| format!("{sender:016x}"));
        let people = numbers.get(&(account, sender, campaign)).copied().unwrap_or(0);
        rows.push(named(name, (sender != 0).then_some(text), campaign, counted, people));
    }
    total.numbers = tally.said.len() as u64;
    total.rate = rate(total.numbers, total.messages);
    rows.sort_by(|one, other| {
        let order = |row: &Unsubscribes| {
            (row.account.is_none(), row.account.clone(), u64::MAX - row.stops, u64::MAX - row.messages)
        };
        let names = |row: &Unsubscribes| (row.sender.clone(), row.campaign.clone());
        (order(one), names(one)).cmp(&(order(other), names(other)))
    });
    let omitted = rows.len().saturating_sub(asked.limit) as u64;
    rows.truncate(asked.limit);
    let elsewhere = asked.account.is_none().then_some(tally.elsewhere);
    UnsubscribeReport { since: span.start, until: span.end, rows, omitted, total, elsewhere }
}

fn named(
    account: Option<String>,
    sender: Option<String>,
    campaign: u64,
    (messages, stops): (u64, u64),
    numbers: u64,
) -> Unsubscribes {
    let campaign = (campaign != 0).then(|| format!("{campaign:016x}"));
    Unsubscribes { account, sender, campaign, messages, stops, numbers, rate: rate(numbers, messages) }
}

/// To six places: figures are compared, and floating point has more places than meaning.
fn rate(numbers: u64, messages: u64) -> Option<f64> {
    (messages > 0).then(|| (numbers as f64 / messages as f64 * 1e6).round() / 1e6)
}

/// The configured senders and codes, by their fingerprints.
fn senders(settings: &Settings) -> BTreeMap<u64, String> {
    let codes = settings
        .short_codes
        .iter()
        .map(|code| (fingerprint::numeric_sender(code.number.into()), code.number.to_string()));
    let senders = settings.accounts.iter().flat_map(|account| {
        let policy = &account.policy;
        let read = |sender: &String| {
            let source = Source::read(
                Ton::Unknown,
                Npi(0),
                sender.trim().as_bytes(),
                &settings.numbers,
                &policy.default_country,
            );
            (source.fingerprint(), sender.clone())
        };
        policy.senders.iter().map(read)
    });
    codes.chain(senders).collect()
}
