//! Owns how files of facts become fewer: several into one, the oldest facts of one given up.
//! Must never drop a fact that is newer than one it keeps for want of room.

use super::run::{Facts, Run, Writer};
use super::written::{Written, condense};
use crate::journal::disk::Disk;
use crate::message::instant::CivilInstant;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Facts between two looks at what else is to be done.
const BREATH: u64 = 65_536;
/// Places into which the verdicts of a file are counted, to find its oldest facts.
const PLACES: usize = 4_096;

/// Files of one size that become one: with eight, a fact is written again three times on its way to the largest files, and there
/// are seven of each size at most.
const SAME_SIZE: usize = 8;

/// The size of a file, in steps of eight from what memory gives at once.
fn step(facts: u64, recent: u64) -> u32 {
    (facts / recent.max(1)).max(1).ilog2() / SAME_SIZE.ilog2()
}

/// How many of the newest files are to become one; 0 = none.
pub fn due(sizes: &[u64], recent: u64) -> usize {
    let Some(newest) = sizes.last() else { return 0 };
    let step_of_newest = step(*newest, recent);
    let same = sizes.iter().rev().take_while(|size| step(**size, recent) <= step_of_newest).count();
    if same >= SAME_SIZE { same } else { 0 }
}

/// One file of what all of them hold, without what is over and without what is older than the verdict `since`.
/// `breathe` is called now and then: this may take seconds.
pub fn merge(
    disk: &dyn Disk,
    dir: &Path,
    label: [u8; 16],
    runs: &[Arc<Run>],
    since: u64,
    now: CivilInstant,
    breathe: &mut dyn FnMut(),
) -> io::Result<Run> {
    let from = runs.iter().map(|run| run.from).min().unwrap_or(0);
    let to = runs.iter().map(|run| run.to).max().unwrap_or(0);
    let mut out = Writer::new(disk, dir, label, from, to)?;
    let mut readers: Vec<Facts> = runs.iter().map(Run::read).collect();
    let mut keys = Vec::new();
    for reader in &mut readers {
        keys.push(key_of(reader)?);
    }
    let mut same = Vec::new();
    let mut passed = 0_u64;
    while let Some(key) = keys.iter().min().copied().filter(|key| *key != END) {
        same.clear();
        for (reader, next) in readers.iter_mut().zip(&mut keys) {
            while *next == key {
                same.extend(reader.peek()?);
                reader.pass();
                *next = key_of(reader)?;
            }
        }
        let before = passed / BREATH;
        passed += same.len() as u64;
        same.retain(|fact: &Written| fact.verdict >= since);
        condense(&mut same, now);
        same.iter().try_for_each(|fact| out.push(fact))?;
        if passed / BREATH != before {
            breathe();
        }
    }
    out.finish()
}

/// Behind every key.
const END: u128 = u128::MAX;

/// The key of a reader's next fact.
fn key_of(reader: &mut Facts) -> io::Result<u128> {
    Ok(reader.peek()?.map_or(END, |fact| fact.key.into()))
}

/// The verdict since which a file's facts are kept, when `excess` of them, the oldest, have to go.
pub fn cut(run: &Arc<Run>, excess: u64) -> io::Result<u64> {
    let width = ((run.to - run.from) / PLACES as u64).max(1);
    let mut places = vec![0_u64; PLACES + 1];
    let mut facts = run.read();
    while let Some(fact) = facts.peek()? {
        let place = (fact.verdict.saturating_sub(run.from) / width).min(PLACES as u64);
        places[place as usize] += 1;
        facts.pass();
    }
    let mut gone = 0;
    for (place, count) in places.iter().enumerate() {
        if gone >= excess {
            return Ok(run.from + place as u64 * width);
        }
        gone += count;
    }
    Ok(run.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_few_and_a_fact_is_seldom_written_again() {
        assert_eq!(due(&[], 10), 0);
        assert_eq!(due(&[10; 7], 10), 0);
        assert_eq!(due(&[10; 8], 10), 8);
        assert_eq!(due(&[80, 10, 10, 10, 10, 10, 10, 10], 10), 0);
        let (mut sizes, mut written) = (Vec::new(), 0);
        for _ in 0..1_000 {
            sizes.push(10);
            while due(&sizes, 10) > 0 {
                let sum = sizes.drain(sizes.len() - due(&sizes, 10)..).sum();
                sizes.push(sum);
                written += sum;
            }
            assert!(sizes.len() <= 7 * 4, "{sizes:?}");
        }
        assert!(written <= 10_000 * 3, "{written}");
    }
}
