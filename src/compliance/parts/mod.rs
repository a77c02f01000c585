//! Owns the completing-part gate: what a part of a message is to the parts of its set that were forwarded before it.
//! Must never decide: it says what the table knows, and the judge refuses or permits.

mod set;
mod table;
#[cfg(test)]
mod tests;

pub use table::{FORWARDED_KEPT, OCTETS_MAX, SETS_MAX, TEXTS_KEPT, Table};

use super::class::TrafficClass;
use super::pack::Pack;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::segment::Segment;
use crate::message::tag::NumberTag;
use crate::message::text::{self, Alphabet};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The first part of a set is refused this shortly before closing: the later ones would come too late.
pub const BEFORE_CLOSING: Duration = Duration::from_secs(10);

/// How long after the first part a later one may still leave by the hours of the first: ten seconds between parts, ten of
/// waiting. Whoever verifies the records allows as much.
pub const FOLLOWS_WITHIN: Duration = Duration::from_secs(20);

/// What makes parts one message, whoever submits them over whichever bind. Built from what a verdict's record holds too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Fingerprint of the source.
    pub sender: u64,
    pub destination: NumberTag,
    pub reference: u16,
    pub total: u8,
}

impl Key {
    /// The key of a part; `None` for a message in one piece.
    pub fn of(segment: Option<Segment>, sender: u64, destination: Option<NumberTag>) -> Option<Self> {
        let segment = segment.filter(|segment| segment.total > 1)?;
        Some(Self { sender, destination: destination?, reference: segment.reference, total: segment.total })
    }
}

/// A part as it is submitted.
#[derive(Clone, Copy, Debug)]
pub struct Part<'p> {
    pub key: Key,
    /// Which of `1..=key.total` it is.
    pub number: u8,
    pub account: NameId,
    pub data_coding: u8,
    /// The text's octets, header stripped.
    pub octets: &'p [u8],
}

impl Part<'_> {
    /// What tells one text of this part from another, when the text itself is no longer known.
    fn digest(&self) -> [u8; 16] {
        let full = Sha256::new().chain_update([self.data_coding]).chain_update(self.octets).finalize();
        full.first_chunk().copied().unwrap_or_default()
    }
}

/// What a part is to its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The first of its set.
    Begins,
    /// Others are forwarded, others are still missing.
    Continues,
    /// Forwarded before with the same octets.
    Repeats,
    /// With it the message is whole at the SMSC, and every other part's text is known.
    Completes,
    /// With it the message may be whole at the SMSC, and nobody knows the whole text any more.
    CompletesBlind,
    /// Forwarded before with other octets.
    Altered,
    /// The set is another account's.
    Foreign,
}

/// What was settled with the first part of a set.
#[derive(Clone, Debug, Default)]
pub struct Pinned {
    /// Only ever tightened; `None` where nothing is settled yet.
    pub class: Option<TrafficClass>,
    /// The pack and its name in the ledger; `None` also when the set was begun before a restart.
    pub pack: Option<(Arc<Pack>, NameId)>,
    /// The instant the first part was judged at, when it was commercial: the hours were open then.
    pub opened_at: Option<CivilInstant>,
}

/// What a ruling keeps of the set its part belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfSet {
    /// Whether the set begins with this part.
    pub begins: bool,
    /// What the part costs of the account's rate: all parts are paid with the first, a repeated one pays again.
    pub tokens: u8,
    /// Unix second in which the set's first part was judged, when the hours were open then; 0 = they were not. In 32 bits,
    /// because every ruling carries it.
    opened_s: u32,
}

impl OfSet {
    /// Whether a part meant for `judged_at` follows the hours of the set's first part.
    pub fn follows(&self, judged_at: CivilInstant) -> bool {
        let opened = CivilInstant::from_secs(self.opened_s.into());
        self.opened_s > 0 && opened <= judged_at && judged_at.since(opened) <= FOLLOWS_WITHIN
    }
}

/// A part before the gate. Holds the table until the part is judged, so that no two parts complete one set unseen.
pub struct Gate<'g> {
    table: MutexGuard<'g, Table>,
    part: Part<'g>,
    pub standing: Standing,
    pub pinned: Pinned,
    /// Whether the table can take the part in.
    pub room: bool,
    /// The whole text, when the part completes it and it can be read.
    pub joined: Option<String>,
}

impl<'g> Gate<'g> {
    /// Asks the table about a part.
    pub fn open(table: &'g Mutex<Table>, part: Part<'g>, alphabet: Alphabet, now: CivilInstant) -> Self {
        let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
        table.sweep(now);
        let (standing, pinned) = table.look(&part);
        let room = table.make_room(&part);
        let joined = match standing {
            Standing::Completes => table.join(&part, alphabet),
            Standing::Begins
            | Standing::Continues
            | Standing::Repeats
            | Standing::CompletesBlind
            | Standing::Altered
            | Standing::Foreign => None,
        };
        Self { table, part, standing, pinned, room, joined }
    }

    /// What the ruling of the part keeps.
    pub fn of_set(&self) -> OfSet {
        let (begins, tokens) = match self.standing {
            Standing::Begins if self.room => (true, self.part.key.total),
            Standing::Begins => (true, 1),
            Standing::Continues | Standing::Completes => (false, 0),
            Standing::CompletesBlind | Standing::Repeats | Standing::Altered | Standing::Foreign => (false, 1),
        };
        let opened_s = self.pinned.opened_at.map_or(0, |at| u32::try_from(at.as_secs()).unwrap_or(0));
        OfSet { begins, tokens, opened_s }
    }

    /// The part is permitted: the table counts it as forwarded from now on.
    pub fn permit(
        mut self,
        class: TrafficClass,
        pack: (Arc<Pack>, NameId),
        judged_at: CivilInstant,
        now: CivilInstant,
    ) {
        if self.room {
            let opened_at = match class {
                TrafficClass::Commercial => Some(judged_at),
                TrafficClass::Transactional => None,
            };
            self.table.permit(&self.part, Pinned { class: Some(class), pack: Some(pack), opened_at }, now);
        }
    }
}

/// A part's octets without the half of a character at either edge that its neighbours hold: what of it can be read alone.
pub fn readable_alone(data_coding: u8, octets: &[u8]) -> &[u8] {
    if data_coding != 0x08 {
        return octets;
    }
    let octets = match octets {
        [0xDC..=0xDF, _, rest @ ..] => rest,
        octets => octets,
    };
    match octets {
        [rest @ .., 0xD8..=0xDB, _] if rest.len().is_multiple_of(2) => rest,
        octets => octets,
    }
}

/// Reads parts joined: octets first where one coding holds for all, since a character may be cut in two.
fn read_joined<'p>(parts: impl Iterator<Item = (u8, &'p [u8])> + Clone, alphabet: Alphabet) -> Option<String> {
    let (first, _) = parts.clone().next()?;
    let mut whole = String::new();
    // Packed septets are filled up in each part: their octets cannot be joined.
    let packed = alphabet == Alphabet::GsmPacked && (first == 0 || first >= 0xF0);
    if !packed && parts.clone().all(|(data_coding, _)| data_coding == first) {
        let octets: Vec<u8> = parts.flat_map(|(_, octets)| octets).copied().collect();
        text::decode(first, &octets, alphabet, &mut whole).ok()?;
        return Some(whole);
    }
    let mut one = String::new();
    for (data_coding, octets) in parts {
        text::decode(data_coding, octets, alphabet, &mut one).ok()?;
        whole.push_str(&one);
    }
    Some(whole)
}
