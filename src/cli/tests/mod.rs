//! Owns the tests of commands against a control plane with a fake data plane: what is asked, what the exit code is.
//! Must never start a gateway.

use super::exit::{Exit, Outcome};
use super::{Cli, dispatch};
use crate::admin::tests::fake::FakeDaemon;
use clap::{CommandFactory, Parser};
use std::sync::atomic::Ordering;

/// Runs a command line against the daemon.
fn run(daemon: &FakeDaemon, line: &[&str]) -> Outcome {
    let token = daemon.directory.path().join("admin.token");
    let url = daemon.url();
    let global = ["stopgate", "--quiet", "--admin", &url, "--token-file", token.to_str().expect("UTF-8")];
    let cli = Cli::try_parse_from(global.iter().chain(line)).expect("a command line");
    dispatch(&cli)
}

#[test]
fn a_number_is_added_shown_explained_and_refused() {
    let daemon = FakeDaemon::start();
    let check = ["check", "--account", "acme", "--to", "06 39 98 00 42", "--text", "Soldes STOP au 36111"];
    assert_eq!(run(&daemon, &check), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &["stop", "show", "0639980042"]), Ok(Exit::Findings));
    let add = ["stop", "add", "06 39 98 00 42", "--evidence", "call of today", "--origin", "phone"];
    assert_eq!(run(&daemon, &[&add[..], &["--dry-run"]].concat()), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &check), Ok(Exit::Ok), "a dry run changes nothing");
    assert_eq!(run(&daemon, &add), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &check), Ok(Exit::Findings));
    assert_eq!(run(&daemon, &["--json", "stop", "show", "+33639980042"]), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &["why", "0639980042"]), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &["stop", "add", "nobody", "--evidence", "e"]), Ok(Exit::Findings));
    assert!(daemon.asked().contains(&"suppress 1 by local (phone)".to_owned()), "{:?}", daemon.asked());
}

#[test]
fn a_file_is_imported_and_exported_whole() {
    let daemon = FakeDaemon::start();
    let file = daemon.directory.path().join("optouts.csv");
    let text: String = (0..25).map(|row| format!("0639980{row:03},2026-11-20,letter\n")).collect();
    std::fs::write(&file, format!("number,at,evidence\n{text}nobody,,\n")).expect("written");
    let path = file.to_str().expect("UTF-8");
    assert_eq!(run(&daemon, &["stop", "import", path, "--dry-run"]), Ok(Exit::Findings));
    assert_eq!(daemon.plane.stops.lock().expect("not poisoned").len(), 0);
    assert_eq!(run(&daemon, &["stop", "import", path]), Ok(Exit::Findings), "one row is bad");
    assert_eq!(daemon.plane.stops.lock().expect("not poisoned").len(), 25);
    assert_eq!(run(&daemon, &["stop", "list", "--limit", "10"]), Ok(Exit::Ok));
    let out = daemon.directory.path().join("stops.csv");
    assert_eq!(run(&daemon, &["stop", "export", "-o", out.to_str().expect("UTF-8")]), Ok(Exit::Ok));
    assert_eq!(std::fs::read_to_string(&out).expect("written").lines().count(), 26);
    assert!(daemon.asked().contains(&"recorded stop.export by local".to_owned()), "{:?}", daemon.asked());
}

#[test]
fn an_opt_in_is_recorded_shown_and_revoked() {
    let daemon = FakeDaemon::start();
    let show = ["consent", "show", "06 39 98 00 42", "--account", "acme"];
    assert_eq!(run(&daemon, &show), Ok(Exit::Findings), "nothing is recorded");
    let proof = ["--source", "web", "--wording", "v3", "--evidence", "form 12"];
    let record = [&["consent", "record", "0639980042", "--account", "acme"][..], &proof].concat();
    assert_eq!(run(&daemon, &[&record[..], &["--dry-run"]].concat()), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &show), Ok(Exit::Findings), "a dry run changes nothing");
    assert_eq!(run(&daemon, &record), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &show), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &[&["--json"], &show[..]].concat()), Ok(Exit::Ok));
    let revoke = ["consent", "revoke", "0639980042", "--account", "acme", "--evidence", "mail of today"];
    assert_eq!(run(&daemon, &revoke), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &show), Ok(Exit::Findings));
    let nobody = [&["consent", "record", "nobody", "--account", "acme"][..], &proof].concat();
    assert_eq!(run(&daemon, &nobody), Ok(Exit::Findings));
    assert!(daemon.asked().contains(&"Record 1 for acme by local".to_owned()), "{:?}", daemon.asked());
    assert!(daemon.asked().contains(&"recorded consent.show by local".to_owned()), "{:?}", daemon.asked());
}

#[test]
fn what_is_held_goes_to_the_screen_or_into_a_new_file() {
    let daemon = FakeDaemon::start();
    let out = daemon.directory.path().join("held.txt");
    let path = out.to_str().expect("UTF-8");
    let access = ["gdpr", "access", "06 39 98 00 42"];
    assert_eq!(run(&daemon, &access), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &[&access[..], &["-o", path]].concat()), Ok(Exit::Ok));
    assert!(std::fs::read_to_string(&out).expect("written").starts_with("What is held about +33639980042"));
    let again = run(&daemon, &[&access[..], &["-o", path]].concat());
    assert_eq!(again.expect_err("a file is never written over").exit, Exit::Usage);
    let json = daemon.directory.path().join("held.json");
    let to_json = [&["--json"], &access[..], &["-o", json.to_str().expect("UTF-8")]].concat();
    assert_eq!(run(&daemon, &to_json), Ok(Exit::Ok));
    let held: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).expect("written")).expect("JSON");
    assert_eq!(held["number"], "+33639980042");
    assert_eq!(daemon.asked().len(), 6, "each reading is recorded: {:?}", daemon.asked());
}

#[test]
fn a_person_is_erased_with_a_reason_and_gets_an_answer_that_can_be_sent() {
    let daemon = FakeDaemon::start();
    let out = daemon.directory.path().join("answer.txt");
    let path = out.to_str().expect("UTF-8");
    let erase = ["gdpr", "erase", "06 39 98 00 42", "--reason", "letter of 2026-11-20"];
    assert_eq!(run(&daemon, &[&erase[..], &["-o", path]].concat()), Ok(Exit::Ok));
    assert!(std::fs::read_to_string(&out).expect("written").starts_with("Erasure of +33639980042"));
    assert_eq!(run(&daemon, &[&["--json"], &erase[..]].concat()), Ok(Exit::Ok));
    let before = daemon.asked();
    assert_eq!(before, ["erase by local: letter of 2026-11-20"; 2]);
    for wrong in [
        &[&erase[..], &["-o", path]].concat()[..],
        &["gdpr", "erase", "0639980042", "--reason", "asked by 06 39 98 00 42"],
        &["gdpr", "erase", "0639980042", "--reason", " "],
        &["gdpr", "erase", "nobody", "--reason", "letter"],
    ] {
        assert_eq!(run(&daemon, wrong).expect_err("not carried out").exit, Exit::Usage, "{wrong:?}");
    }
    assert_eq!(daemon.asked().len(), 3, "only a number that is none reached the data plane");
    let token = ["gdpr", "erase", "0639980042"];
    assert!(Cli::try_parse_from(["stopgate"].iter().chain(&token)).is_err(), "a reason is needed");
}

#[test]
fn opt_ins_are_imported_and_exported_whole() {
    let daemon = FakeDaemon::start();
    let file = daemon.directory.path().join("optins.csv");
    let text: String = (0..25).map(|row| format!("0639980{row:03},2026-11-20,form {row},app,v4\n")).collect();
    let undated = "0639980900,,form,app,v4\n0639980901,2026-11-20,form,pigeon,v4\n0639980902,2026-11-20,,,\n";
    std::fs::write(&file, format!("number,at,evidence,source,wording\n{text}{undated}")).expect("written");
    let path = file.to_str().expect("UTF-8");
    let import = ["consent", "import", path, "--account", "acme"];
    assert_eq!(run(&daemon, &[&import[..], &["--dry-run"]].concat()), Ok(Exit::Findings));
    assert_eq!(daemon.plane.opt_ins.lock().expect("not poisoned").len(), 0);
    assert_eq!(run(&daemon, &import), Ok(Exit::Findings), "no date, no such source, no source at all");
    assert_eq!(daemon.plane.opt_ins.lock().expect("not poisoned").len(), 25);
    let with = [&import[..], &["--source", "web", "--wording", "v3", "--evidence", "CRM"]].concat();
    assert_eq!(run(&daemon, &with), Ok(Exit::Findings));
    assert_eq!(daemon.plane.opt_ins.lock().expect("not poisoned").len(), 26, "what the row lacks, the command says");
    let out = daemon.directory.path().join("out.csv");
    let export = ["consent", "export", "--account", "acme", "-o", out.to_str().expect("UTF-8")];
    assert_eq!(run(&daemon, &export), Ok(Exit::Ok));
    let written = std::fs::read_to_string(&out).expect("written");
    assert_eq!(written.lines().count(), 27);
    let first = written.lines().nth(1).unwrap_or_default();
    assert!(first.starts_with("+33639980000,2026-11-21T10:00:00Z,form 12,web,v3,acme,live,"), "{first}");
    assert!(daemon.asked().contains(&"recorded consent.export by local".to_owned()), "{:?}", daemon.asked());
}

#[test]
fn the_daemon_is_looked_at_and_moved() {
    let daemon = FakeDaemon::start();
    assert_eq!(run(&daemon, &["status"]), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &["ready"]), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &["reload"]), Ok(Exit::Ok));
    assert_eq!(run(&daemon, &["drain"]), Ok(Exit::Ok));
    daemon.plane.unready.store(true, Ordering::Relaxed);
    assert_eq!(run(&daemon, &["ready"]), Ok(Exit::Findings));
    daemon.plane.faulty_config.store(true, Ordering::Relaxed);
    let failure = run(&daemon, &["reload"]).expect_err("a fault");
    assert_eq!(failure.exit, Exit::BadConfiguration);
    assert!(failure.error.contains("stopgate.toml:3"), "{}", failure.error);
}

#[test]
fn a_daemon_that_is_not_there_ends_with_69_and_the_next_step() {
    let daemon = FakeDaemon::start();
    let token = daemon.directory.path().join("admin.token");
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a free port");
    let url = format!("http://{nowhere}");
    let line = ["stopgate", "--admin", &url, "--token-file", token.to_str().expect("UTF-8"), "status"];
    let failure = dispatch(&Cli::try_parse_from(line).expect("a command line")).expect_err("nobody");
    assert_eq!(failure.exit, Exit::Unavailable);
    assert!(failure.next.contains("stopgate run"), "{}", failure.next);
    let line = ["stopgate", "--admin", &url, "--token-file", "/nonexistent/token", "status"];
    let failure = dispatch(&Cli::try_parse_from(line).expect("a command line")).expect_err("no token");
    assert_eq!(failure.exit, Exit::Unavailable);
}

#[test]
fn an_unknown_account_and_a_wrong_instant_are_told_apart() {
    let daemon = FakeDaemon::start();
    let check = |account: &str, at: &str| {
        run(&daemon, &["check", "--account", account, "--to", "0639980042", "--text", "x", "--at", at])
    };
    assert_eq!(check("bolero", "2026-11-22T10:00:00Z").expect_err("unknown").exit, Exit::Failure);
    assert_eq!(check("acme", "noon").expect_err("no instant").exit, Exit::Usage);
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_says_what_it_does() {
    fn walk(command: &clap::Command) {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            assert!(inner.get_about().is_some(), "{}", inner.get_name());
            let leaf = inner.get_subcommands().next().is_none();
            let examples = inner.get_after_help().is_some_and(|help| help.to_string().contains("Examples:"));
            assert!(!leaf || examples, "{} has no examples", inner.get_name());
            walk(inner);
        }
    }
    walk(&Cli::command());
}
