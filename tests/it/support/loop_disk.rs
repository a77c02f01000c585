//! Owns a disk that loses power: ext4 in a file, mounted by loop, shut down without flushing its log, mounted again.
//! Must never leave a mount or a loop device behind, however the scenario ends.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Sparse: what is not written takes no room.
const OCTETS: u64 = 256 << 20;
/// FS_IOC_SHUTDOWN (`_IOR('X', 125, __u32)`) with EXT4_GOING_FLAGS_NOLOGFLUSH: from here on nothing reaches the disk.
const SHUTDOWN: &str = "import fcntl, os, struct, sys\n\
    fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";

/// The disk, mounted. Unmounted and removed when dropped.
pub struct LoopDisk {
    room: tempfile::TempDir,
}

impl LoopDisk {
    /// A new file system.
    ///
    /// # Errors
    /// What is missing: root, loop devices, a tool.
    pub fn new() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root may mount".to_owned());
        }
        run("python3", &["-c".as_ref(), "import fcntl".as_ref()])?;
        let room = tempfile::tempdir().map_err(|error| error.to_string())?;
        let disk = Self { room };
        let file = std::fs::File::create(disk.image()).map_err(|error| error.to_string())?;
        file.set_len(OCTETS).map_err(|error| error.to_string())?;
        std::fs::create_dir(disk.path()).map_err(|error| error.to_string())?;
        run("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), disk.image().as_ref()])?;
        disk.mount()?;
        Ok(disk)
    }

    fn image(&self) -> PathBuf {
        self.room.path().join("image")
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.room.path().join("disk")
    }

    /// The kernel writes nothing back by itself for five minutes: only what was asked to be durable is.
    fn mount(&self) -> Result<(), String> {
        let options = ["-o".as_ref(), "loop,commit=300".as_ref()];
        run("mount", &[options[0], options[1], self.image().as_ref(), self.path().as_ref()])
    }

    /// The power fails: what is not on the disk by now never will be.
    pub fn cut(&self) {
        run("python3", &["-c".as_ref(), SHUTDOWN.as_ref(), self.path().as_ref()])
            .expect("the file system is shut down");
    }

    /// Power is back; nobody uses the disk any more.
    pub fn mount_again(&self) {
        run("umount", &[self.path().as_ref()]).expect("it is unmounted");
        self.mount().expect("it is mounted again");
    }

    /// Everything written by the scenario itself is on the disk.
    pub fn sync(&self) {
        run("sync", &["-f".as_ref(), self.path().as_ref()]).expect("synced");
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // Lazily: a gateway that is still being killed must not keep it.
        if run("umount", &[self.path().as_ref()]).is_err() {
            let _ = run("umount", &["-l".as_ref(), self.path().as_ref()]);
        }
    }
}

fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
