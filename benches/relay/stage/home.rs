//! Owns the gateway's directories in a bench: new ones, and ones with a long list that is made once and used again.
//! Must never let a run change the list that the next one starts from: a run gets its own copy, of links where files never change.

use super::gateway::{Gateway, Plan};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The newest segments of a stream are written on, the spare one among them; older ones never again.
const WRITTEN_ON: usize = 3;

/// Data, keys and configuration of one gateway; gone when dropped.
pub struct Home(TempDir);

/// Where all of it lies: on one file system, so that files can be linked.
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

    /// Directories with so many suppressed numbers: imported through the real binary the first time, kept for the next.
    pub async fn with_list(numbers: u64) -> Self {
        let kept = bench_dir().join(format!("list-{numbers}"));
        let whole = kept.join("whole");
        if std::fs::read_to_string(&whole).is_ok_and(|version| version == env!("CARGO_PKG_VERSION")) {
            println!("the list of {numbers} numbers is there from an earlier run");
            return Self::copy_of(&kept);
        }
        println!("making a list of {numbers} numbers, for this run and the next ones");
        let home = Self::new();
        let smsc = stopgate::sim::quick::QuickSmsc::start(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let gateway = Gateway::start(&home, &Plan::new(smsc.address())).await;
        gateway.import(&home, 0..numbers).await;
        gateway.settle().await;
        assert!(gateway.end(), "the gateway that imported does not end well");
        home.keep(numbers);
        Self::copy_of(&kept)
    }

    /// Keeps these directories as the list of so many numbers, in place of what was kept.
    pub fn keep(self, numbers: u64) {
        let kept = bench_dir().join(format!("list-{numbers}"));
        if kept.exists() {
            std::fs::remove_dir_all(&kept).expect("an old list can be removed");
        }
        std::fs::remove_file(self.path().join("list.csv")).ok();
        std::fs::rename(self.0.keep(), &kept).expect("the list can be kept");
        std::fs::write(kept.join("whole"), env!("CARGO_PKG_VERSION")).expect("the list can be marked");
    }

    fn copy_of(kept: &Path) -> Self {
        let home = Self::new();
        for name in ["data", "keys"] {
            copy(&kept.join(name), &home.path().join(name));
        }
        home
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(from).expect("the kept list can be read").flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let segments = entries.iter().filter(|path| path.extension().is_some_and(|end| end == "seg")).count();
    let mut seen = 0;
    for path in entries {
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
            continue;
        }
        let segment = path.extension().is_some_and(|end| end == "seg");
        seen += usize::from(segment);
        if segment && seen + WRITTEN_ON <= segments {
            std::fs::hard_link(&path, &target).expect("a link");
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}
