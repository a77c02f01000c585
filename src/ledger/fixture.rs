//! Owns a small ledger for the tests of all rooms that build on one: its keys, its instant, segments that turn soon.
//! Must never be built into the program.

use super::book::Ledger;
use super::kept::SnapshotRule;
use super::keys::Keys;
use super::open::OpenOptions;
use crate::message::instant::CivilInstant;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Wednesday 18 November 2026, 12:06 in Paris.
pub const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);
/// No snapshot is written unless a test asks for it.
pub const NEVER: SnapshotRule =
    SnapshotRule { look_every: Duration::from_secs(3600), looks: u32::MAX, behind_max: u64::MAX };

/// The keys of every ledger in tests.
pub fn keys() -> Keys {
    Keys::from_octets([1; 32], [2; 32], [3; 32])
}

/// A live ledger in this directory, with segments of so many KiB.
pub fn ledger(dir: &Path, segment_kib: u64) -> Arc<Ledger> {
    let options = OpenOptions::new("gw-1", false).with_segment_octets(segment_kib << 10);
    Ledger::open(dir, &keys(), options, NOW).expect("opened").0
}
