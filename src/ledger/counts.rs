//! Owns the file of one party's counters: what an account submitted, or what an operator's links brought, as the ledger says it, each
//! record with its way to a signed root. Must never hold a record of anybody else, nor one that no checkpoint covers.
//!
//! The file is a signed note whose text is JSON in one form, as that of a proof is.

use super::checkpoint::{Checkpoint, Stream, log_name};
use super::event::{AccountCounter, Event, Gap, LinkCounter};
use super::event_code::{self, EventRecord};
use super::keys::{Keys, hex};
use super::merkle::{Hash, inclusion};
use super::note::{Note, NoteSigner, base64};
use super::proof::{ProofError, Proved};
use super::tiles::Tiles;
use crate::journal::offline::Offline;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::Path;

/// What the first field says.
pub const FORMAT: &str = "stopgate counts 1";
/// The newest counters that a file holds: a week of minutes.
pub const COUNTERS_MAX: usize = 10_080;

/// Whose counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// A sender: what it submitted, and what became of it.
    Account,
    /// An operator: what its links brought.
    Operator,
}

/// Such a file as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub format: String,
    pub party: Party,
    /// Its name in the configuration.
    pub name: String,
    /// The public key of the events' log.
    pub key: String,
    /// A whole signed note over both roots.
    pub checkpoint: String,
    pub records: Vec<Proved>,
}

/// What a file was made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub counters: usize,
    /// Counters that are too many for one file: the oldest.
    pub left_out: usize,
}

impl Counts {
    /// The one form of the text.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers are JSON") + "\n"
    }
}

/// An event that is about a party's counts.
#[derive(Clone, Copy, Debug)]
pub enum Counted<'e> {
    Account(&'e AccountCounter),
    Link(&'e LinkCounter),
    Gap(&'e Gap),
}

impl Counted<'_> {
    /// Whose it is.
    pub const fn whose(&self) -> (Party, NameId) {
        match self {
            Self::Account(counter) => (Party::Account, counter.account),
            Self::Gap(gap) => (Party::Account, gap.account),
            Self::Link(counter) => (Party::Operator, counter.smsc),
        }
    }
}

/// A counter or a gap; nothing else is anybody's count.
pub fn counted(event: &Event) -> Option<Counted<'_>> {
    match event {
        Event::AccountCounter(counter) => Some(Counted::Account(counter)),
        Event::Gap(gap) => Some(Counted::Gap(gap)),
        Event::LinkCounter(counter) => Some(Counted::Link(counter)),
        Event::Begin(_)
        | Event::End { .. }
        | Event::Config { .. }
        | Event::Contract(_)
        | Event::Suppression(_)
        | Event::Consent(_)
        | Event::Erase(_)
        | Event::Admin(_)
        | Event::Clock(_)
        | Event::Import(_)
        | Event::Epoch(_)
        | Event::Reopen(_)
        | Event::Key(_)
        | Event::Rekey(_)
        | Event::Retention(_) => None,
    }
}

/// Makes the file of a party from the files of a data_dir, whether the daemon runs or not: its counters at or after `since`, and the gaps
/// among them.
///
/// # Errors
/// As for a proof; a name that the ledger does not know has no counters.
pub fn make(
    dir: &Path,
    keys: &Keys,
    (party, name): (Party, &str),
    since: Option<CivilInstant>,
) -> Result<(String, Made), ProofError> {
    let octets = std::fs::read(dir.join("checkpoints/newest")).map_err(|_| ProofError::Unsigned)?;
    let note = Note::read(&octets).ok_or(ProofError::Unsigned)?;
    let (_, checkpoint) = Checkpoint::read(note.text).ok_or(ProofError::Unsigned)?;
    let signer = NoteSigner::new(&log_name(&checkpoint.origin, Stream::Events), keys.sign_seed());
    if !signer.key().has_signed(&note) {
        return Err(ProofError::OtherKey);
    }
    let (found, made) = records_of(dir, checkpoint.events.size, (party, name), since)?;
    let tiles = Tiles::new(&dir.join("tree").join(Stream::Events.word()));
    let mut records = Vec::with_capacity(found.len());
    for (seq, leaf) in found {
        let path = inclusion(&tiles, seq, checkpoint.events.size).ok_or(ProofError::Hashes(Stream::Events.word()))?;
        records.push(Proved {
            stream: Stream::Events.word().to_owned(),
            seq,
            leaf: hex(&leaf),
            path: path.iter().map(|hash: &Hash| base64(hash)).collect(),
            sealed: None,
        });
    }
    let counts = Counts {
        format: FORMAT.to_owned(),
        party,
        name: name.to_owned(),
        key: signer.key().text(),
        checkpoint: String::from_utf8_lossy(&octets).into_owned(),
        records,
    };
    let signer = NoteSigner::new(&format!("{}/counts", checkpoint.origin), keys.sign_seed());
    Ok((signer.sign(&counts.text()), made))
}

type SeqAndLeaf = (u64, Vec<u8>);

/// The record that names the party, the replacements of the signing key, and what is counted of the party, in order.
fn records_of(
    dir: &Path,
    size: u64,
    (party, name): (Party, &str),
    since: Option<CivilInstant>,
) -> Result<(Vec<SeqAndLeaf>, Made), ProofError> {
    let files = Offline::open(&dir.join("events"), "events").map_err(ProofError::Fault)?;
    let mut walk = files.walk();
    let (mut around, mut counted_of) = (Vec::new(), VecDeque::new());
    let (mut own, mut made) = (None, Made::default());
    while walk.position() < size
        && let Some(placed) = walk.next_record().map_err(ProofError::Fault)?
    {
        let (seq, leaf) = (placed.frame.seq, placed.frame.leaf);
        let kind = event_code::kind_of(leaf);
        if event_code::is_config(leaf) {
            if let Ok(EventRecord { event: Event::Config { id, name: text }, .. }) = EventRecord::read(leaf)
                && text == name
            {
                own = Some(id);
                around.push((seq, leaf.to_vec()));
            }
        } else if kind == Some(event_code::KEY) {
            around.push((seq, leaf.to_vec()));
        } else if let (Some(own), true) = (own, kind.is_some_and(event_code::may_be_counted))
            && let Ok(record) = EventRecord::read(leaf)
            && counted(&record.event).is_some_and(|counted| counted.whose() == (party, own))
            && since.is_none_or(|since| record.at >= since)
        {
            if counted_of.len() == COUNTERS_MAX {
                counted_of.pop_front();
                made.left_out += 1;
            }
            counted_of.push_back((seq, leaf.to_vec()));
        }
    }
    made.counters = counted_of.len();
    around.extend(counted_of);
    around.sort_by_key(|(seq, _)| *seq);
    Ok((around, made))
}
