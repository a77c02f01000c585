//! Owns file systems of a scenario's own, mounted where its data_dir stands: a small one in memory, and one in an image file.
//! Must never be left mounted, nor pass silently where mounting is not allowed: it says so, and fails when nothing may be skipped.

use super::gateway::Home;
use super::skip::skip;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Octets that the neighbour takes in one piece.
const PIECE: usize = 1 << 20;
/// How often the neighbour looks whether anything was given back.
const AGAIN: Duration = Duration::from_millis(5);

/// A mounted file system. Unmounted when dropped.
pub struct Disk {
    at: PathBuf,
    /// Kept, so that the directory outlives the mount.
    _home: Home,
}

impl Disk {
    /// A file system in memory, of so many MiB, as the data_dir of `home`. `None` (said aloud) where that is not allowed.
    pub fn in_memory(home: &Home, mebibytes: u32) -> Option<Self> {
        let size = format!("size={mebibytes}m,mode=0700");
        Self::mounted(home, &["-t", "tmpfs", "-o", &size, "stopgate-test"])
    }

    /// An ext4 file system of so many MiB in an image file, as the data_dir of `home`; an error in it makes it read-only.
    pub fn in_an_image(home: &Home, mebibytes: u32) -> Option<Self> {
        let image = home.path().join("image");
        let file = File::create(&image).expect("the image is made");
        file.set_len(u64::from(mebibytes) << 20).expect("the image has its size");
        if !run(Command::new("mkfs.ext4").args(["-q", "-F", "-E", "lazy_itable_init=0"]).arg(&image)) {
            skip("mkfs.ext4 is missing");
            return None;
        }
        Self::of_image(home)
    }

    /// Mounts the image again.
    pub fn of_image(home: &Home) -> Option<Self> {
        let image = home.path().join("image");
        Self::mounted(home, &["-o", "loop,errors=remount-ro", image.to_str().expect("a path in UTF-8")])
    }

    fn mounted(home: &Home, arguments: &[&str]) -> Option<Self> {
        let at = home.path().join("data");
        std::fs::create_dir_all(&at).expect("a directory");
        if !run(Command::new("mount").args(arguments).arg(&at)) {
            skip("file systems cannot be mounted here (it needs root)");
            return None;
        }
        Some(Self { at, _home: home.clone() })
    }

    /// Has the kernel find an error in the image's file system: from then on it is read-only, as a failing disk makes it.
    pub fn becomes_read_only(&self) {
        let mounts = std::fs::read_to_string("/proc/mounts").expect("/proc is there");
        let mine = mounts.lines().find(|line| line.split(' ').nth(1) == self.at.to_str());
        let device = mine.and_then(|line| line.split(' ').next()?.strip_prefix("/dev/")).expect("it is mounted");
        std::fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "stopgate test\n")
            .expect("an error is found");
    }

    /// Takes all free space, and what others give back, until the value is dropped.
    pub fn full(&self) -> Neighbour {
        Neighbour::moves_in(&self.at)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A process that still has files open there must not keep the next scenario from mounting.
        if !run(Command::new("umount").arg(&self.at)) {
            run(Command::new("umount").arg("-l").arg(&self.at));
        }
    }
}

fn run(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Somebody else on the same disk, who takes every octet that is free.
pub struct Neighbour {
    file: PathBuf,
    leaving: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Neighbour {
    fn moves_in(at: &Path) -> Self {
        let file = at.join("neighbour");
        let mut open = OpenOptions::new().create(true).append(true).open(&file).expect("the neighbour's file");
        take_all(&mut open);
        let leaving = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&leaving);
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Acquire) {
                std::thread::sleep(AGAIN);
                take_all(&mut open);
            }
        });
        Self { file, leaving, thread: Some(thread) }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.leaving.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        std::fs::remove_file(&self.file).expect("the neighbour's file is given back");
    }
}

/// Writes until nothing is taken any more: first in large pieces, then octet by octet.
fn take_all(file: &mut File) {
    let zeros = vec![0; PIECE];
    let mut piece = PIECE;
    while piece > 0 {
        match file.write(&zeros[..piece]) {
            Ok(taken) if taken > 0 => {}
            Ok(_) | Err(_) => piece /= 8,
        }
    }
}
