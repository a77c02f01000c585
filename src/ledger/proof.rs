//! Owns the proof file of one number: its records as they stand in the ledger, each with its way to a signed root, the sealed
//! data opened. Must never hold a key that opens anything else, nor a record that no checkpoint covers.
//!
//! The file is a signed note whose text is JSON in one form: indented by two, fields in this order.

use super::checkpoint::{Checkpoint, Stream, log_name};
use super::event::Event;
use super::event_code::{self, EventRecord};
use super::generations::Secrets;
use super::keys::{Keys, hex};
use super::merkle::{Hash, inclusion};
use super::note::{Note, NoteSigner, base64};
use super::sealed::Sealer;
use super::tiles::Tiles;
use super::verdict::VerdictRecord;
use crate::journal::offline::{Fault, Offline};
use crate::journal::reader::Label;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

/// What the first field says.
pub const FORMAT: &str = "stopgate proof 1";
/// The same where the tag key was replaced: the tags that the number had before stand in it too.
pub const FORMAT_OF_TAGS: &str = "stopgate proof 2";
/// The newest verdicts of a number that a proof holds.
pub const VERDICTS_MAX: usize = 10_000;
/// Where a verdict's tag stands in its leaf.
const TAG_AT: usize = 28;

/// A proof as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    pub format: String,
    /// E.164 digits.
    pub number: String,
    /// The number's tag, in hexadecimal.
    pub tag: String,
    /// The tags that it had before each replacement of the tag key that is among the records, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub earlier_tags: Vec<String>,
    /// The public key of the events' log, as the node says it.
    pub key: String,
    /// A whole signed note over both roots.
    pub checkpoint: String,
    pub records: Vec<Proved>,
}

/// A record and its way to the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proved {
    /// `events` or `verdicts`.
    pub stream: String,
    pub seq: u64,
    /// The leaf in hexadecimal.
    pub leaf: String,
    /// The audit path in base64, the leaf's sibling first.
    pub path: Vec<String>,
    /// The sealed data beside the leaf; absent when there are none or they were erased.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sealed: Option<Opened>,
}

/// A sealed blob and the one key that opens it and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    pub blob: String,
    pub key: String,
}

/// Why a proof cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error("{path}: {what}", path = .0.path.display(), what = .0.what)]
    Fault(Fault),
    #[error("no checkpoint covers the ledger yet: let the daemon run for a second")]
    Unsigned,
    #[error("the hashes of the {0} do not lead to the signed root: run `stopgate verify`")]
    Hashes(&'static str),
    #[error("the key that signs here is not the one of the checkpoints")]
    OtherKey,
}

/// What a proof was made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Records about the number, of each stream.
    pub events: usize,
    pub verdicts: usize,
    /// Verdicts of the number that are too many for one file: the oldest.
    pub left_out: usize,
}

struct Found {
    stream: Stream,
    seq: u64,
    leaf: Vec<u8>,
    blob: Vec<u8>,
}

/// Makes the proof of a number from the files of a data_dir, whether the daemon runs or not.
pub fn make(dir: &Path, keys: &Keys, number: Msisdn) -> Result<(String, Made), ProofError> {
    let octets = std::fs::read(dir.join("checkpoints/newest")).map_err(|_| ProofError::Unsigned)?;
    let note = Note::read(&octets).ok_or(ProofError::Unsigned)?;
    let (_, checkpoint) = Checkpoint::read(note.text).ok_or(ProofError::Unsigned)?;
    let signer = NoteSigner::new(&log_name(&checkpoint.origin, Stream::Events), keys.sign_seed());
    if !signer.key().has_signed(&note) {
        return Err(ProofError::OtherKey);
    }
    let tags = keys.tag_key().tags(number);
    let mut made = Made::default();
    let (mut found, mark) = events_about(dir, checkpoint.events.size, &tags)?;
    made.events = found.iter().filter(|one| event_about(&one.leaf, &tags).is_some_and(|about| about)).count();
    let (verdicts, left_out) = verdicts_about(dir, checkpoint.verdicts.size, &tags)?;
    // The newest tag is that of the newest record that is signed.
    let newest = keys.generations().of(Secrets::Tags, &mark).unwrap_or(1);
    let replaced = found.iter().filter(|one| event_code::kind_of(&one.leaf) == Some(event_code::REKEY)).count();
    let earlier = &tags[(newest - 1).saturating_sub(replaced)..newest - 1];
    (made.verdicts, made.left_out) = (verdicts.len(), left_out);
    let mut wanted: BTreeSet<NameId> = BTreeSet::new();
    for one in found.iter().filter(|one| event_about(&one.leaf, &tags) == Some(true)) {
        if let Ok(record) = EventRecord::read(&one.leaf) {
            wanted.extend(record.event.about().into_iter().flat_map(|about| about.names()));
        }
    }
    for record in verdicts.iter().filter_map(|one| VerdictRecord::read(&one.leaf).ok()) {
        wanted.extend([record.account, record.pack, record.smsc]);
    }
    found.retain(|one| match EventRecord::read(&one.leaf).map(|record| record.event) {
        Ok(Event::Config { id, .. }) => wanted.contains(&id),
        Ok(_) => true,
        Err(_) => false,
    });
    found.extend(verdicts);
    let sealer = Sealer::new(keys);
    let tiles = Stream::ALL.map(|stream| Tiles::new(&dir.join("tree").join(stream.word())));
    let mut records = Vec::with_capacity(found.len());
    for one in found {
        let size = checkpoint.head(one.stream).size;
        let path =
            inclusion(&tiles[one.stream as usize], one.seq, size).ok_or(ProofError::Hashes(one.stream.word()))?;
        records.push(Proved {
            stream: one.stream.word().to_owned(),
            seq: one.seq,
            leaf: hex(&one.leaf),
            path: path.iter().map(|hash: &Hash| base64(hash)).collect(),
            sealed: sealer.disclose(&one.blob).map(|key| Opened { blob: hex(&one.blob), key: hex(&key) }),
        });
    }
    let mut digits = [0; 20];
    let proof = Proof {
        format: if earlier.is_empty() { FORMAT } else { FORMAT_OF_TAGS }.to_owned(),
        number: String::from_utf8_lossy(number.digits(&mut digits)).into_owned(),
        tag: hex(&tags[newest - 1].0),
        earlier_tags: earlier.iter().map(|tag| hex(&tag.0)).collect(),
        key: signer.key().text(),
        checkpoint: String::from_utf8_lossy(&octets).into_owned(),
        records,
    };
    let signer = NoteSigner::new(&format!("{}/proof", checkpoint.origin), keys.sign_seed());
    Ok((signer.sign(&proof.text()), made))
}

impl Proof {
    /// The one form of the text.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers are JSON") + "\n"
    }
}

/// The first record, every name, the replacements of keys, and what is about the number; and the mark of the last segment.
fn events_about(dir: &Path, size: u64, tags: &[NumberTag]) -> Result<(Vec<Found>, Label), ProofError> {
    let files = Offline::open(&dir.join("events"), "events").map_err(ProofError::Fault)?;
    let mut walk = files.walk();
    let (mut found, mut mark) = (Vec::new(), files.label());
    while walk.position() < size
        && let Some(placed) = walk.next_record().map_err(ProofError::Fault)?
    {
        let frame = placed.frame;
        mark = placed.label;
        // Whoever holds an earlier key follows it through its replacements.
        let key = event_code::kind_of(frame.leaf) == Some(event_code::KEY) || replaces_the_tag_key(frame.leaf);
        if frame.seq == 0 || key || event_about(frame.leaf, tags).is_some() {
            let (leaf, blob) = (frame.leaf.to_vec(), frame.blob.to_vec());
            found.push(Found { stream: Stream::Events, seq: frame.seq, leaf, blob });
        }
    }
    Ok((found, mark))
}

fn replaces_the_tag_key(leaf: &[u8]) -> bool {
    event_code::kind_of(leaf) == Some(event_code::REKEY)
        && matches!(EventRecord::read(leaf), Ok(EventRecord { event: Event::Rekey(rekey), .. }) if rekey.secret == Secrets::Tags)
}

/// Whether an event is about the number: `Some(false)` is a name, which may be needed to read the others.
fn event_about(leaf: &[u8], tags: &[NumberTag]) -> Option<bool> {
    if event_code::is_config(leaf) {
        return Some(false);
    }
    event_code::tag(leaf).is_some_and(|tag| tags.contains(&tag)).then_some(true)
}

/// The newest verdicts of the number, in order, and how many older ones were left out.
fn verdicts_about(dir: &Path, size: u64, tags: &[NumberTag]) -> Result<(Vec<Found>, usize), ProofError> {
    let files = Offline::open(&dir.join("verdicts"), "verdicts").map_err(ProofError::Fault)?;
    let mut walk = files.walk();
    let (mut found, mut left_out) = (VecDeque::new(), 0);
    while walk.position() < size
        && let Some(placed) = walk.next_record().map_err(ProofError::Fault)?
    {
        let frame = placed.frame;
        let own = frame.leaf.get(TAG_AT..).and_then(|rest| rest.first_chunk());
        if !own.is_some_and(|own| tags.contains(&NumberTag(*own))) {
            continue;
        }
        if found.len() == VERDICTS_MAX {
            found.pop_front();
            left_out += 1;
        }
        found.push_back(Found {
            stream: Stream::Verdicts,
            seq: frame.seq,
            leaf: frame.leaf.to_vec(),
            blob: Vec::new(),
        });
    }
    Ok((found.into(), left_out))
}

/// Names by handle, for whoever reads a proof.
pub type NamesIn = BTreeMap<NameId, String>;
