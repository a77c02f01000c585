//! Owns the parts of replies on their way: joined over all lanes, on disk before they are acknowledged, asked alone in the end.
//! Must never acknowledge a part that a crash could lose before the others come, nor lift anything by half a message.

use super::deliver::From;
use super::lane::Lane;
use super::shared::Shared;
use crate::clock::Now;
use crate::compliance::optout::{Added, Joined, REPLY_PARTS_KEPT, ReplyKey, ReplyParts};
use crate::message::inbound::Inbound;
use crate::message::instant::MonotonicInstant;
use crate::message::msisdn::Msisdn;
use crate::spool::duty::Duty;
use crate::spool::reply_parts::{KEPT, ReplyPart};
use std::collections::VecDeque;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// How long the parts of a reply are expected to take: then each says what it says alone.
pub const ALONE_AFTER: Duration = Duration::from_secs(60);
/// Parts that may be asked alone later, a lane; beyond this they say nothing by themselves.
pub const LONE_MAX: usize = 1_024;
/// How long a part may wait for the disk before the operator is told to keep it.
const DURABLE_WITHIN: Duration = Duration::from_secs(5);

// What is of no use any more in memory is of none on disk.
const _: () = assert!(KEPT.as_secs() == REPLY_PARTS_KEPT.as_secs());

/// What a reply is to others that came before it.
pub enum Taken {
    /// A message in one piece, or a part that nothing is kept of.
    Whole,
    /// A part of which others are missing.
    Waits(ReplyKey),
    /// The last part of a message.
    Completes(Joined),
}

impl Taken {
    /// The message, when this is the last of its parts.
    pub fn joined(&self) -> Option<&Joined> {
        match self {
            Self::Completes(joined) => Some(joined),
            Self::Whole | Self::Waits(_) => None,
        }
    }
}

/// A part whose operator waits for the disk.
struct Unsynced {
    record: u64,
    from: From,
    since: MonotonicInstant,
}

/// A part that asks something by itself, should the others never come.
struct Lone {
    due: MonotonicInstant,
    key: ReplyKey,
    duty: Duty,
}

/// What a lane's parts wait for.
#[derive(Default)]
pub struct PartsWaiting {
    unsynced: VecDeque<Unsynced>,
    lone: VecDeque<Lone>,
}

impl PartsWaiting {
    /// Whether no operator waits for the disk.
    pub fn is_synced(&self) -> bool {
        self.unsynced.is_empty()
    }
}

impl Shared {
    /// The parts that wait for each other, whichever lane they came over.
    pub fn reply_parts(&self) -> MutexGuard<'_, ReplyParts> {
        self.reply_parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    /// Puts a part beside the others of its message.
    pub fn take_part(&self, inbound: &Inbound<'_>, number: Msisdn, now: Now) -> Taken {
        let Some(segment) = inbound.segment.filter(|segment| segment.total > 1) else { return Taken::Whole };
        let shared = &self.kit.shared;
        let to = inbound.slice(inbound.destination.text).into();
        let key = ReplyKey { from: shared.tags.tag(number), to, reference: segment.reference, total: segment.total };
        let text = (inbound.data_coding, inbound.slice(inbound.text));
        match shared.reply_parts().add(key.clone(), segment.number, text, now.civil) {
            Added::Waits => Taken::Waits(key),
            Added::Joined(joined) => Taken::Completes(joined),
            Added::Alone => Taken::Whole,
        }
    }

    /// Writes a part that waits for others: its operator is answered once that is durable. Whether the disk takes it.
    pub fn keep_part(&mut self, from: From, inbound: &Inbound<'_>, key: &ReplyKey, now: Now) -> bool {
        let Some(segment) = inbound.segment else { return true };
        let part = ReplyPart {
            from: key.from,
            to: key.to.clone(),
            segment,
            data_coding: inbound.data_coding,
            octets: inbound.slice(inbound.text).into(),
            at: now.civil,
        };
        match self.kit.shared.part_journal.keep(&part) {
            Ok(record) => {
                self.gates.shut(&from);
                self.parts_waiting.unsynced.push_back(Unsynced { record, from, since: now.monotonic });
                true
            }
            Err(error) => {
                tracing::error!(event = "reply_part.refused", %error);
                false
            }
        }
    }

    /// The journal of parts is durable further on: operators get the answers that their parts have earned.
    pub fn parts_durable(&mut self) {
        while let Some(first) = self.parts_waiting.unsynced.front()
            && self.kit.shared.part_journal.is_durable(first.record)
        {
            let Some(Unsynced { from, .. }) = self.parts_waiting.unsynced.pop_front() else { return };
            self.open_gate(from);
        }
    }

    /// A part asks for something that half a message may ask for: answered by itself if the rest does not come.
    pub fn ask_alone_later(&mut self, key: ReplyKey, duty: Duty, now: Now) {
        if self.parts_waiting.lone.len() < LONE_MAX {
            self.parts_waiting.lone.push_back(Lone { due: now.monotonic.plus(ALONE_AFTER), key, duty });
        }
    }

    /// Parts whose time is over: those the disk has not taken go back to their operator, those whose others have not come
    /// speak alone.
    pub fn tick_reply_parts(&mut self, now: Now) {
        self.parts_durable();
        while let Some(over) =
            self.parts_waiting.unsynced.pop_front_if(|part| now.monotonic.since(part.since) >= DURABLE_WITHIN)
        {
            self.refuse_at_gate(over.from);
        }
        while let Some(Lone { key, duty, .. }) = self.parts_waiting.lone.pop_front_if(|lone| lone.due <= now.monotonic)
        {
            if self.kit.shared.reply_parts().is_incomplete(&key) {
                self.owe(duty, true, now);
            }
        }
    }
}
