//! Owns the gateway's directories in a bench: empty ones, ones with a long list, the file of a list to be imported.
//! Must never leave anything: they go when dropped, and what a killed run left goes with the next run of `benches/run.sh`.

use super::gateway::{Gateway, Plan};
use crate::fixture::NOW;
use crate::list_fixture;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use stopgate::ledger::{Keys, Ledger, OpenOptions};
use stopgate::suppression::{Index, apply, snapshot};
use tempfile::TempDir;

/// The first number of a list that is imported: no load writes to it.
const FIRST_SUPPRESSED: u64 = 33_750_000_000;

/// Data, keys and configuration of one gateway; gone when dropped.
pub struct Home(TempDir);

/// Where all of it lies: on the disk that holds the build, not on one in memory.
fn bench_dir() -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&dir).expect("target/bench can be made");
    dir
}

impl Home {
    /// Empty directories.
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("home-").tempdir_in(bench_dir()).expect("a directory"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file of these numbers, counted from [`FIRST_SUPPRESSED`], to be imported.
    pub fn list(&self, numbers: Range<u64>) -> PathBuf {
        let file = self.path().join("list.csv");
        let mut out = std::io::BufWriter::new(std::fs::File::create(&file).expect("a file"));
        writeln!(out, "number").expect("disk space");
        for number in numbers {
            writeln!(out, "+{}", FIRST_SUPPRESSED + number).expect("disk space");
        }
        drop(out.into_inner().expect("disk space"));
        file
    }

    /// Octets of all files under a directory of it; zero when it is not there.
    pub fn octets(&self, under: &str) -> u64 {
        let mut dirs = vec![self.path().join(under)];
        let mut sum = 0;
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(meta) if meta.is_dir() => dirs.push(entry.path()),
                    Ok(meta) => sum += meta.len(),
                    Err(_) => {}
                }
            }
        }
        sum
    }

    /// Directories whose snapshot holds so many numbers that no event speaks of: made in seconds, and the embedded store has
    /// nothing to follow, so that the gateway is soon idle. To the hot path it is a list like any other.
    pub async fn with_list(numbers: u64) -> Self {
        println!("making a list of {numbers} numbers");
        let home = Self::new();
        let smsc = stopgate::sim::quick::QuickSmsc::start(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let gateway = Gateway::start(&home, &Plan::new(smsc.address())).await;
        assert!(gateway.end(), "the gateway does not end well");
        let (data, keys) = (home.path().join("data"), home.path().join("keys"));
        let keys = Keys::open_or_create(&keys, &data).expect("the keys are there");
        let options = OpenOptions::new("bench-1", true);
        let (ledger, _) = Ledger::open(&data, &keys, options, NOW).expect("the ledger is there");
        let index = Index::new(ledger.origin());
        index.reserve(numbers as usize);
        for at in 0..numbers {
            apply(&index, &list_fixture::stop_of(ledger.origin(), at));
        }
        let file = data.join("suppression.snapshot");
        snapshot::write(&**ledger.disk(), &file, &ledger.key_check(), &index, ledger.durable_events())
            .expect("written");
        ledger.close(NOW).expect("closed");
        home
    }
}
