//! Owns the demo's gateway: this very binary as a child process, started, watched, ended by SIGTERM.
//! Must never kill anything but its own child.

use crate::message::instant::CivilInstant;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// How long the gateway may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lines of its standard output that may wait to be read.
const LINES: usize = 256;

/// A gateway that runs. Killed when dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts `run --config FILE --clock T` and waits until an operator is bound.
    pub async fn start(config: &Path, clock: CivilInstant, speed: u32) -> Result<Self, String> {
        let log = config.with_file_name("gateway.log");
        let append = File::options().create(true).append(true).open(&log).map_err(|error| error.to_string())?;
        let binary = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(binary);
        command.arg("--config").arg(config).arg("run").arg("--clock").arg(clock.to_string());
        if speed > 1 {
            command.arg("--speed").arg(speed.to_string());
        }
        // A group of its own: Ctrl-C is ours, and the gateway is told by SIGTERM when its turn comes.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(append).process_group(0);
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let stdout = child.stdout.take();
        let daemon = Self { child, log };
        let (sender, mut lines) = mpsc::channel(LINES);
        std::thread::spawn(move || {
            let Some(stdout) = stdout else { return };
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // After `ready` nobody listens any more; the pipe is read on so that it never fills.
                let _ = sender.try_send(line);
            }
        });
        let ready = async {
            while let Some(line) = lines.recv().await {
                if line.trim() == "ready" {
                    return true;
                }
            }
            false
        };
        match timeout(PATIENCE, ready).await {
            Ok(true) => Ok(daemon),
            Ok(false) | Err(_) => Err(format!("the gateway did not come up; its log ends\n{}", daemon.last_lines())),
        }
    }

    fn last_lines(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// An error when it has ended by itself.
    pub fn alive(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            _ => Err(format!("the gateway has ended; its log ends\n{}", self.last_lines())),
        }
    }

    /// SIGTERM, and waits until it has drained.
    pub async fn stop(mut self) -> Result<(), String> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).map_err(|error| error.to_string())?;
        let until = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the gateway ended with {status}\n{}", self.last_lines())),
                None if Instant::now() > until => return Err("the gateway does not end".into()),
                None => sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
