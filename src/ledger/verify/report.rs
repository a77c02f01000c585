//! Owns what a verification says: what was read, what was found wrong and where, and how far the words may go.
//! Must never call a ledger anchored that nobody outside the house has seen.

use super::super::checkpoint::Stream;
use super::super::merkle::Hash;
use super::super::rotation::Chain;
use super::epochs::Lineage;
use crate::message::instant::CivilInstant;
use std::fmt;

/// Findings kept: the first is what counts, the next ones help to see how far it goes.
pub const FINDINGS_MAX: usize = 20;
/// Notes kept.
const NOTES_MAX: usize = 40;

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub stream: Option<Stream>,
    pub seq: Option<u64>,
    /// Relative to the data_dir.
    pub file: String,
    pub offset: Option<u64>,
    /// In words for whoever is not a programmer.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.stream, self.seq) {
            (Some(stream), Some(seq)) => write!(f, "{} record {seq}: ", stream.word())?,
            (Some(stream), None) => write!(f, "{}: ", stream.word())?,
            (None, _) => {}
        }
        write!(f, "{} ({}", self.what, self.file)?;
        match self.offset {
            Some(offset) => write!(f, ", octet {offset})"),
            None => write!(f, ")"),
        }
    }
}

/// What was read of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamReport {
    /// The first record that is still here: those before are past their retention.
    pub first: u64,
    /// Records ever written.
    pub records: u64,
    /// How many of them a checkpoint covers.
    pub signed: u64,
    /// The root over all of them.
    pub root: Hash,
}

/// Messages that left without a record while the ledger was unusable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapFound {
    pub seq: u64,
    pub account: String,
    pub messages: u64,
    pub from: CivilInstant,
    pub to: CivilInstant,
}

/// What was replayed of the law.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Commercial messages that left.
    pub commercial: u64,
    /// Those whose number was looked up in the stops before them.
    pub against_stops: u64,
    /// Those whose local time was computed again.
    pub against_hours: u64,
    /// Counters compared with the records they count.
    pub counters: u64,
    /// Event blobs that match their leaf, and those that were erased.
    pub blobs: u64,
    pub erased: u64,
    /// Counters that could not be held against the records: those are past their retention, or a power cut took them.
    pub counters_apart: u64,
    /// Numbers in opened blobs whose tag was computed again.
    pub tags: u64,
    /// Blobs that the sealing key at hand does not open.
    pub unopened: u64,
}

/// The whole report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// `stopgate/NODE`.
    pub origin: String,
    /// The public key that was used.
    pub key: String,
    /// Whether it was named by who asks, or found beside the data.
    pub key_given: bool,
    /// Checkpoints whose signature and root were checked.
    pub checkpoints: u64,
    pub newest: Option<CivilInstant>,
    /// The checkpoint that was kept outside, and when it was signed.
    pub anchored: Option<(String, CivilInstant)>,
    pub events: StreamReport,
    pub verdicts: StreamReport,
    pub boots: u64,
    /// The last event is the `end` of a process.
    pub ended_in_order: bool,
    pub rehearsal: bool,
    /// The replacements of the signing key that were published, and the records of those that were met, in order.
    pub chain: Option<Chain>,
    pub rotations: Vec<u64>,
    /// The replacements of the tag key and of the sealing key, in words.
    pub rekeys: Vec<String>,
    /// The restores from backups, and which checkpoints are this ledger's.
    pub lineage: Lineage,
    pub gaps: Vec<GapFound>,
    pub replayed: Replayed,
    /// Whether numbers were compared with tags.
    pub tags_checked: bool,
    /// Whether sealed numbers could be opened for that.
    pub opened: bool,
    /// The first generation of the tag key was not among what was given: which tag is whose cannot be told then.
    pub later_links_only: bool,
    /// Nothing was signed yet: the process ended within its first second.
    pub unsigned: bool,
    /// The instants of the last records, of each stream, before the first finding.
    pub before: [Option<CivilInstant>; 2],
    /// What a reader should know and nobody did wrong.
    pub notes: Vec<String>,
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn holds(&self) -> bool {
        self.findings.is_empty()
    }

    /// Adds a finding; beyond the first twenty they are only counted by not being there.
    pub fn find(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// The words about who could have rewritten all this.
    pub fn anchor_words(&self) -> String {
        match &self.anchored {
            Some((by, at)) => format!("anchored up to {} by {by}", rfc3339(*at)),
            None => "NOT ANCHORED: the key holder could have rewritten this".to_owned(),
        }
    }

    /// The words about numbers and their tags.
    pub fn tag_words(&self) -> String {
        let Replayed { tags, unopened, .. } = self.replayed;
        match (self.tags_checked, self.opened) {
            (false, _) => "tags not checked".to_owned(),
            (true, _) if self.later_links_only => "tag key checked from its replacement on: it is the one that a record brings in; the first one \
                                                   was not given, so which tag is whose was not checked"
                .to_owned(),
            (true, false) => "tag key checked: it is the one the first record commits to; sealed numbers were not opened (no seal.key \
                              beside it), so which tag is whose was not checked"
                .to_owned(),
            (true, true) => format!(
                "tags checked: the first record commits to this key, and the tags of {tags} sealed numbers are theirs{}",
                if unopened > 0 { format!("; {unopened} sealed records do not open with the seal.key beside it") } else { String::new() }
            ),
        }
    }

    /// Adds a note; beyond the first forty there is only a word that there are more.
    pub fn note(&mut self, note: String) {
        match self.notes.len() {
            0..NOTES_MAX => self.notes.push(note),
            NOTES_MAX => self.notes.push("and more of the kind".to_owned()),
            _ => {}
        }
    }

    /// When the first bad record was written, as far as that can be told.
    pub fn when(&self) -> Option<String> {
        let stream = self.findings.first()?.stream?;
        Some(match self.before[stream as usize] {
            Some(at) => format!("at or after {}, the instant of the record before it", rfc3339(at)),
            None => "it is the first record that is here".to_owned(),
        })
    }

    /// What the first finding means, and what to do next, for whoever is not a programmer.
    pub fn advice(&self) -> Option<[&'static str; 2]> {
        let first = self.findings.first()?;
        let kept = "ask whoever keeps checkpoints ([checkpoints] file and post) for one, and verify with --since; keep this copy as it is";
        let copy = "keep this copy as it is, verify a backup or another copy with a kept checkpoint (--since), and report it as SECURITY.md says";
        let room = first.file.split('/').next().unwrap_or_default();
        Some(match (first.stream, room) {
            (_, "checkpoints") => [
                "what was signed is damaged, gone or of another ledger: the records may be whole, but this copy does not prove it",
                kept,
            ],
            (None, "names" | "packs" | "tree" | "format" | "backup.json") => [
                "a file beside the records is not theirs any more; the records themselves are held by their hashes and signatures",
                "take that file from a backup, or let the next start make it again where it says so, and verify again",
            ],
            (Some(_), _) if first.what.contains("left") => [
                "the records are as they were signed, and they say that the gateway did what the law forbids",
                "treat it as a leak: docs/operations.md#leak",
            ],
            (Some(_), _) => [
                "the ledger was changed after it was written, or its disk is failing: this record, and what hangs on it, proves nothing",
                copy,
            ],
            (None, _) => [
                "it was changed after it was made, or it was never what it says: it proves nothing",
                "ask for it again where it came from",
            ],
        })
    }

    pub(super) fn stream_mut(&mut self, stream: Stream) -> &mut StreamReport {
        match stream {
            Stream::Events => &mut self.events,
            Stream::Verdicts => &mut self.verdicts,
        }
    }
}

/// An instant in UTC, to the second.
pub fn rfc3339(at: CivilInstant) -> String {
    at.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
