//! Owns the side by side: the same load through nothing, through a TCP copy, through the gateway, in turns.
//! Must never print a figure without the floor of the same run beside it: absolute figures hold on no two machines.
//!
//! `RELAY_ROUNDS` (5), `RELAY_MILLIS` of a run (600), `RELAY_PACED_MILLIS` of a run at 1,000 messages a second (2,000) and
//! `RELAY_SUPPRESSED` numbers on the list (10,000,000) can be set in the environment.

use crate::figures::Part;
use crate::figures::page::Table;
use crate::shapes::{Contestant, Results, SHAPES};
use crate::stage::child::Child;
use crate::stage::gateway::{Gateway, Plan};
use crate::stage::home::Home;
use crate::stage::{environment, grouped, load};

/// Measures and writes the part.
pub async fn run() {
    let rounds = environment("RELAY_ROUNDS", 5).max(1);
    let (millis, paced_millis) = (environment("RELAY_MILLIS", 600), environment("RELAY_PACED_MILLIS", 2_000));
    let suppressed = environment("RELAY_SUPPRESSED", 10_000_000);
    let home = Home::with_list(suppressed).await;
    let smsc = Child::of_this_binary(&["--smsc"]);
    let floor = Child::of_this_binary(&["--floor", &smsc.addresses[0].to_string()]);
    let gateway = Gateway::start(&home, &Plan::new(smsc.addresses[0])).await;
    println!("ready after {:.2} s with {suppressed} numbers", gateway.ready_after.as_secs_f64());
    gateway.settle().await;
    let contestants = [
        Contestant { name: "nothing", address: smsc.addresses[0], child: &smsc },
        Contestant { name: "floor", address: floor.addresses[0], child: &floor },
        Contestant { name: "stopgate", address: gateway.smpp(), child: gateway.child() },
    ];
    let how = format!(
        "Medians of {rounds} rounds of {millis} ms for each load ({paced_millis} ms at 1,000 messages a second), in turns: straight \
         to the operator (nothing), through the TCP copy (floor), through stopgate with {} suppressed numbers, read from a snapshot.",
        grouped(suppressed as f64)
    );
    println!("{how}\n");
    let mut part = Part::new("relay", "Relay", &how);
    let before = home.octets("data/verdicts");
    let mut results = Results::new(contestants.len());
    // The first round only warms up.
    for round in 0..=rounds {
        for (at, shape) in SHAPES.iter().enumerate() {
            let load = shape.load(millis, paced_millis);
            let mut said = format!("round {round}, {:>9}:", shape.name);
            for (who, contestant) in contestants.iter().enumerate() {
                match load::run(contestant.address, &load, contestant.child).await {
                    Ok(run) => {
                        said.push_str(&format!("  {} {}/s", contestant.name, grouped(run.rate)));
                        if round > 0 {
                            results.add(at, who, run);
                        }
                    }
                    // What the other loads measure is not lost with this one.
                    Err(error) => println!("{}, {}: {error}", contestant.name, shape.name),
                }
            }
            println!("{said}");
        }
    }
    let refused = results.refused();
    println!("\nanswers that were not ROK: {refused} (must be 0: a refusal is cheaper than a message)");
    assert_eq!(refused, 0, "the load is refused: nothing of this is written");
    results.report(&mut part);
    let recorded = home.octets("data/verdicts").saturating_sub(before) as f64 / results.answered(2) as f64;
    println!("on disk: {recorded:.0} octets a verdict, pre-written segments included");
    let mut memory = Table::new(&["process", "RSS"]);
    for contestant in &contestants[1..] {
        let megabytes = contestant.child.resident() as f64 / 1e6;
        memory.row(&[contestant.name.to_owned(), format!("{megabytes:.1} MB")]);
        part.note(&format!("RSS of {}", contestant.name), megabytes);
    }
    part.table(memory);
    part.write();
}
