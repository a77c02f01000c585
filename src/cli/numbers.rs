//! Owns the numbers that commands are about: how one is written, and how it is told what became of many.
//! Must never take an answer that cannot be read for one in which nothing happened.

use super::exit::{Exit, Failure, Outcome, counted};
use super::global::Global;
use super::print;
use crate::admin::answers::StopOutcome;
use crate::admin::stops::NumberBody;
use serde_json::Value;

/// The number that a command is about.
#[derive(Clone, Debug, clap::Args)]
pub struct Number {
    /// The number, as one writes it
    pub number: String,
    /// Country of a national number [default: [admin] default_country]
    #[arg(long)]
    pub country: Option<String>,
}

impl Number {
    /// As the daemon is asked about it.
    pub fn body(&self) -> NumberBody {
        NumberBody { number: self.number.clone(), country: self.country.clone() }
    }
}

/// What became of a batch of numbers.
pub fn outcome(answer: &Value) -> Result<StopOutcome, Failure> {
    serde_json::from_value(answer.clone()).map_err(|error| {
        Failure::new(format!("the daemon's answer cannot be read: {error}"), "use the same version of both")
    })
}

/// Says what became of the numbers of a command line; findings when one was not taken.
pub fn told(answer: &Value, done: &str, dry_run: bool, global: &Global) -> Outcome {
    let outcome = outcome(answer)?;
    if global.json {
        print::json(answer);
    } else {
        let would = if dry_run { "would be " } else { "" };
        let added = counted(outcome.added as usize, "number");
        print::line(format!("{added} {would}{done}, {} already were", outcome.already));
        for row in &outcome.rejected {
            print::line(format!("number {}: {}", row.line, row.error));
        }
    }
    Ok(if outcome.rejected.is_empty() { Exit::Ok } else { Exit::Findings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_that_cannot_be_read_is_a_failure() {
        assert_eq!(outcome(&json!({ "added": 2, "already": 1, "rejected": [] })).expect("readable").added, 2);
        for answer in [json!(null), json!({ "added": 2 }), json!({ "added": "two", "already": 0, "rejected": [] })] {
            let failure = outcome(&answer).expect_err("it says nothing");
            assert!(failure.error.contains("cannot be read"), "{answer}: {}", failure.error);
        }
    }
}
