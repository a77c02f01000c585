//! Owns the soak: ten million messages through one gateway, its memory on the way, and that each got through once.
//! Must never call memory flat by its two ends: the series is shown.
//!
//! `SOAK_MESSAGES` (10,000,000) and `SOAK_SUPPRESSED` (1,000,000) can be set in the environment.

use crate::figures::Part;
use crate::figures::page::Table;
use crate::stage::gateway::{Gateway, Plan};
use crate::stage::home::Home;
use crate::stage::load::promo;
use crate::stage::{environment, grouped};
use std::time::Duration;
use stopgate::sim::load::{self, Load};
use stopgate::sim::quick::QuickSmsc;

const BINDS: usize = 10;
const WINDOW: usize = 100;
/// Points of the series of memory.
const POINTS: u64 = 20;

/// Measures and writes the part.
pub async fn run() {
    let messages = environment("SOAK_MESSAGES", 10_000_000);
    let suppressed = environment("SOAK_SUPPRESSED", 1_000_000);
    let how = format!(
        "{} messages through {BINDS} binds with window {WINDOW}, {} numbers suppressed, read from a snapshot; memory at every twentieth of the way.",
        grouped(messages as f64),
        grouped(suppressed as f64)
    );
    println!("{how}\n");
    let mut part = Part::new("soak", "Soak", &how);
    let home = Home::with_list(suppressed).await;
    let smsc = QuickSmsc::start(([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let gateway = Gateway::start(&home, &Plan::new(smsc.address())).await;
    gateway.settle().await;
    let before = home.octets("data/verdicts");
    let load = Load { binds: BINDS, window: WINDOW, messages: messages / BINDS as u64, ..promo() };
    let (smpp, started) = (gateway.smpp(), crate::stage::gateway::now());
    let running = tokio::spawn(async move { load::run(smpp, &load).await });
    let mut table = Table::new(&["messages", "RSS"]);
    let mut series: Vec<f64> = Vec::new();
    while !running.is_finished() {
        let point = smsc.submits() * POINTS / messages;
        if point >= series.len() as u64 {
            let megabytes = gateway.child().resident() as f64 / 1e6;
            println!("{} messages: {megabytes:.1} MB", grouped(smsc.submits() as f64));
            table.row(&[grouped(smsc.submits() as f64), format!("{megabytes:.1} MB")]);
            series.push(megabytes);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let report = running.await.expect("the load runs").expect("the load is answered");
    let last = gateway.child().resident() as f64 / 1e6;
    table.row(&[grouped(smsc.submits() as f64), format!("{last:.1} MB")]);
    let half = series.get(series.len() / 2).copied().unwrap_or(last);
    let answered = report.answered.get(&0).copied().unwrap_or(0);
    println!(
        "{} answered ROK of {} in {:?}",
        grouped(answered as f64),
        grouped(report.total() as f64),
        started.elapsed()
    );
    println!(
        "{:.0} octets of verdicts a message",
        home.octets("data/verdicts").saturating_sub(before) as f64 / answered as f64
    );
    part.table(table);
    part.figure("RSS growth", last - half, "MB");
    part.figure("lost or unanswered", messages.saturating_sub(answered) as f64, "messages");
    part.figure("doubled", smsc.submits().saturating_sub(answered) as f64, "messages");
    part.write();
}
