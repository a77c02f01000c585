//! Owns the import of a CSV of numbers: batch by batch, each durable before the next, with progress and resumption.
//! Must never leave a row half-applied, nor pass over a bad one in silence; what a row means is its command's business.

pub mod progress;
pub mod rows;
#[cfg(test)]
mod tests;

use super::exit::{Exit, Failure, Outcome, counted};
use super::global::Global;
use super::print;
use crate::admin::answers::{RejectedRow, StopOutcome};
use crate::admin::stops::{OCTETS_MAX, ROWS_MAX};
use indicatif::{ProgressBar, ProgressStyle};
use progress::Progress;
use rows::{Row, Rows};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Octets of evidence and text in one batch: with the rest of its rows it stays well under what the daemon takes.
const WORDS_MAX: usize = OCTETS_MAX / 4;
/// Bad rows that are told one by one; beyond, only their number.
const TOLD_MAX: usize = 1_000;

/// What is done with the rows, and how it is said.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    pub file: &'a Path,
    /// The command line up to the file, for the hint how to go on: `stopgate stop import`.
    pub command: String,
    /// What becomes of a number: `suppressed`.
    pub done: &'static str,
    pub dry_run: bool,
    pub resume: bool,
}

/// Imports a file; `send` takes at most 10,000 rows and the evidence of those without their own, and answers what became of them.
pub fn run(
    plan: &Plan<'_>,
    evidence: Option<&str>,
    global: &Global,
    send: impl Fn(Vec<Row>, &str) -> Result<StopOutcome, Failure>,
) -> Outcome {
    let file = Source::look_at(plan.file)?;
    let kept = Progress::path(plan.file);
    let start = match (plan.resume, Progress::load(&kept)) {
        (true, Some(progress)) if progress.sha256 == file.sha256 => progress,
        (true, Some(_)) => {
            return Err(Failure::usage(
                format!("{} is not the file whose import was interrupted: its contents differ", plan.file.display()),
                format!(
                    "import it from its beginning, without --resume (rows already in do no harm), or remove {}",
                    kept.display()
                ),
            ));
        }
        (true | false, _) => Progress { sha256: file.sha256.clone(), ..Progress::default() },
    };
    let evidence = evidence.map_or_else(|| format!("file {} sha256:{}", file.name, file.sha256), str::to_owned);
    let mut import = Import { plan, evidence, done: start, rejected: Vec::new(), bar: file.bar(global) };
    import.work(&file, send, &kept)?;
    import.bar.finish_and_clear();
    if !plan.dry_run {
        // It may never have been written: a small file has one batch.
        drop(std::fs::remove_file(&kept));
    }
    import.report(global)
}

/// The file, looked at once before anything is sent.
struct Source {
    path: PathBuf,
    name: String,
    sha256: String,
    octets: u64,
    separator: u8,
}

impl Source {
    fn look_at(path: &Path) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| {
            Failure::usage(format!("cannot read {}: {error}", path.display()), "name a CSV file one may read")
        };
        let mut file = File::open(path).map_err(unreadable)?;
        let (mut hash, mut octets, mut buffer) = (Sha256::new(), 0, vec![0u8; 1 << 16]);
        let mut first = Vec::new();
        loop {
            let read = file.read(&mut buffer).map_err(unreadable)?;
            if read == 0 {
                break;
            }
            if first.is_empty() {
                first.extend(buffer[..read].iter().take_while(|octet| **octet != b'\n'));
            }
            hash.update(&buffer[..read]);
            octets += read as u64;
        }
        let sha256 = hash.finalize().iter().map(|octet| format!("{octet:02x}")).collect();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let separator = rows::separator(&String::from_utf8_lossy(&first));
        Ok(Self { path: path.to_owned(), name, sha256, octets, separator })
    }

    fn bar(&self, global: &Global) -> ProgressBar {
        if global.quiet || global.json {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:40} {percent}% {bytes}/{total_bytes} {msg} ETA {eta}");
        ProgressBar::new(self.octets).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}

/// An import at work.
struct Import<'a> {
    plan: &'a Plan<'a>,
    evidence: String,
    done: Progress,
    rejected: Vec<RejectedRow>,
    bar: ProgressBar,
}

impl Import<'_> {
    fn work(
        &mut self,
        source: &Source,
        send: impl Fn(Vec<Row>, &str) -> Result<StopOutcome, Failure>,
        kept: &Path,
    ) -> Result<(), Failure> {
        let unreadable = |error: String| {
            Failure::usage(format!("cannot read {}: {error}", source.path.display()), "name a CSV file one may read")
        };
        let file = File::open(&source.path).map_err(|error| unreadable(error.to_string()))?;
        let reading = self.bar.wrap_read(BufReader::with_capacity(1 << 16, file));
        let mut rows = Rows::new(reading, source.separator).map_err(|error| unreadable(error.to_string()))?;
        let (mut batch, mut octets, mut last) = (Vec::with_capacity(ROWS_MAX), 0, self.done.line);
        loop {
            let row = rows.next();
            let ended = row.is_none();
            match row {
                None => {}
                Some(Ok(row)) if row.line <= self.done.line => continue,
                Some(Err(row)) if row.line <= self.done.line => continue,
                Some(Ok(row)) => {
                    last = row.line;
                    octets += row.words();
                    batch.push(row);
                }
                Some(Err(row)) => {
                    last = row.line.max(last);
                    self.reject(row);
                }
            }
            if batch.len() == ROWS_MAX || octets >= WORDS_MAX || ended {
                octets = 0;
                if !batch.is_empty() {
                    self.send(std::mem::take(&mut batch), &send)?;
                }
                self.done.line = last;
                if ended {
                    return Ok(());
                }
                if !self.plan.dry_run {
                    let unwritable = |error| {
                        Failure::new(
                            format!("cannot write {}: {error}", kept.display()),
                            "free room or permissions beside the file",
                        )
                    };
                    self.done.save(kept).map_err(unwritable)?;
                }
            }
        }
    }

    fn send(
        &mut self,
        rows: Vec<Row>,
        send: &impl Fn(Vec<Row>, &str) -> Result<StopOutcome, Failure>,
    ) -> Result<(), Failure> {
        let outcome = send(rows, &self.evidence).map_err(|failure| Failure {
            next: format!(
                "{}\nthen go on with `{} {} --resume`: lines up to {} are in",
                failure.next,
                self.plan.command,
                self.plan.file.display(),
                self.done.line
            ),
            ..failure
        })?;
        self.done.added += outcome.added;
        self.done.already += outcome.already;
        outcome.rejected.into_iter().for_each(|row| self.reject(row));
        self.bar.set_message(format!("{} in", self.done.added + self.done.already));
        Ok(())
    }

    fn reject(&mut self, row: RejectedRow) {
        self.done.rejected += 1;
        if self.rejected.len() < TOLD_MAX {
            self.rejected.push(row);
        }
    }

    fn report(mut self, global: &Global) -> Outcome {
        self.rejected.sort_by_key(|row| row.line);
        let done = &self.done;
        if global.json {
            print::json(&serde_json::json!({
                "dry_run": self.plan.dry_run,
                "added": done.added,
                "already": done.already,
                "rejected_count": done.rejected,
                "rejected": self.rejected,
            }));
        } else {
            for row in &self.rejected {
                print::line(format!("{}:{}: {}", self.plan.file.display(), row.line, row.error));
            }
            let untold = done.rejected.saturating_sub(self.rejected.len() as u64);
            if untold > 0 {
                print::line(format!("… and {untold} more bad rows"));
            }
            let would = if self.plan.dry_run { "would be " } else { "" };
            print::line(format!(
                "{} {would}{}, {} already were, {} not taken",
                counted(done.added as usize, "number"),
                self.plan.done,
                done.already,
                counted(done.rejected as usize, "row")
            ));
        }
        Ok(if done.rejected == 0 { Exit::Ok } else { Exit::Findings })
    }
}
