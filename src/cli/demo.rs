//! Owns `stopgate demo`: a simulated operator, phones, senders and the real daemon as a child, telling what happens.
//! Must never show a line that did not happen: each is printed from what the simulated peers saw.

mod daemon;
mod scene;
mod story;
mod traffic;
mod words;

use super::exit::{Exit, Failure, Outcome};
use super::global::Global;
use super::instant;
use crate::message::instant::CivilInstant;
use scene::Scene;
use tokio::signal::unix::{SignalKind, signal};

/// See it work: a simulated operator, phones, the gateway and traffic
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stopgate demo\n  stopgate demo --once                 end when the story is told\n  stopgate demo --clock 2026-11-24T19:55:00+01:00 --speed 60 --load 5/s"
)]
pub struct Args {
    /// Start the virtual clock here (RFC 3339) and only run traffic, instead of telling the story of a weekend
    #[arg(long, value_name = "T", value_parser = clock)]
    clock: Option<CivilInstant>,
    /// How fast the virtual clock runs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3600))]
    speed: u32,
    /// Messages a second of the traffic behind the story
    #[arg(long, value_name = "N/s", value_parser = rate)]
    load: Option<u32>,
    /// No story and no traffic: only what is needed to bind a client of one's own
    #[arg(long)]
    no_traffic: bool,
    /// Keep configuration, ledger and log when it ends
    #[arg(long)]
    keep: bool,
    /// End by itself when the story is told
    #[arg(long)]
    once: bool,
}

fn clock(text: &str) -> Result<CivilInstant, String> {
    instant::parse(text).ok_or_else(|| "write RFC 3339, such as 2026-11-24T10:00:00+01:00".to_owned())
}

fn rate(text: &str) -> Result<u32, String> {
    let digits = text.strip_suffix("/s").unwrap_or(text);
    digits.parse().ok().filter(|rate| (1..=10_000).contains(rate)).ok_or_else(|| "write 1/s to 10000/s".to_owned())
}

/// Runs until the story is told (`--once`), Ctrl-C or SIGTERM; then ends the gateway cleanly and sums up.
pub fn run(args: &Args, _global: &Global) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    runtime.block_on(async {
        let interrupted = interrupted();
        tokio::pin!(interrupted);
        let mut scene = Scene::new(args).await.map_err(failed)?;
        let played = tokio::select! {
            played = play(&mut scene, args) => played,
            () = &mut interrupted => Ok(()),
        };
        let ended = scene.end(args.keep).await;
        played.and(ended).map_err(failed)?;
        Ok(Exit::Ok)
    })
}

fn failed(error: String) -> Failure {
    Failure::new(error, "run it again with --keep and look into gateway.log")
}

async fn play(scene: &mut Scene, args: &Args) -> Result<(), String> {
    scene.begin(args.clock.unwrap_or(scene::SATURDAY)).await?;
    if !args.no_traffic && args.clock.is_none() {
        story::tell(scene).await?;
    }
    scene.what_to_try();
    match args.once {
        true => Ok(()),
        false if args.no_traffic => std::future::pending().await,
        false => traffic::flow(scene, args.load).await,
    }
}

async fn interrupted() {
    // Without a handler the process would end by the signal itself, which is the best that is left then.
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_rates_are_read_and_wrong_ones_say_what_to_write() {
        assert_eq!(clock("1970-01-01T01:00:01+01:00").unwrap(), CivilInstant::from_secs(1));
        assert!(clock("tomorrow").unwrap_err().contains("write"));
        assert_eq!((rate("20/s"), rate("5")), (Ok(20), Ok(5)));
        assert!(rate("0").is_err() && rate("fast").is_err());
    }
}
