//! Owns `stopgate gdpr access`: everything that is held about a number, in a form that the person can be sent.
//! Must never be asked without being recorded: the daemon does so before it answers.

use super::super::client::Client;
use super::super::exit::{Exit, Outcome};
use super::super::global::Global;
use super::super::print;
use super::{Person, may_write, write};

/// Show everything that is held about a number (the reading is recorded)
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate gdpr access \"06 39 98 00 42\" -o answer.txt
  stopgate gdpr access +33639980042 --json -o answer.json

The text is for the person; --json has all of it field by field, for GDPR art. 20 too. Every event and every verdict is read, which may
take a minute. The file holds personal data: send it to nobody else.")]
pub struct Args {
    #[command(flatten)]
    person: Person,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let Person { number, output } = &args.person;
    may_write(output.as_deref())?;
    let answer = Client::new(global)?.post("/v1/gdpr/access", &number.body())?;
    let words = answer["answer"].as_str().unwrap_or_default();
    match output {
        Some(path) => {
            let text = if global.json { format!("{answer:#}\n") } else { format!("{words}\n") };
            write(path, &text)?;
            if !global.quiet {
                print::line(format!("what is held: {}", path.display()));
            }
        }
        None if global.json => print::json(&answer),
        None => print::line(words),
    }
    Ok(Exit::Ok)
}
