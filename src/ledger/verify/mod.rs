//! Owns the verification of a ledger or a proof, offline: what is signed, what is there, and whether the law was kept.
//! Must never write, need a secret key, or trust a file that it can compute.

pub mod report;
pub mod marks;
pub mod epochs;
pub mod generations;
pub mod stream;
pub mod unsigned;
pub mod events;
pub mod counters;
pub mod stops;
pub mod hours;
pub mod proof_file;
pub mod counts_file;

#[cfg(test)]
mod flip_tests;
#[cfg(test)]
mod law_tests;
#[cfg(test)]
mod proof_tests;
#[cfg(test)]
pub(crate) mod tests;

use super::backup::manifest;
use super::checkpoint::Stream;
use super::keys::TagLinks;
use super::note::{Note, NoteKey};
use super::rotation::{self, Chain};
use super::sealed::Sealer;
use super::verdict::VerdictRecord;
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
    /// The tag key, or some of its generations: compared with what the records commit to; stops are followed past its replacements.
    pub tags: Option<TagLinks>,
    /// The sealing keys beside it: sealed numbers are opened, and their tags computed again.
    pub sealer: Option<Sealer>,
}

/// Verifies the ledger in a data_dir.
pub fn ledger(dir: &Path, asked: &Asked) -> Report {
    let mut report = Report::default();
    let mut missing = Vec::new();
    let keys = match keys_of(dir, asked, &mut report, &mut missing) {
        Ok(keys) => keys,
        Err(finding) => {
            report.find(finding);
            return report;
        }
    };
    let mut marks = match &keys {
        Some(keys) => Marks::read(dir, keys, &mut report, &mut missing),
        None => Marks::default(),
    };
    let signed = report.checkpoints;
    match (&asked.since, &keys) {
        (Some((name, octets)), Some(keys)) => anchor(&mut marks, keys, name, octets, &mut report),
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
    let mut seen = EventsSeen::new(asked);
    let events =
        stream::walk(dir, Stream::Events, &marks, &mut report, |frame, mark, report| seen.take(frame, mark, report));
    if events.is_none() {
        return report;
    }
    seen.finish(dir, &mut report);
    if let Some(links) = &asked.tags {
        match seen.keys().compare(links) {
            Ok(()) => (report.tags_checked, report.later_links_only) = (true, links.of(1).is_none()),
            Err((seq, what)) => {
                let (stream, file) = (Some(Stream::Events), "events".to_owned());
                report.find(Finding { stream, seq: Some(seq), file, offset: None, what });
            }
        }
    }
    let verdicts = stream::walk(dir, Stream::Verdicts, &marks, &mut report, |frame, mark, report| {
        let record = VerdictRecord::read(frame.leaf).map_err(|what| format!("the record cannot be read: {what}"))?;
        if !frame.blob.is_empty() {
            return Err("something stands behind the record that is no part of it".into());
        }
        seen.verdict(&record, mark, report)
    });
    seen.close(verdicts.is_some(), &mut report);
    marks.name_lost(&mut report);
    marks.name_out_of_turn(&mut report);
    let published = report.chain.as_ref().map_or(0, |chain| chain.rotations.len());
    if report.rotations.len() < published {
        let what = format!(
            "{published} replacements of the signing key are published, and {} are on record",
            report.rotations.len()
        );
        let file = format!("checkpoints/{}", rotation::FILE);
        report.find(Finding { stream: None, seq: None, file, offset: None, what });
    }
    unsigned::judge(dir, &missing, seen.age(), signed, &mut report);
    manifest::check(dir, &mut report);
    report
}

/// The keys to check with: those that led to this node's own, one after the other, or the one that was given when it is none of them.
/// Without any, nothing can be called signed: `None`.
fn keys_of(
    dir: &Path,
    asked: &Asked,
    report: &mut Report,
    missing: &mut Vec<(String, String)>,
) -> Result<Option<Vec<NoteKey>>, Finding> {
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
            return Ok(Some(vec![given.clone()]));
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
    let chain = Chain::read(&dir.join("checkpoints"), &own);
    if chain.is_none() {
        let file = format!("checkpoints/{}", rotation::FILE);
        let what = "the replacements of the signing key are damaged, or do not lead to the key beside them".to_owned();
        report.find(Finding { stream: None, seq: None, file, offset: None, what });
    }
    let keys = chain.as_ref().map_or_else(|| vec![own.clone()], |chain| chain.keys.clone());
    report.chain = chain;
    let place = |given: &NoteKey| keys.iter().position(|known| known.public() == given.public());
    match asked.key.as_ref().map(|given| (given, place(given))) {
        Some((given, None)) => {
            report.find(finding("the node's own public key is not the one you gave, nor one that replaced it".into()));
            report.key = given.renamed(&own.name).text();
            return Ok(Some(vec![given.renamed(&own.name)]));
        }
        Some((given, Some(at))) if at + 1 < keys.len() => {
            report.notes.push(replaced_words(given, keys.len() - 1 - at, &own))
        }
        Some((_, Some(_))) | None => {}
    }
    Ok(Some(keys))
}

/// What whoever holds an earlier key should know.
pub(super) fn replaced_words(given: &NoteKey, times: usize, own: &NoteKey) -> String {
    let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    format!(
        "the key you gave ({}) was replaced {times}, signed by the old and the new key each time; now {} signs. If the old one may \
         have been stolen, that alone proves nothing: ask the node for its key again",
        super::keys::hex(&given.id()),
        own.text()
    )
}

/// Takes the checkpoint that was kept outside.
fn anchor(marks: &mut Marks, keys: &[NoteKey], name: &str, octets: &[u8], report: &mut Report) {
    let before = report.newest;
    marks.outside = true;
    let (notes, end) = Note::each(octets);
    if end < octets.len() || notes.is_empty() {
        // What was cut short says nothing, but whoever kept it believes it does.
        marks.take(&octets[end..], keys, (name, end as u64), report);
    }
    for (at, note) in notes {
        if let Some(checkpoint) = marks.take(note, keys, (name, at as u64), report)
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
