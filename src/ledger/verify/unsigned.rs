//! Owns what is said of a ledger beside which no checkpoint stands: nothing was signed yet, or what was signed is gone.
//! Must never call a ledger young that has lived long enough to have been signed.

use super::report::{Finding, Report};
use crate::message::instant::CivilInstant;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A checkpoint is due every second, and every ten when nothing is new.
const SIGNED_WITHIN: Duration = Duration::from_secs(15);

/// How long the starts of a ledger have lasted, by their records.
#[derive(Debug, Default)]
pub struct Age {
    start: Option<(u32, CivilInstant)>,
    longest: Duration,
    ended: bool,
}

impl Age {
    /// A record of this start at this instant.
    pub fn take(&mut self, boot: u32, at: CivilInstant) {
        match self.start {
            Some((known, began)) if known == boot => {
                let lasted = if at > began { at.since(began) } else { Duration::ZERO };
                self.longest = self.longest.max(lasted);
            }
            Some(_) | None => self.start = Some((boot, at)),
        }
    }

    /// A start ended in order: its end is signed.
    pub fn ended(&mut self) {
        self.ended = true;
    }
}

/// Says what the missing files mean: `missing` are those beside the ledger that a signed one has.
pub fn judge(dir: &Path, missing: &[(String, String)], age: &Age, signed: u64, report: &mut Report) {
    // The first signature is two files, one behind the other.
    if signed <= 1 && !missing.is_empty() && report.holds() {
        return match why_signed(dir, age, report.rehearsal) {
            None if signed == 0 => report.unsigned = true,
            None => report
                .note("the process ended while it signed for the first time: one of two checkpoints is here".into()),
            Some(why) => report.find(Finding {
                stream: None,
                seq: None,
                file: "checkpoints".into(),
                offset: None,
                what: format!("this ledger was signed, and no checkpoint is here any more: {why}"),
            }),
        };
    }
    for (file, what) in missing {
        let (file, what) = (file.clone(), what.clone());
        report.find(Finding { stream: None, seq: None, file, offset: None, what });
    }
}

/// What shows that there were checkpoints once.
fn why_signed(dir: &Path, age: &Age, rehearsal: bool) -> Option<String> {
    let grown = ["hourly", "recent", "recent-old"];
    if let Some(name) =
        grown.iter().find(|name| fs::metadata(dir.join("checkpoints").join(name)).is_ok_and(|of| of.len() > 0))
    {
        return Some(format!("checkpoints/{name} is not empty"));
    }
    if age.ended {
        return Some("one of its starts ended in order, and an end is signed".into());
    }
    // A rehearsal's hours are seconds.
    (!rehearsal && age.longest > SIGNED_WITHIN)
        .then(|| format!("one of its starts lasted {} s, and a checkpoint is due every second", age.longest.as_secs()))
}
