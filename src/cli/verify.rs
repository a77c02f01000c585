//! Owns `stopgate verify`: a ledger or a proof is checked offline, and what was found is said in plain words.
//! Must never need the daemon, a secret key or the right to write, nor say more than was checked.

use super::exit::{Exit, Failure, Outcome, counted};
use super::global::Global;
use super::print;
use crate::ledger::note::NoteKey;
use crate::ledger::sealed::Sealer;
use crate::ledger::verify::counts_file::{self, ShownCounts};
use crate::ledger::verify::proof_file::{self, Shown};
use crate::ledger::verify::report::{Report, StreamReport, rfc3339};
use crate::ledger::verify::{self, Asked};
use crate::ledger::{Keys, OpenError};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// Check a ledger or a proof file: signatures, every record, the trees, the law. Offline; reads only
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate verify /var/lib/stopgate
  stopgate verify 33639980012.proof
  stopgate verify /var/lib/stopgate --key 'stopgate/gw-1/events+1a2b3c4d+AQ…' --since kept.checkpoint

Exit 0: what was checked holds. Exit 3: it does not, and the first bad record is named.")]
pub struct Args {
    /// A data_dir (or a copy of one), or the file of `stopgate proof` or `stopgate ledger counts`
    #[arg(value_name = "DIR|FILE")]
    pub path: PathBuf,
    /// The node's public key, or a file that holds it [default: the one beside the data, which proves less]
    #[arg(long, value_name = "PUB")]
    pub key: Option<String>,
    /// A checkpoint that was kept elsewhere: everything before it is then known not to have been rewritten
    #[arg(long, value_name = "FILE")]
    pub since: Option<PathBuf>,
    /// The key of number tags (`tag.key`, or a later one): whether the records were made with it; opt-outs are then followed
    /// past a replacement of it
    #[arg(long, value_name = "FILE")]
    pub tag_key: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let key = args.key.as_deref().map(read_key).transpose()?;
    let since = match &args.since {
        Some(path) => Some((path.display().to_string(), read(path)?)),
        None => None,
    };
    if !args.path.is_dir() {
        return check_proof(args, key, since, global);
    }
    if !args.path.join("events").is_dir() {
        return Err(Failure::usage(
            format!("{} is no data_dir: it has no events", args.path.display()),
            "name the data_dir of a node, or a copy of it",
        ));
    }
    let asked = asked(args, key, since)?;
    let mut report = verify::ledger(&args.path, &asked);
    report.opened = asked.sealer.is_some();
    if global.json {
        print::json(&as_json(&report))
    } else {
        say(&report)
    }
    Ok(if report.holds() { Exit::Ok } else { Exit::Findings })
}

/// The tag key with its other generations and the sealing keys beside it, where those are.
fn asked(args: &Args, key: Option<NoteKey>, since: Option<(String, Vec<u8>)>) -> Result<Asked, Failure> {
    let Some(tag_key) = &args.tag_key else { return Ok(Asked { key, since, ..Asked::default() }) };
    let unreadable = |error: OpenError| {
        Failure::usage(error.to_string(), "name the file tag.key of a keys_dir, or tag.key.2 where it was replaced")
    };
    let tags = Some(Keys::tag_links_of(tag_key).map_err(unreadable)?);
    let sealer = Sealer::of_dir(tag_key.parent().unwrap_or(Path::new(""))).map_err(unreadable)?;
    Ok(Asked { key, since, tags, sealer })
}

/// A proof file.
fn check_proof(args: &Args, key: Option<NoteKey>, since: Option<(String, Vec<u8>)>, global: &Global) -> Outcome {
    let octets = read(&args.path)?;
    let asked = asked(args, key, since)?;
    if counts_file::is_one(&octets) {
        return check_counts(args, &octets, &asked, global);
    }
    let name = args.path.display().to_string();
    let (report, shown) = proof_file::proof(&name, &octets, &asked);
    if global.json {
        let mut answer = as_json(&report);
        answer["number"] = json!(shown.number);
        answer["story"] = json!(shown.story);
        print::json(&answer);
    } else if let Some(first) = report.findings.first() {
        print::line(format!("DOES NOT HOLD: {first}"));
        say_advice(&report);
    } else {
        say_proof(&report, &shown);
    }
    Ok(if report.holds() { Exit::Ok } else { Exit::Findings })
}

/// A file of `stopgate ledger counts`.
fn check_counts(args: &Args, octets: &[u8], asked: &Asked, global: &Global) -> Outcome {
    let name = args.path.display().to_string();
    let (report, shown) = counts_file::counts(&name, octets, asked);
    if global.json {
        let mut answer = as_json(&report);
        answer["party"] = json!(shown.party);
        answer["story"] = json!(shown.story);
        print::json(&answer);
    } else if let Some(first) = report.findings.first() {
        print::line(format!("DOES NOT HOLD: {first}"));
        say_advice(&report);
    } else {
        say_counts(&report, &shown);
    }
    Ok(if report.holds() { Exit::Ok } else { Exit::Findings })
}

fn say_counts(report: &Report, shown: &ShownCounts) {
    let whose = if report.key_given { "the key you gave" } else { "the key in the file itself, which proves little" };
    print::line(format!("{} in the ledger of {}, checked with {whose}", shown.party, report.origin));
    print::line(format!("  {}", report.key));
    shown.story.iter().for_each(print::line);
    if report.rehearsal {
        print::line("REHEARSAL: made under a virtual clock; nothing here is evidence of real traffic");
    }
    report.notes.iter().for_each(|note| print::line(format!("note: {note}")));
    let newest = report.newest.map_or_else(|| "none".to_owned(), rfc3339);
    print::line(format!(
        "{} add up, and are in the ledger that was signed at {newest}",
        counted(report.replayed.counters as usize, "counter")
    ));
    print::line(report.anchor_words());
    print::line("HOLDS. Each counter counts from the start of the process; hold them against your own");
}

fn say_advice(report: &Report) {
    if let Some(when) = report.when() {
        print::line(format!("  when: {when}"));
    }
    if let Some([meaning, next]) = report.advice() {
        print::line(format!("  what it means: {meaning}"));
        print::line(format!("  what to do: {next}"));
    }
}

fn say_proof(report: &Report, shown: &Shown) {
    let whose = if report.key_given { "the key you gave" } else { "the key in the file itself, which proves little" };
    print::line(format!("+{} in the ledger of {}, checked with {whose}", shown.number, report.origin));
    print::line(format!("  {}", report.key));
    shown.story.iter().for_each(print::line);
    if report.rehearsal {
        print::line("REHEARSAL: made under a virtual clock; nothing here is evidence of real traffic");
    }
    report.notes.iter().for_each(|note| print::line(format!("note: {note}")));
    let newest = report.newest.map_or_else(|| "none".to_owned(), rfc3339);
    print::line(format!("every record above is in the ledger that was signed at {newest}"));
    print::line(report.anchor_words());
    print::line(if report.tags_checked && !report.later_links_only {
        "tags checked: the records are of this number".to_owned()
    } else {
        report.tag_words()
    });
    print::line("HOLDS. A proof shows that these records exist, never that no other does");
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display()), "name a file that exists"))
}

/// A public key, written out or in a file.
fn read_key(text: &str) -> Result<NoteKey, Failure> {
    let written = match NoteKey::read(text) {
        Some(key) => return Ok(key),
        None => fs::read_to_string(text).unwrap_or_default(),
    };
    written.lines().find_map(NoteKey::read).ok_or_else(|| {
        Failure::usage(
            format!("{text:?} is neither a public key nor a file that holds one"),
            "a key looks like stopgate/gw-1/events+1a2b3c4d+AQ…; the node has it in data_dir/checkpoints/key",
        )
    })
}

/// The report in words.
fn say(report: &Report) {
    if !report.holds() {
        let first = &report.findings[0];
        print::line(format!("DOES NOT HOLD: {first}"));
        say_advice(report);
        for finding in &report.findings[1..] {
            print::line(format!("  also: {finding}"));
        }
    }
    let whose = if report.key_given { "the key you gave" } else { "this node's own public key, found beside the data" };
    print::line(format!("{}: checked with {whose}", report.origin));
    print::line(format!("  {}", report.key));
    for (word, stream) in [("events", &report.events), ("verdicts", &report.verdicts)] {
        print::line(format!("{word}: {}", stream_words(stream)));
    }
    let newest = report.newest.map_or_else(|| "none".to_owned(), rfc3339);
    print::line(format!("{}, the newest of {newest}", counted(report.checkpoints as usize, "signed checkpoint")));
    if report.rehearsal {
        print::line("REHEARSAL: made under a virtual clock; nothing here is evidence of real traffic");
    }
    report.lineage.words().iter().chain(&report.rekeys).for_each(print::line);
    for gap in &report.gaps {
        print::line(format!(
            "gap: {} of {:?} left without a record from {} to {}: the ledger could not be written (event {})",
            counted(gap.messages as usize, "transactional message"),
            gap.account,
            rfc3339(gap.from),
            rfc3339(gap.to),
            gap.seq
        ));
    }
    for note in &report.notes {
        print::line(format!("note: {note}"));
    }
    let replayed = &report.replayed;
    print::line(format!(
        "{} left: {} checked against the opt-outs before them, {} against the hours where they arrived",
        counted(replayed.commercial as usize, "commercial message"),
        replayed.against_stops,
        replayed.against_hours
    ));
    print::line(format!("{} add up to what the verdicts say", counted(replayed.counters as usize, "counter")));
    if replayed.counters_apart > 0 {
        let apart = counted(replayed.counters_apart as usize, "counter");
        print::line(format!(
            "{apart} could not be compared: their records are past their retention, or a power cut took them"
        ));
    }
    print::line(format!("{} matched, {} erased", counted(replayed.blobs as usize, "sealed record"), replayed.erased));
    print::line(NOT_REPLAYED);
    print::line(report.anchor_words());
    print::line(report.tag_words());
    if report.unsigned {
        print::line(
            "NOT SIGNED: its process ended before it signed anything, within a second of its start; nothing but checksums holds it",
        );
        print::line("HOLDS as far as checksums go");
    } else if report.holds() {
        print::line("HOLDS: every record is there, in order, unchanged since it was signed");
    }
}

/// What the records do not say enough of to be judged again.
const NOT_REPLAYED: &str = "not judged again: consent, frequency caps, STOP mentions and senders; the records name the verdict, not what \
                            it was made from";

fn stream_words(stream: &StreamReport) -> String {
    let mut words = counted(stream.records as usize, "record");
    if stream.first > 0 {
        words += &format!(", of which the first {} are past their retention", stream.first);
    }
    let unsigned = stream.records - stream.signed;
    if unsigned > 0 {
        words += &format!(", of which the last {unsigned} are not signed yet");
    }
    words
}

fn as_json(report: &Report) -> serde_json::Value {
    let stream = |stream: &StreamReport| {
        json!({
            "first": stream.first, "records": stream.records, "signed": stream.signed,
            "root": crate::ledger::keys::hex(&stream.root),
        })
    };
    let findings = report.findings.iter().map(|finding| {
        json!({
            "stream": finding.stream.map(|stream| stream.word()), "seq": finding.seq, "file": finding.file,
            "offset": finding.offset, "what": finding.what,
        })
    });
    let gaps = report.gaps.iter().map(|gap| {
        json!({
            "seq": gap.seq, "account": gap.account, "messages": gap.messages,
            "from": rfc3339(gap.from), "to": rfc3339(gap.to),
        })
    });
    json!({
        "holds": report.holds(),
        "findings": findings.collect::<Vec<_>>(),
        "origin": report.origin,
        "key": report.key,
        "key_given": report.key_given,
        "events": stream(&report.events),
        "verdicts": stream(&report.verdicts),
        "checkpoints": report.checkpoints,
        "newest": report.newest.map(rfc3339),
        "starts": report.boots,
        "commercial": report.replayed.commercial,
        "checked_against_stops": report.replayed.against_stops,
        "checked_against_hours": report.replayed.against_hours,
        "counters": report.replayed.counters,
        "counters_not_compared": report.replayed.counters_apart,
        "replayed": ["R-SUPPRESS", "R-HOURS", "counters"],
        "not_replayed": ["R-CONSENT", "R-FREQ", "R-MENTION", "R-SENDER", "R-TEXT", "R-DEST"],
        "signed": !report.unsigned,
        "when": report.when(),
        "advice": report.advice(),
        "tags_of_sealed_numbers": report.replayed.tags,
        "sealed": report.replayed.blobs,
        "erased": report.replayed.erased,
        "rehearsal": report.rehearsal,
        "epoch": report.lineage.current(),
        "restores": report.lineage.words(),
        "replaced_keys": report.rekeys,
        "gaps": gaps.collect::<Vec<_>>(),
        "anchor": report.anchor_words(),
        "tags": report.tag_words(),
        "notes": report.notes,
    })
}
