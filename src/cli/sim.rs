//! Owns `stopgate sim`: a simulated operator that runs on its own, and a phone that writes through it.
//! Must never listen off loopback by default, nor touch a running gateway otherwise than by SMPP.

use super::exit::{Exit, Failure, Outcome};
use super::global::Global;
use super::print::{self, Table};
use crate::sim::control::{self, Ask, Mo, Told};
use crate::sim::phone::PhoneRule;
use crate::sim::smsc::Smsc;
use crate::sim::smsc::switches::Switches;
use crate::sim::smsc::words;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Rehearse without an operator
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Sim,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Sim {
    /// Run a simulated operator until Ctrl-C
    #[command(after_help = format!(
        "Examples:\n  stopgate sim smsc\n  stopgate sim smsc --listen 127.0.0.1:0 --set delay=50ms --set receipts=DELIVRD\n\nSwitches:\n{}",
        words::HELP
    ))]
    Smsc(SmscArgs),
    /// Send one message from a handset through a running simulated operator
    #[command(after_help = "Examples:\n  stopgate sim phone --from 33639980012 --to 36111 --text STOP")]
    Phone(PhoneArgs),
    /// Change switches of a running simulated operator
    #[command(after_help = format!(
        "Examples:\n  stopgate sim switch stalled=on\n  stopgate sim switch drop=every:10 delay=20ms\n\nSwitches:\n{}",
        words::HELP
    ))]
    Switch(SwitchArgs),
    /// Show the last messages a running simulated operator received
    #[command(after_help = "Examples:\n  stopgate sim received --last 5")]
    Received(ReceivedArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct SmscArgs {
    /// Where gateways bind; port 0 takes any
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2776")]
    listen: SocketAddr,
    /// Where `sim phone`, `sim switch` and `sim received` ask; port 0 takes any
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2777")]
    control: SocketAddr,
    /// The only login taken; any is when this is not given
    #[arg(long, value_name = "SYSTEM_ID:PASSWORD", value_parser = login)]
    login: Option<(String, String)>,
    /// A switch, as listed below; may be given many times
    #[arg(long = "set", value_name = "SWITCH=VALUE")]
    switches: Vec<String>,
    /// A phone's script: when a text to NUMBER contains WORDS it answers REPLY to CODE. May be given many times
    #[arg(long = "phone", value_name = "NUMBER,WORDS,REPLY,CODE", value_parser = phone)]
    phones: Vec<PhoneRule>,
}

#[derive(Clone, Debug, clap::Args)]
struct PhoneArgs {
    /// The control port of the simulated operator
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2777")]
    control: SocketAddr,
    /// The handset's number
    #[arg(long, value_name = "NUMBER")]
    from: String,
    /// The short code it writes to
    #[arg(long, value_name = "CODE")]
    to: String,
    /// What it writes
    #[arg(long, default_value = "STOP")]
    text: String,
    /// Octets in hexadecimal instead of a text
    #[arg(long, value_name = "HEX", requires = "data_coding")]
    octets: Option<String>,
    /// data_coding of the octets
    #[arg(long, value_name = "N")]
    data_coding: Option<u8>,
    /// By data_sm instead of deliver_sm
    #[arg(long)]
    data_sm: bool,
}

#[derive(Clone, Debug, clap::Args)]
struct SwitchArgs {
    /// The control port of the simulated operator
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2777")]
    control: SocketAddr,
    /// What to set, as listed below
    #[arg(required = true, value_name = "SWITCH=VALUE")]
    switches: Vec<String>,
}

#[derive(Clone, Debug, clap::Args)]
struct ReceivedArgs {
    /// The control port of the simulated operator
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2777")]
    control: SocketAddr,
    /// How many
    #[arg(long, default_value_t = 20)]
    last: usize,
}

fn login(text: &str) -> Result<(String, String), String> {
    let (system_id, password) = text.split_once(':').ok_or("write SYSTEM_ID:PASSWORD")?;
    Ok((system_id.to_owned(), password.to_owned()))
}

fn phone(text: &str) -> Result<PhoneRule, String> {
    let parts: Vec<&str> = text.split(',').collect();
    let [number, words, reply, code] = parts[..] else { return Err("write NUMBER,WORDS,REPLY,CODE".into()) };
    Ok(PhoneRule { times: u32::MAX, ..PhoneRule::once(number, words, reply, code) })
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(error.to_string(), "free some file descriptors"))?;
    runtime.block_on(async {
        match &args.what {
            Sim::Smsc(args) => smsc(args).await,
            Sim::Phone(args) => {
                let mo = Mo {
                    from: args.from.clone(),
                    to: args.to.clone(),
                    text: args.text.clone(),
                    octets: args.octets.clone(),
                    data_coding: args.data_coding.unwrap_or(0),
                    esm_class: 0,
                    data_sm: args.data_sm,
                };
                ask(args.control, Ask::Mo(mo), global.json).await
            }
            Sim::Switch(args) => ask(args.control, Ask::Set(args.switches.clone()), global.json).await,
            Sim::Received(args) => ask(args.control, Ask::Received(args.last), global.json).await,
        }
    })
}

async fn smsc(args: &SmscArgs) -> Outcome {
    let mut switches = Switches { credentials: args.login.clone(), ..Switches::default() };
    for word in &args.switches {
        switches.set(word).map_err(|error| Failure::usage(error, "see `stopgate sim smsc --help`"))?;
    }
    let served = serve(args, switches).await;
    served.map_err(|error| Failure::unavailable(error.to_string(), "choose other ports: --listen and --control"))?;
    Ok(Exit::Ok)
}

async fn serve(args: &SmscArgs, switches: Switches) -> io::Result<()> {
    let smsc = Smsc::start(args.listen, switches).await?;
    smsc.phones(|phones| phones.rules.clone_from(&args.phones));
    let (control, _serving) = control::serve(args.control, smsc.clone()).await?;
    print::line(format!("listening on smpp {}", smsc.address()));
    print::line(format!("listening on control {control}"));
    let mut told = 0;
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            signal = tokio::signal::ctrl_c() => {
                signal?;
                let (submits, answers) = smsc.records(|records| (records.submitted_total, records.answered_total));
                print::line(format!("{submits} submits received, {answers} deliveries answered"));
                return Ok(());
            }
            _ = every.tick() => {
                let submits = smsc.records(|records| records.submitted_total);
                if submits != told {
                    print::line(format!("{submits} submits received, {} links bound", smsc.bound().len()));
                    told = submits;
                }
            }
        }
    }
}

async fn ask(address: SocketAddr, what: Ask, json: bool) -> Outcome {
    let told = control::ask(address, &what).await.map_err(|error| {
        let next = "start one with `stopgate sim smsc`, or give its control port with --control";
        Failure::unavailable(format!("no simulated operator answers on {address}: {error}"), next)
    })?;
    if json {
        print::json(&serde_json::to_value(&told).map_err(|error| Failure::new(error.to_string(), ""))?);
    }
    match told {
        Told::Error(error) => Err(Failure::new(error, "see `stopgate sim --help`")),
        Told::Answered { status, millis } => {
            if !json {
                print::line(format!("the gateway answered {status:#010x} after {millis} ms"));
            }
            Ok(if status == 0 { Exit::Ok } else { Exit::Findings })
        }
        Told::Received(seen) => {
            let mut table = Table::new(&["message id", "from", "to", "text"]);
            for one in seen {
                table.row([one.message_id, one.source, one.destination, one.text]);
            }
            if !json {
                table.print();
            }
            Ok(Exit::Ok)
        }
        Told::Done => Ok(Exit::Ok),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_and_a_phone_s_script_are_read_from_their_words() {
        assert_eq!(login("acme:se:cret").unwrap(), ("acme".into(), "se:cret".into()));
        assert!(login("acme").is_err());
        let rule = phone("33639980012,promo,STOP,36111").unwrap();
        assert_eq!((rule.reply.as_str(), rule.to.as_str(), rule.after), ("STOP", "36111", Duration::ZERO));
        assert!(phone("33639980012,promo").is_err());
    }
}
