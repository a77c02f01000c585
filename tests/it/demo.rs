//! Owns the newcomer's first minutes: `stopgate demo` shows what it promises, and ends when it is told to.
//! Must never accept a story that only sounds right: each promised line is looked for.

use super::support::SOON;
use super::support::gateway::stopgate;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc;

fn demo(arguments: &[&str]) -> Child {
    let mut command = stopgate();
    command.arg("demo").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

#[test]
fn the_story_shows_a_promo_a_stop_a_refusal_a_sunday_and_a_night() {
    let output = demo(&["--once"]).wait_with_output().expect("it ends by itself");
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
    let promised = [
        ("acme sends a promo ", "accepted"),
        ("a phone answers STOP to 36111", "suppressed, on disk and acknowledged in"),
        ("36111 confirms", "+336"),
        ("acme sends the next promo", "refused SG101 opted_out (0x66)"),
        ("acme sends a promo on Sunday", "refused SG111 out_of_hours (0x61)"),
        ("its next opening:", "Monday 23 November 2026, 08:00 in Paris"),
        ("bank sends an OTP at night", "accepted"),
        ("-- summary --", ""),
    ];
    let mut lines = out.lines();
    for (what, outcome) in promised {
        assert!(lines.any(|line| line.contains(what) && line.contains(outcome)), "no `{what} … {outcome}` in\n{out}");
    }
    let (story, commands) = out.split_once("What to try now").expect("it says what to try");
    assert!(
        !story.contains("3363998") && commands.contains("proof +33639980012"),
        "a whole number was shown in\n{out}"
    );
}

#[test]
fn an_interrupt_ends_it_cleanly_with_a_summary() {
    let mut child = demo(&["--no-traffic"]);
    let (sender, lines) = mpsc::channel();
    let stdout = child.stdout.take().expect("piped");
    let reading = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // The other side has stopped listening once it has seen enough.
            sender.send(line).ok();
        }
    });
    let mut seen = Vec::new();
    while !seen.last().is_some_and(|line: &String| line.contains("bind your own client")) {
        match lines.recv_timeout(SOON) {
            Ok(line) => seen.push(line),
            Err(_) => {
                child.kill().expect("the child is ours");
                panic!("it did not come up: {seen:?}");
            }
        }
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("the child is ours");
    let status = child.wait().expect("the child is ours");
    reading.join().expect("the reader ends");
    seen.extend(lines.try_iter());
    assert!(status.success(), "{seen:?}");
    assert!(seen.iter().any(|line| line.contains("-- summary --")), "{seen:?}");
}
