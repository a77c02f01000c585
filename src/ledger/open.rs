//! Owns how a ledger is opened: lock, keys, recovery, names, the `begin` record.
//! Must never start on half a ledger: whatever is missing or damaged is named, with what to do.

use super::book::{Ledger, PATIENCE};
use super::checkpoint;
use super::error::OpenError;
use super::event::{Begin, Epoch, Event, Rekey};
use super::event_code::EventRecord;
use super::gap::{self, Gaps};
use super::generations::{Generations, Secrets};
use super::home::Home;
use super::keys::Keys;
use super::leaf::SEQ_AT;
use super::names::{self, Saved};
use super::sealed::Sealer;
use super::suppression_event::EventId;
use crate::journal::disk::{Disk, RealDisk};
use crate::journal::error as journal_error;
use crate::journal::stream::{Journal, Options};
use crate::message::instant::CivilInstant;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How the ledger is kept.
#[derive(Clone)]
pub struct OpenOptions {
    /// The node's name, in every `begin` record and, as a fingerprint, in every event's id.
    pub node: String,
    /// Name and version of the program.
    pub software: String,
    /// Whether the civil clock is virtual: said in every record.
    pub rehearsal: bool,
    /// Octets of an events segment.
    pub events_segment_octets: u64,
    /// Octets of a verdicts segment.
    pub verdicts_segment_octets: u64,
    /// Verdicts are fsynced within this time.
    pub verdict_sync_within: Duration,
    /// Where to write; tests make it fail.
    pub disk: Arc<dyn Disk>,
    /// The records were restored from a backup, and this start begins a new epoch.
    pub restored: Option<Epoch>,
    /// What a record says of who replaced a key that no record has brought in yet.
    pub by: String,
}

impl OpenOptions {
    /// The usual: 64 MiB segments, verdicts durable within 20 ms.
    pub fn new(node: &str, rehearsal: bool) -> Self {
        Self {
            node: node.to_owned(),
            software: concat!("stopgate ", env!("CARGO_PKG_VERSION")).to_owned(),
            rehearsal,
            events_segment_octets: 64 << 20,
            verdicts_segment_octets: 64 << 20,
            verdict_sync_within: Duration::from_millis(20),
            disk: Arc::new(RealDisk),
            restored: None,
            by: "a start that found the key".to_owned(),
        }
    }

    /// The same with other segment sizes.
    pub fn with_segment_octets(mut self, octets: u64) -> Self {
        (self.events_segment_octets, self.verdicts_segment_octets) = (octets, octets);
        self
    }
}

/// The file that says, while it is there, that a restore into this data_dir is not finished.
pub const RESTORING: &str = "restoring";

/// What was found at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// This start's number, from 1.
    pub boot: u32,
    /// Events and verdicts that stood in the streams.
    pub events: u64,
    pub verdicts: u64,
    /// Octets of torn frames cut from events and verdicts: only what was never acknowledged as durable.
    pub cut_octets: [u64; 2],
    /// The names file was missing or damaged and was made again from the events.
    pub names_rebuilt: bool,
    /// Generations of the tag key and of the sealing key, from 1.
    pub generations: [usize; 2],
    /// Replacements of these keys that this start has put on record.
    pub rekeyed: usize,
}

impl Ledger {
    /// Opens (or begins) the ledger in `data_dir`, which this process then holds until the ledger is dropped.
    ///
    /// # Errors
    /// Everything that must stop a start: another process, foreign keys, damage. [`OpenError::is_busy`] tells 69 from 78.
    pub fn open(
        data_dir: &Path,
        keys: &Keys,
        options: OpenOptions,
        now: CivilInstant,
    ) -> Result<(Arc<Self>, Recovered), OpenError> {
        let home = Home::take(&*options.disk, data_dir, options.rehearsal)?;
        if options.restored.is_none() && data_dir.join(RESTORING).exists() {
            return Err(OpenError::Restoring { data_dir: data_dir.into() });
        }
        let generations = keys.generations();
        let (label, older) = (generations.newest(), generations.older());
        let stream = |name: &'static str, octets: u64, sync_within: Duration, read_back: bool| {
            let dir = home.room(name)?;
            let how = Options {
                stream: name,
                segment_octets: octets,
                sync_within,
                label,
                older: older.clone(),
                leaf_seq_at: Some(SEQ_AT),
                read_back,
            };
            Journal::open(Arc::clone(&options.disk), &dir, how).map_err(|error| match error {
                journal_error::OpenError::Label { path, label } => OpenError::KeyMismatch {
                    path,
                    data_dir: data_dir.into(),
                    which: foreign_words(&generations, &label),
                },
                error => OpenError::Journal(error),
            })
        };
        let (events, found_events) = stream("events", options.events_segment_octets, Duration::ZERO, true)?;
        let (verdicts, found_verdicts) =
            stream("verdicts", options.verdicts_segment_octets, options.verdict_sync_within, false)?;
        let names_path = data_dir.join("names");
        let loaded = names::load(&names_path, |label| generations.knows(label));
        let names_rebuilt = loaded.is_none() && found_events.records > 0;
        let mut saved = loaded.unwrap_or_default();
        if saved.position > found_events.records {
            let found = found_events.records;
            return Err(OpenError::Behind { path: names_path, saved: saved.position, found });
        }
        if names_rebuilt {
            saved.label = events.segment_labels()[0];
        }
        let mut on_record = Secrets::ALL.map(|secret| generations.of(secret, &saved.label).unwrap_or(1));
        catch_up(&events, &mut saved, &mut on_record)?;
        let rekeyed = match found_events.records {
            // Nothing was written under the earlier ones.
            0 => Vec::new(),
            _ => replaced_since(keys, on_record, &options.by),
        };
        if let Some(epoch) = &options.restored {
            // Its record comes right behind `begin`.
            let begin = found_events.records + rekeyed.len() as u64;
            (saved.epoch, saved.closed) = (epoch.number, Some(begin + 1));
        }
        let recovered = Recovered {
            boot: saved.boot + 1,
            events: found_events.records,
            verdicts: found_verdicts.records,
            cut_octets: [found_events.cut_octets, found_verdicts.cut_octets],
            names_rebuilt,
            generations: Secrets::ALL.map(|secret| generations.count(secret)),
            rekeyed: rekeyed.len(),
        };
        let node = Sha256::digest(format!("stopgate node {}", options.node));
        let ledger = Arc::new(Self {
            events,
            verdicts,
            sequencer: Mutex::new(()),
            sealer: Sealer::new(keys),
            boot: recovered.boot,
            epoch: saved.epoch,
            behind: AtomicBool::new(false),
            list_failure: Mutex::default(),
            closed: AtomicU64::new(saved.closed.unwrap_or(u64::MAX)),
            rehearsal: options.rehearsal,
            gaps: Gaps::default(),
            last_now: AtomicI64::new(now.as_micros()),
            home,
            disk: options.disk,
            generations,
            log_origin: checkpoint::origin(&options.node, options.rehearsal),
            names: saved.names,
            naming: Mutex::new(()),
            origin: u32::from_be_bytes([node[0], node[1], node[2], node[3]]),
            event_number: AtomicU64::new(EventId::first_of(recovered.boot)),
            erasures_waiting: AtomicU64::new(0),
        });
        let begin = Begin {
            node: options.node,
            software: options.software,
            tag_commitment: keys.tag_commitment(),
            verdict_sync_ms: options.verdict_sync_within.as_millis() as u32,
            verdicts: recovered.verdicts,
            cut_octets: recovered.cut_octets,
            epoch: saved.epoch,
        };
        let mut appender = ledger.appender();
        // Before anything else under the new keys: a crash leaves none of it, or a record that says what follows.
        for rekey in rekeyed {
            appender.event(now, &Event::Rekey(rekey), None).map_err(|_| OpenError::NotDurable)?;
        }
        appender.event(now, &Event::Begin(begin), None).map_err(|_| OpenError::NotDurable)?;
        if let Some(epoch) = options.restored {
            appender.event(now, &Event::Epoch(epoch), None).map_err(|_| OpenError::NotDurable)?;
        }
        let committed = appender.commit(now).map_err(|_| OpenError::NotDurable)?;
        if !ledger.events.wait_synced(committed.events.end - 1, PATIENCE) {
            return Err(OpenError::NotDurable);
        }
        // The file only saves time at the next start, and a disk may be full: its records have their segments already.
        let _ = ledger.save_names();
        ledger.prepare_erasures();
        gap::watch(&ledger).map_err(OpenError::io(data_dir))?;
        Ok((ledger, recovered))
    }
}

/// Why a mark is not that of our keys, and which file would be missing if a key was replaced.
fn foreign_words(generations: &Generations, mark: &[u8; 16]) -> String {
    generations.unknown(mark).map_or_else(String::new, |(secret, file)| {
        format!(
            "its {} is none of those here; if it was replaced by `stopgate key rotate`, {file} is missing",
            secret.words()
        )
    })
}

/// The replacements that no record has brought in yet, oldest first.
fn replaced_since(keys: &Keys, on_record: [usize; 2], by: &str) -> Vec<Rekey> {
    let all = Secrets::ALL.into_iter().zip(on_record).flat_map(|(secret, known)| {
        (known + 1..=keys.generation(secret)).map(move |generation| Rekey {
            secret,
            generation: generation as u32,
            old: keys.commitment(secret, generation - 1),
            new: keys.commitment(secret, generation),
            by: by.to_owned(),
        })
    });
    all.collect()
}

/// Reads the names and the starts that came after the names file, and which generation of each key is on record.
fn catch_up(events: &Journal, saved: &mut Saved, on_record: &mut [usize; 2]) -> Result<(), OpenError> {
    let mut reader = events.read(saved.position, u64::MAX);
    while let Some(frame) = reader.next_frame()? {
        let seq = frame.seq;
        let unreadable = |what| OpenError::Record { stream: "events", seq, what };
        match EventRecord::read(frame.leaf).map_err(unreadable)?.event {
            Event::Config { id, name } => {
                if !saved.names.insert(id, &name) {
                    return Err(unreadable("a name's handle is taken or skipped"));
                }
            }
            Event::Begin(begin) => {
                saved.boot += 1;
                saved.epoch = begin.epoch;
            }
            Event::Epoch(_) => saved.closed = Some(seq),
            Event::Reopen(_) => saved.closed = None,
            Event::Rekey(rekey) => on_record[rekey.secret as usize - 1] = rekey.generation as usize,
            Event::End { .. }
            | Event::Key(_)
            | Event::Contract(_)
            | Event::Suppression(_)
            | Event::Consent(_)
            | Event::Erase(_)
            | Event::Admin(_)
            | Event::Clock(_)
            | Event::Gap(_)
            | Event::Import(_)
            | Event::Retention(_)
            | Event::AccountCounter(_)
            | Event::LinkCounter(_) => {}
        }
        saved.position = seq + 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::facts::Evidence;
    use crate::ledger::Personal;
    use crate::ledger::event::Gap;
    use crate::message::msisdn::Msisdn;
    use crate::message::name::NameId;

    const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);

    fn keys() -> Keys {
        Keys::from_octets([1; 32], [2; 32], [3; 32])
    }

    fn options() -> OpenOptions {
        OpenOptions::new("gw-1", false).with_segment_octets(16 << 10)
    }

    #[test]
    fn names_events_and_personal_data_are_there_after_a_restart() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (ledger, found) = Ledger::open(dir.path(), &keys(), options(), NOW).expect("begun");
        assert_eq!((found.boot, found.events, found.names_rebuilt), (1, 0, false));
        assert_eq!(ledger.evidence(), Evidence::Whole);
        let acme = ledger.intern("acme", NOW).expect("interned");
        assert_eq!(ledger.intern("acme", NOW).expect("again"), acme);
        assert_eq!(ledger.intern_all(&["36111", "acme"], NOW).expect("both"), [NameId(2), acme]);
        let gap = Event::Gap(Gap { account: acme, messages: 3, from: NOW, to: NOW });
        let number = Msisdn::from_canonical(33_639_980_012).expect("number");
        let mut appender = ledger.appender();
        let ticket = appender.event(NOW, &gap, Some(&Personal::of(number))).expect("taken");
        let seq = appender.commit(NOW).expect("appended").seq(ticket);
        assert!(ledger.wait_durable(seq, PATIENCE));
        ledger.close(NOW).expect("closed");
        let appended = ledger.events_appended();
        drop((appender, ledger));

        let (ledger, found) = Ledger::open(dir.path(), &keys(), options(), NOW).expect("opened");
        assert_eq!((found.boot, found.events, found.cut_octets), (2, appended, [0, 0]));
        assert_eq!(ledger.name(acme).as_deref(), Some("acme"));
        assert_eq!(ledger.intern("36111", NOW).expect("known"), NameId(2));
        let (record, personal) = ledger.event(seq).expect("readable").expect("there");
        assert_eq!((record.event, record.seq, record.boot), (gap, seq, 1));
        assert_eq!(personal, Some(Personal::of(number)));
    }

    #[test]
    fn a_lost_names_file_is_made_again_from_the_events() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (ledger, _) = Ledger::open(dir.path(), &keys(), options(), NOW).expect("begun");
        let names: Vec<String> = (0..300).map(|n| format!("name number {n}")).collect();
        let handles = ledger.intern_all(&names.iter().map(String::as_str).collect::<Vec<_>>(), NOW).expect("interned");
        drop(ledger);
        std::fs::remove_file(dir.path().join("names")).expect("removed");
        let (ledger, found) = Ledger::open(dir.path(), &keys(), options(), NOW).expect("opened");
        assert!(found.names_rebuilt);
        assert_eq!(found.boot, 2);
        for (name, handle) in names.iter().zip(handles) {
            assert_eq!(ledger.name(handle).as_deref(), Some(name.as_str()));
        }
    }

    #[test]
    fn what_a_crash_tore_off_is_cut_and_the_next_begin_says_how_much_and_what_is_promised() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (ledger, _) = Ledger::open(dir.path(), &keys(), options(), NOW).expect("begun");
        ledger.intern("acme", NOW).expect("interned");
        drop(ledger);
        for (stream, torn) in [("events", 37), ("verdicts", 11)] {
            let path = dir.path().join(stream).join("0000000001.seg");
            let mut octets = std::fs::read(&path).expect("read");
            let used = octets.iter().rposition(|octet| *octet != 0).expect("not empty") + 1;
            // Behind the last record, whose own end may be zero.
            let from = (used + 8).max(512);
            octets[from..from + torn].fill(0xa5);
            std::fs::write(&path, octets).expect("written");
        }
        let (ledger, found) = Ledger::open(dir.path(), &keys(), options(), NOW).expect("opened");
        assert!(found.cut_octets[0] >= 37 && found.cut_octets[1] >= 11, "{found:?}");
        let (record, _) = ledger.event(found.events).expect("readable").expect("there");
        let Event::Begin(begin) = record.event else { panic!("{record:?}") };
        assert_eq!(begin.cut_octets, found.cut_octets);
        assert_eq!(begin.verdict_sync_ms, 20, "what a power cut may take of the verdicts");
        assert_eq!(begin.tag_commitment, keys().tag_commitment());
    }

    #[test]
    fn other_keys_a_second_process_and_missing_segments_refuse() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (ledger, _) = Ledger::open(dir.path(), &keys(), options(), NOW).expect("begun");
        let again = Ledger::open(dir.path(), &keys(), options(), NOW).expect_err("held");
        assert!(again.is_busy());
        ledger.close(NOW).expect("closed");
        drop(ledger);
        let others = Keys::from_octets([9; 32], [2; 32], [3; 32]);
        assert!(matches!(Ledger::open(dir.path(), &others, options(), NOW), Err(OpenError::KeyMismatch { .. })));
        std::fs::remove_dir_all(dir.path().join("events")).expect("removed");
        assert!(matches!(Ledger::open(dir.path(), &keys(), options(), NOW), Err(OpenError::Behind { .. })));
    }
}
