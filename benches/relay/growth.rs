//! Owns what growing costs: memory with a million numbers, memory of an idle bind, processor time by binds and by accounts.
//! Must never compare loads of different shapes: a ratio is between runs of the same window in the same round.
//!
//! `GROWTH_ROUNDS` (3), `GROWTH_MILLIS` of a run (1,500) and `GROWTH_SUPPRESSED` (1,000,000) can be set in the environment.

use crate::figures::Part;
use crate::figures::page::Table;
use crate::list_fixture;
use crate::stage::child::Child;
use crate::stage::gateway::{Gateway, Plan};
use crate::stage::home::Home;
use crate::stage::load::{self, promo};
use crate::stage::{environment, grouped, median};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use stopgate::sim::esme::Bind;
use stopgate::sim::load::Load;
use stopgate::suppression::{Index, apply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Binds of the growth by binds: more than one account may have.
const BINDS: usize = 2_000;
/// Binds that an account may have.
const BINDS_EACH: usize = 1_000;
/// Accounts of the growth by accounts.
const ACCOUNTS: [usize; 3] = [1, 100, 1_000];

/// Measures and writes the part.
pub async fn run() {
    let rounds = environment("GROWTH_ROUNDS", 3).max(1);
    let span = Duration::from_millis(environment("GROWTH_MILLIS", 1_500));
    let numbers = environment("GROWTH_SUPPRESSED", 1_000_000);
    let how = format!(
        "Memory with {} numbers from /proc; processor time a message of the gateway, medians of {rounds} rounds of {} ms in turns. \
         2,000 binds against one: the larger of two ratios, every bind busy with window 1 against one bind with window 1, and ten binds \
         with window 100 beside 1,990 idle ones against the same ten alone. 1,000 accounts against one: 1,000 binds with window 1, one an \
         account, against the same binds of one account.",
        grouped(numbers as f64),
        span.as_millis()
    );
    println!("{how}\n");
    let mut part = Part::new("growth", "Growth", &how);
    let smsc = Child::of_this_binary(&["--smsc"]);
    let mut memory = Table::new(&["memory", "measured"]);
    of_the_list(&mut part, &mut memory, smsc.addresses[0], numbers).await;
    let mut cost = Table::new(&["load", "CPU a message", "messages/s"]);
    by_binds(&mut part, &mut memory, &mut cost, smsc.addresses[0], rounds, span).await;
    part.table(memory);
    // What follows takes nothing of this with it.
    part.write();
    by_accounts(&mut part, &mut cost, smsc.addresses[0], rounds, span).await;
    part.table(cost);
    part.write();
}

async fn of_the_list(part: &mut Part, memory: &mut Table, smsc: SocketAddr, numbers: u64) {
    let (home, plan) = (Home::new(), Plan::new(smsc));
    let gateway = Gateway::start(&home, &plan).await;
    let megabytes = |gateway: &Gateway| gateway.child().resident() as f64 / 1e6;
    let mut row = |what: &str, value: f64| memory.row(&[what.to_owned(), format!("{value:.1} MB")]);
    row("RSS with an empty list", megabytes(&gateway));
    gateway.import(&home.list(0..numbers)).await;
    let imported = megabytes(&gateway);
    row("RSS right after the import", imported);
    part.figure("RSS after import of 1 M", imported, "MB");
    gateway.settle().await;
    row("RSS once the embedded store has followed", megabytes(&gateway));
    assert!(gateway.end(), "the gateway does not end well");
    let gateway = Gateway::start(&home, &plan).await;
    gateway.settle().await;
    let started = megabytes(&gateway);
    row("RSS after a start with it", started);
    part.figure("RSS after start with 1 M", started, "MB");
    let index = Index::new(list_fixture::ORIGIN);
    for at in 0..10 * numbers {
        apply(&index, &list_fixture::stop(at));
    }
    let octets = index.octets() as f64 / (10 * numbers) as f64;
    memory.row(&["a number, one by one up to ten times as many".to_owned(), format!("{octets:.1} octets")]);
    part.figure("octets a number at 10 M", octets, "octets");
}

/// An idle bind, held open.
async fn idle(address: SocketAddr, account: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the gateway listens");
    let bind = Bind::transceiver(&format!("acme{account}"), "secret").pdu(1);
    stream.write_all(bind.octets()).await.expect("the gateway reads");
    let mut header = [0; 16];
    stream.read_exact(&mut header).await.expect("the gateway answers");
    assert_eq!(header[8..12], [0; 4], "the bind is refused");
    stream
}

/// A load of so many binds of one account with window 1.
fn binds_of(account: usize, binds: usize, span: Duration) -> Load {
    Load { bind: Bind::transceiver(&format!("acme{account}"), "secret"), binds, window: 1, at_most: span, ..promo() }
}

async fn by_binds(
    part: &mut Part,
    memory: &mut Table,
    cost: &mut Table,
    smsc: SocketAddr,
    rounds: u64,
    span: Duration,
) {
    let home = Home::new();
    let gateway = Gateway::start(&home, &Plan { accounts: 1 + BINDS / BINDS_EACH, ..Plan::new(smsc) }).await;
    let (smpp, child) = (gateway.smpp(), gateway.child());
    let busy = vec![Load { binds: 10, window: 100, at_most: span, ..promo() }];
    let one = vec![binds_of(0, 1, span)];
    let all: Vec<Load> = (0..BINDS / BINDS_EACH).map(|account| binds_of(account, BINDS_EACH, span)).collect();
    let [mut first, mut ten, mut beside, mut every] = [const { Vec::new() }; 4];
    for round in 0..=rounds {
        // The first time on a gateway that has carried nothing yet: no memory that a load has left is used again.
        let before = child.resident();
        let mut waiting = Vec::with_capacity(BINDS - 10);
        for at in 0..BINDS - 10 {
            waiting.push(idle(smpp, 1 + at / BINDS_EACH).await);
        }
        if round == 0 {
            let each = child.resident().saturating_sub(before) as f64 / waiting.len() as f64 / 1024.0;
            memory.row(&["an idle bind, of 1,990".to_owned(), format!("{each:.1} KiB")]);
            part.figure("idle bind", each, "KiB");
        }
        let laden = load::run_all(smpp, &busy, child).await;
        drop(waiting);
        let measured = [load::run_all(smpp, &one, child).await, load::run_all(smpp, &busy, child).await];
        let whole = load::run_all(smpp, &all, child).await;
        if round > 0 {
            for (kept, run) in [&mut first, &mut ten, &mut beside, &mut every].into_iter().zip([
                measured[0],
                measured[1],
                laden,
                whole,
            ]) {
                kept.push(run);
            }
        }
    }
    let mut cpu = |what: &str, runs: &[load::Run]| row(cost, what, runs);
    let (first, ten) = (cpu("1 bind, window 1", &first), cpu("10 binds, window 100", &ten));
    let beside = cpu("10 binds, window 100, beside 1,990 idle ones", &beside);
    let every = cpu("2,000 binds, window 1", &every);
    part.figure("CPU of 2,000 binds to one", (every / first).max(beside / ten), "x");
}

async fn by_accounts(part: &mut Part, cost: &mut Table, smsc: SocketAddr, rounds: u64, span: Duration) {
    let mut medians = Vec::new();
    for accounts in ACCOUNTS {
        let home = Home::new();
        let gateway = Gateway::start(&home, &Plan { accounts, ..Plan::new(smsc) }).await;
        let each = BINDS_EACH / accounts;
        // Each account from an address of its own: the door lets no address try one unknown login after the other.
        let from = |account: usize| Some(Ipv4Addr::new(127, 0, 1 + (account / 250) as u8, 1 + (account % 250) as u8));
        let load = |account| Load { from: from(account), ..binds_of(account, each, span) };
        let loads: Vec<Load> = (0..accounts).map(load).collect();
        let mut runs = Vec::new();
        for round in 0..=rounds {
            let run = load::run_all(gateway.smpp(), &loads, gateway.child()).await;
            if round > 0 {
                runs.push(run);
            }
        }
        medians.push(row(cost, &format!("1,000 binds of {} accounts, window 1", grouped(accounts as f64)), &runs));
    }
    let most = medians.iter().skip(1).copied().fold(0.0, f64::max);
    part.figure("CPU of 1,000 accounts to one", most / medians[0], "x");
}

/// Adds the row of some runs; the median of their processor time a message.
fn row(cost: &mut Table, what: &str, runs: &[load::Run]) -> f64 {
    let cpu = median(runs.iter().map(|run| run.cpu));
    let refused: u64 = runs.iter().map(|run| run.refused).sum();
    assert_eq!(refused, 0, "{what}: the load is refused");
    cost.row(&[what.to_owned(), format!("{cpu:.2} µs"), grouped(median(runs.iter().map(|run| run.rate)))]);
    cpu
}
