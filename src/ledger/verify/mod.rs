//! Owns the verification of a ledger or a proof, offline: what is signed, what is there, and whether the law was kept.
//! Must never write, need a secret key, or trust a file that it can compute.

pub mod report;
pub mod marks;
pub mod epochs;
pub mod stream;
pub mod unsigned;
pub mod events;
pub mod counters;
pub mod stops;
pub mod hours;
pub mod proof_file;

#[cfg(test)]
mod flip_tests;
#[cfg(test)]
mod law_tests;
#[cfg(test)]
mod proof_tests;
#[cfg(test)]
mod tests;

use super::backup::manifest;
use super::checkpoint::Stream;
use super::note::{Note, NoteKey};
use super::sealed::Sealer;
use super::verdict::VerdictRecord;
use crate::message::tag::TagKey;
use events::EventsSeen;
use marks::Marks;
use report::{Finding, Report};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// What the one who asks brings along.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The public key of the node, from elsewhere than its own disk.
    pub key: Option<NoteKey>,
    /// A checkpoint that was kept outside, with its name.
    pub since: Option<(String, Vec<u8>)>,
    /// What a tag key commits to: compared with what the first record commits to.
    pub tag_commitment: Option<[u8; 32]>,
    /// The tag key and the sealing key, where both are at hand: sealed numbers are opened, and their tags computed again.
    pub opener: Option<Opener>,
}

/// What opens sealed numbers and makes their tags.
#[derive(Clone, Debug)]
pub struct Opener {
    pub tags: TagKey,
    pub sealer: Sealer,
}

/// Verifies the ledger in a data_dir.
pub fn ledger(dir: &Path, asked: &Asked) -> Report {
    let mut report = Report::default();
    let mut missing = Vec::new();
    let key = match key_of(dir, asked, &mut report, &mut missing) {
        Ok(key) => key,
        Err(finding) => {
            report.find(finding);
            return report;
        }
    };
    let mut marks = match &key {
        Some(key) => Marks::read(dir, key, &mut report, &mut missing),
        None => Marks::default(),
    };
    let signed = report.checkpoints;
    match (&asked.since, &key) {
        (Some((name, octets)), Some(key)) => anchor(&mut marks, key, name, octets, &mut report),
        (Some((name, _)), None) => report.find(Finding {
            stream: None,
            seq: None,
            file: "checkpoints/key".into(),
            offset: None,
            what: format!("the node's public key is missing, so nobody can tell whether {name} is of this ledger: give it by --key"),
        }),
        (None, _) => {}
    }
    format_of(dir, &mut report);
    let mut seen = EventsSeen::new(asked.opener.clone());
    let events = stream::walk(dir, Stream::Events, &marks, &mut report, |frame, report| seen.take(frame, report));
    let Some(files) = events else { return report };
    seen.finish(dir, &files.label(), &mut report);
    if let Some(commitment) = &asked.tag_commitment {
        match seen.commitment() {
            Some(known) if known == commitment => report.tags_checked = true,
            Some(_) | None => report.find(Finding {
                stream: Some(Stream::Events),
                seq: Some(0),
                file: "events".into(),
                offset: None,
                what: "the first record commits to another tag key than the one you gave".into(),
            }),
        }
    }
    let verdicts = stream::walk(dir, Stream::Verdicts, &marks, &mut report, |frame, report| {
        let record = VerdictRecord::read(frame.leaf).map_err(|what| format!("the record cannot be read: {what}"))?;
        if !frame.blob.is_empty() {
            return Err("something stands behind the record that is no part of it".into());
        }
        seen.verdict(&record, report)
    });
    seen.close(verdicts.is_some(), &mut report);
    marks.name_lost(&mut report);
    unsigned::judge(dir, &missing, seen.age(), signed, &mut report);
    manifest::check(dir, &mut report);
    report
}

/// The key to check with: the one that was given, or this node's own.
/// Without any, nothing can be called signed: `None`.
fn key_of(
    dir: &Path,
    asked: &Asked,
    report: &mut Report,
    missing: &mut Vec<(String, String)>,
) -> Result<Option<NoteKey>, Finding> {
    let file = "checkpoints/key".to_owned();
    let finding = |what: String| Finding { stream: None, seq: None, file: file.clone(), offset: None, what };
    let text = match fs::read_to_string(dir.join(&file)) {
        Ok(text) => text,
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(finding(format!("the node's public key cannot be read: {error}")));
        }
        Err(error) => {
            missing.push((file.clone(), format!("the node's public key cannot be read: {error}")));
            let origin = asked.key.as_ref().and_then(|key| key.name.strip_suffix("/events"));
            let (Some(given), Some(origin)) = (&asked.key, origin) else { return Ok(None) };
            (report.origin, report.key, report.key_given) = (origin.to_owned(), given.text(), true);
            return Ok(Some(given.clone()));
        }
    };
    let own = NoteKey::read(&text).filter(|key| key.text() + "\n" == text);
    let Some((own, origin)) = own.and_then(|key| {
        let origin = key.name.strip_suffix("/events")?.to_owned();
        Some((key, origin))
    }) else {
        return Err(finding("this is no public key of a stopgate log".into()));
    };
    (report.origin, report.key, report.key_given) = (origin, own.text(), asked.key.is_some());
    match &asked.key {
        Some(given) if given.public() != own.public() => {
            report.find(finding("the node's own public key is not the one you gave".into()));
            report.key = given.renamed(&own.name).text();
            Ok(Some(given.renamed(&own.name)))
        }
        Some(_) | None => Ok(Some(own)),
    }
}

/// Takes the checkpoint that was kept outside.
fn anchor(marks: &mut Marks, key: &NoteKey, name: &str, octets: &[u8], report: &mut Report) {
    let before = report.newest;
    marks.outside = true;
    let (notes, end) = Note::each(octets);
    if end < octets.len() || notes.is_empty() {
        // What was cut short says nothing, but whoever kept it believes it does.
        marks.take(&octets[end..], key, (name, end as u64), report);
    }
    for (at, note) in notes {
        if let Some(checkpoint) = marks.take(note, key, (name, at as u64), report)
            && report.anchored.as_ref().is_none_or(|(_, known)| *known < checkpoint.at)
        {
            report.anchored = Some((name.to_owned(), checkpoint.at));
        }
    }
    // What others keep is no proof that this node still signs.
    report.newest = before;
}

/// Whether the data_dir says of itself what it is.
fn format_of(dir: &Path, report: &mut Report) {
    let finding = |what: String| Finding { stream: None, seq: None, file: "format".into(), offset: None, what };
    match fs::read_to_string(dir.join("format")) {
        Ok(text) if text == "stopgate 1 live\n" => {}
        Ok(text) if text == "stopgate 1 rehearsal\n" => report.rehearsal = true,
        Ok(_) => report.find(finding("this is no format that this version reads".into())),
        Err(error) => report.find(finding(error.to_string())),
    }
}
