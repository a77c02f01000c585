//! Owns processes to be measured, their processor time, medians and the table.
//! Must never average: one bad round would speak for the others.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A shape of load, and what is asked of it against the floor.
pub struct Shape {
    pub name: &'static str,
    pub binds: usize,
    pub window: usize,
    pub must: f64,
    pub target: f64,
}

/// One run.
#[derive(Clone, Copy)]
pub struct Round {
    pub rate: f64,
    /// Processor time of the process in between, per message.
    pub cpu: Duration,
    pub p50: Duration,
    pub p99: Duration,
    pub refused: u64,
}

/// A number from the environment.
pub fn environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The middle one.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A child process, killed when dropped.
pub struct Child {
    process: std::process::Child,
    pub address: SocketAddr,
}

impl Child {
    /// This very binary in another role, which says where it listens.
    pub fn of_this_binary(arguments: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a running binary has a path"));
        command.args(arguments);
        Self::listening(command, "listening on ")
    }

    /// Starts a command and waits for the line that says where it listens.
    pub fn listening(mut command: Command, prefix: &str) -> Self {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the child starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let address = loop {
            let line = lines.next().expect("the child says where it listens").expect("text");
            if let Some(address) = line.strip_prefix(prefix) {
                break address.trim().parse().expect("an address");
            }
        };
        // Nobody reads on, but the child must not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Processor time of all its threads so far.
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
}

impl Drop for Child {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The table: medians of nothing, floor and gateway, and the ratio to the floor.
pub fn print(shapes: &[Shape], results: &[Vec<Vec<Round>>]) {
    let middle = |rounds: &[Round], of: fn(&Round) -> f64| median(&mut rounds.iter().map(of).collect::<Vec<_>>());
    println!("| load | nothing | floor | stopgate | stopgate/floor | must | target | CPU floor | CPU stopgate |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for (shape, rounds) in shapes.iter().zip(results) {
        let rate = |contestant: usize| middle(&rounds[contestant], |round| round.rate);
        let cpu = |contestant: usize| middle(&rounds[contestant], |round| round.cpu.as_secs_f64() * 1e6);
        println!(
            "| {} | {:.0}/s | {:.0}/s | {:.0}/s | {:.3} | {} | {} | {:.2} µs | {:.2} µs |",
            shape.name,
            rate(0),
            rate(1),
            rate(2),
            rate(2) / rate(1),
            shape.must,
            shape.target,
            cpu(1),
            cpu(2)
        );
    }
    for (shape, rounds) in shapes.iter().zip(results).filter(|(shape, _)| shape.window == 1) {
        let micros = |contestant: usize| {
            let of = |part: fn(&Round) -> f64| middle(&rounds[contestant], part);
            (of(|round| round.p50.as_secs_f64() * 1e6), of(|round| round.p99.as_secs_f64() * 1e6))
        };
        let (nothing, floor, gateway) = (micros(0), micros(1), micros(2));
        println!(
            "\n{}: p50/p99 in µs: nothing {:.0}/{:.0}, floor {:.0}/{:.0}, stopgate {:.0}/{:.0}",
            shape.name, nothing.0, nothing.1, floor.0, floor.1, gateway.0, gateway.1
        );
        println!(
            "added to nothing: p50 +{:.0} (must 30, target 20), p99 +{:.0} (must 60, target 30)",
            gateway.0 - nothing.0,
            gateway.1 - nothing.1
        );
    }
}
