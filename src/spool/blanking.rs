//! Owns dropping what a spool's journal has sealed about a number: the leaves stay, their sealed octets become zeros.
//! Must never be called from a lane: it waits for fsyncs and rewrites segments.

use super::error::SpoolError;
use crate::journal::error::AppendError;
use crate::journal::frame::Batch;
use crate::journal::stream::Journal;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the disk may take for each step.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether nothing is left of sealed octets.
pub fn is_blank(sealed: &[u8]) -> bool {
    sealed.iter().all(|octet| *octet == 0)
}

/// Blanks the sealed octets of every record whose leaf is `about` somebody; `mark` is a leaf that means nothing. Returns how many
/// records had any. Also removes what failed writes have left behind.
pub fn blank(journal: &Journal, mark: &[u8], about: impl Fn(&[u8]) -> bool) -> Result<usize, SpoolError> {
    let first = journal.segment_starts().first().copied().unwrap_or(0);
    let mut records = BTreeSet::new();
    let upto = journal.appended();
    find(journal, first, upto, &about, &mut records)?;
    if !records.is_empty() {
        let end = journal.roll_with_room(PATIENCE)?;
        find(journal, upto, end, &about, &mut records)?;
        let mut batch = Batch::default();
        batch.push(mark, &[]);
        let record = journal.append_within(&mut batch, PATIENCE)?.start;
        if !journal.wait_synced(record, PATIENCE) {
            return Err(AppendError::Stalled.into());
        }
    }
    journal.blank(&records)?;
    Ok(records.len())
}

fn find(
    journal: &Journal,
    from: u64,
    upto: u64,
    about: &impl Fn(&[u8]) -> bool,
    records: &mut BTreeSet<u64>,
) -> Result<(), SpoolError> {
    let mut reader = journal.read(from, upto);
    while let Some(frame) = reader.next_frame_where(about)? {
        if !is_blank(frame.blob) {
            records.insert(frame.seq);
        }
    }
    Ok(())
}
