//! Owns a process that is measured: its processor time, its memory, its end.
//! Must never outlive the bench: it is killed when dropped, and by the kernel when the bench itself is killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A child process, killed when dropped.
pub struct Child {
    process: std::process::Child,
    /// Where it says that it listens, in the order of the prefixes that were asked for.
    pub addresses: Vec<SocketAddr>,
}

/// What starts a program so that it dies with the bench, where the system can do that.
pub fn dying_with_us(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let setpriv = Command::new("setpriv").arg("--pdeathsig=KILL").arg("true").stderr(Stdio::null()).status();
    if setpriv.is_ok_and(|status| status.success()) {
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig=KILL").arg(program);
        return command;
    }
    Command::new(program)
}

impl Child {
    /// This very binary in another role, which says where it listens.
    pub fn of_this_binary(arguments: &[&str]) -> Self {
        let mut command = dying_with_us(std::env::current_exe().expect("a running binary has a path"));
        command.args(arguments);
        Self::listening(command, &["listening on "])
    }

    /// Starts a command and waits for the lines that say where it listens.
    ///
    /// # Panics
    /// When it ends before it has said so.
    pub fn listening(mut command: Command, prefixes: &[&str]) -> Self {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the child starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let mut addresses = Vec::new();
        while let Some(prefix) = prefixes.get(addresses.len()) {
            let line = lines.next().expect("the child says where it listens").expect("text");
            if let Some(address) = line.strip_prefix(prefix) {
                addresses.push(address.trim().parse().expect("an address"));
            }
        }
        // Nobody reads on, but the child must not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, addresses }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Processor time of all its threads so far; of those that have ended too, where that is more.
    pub fn cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id())).expect("Linux");
        let nanos = tasks.flatten().filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Its resident memory in octets.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
    }

    /// Asks it to end and waits until it has. Whether it ended well.
    pub fn end(mut self) -> bool {
        let asked = rustix::process::Pid::from_raw(self.id() as i32)
            .map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        asked.is_some_and(|asked| asked.is_ok()) && self.process.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
