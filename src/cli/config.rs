//! Owns `stopgate config check|show`.
//! Must never touch the daemon: it reads the file as the daemon would.

use super::exit::{Exit, Failure, Outcome, counted};
use super::global::Global;
use super::print;
use crate::config;
use serde_json::json;

/// Check or show the configuration.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Tell every fault with its line (exit 78), and what is worth knowing
    #[command(
        after_help = "Examples:\n  stopgate config check\n  stopgate --config /etc/stopgate/stopgate.toml config check --json"
    )]
    Check,
    /// Print what holds: every key, written or by default; secrets as ***
    #[command(after_help = "Examples:\n  stopgate config show\n  stopgate config show --json | jq .account")]
    Show,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    match args.command {
        Command::Check => check(global),
        Command::Show => show(global),
    }
}

fn check(global: &Global) -> Outcome {
    let file = global.config_file()?;
    match config::load(&file) {
        Ok(loaded) => {
            if global.json {
                print::json(&json!({ "ok": true, "file": file, "errors": [], "warnings": loaded.warnings }));
            } else if !global.quiet {
                loaded.warnings.iter().for_each(|warning| print::line(format!("{warning} (worth knowing)")));
                print::line(format!("{}: good", file.display()));
            }
            Ok(Exit::Ok)
        }
        Err(errors) => {
            if global.json {
                print::json(&json!({ "ok": false, "file": file, "errors": errors, "warnings": [] }));
                return Ok(Exit::BadConfiguration);
            }
            let next = format!("{} to mend; then check again", counted(errors.len(), "fault"));
            Err(Failure { next, ..Failure::from(errors) })
        }
    }
}

fn show(global: &Global) -> Outcome {
    let (file, _) = global.load()?;
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Failure::new(format!("cannot read {}: {error}", file.display()), "name another with --config FILE")
    })?;
    let shown = config::show::effective(&text);
    if global.json {
        print::json(&shown.to_json());
    } else {
        print::line(shown.to_toml().trim_end());
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(file: &str) -> Global {
        Global { config: Some(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)), ..Global::default() }
    }

    #[test]
    fn a_faulty_file_ends_with_78_and_all_its_faults() {
        let failure = check(&global("tests/config/values.toml")).expect_err("faults");
        assert_eq!(failure.exit, Exit::BadConfiguration);
        assert!(failure.error.lines().count() > 20, "{}", failure.error);
        assert!(failure.error.lines().all(|line| line.contains("values.toml:")), "{}", failure.error);
    }

    #[test]
    fn the_default_file_is_good() {
        assert_eq!(check(&global("config/stopgate.toml")), Ok(Exit::Ok));
        assert_eq!(show(&global("config/stopgate.toml")), Ok(Exit::Ok));
    }
}
