//! Owns faults of the disk as the kernel tells them: `strace` attached to a process, answering its calls in the kernel's place.
//! Must never stay attached when the scenario is over.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// `strace`, attached. Detaches when dropped.
pub struct Injected(Child);

impl Injected {
    /// Every one of these calls (`fdatasync,fsync`) of the process gets this answer (`error=EIO`, `retval=0`) from now on.
    /// `None` when strace is not there or may not attach.
    pub fn under(process: u32, calls: &str, answer: &str) -> Option<Self> {
        let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:{answer}"));
        let strace = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject, "-p", &process.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut strace = Self(strace.ok()?);
        let said = BufReader::new(strace.0.stderr.take()?).lines().map_while(Result::ok);
        let mut said = said.take_while(|line| !line.contains("Operation not permitted"));
        said.find(|line| line.contains("attached")).map(|_| strace)
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        // It detaches by itself when it is told to end; already gone is as good.
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), rustix::process::Signal::INT);
        let _ = self.0.wait();
    }
}
