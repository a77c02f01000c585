//! Owns system calls that fail when told to: the gateway under strace, and what strace saw of it.
//! Must never count a fault that was not injected.

use super::gateway::{Home, stopgate};
use super::skip::skip;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// From which call on it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This one only, counted from 1.
    Once(u32),
    /// This one and all that follow.
    From(u32),
}

/// What a call is made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It fails with this error.
    Error(&'static str),
    /// It does nothing and says that it did so much.
    Swallows(u32),
    /// Nothing is done to it: the calls are counted only.
    None,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub call: &'static str,
    pub effect: Effect,
    pub when: When,
}

/// A call that strace saw.
#[derive(Clone, Debug)]
pub struct Seen {
    pub call: String,
    /// The whole line: arguments with the files' paths, and the result.
    pub line: String,
}

impl Seen {
    /// Whether its result was made up.
    pub fn is_injected(&self) -> bool {
        self.line.contains("(INJECTED)")
    }

    /// Whether it succeeded.
    pub fn succeeded(&self) -> bool {
        self.line.rsplit(" = ").next().is_some_and(|result| !result.starts_with('-'))
    }
}

/// Whether strace is there and may trace; said aloud when not.
pub fn is_possible() -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "true"]);
    let tried = strace.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let possible = tried.is_ok_and(|status| status.success());
    if !possible {
        skip("strace is missing or may not trace");
    }
    possible
}

/// The binary, with a fault under it. Its process is the gateway's own: strace is its grandchild.
pub fn stopgate_with(fault: &Fault, home: &Home) -> Command {
    let bare = stopgate();
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "--seccomp-bpf", "-qq", "-y", "-s", "0", "-o"]).arg(trace(home));
    strace.arg("-e").arg(format!("trace={},fdatasync", fault.call));
    let when = match fault.when {
        When::Once(at) => format!("when={at}"),
        When::From(at) => format!("when={at}+"),
    };
    match fault.effect {
        Effect::Error(error) => drop(strace.arg("-e").arg(format!("inject={}:error={error}:{when}", fault.call))),
        Effect::Swallows(octets) => drop(strace.arg("-e").arg(format!("inject={}:retval={octets}:{when}", fault.call))),
        Effect::None => {}
    }
    strace.arg(bare.get_program()).env_remove("RUST_LOG").env("NO_COLOR", "1");
    strace
}

fn trace(home: &Home) -> PathBuf {
    home.path().join("trace")
}

/// What strace saw, in the order in which the calls ended.
pub fn seen(home: &Home) -> Vec<Seen> {
    let text = std::fs::read(trace(home)).unwrap_or_default();
    let mut begun: HashMap<String, String> = HashMap::new();
    let mut seen = Vec::new();
    for line in String::from_utf8_lossy(&text).lines() {
        let Some((thread, rest)) = line.trim_start().split_once(char::is_whitespace) else { continue };
        let rest = rest.trim_start();
        let whole = if let Some(head) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(thread.to_owned(), head.trim_end().to_owned());
            continue;
        } else if rest.starts_with("<... ") {
            let tail = rest.split_once("resumed>").map_or("", |(_, tail)| tail);
            begun.remove(thread).unwrap_or_default() + tail
        } else {
            rest.to_owned()
        };
        if let Some((call, _)) = whole.split_once('(') {
            seen.push(Seen { call: call.to_owned(), line: whole.clone() });
        }
    }
    seen
}
