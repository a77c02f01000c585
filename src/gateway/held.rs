//! Owns what this node holds of a number: events, messages that wait, notes for later, and the trail of verdicts.
//! Must never change anything, nor be asked on a lane: it reads every event and every verdict.

use super::concerned;
use super::handle::Handle;
use super::review::Doubtful;
use super::settings::Settings;
use super::shared::Shared;
use crate::ledger::event_code::EventRecord;
use crate::ledger::{Personal, VerdictKind, VerdictRecord};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use crate::message::text::decode;
use crate::pdu::inbound;
use crate::spool::duty::DutyKind;
use crate::spool::shelf::ItemKind;
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Verdicts that are listed one by one; all are counted.
pub const LISTED_MAX: usize = 1_000;
/// How long the verdicts are read: whoever asked has gone soon after.
const TRAIL_WITHIN: Duration = Duration::from_secs(75);

/// A receipt or message that waits for a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldItem {
    pub account: NameId,
    pub is_receipt: bool,
    pub since: CivilInstant,
    /// What it says, as far as it can be read.
    pub text: Option<String>,
}

/// A part of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPart {
    pub at: CivilInstant,
    /// The address it was sent to.
    pub to: String,
    pub text: Option<String>,
}

/// A message that an operator holds for later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldSchedule {
    pub account: NameId,
    pub smsc: NameId,
    pub due: CivilInstant,
}

/// Who wrote last from, or naming, an address: whom a reply to it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldWriter {
    pub account: NameId,
    pub address: String,
    pub at: CivilInstant,
}

/// The verdicts of one account about the number, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldTally {
    pub left: u64,
    pub refused: u64,
    /// What became of messages later, and answers of our own.
    pub other: u64,
    pub first: CivilInstant,
    pub last: CivilInstant,
}

/// The verdicts about the number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldTrail {
    pub by_account: BTreeMap<NameId, HeldTally>,
    /// The newest, newest first.
    pub newest: Vec<VerdictRecord>,
    /// The first verdict that was read: older ones were not, for want of time. `None`: all were.
    pub from: Option<u64>,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Held {
    pub tag: NumberTag,
    /// Oldest first, each with what is sealed beside it.
    pub events: Vec<(EventRecord, Option<Personal>)>,
    pub waiting: Vec<HeldItem>,
    pub parts: Vec<HeldPart>,
    pub scheduled: Vec<HeldSchedule>,
    pub confirmations: Vec<(DutyKind, CivilInstant)>,
    pub review: Vec<Doubtful>,
    pub writers: Vec<HeldWriter>,
    pub trail: HeldTrail,
}

impl Handle {
    /// Everything that is held of a number. Waits for an erasure that runs.
    ///
    /// # Errors
    /// Something cannot be read: what and where.
    pub async fn held(&self, number: Msisdn) -> Result<Held, String> {
        let shared = Arc::clone(&self.shared);
        let alone = Arc::clone(&shared.erasing).lock_owned().await;
        let work = tokio::task::spawn_blocking(move || {
            let _alone = alone;
            shared.held(number).map_err(|error| error.to_string())
        });
        work.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

impl Shared {
    fn held(&self, number: Msisdn) -> Result<Held, Box<dyn Error + Send + Sync>> {
        let (tag, now) = (self.tags.tag(number), self.clock.civil());
        let settings = self.settings.load_full();
        let mut events = Vec::new();
        self.ledger.events_about(&tag, (0, u64::MAX), |_, leaf, blob| {
            if let Ok(record) = EventRecord::read(leaf) {
                let personal = record.binding.and_then(|binding| self.ledger.sealer().open(blob, &binding));
                events.push((record, personal));
            }
        })?;
        let waiting = self.spool.by_tag(&tag)?.into_iter().map(|item| HeldItem {
            account: item.ticket.account,
            is_receipt: item.kind == ItemKind::Receipt,
            since: item.pushed,
            text: inbound::scan(&item.octets)
                .ok()
                .and_then(|inbound| readable(&settings, inbound.data_coding, inbound.slice(inbound.text))),
        });
        let parts = self.part_journal.by_tag(&tag)?.into_iter().map(|part| HeldPart {
            at: part.at,
            to: String::from_utf8_lossy(&part.to).into_owned(),
            text: readable(&settings, part.data_coding, &part.octets),
        });
        let scheduled = self.scheduled.by_tag(&tag).into_iter().map(|recall| HeldSchedule {
            account: recall.scheduled.account,
            smsc: recall.scheduled.smsc,
            due: recall.scheduled.due,
        });
        Ok(Held {
            tag,
            events,
            waiting: waiting.collect(),
            parts: parts.collect(),
            scheduled: scheduled.collect(),
            confirmations: self.confirmations.by_tag(&tag),
            review: self.review().of(number, now),
            writers: concerned::writers_to(self, &settings, &tag, now),
            trail: self.trail(&tag)?,
        })
    }

    /// The verdicts about a number, segment by segment, the newest first.
    fn trail(&self, tag: &NumberTag) -> Result<HeldTrail, Box<dyn Error + Send + Sync>> {
        let (began, mut trail) = (self.clock.monotonic(), HeldTrail::default());
        let mut upto = self.ledger.verdicts_appended();
        for start in self.ledger.verdict_segments().into_iter().rev() {
            if self.clock.monotonic().since(began) > TRAIL_WITHIN {
                trail.from = Some(upto);
                break;
            }
            let mut newest = VecDeque::new();
            let mut verdicts = self.ledger.read_verdicts(start, upto);
            while let Some(record) = verdicts.next_about(tag)? {
                trail.count(&record);
                newest.push_back(record);
                if newest.len() > LISTED_MAX {
                    newest.pop_front();
                }
            }
            let room = LISTED_MAX - trail.newest.len();
            trail.newest.extend(newest.into_iter().rev().take(room));
            upto = start;
        }
        Ok(trail)
    }
}

impl HeldTrail {
    fn count(&mut self, record: &VerdictRecord) {
        let fresh = HeldTally { left: 0, refused: 0, other: 0, first: record.at, last: record.at };
        let tally = self.by_account.entry(record.account).or_insert(fresh);
        if record.kind.has_left() {
            tally.left += 1;
        } else if let VerdictKind::Refused(_) = record.kind {
            tally.refused += 1;
        } else {
            tally.other += 1;
        }
        (tally.first, tally.last) = (tally.first.min(record.at), tally.last.max(record.at));
    }
}

/// The text of octets that a telephone sent. An operator's own alphabet is that of the first that is configured.
fn readable(settings: &Settings, data_coding: u8, octets: &[u8]) -> Option<String> {
    let mut text = String::new();
    decode(data_coding, octets, settings.smscs.first()?.alphabet, &mut text).ok()?;
    Some(text)
}
