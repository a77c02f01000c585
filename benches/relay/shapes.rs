//! Owns the shapes of load, what was measured of each, and the tables and figures made of it.
//! Must never average: one bad round would speak for the others.

use crate::figures::Part;
use crate::figures::page::Table;
use crate::stage::child::Child;
use crate::stage::load::{Run, paced, promo};
use crate::stage::{grouped, median};
use std::net::SocketAddr;
use std::time::Duration;
use stopgate::sim::load::Load;

/// A shape of load.
pub struct Shape {
    pub name: &'static str,
    pub binds: usize,
    pub window: usize,
    /// Messages a second; 0 = as fast as the window allows.
    pub rate: u32,
}

const fn fast(name: &'static str, binds: usize, window: usize) -> Shape {
    Shape { name, binds, window, rate: 0 }
}

pub const SHAPES: [Shape; 9] = [
    fast("1c w1", 1, 1),
    fast("1c w10", 1, 10),
    fast("1c w100", 1, 100),
    fast("1c w500", 1, 500),
    fast("10c w1", 10, 1),
    fast("10c w10", 10, 10),
    fast("10c w100", 10, 100),
    fast("10c w500", 10, 500),
    Shape { name: "1,000/s", binds: 1, window: 1, rate: 1_000 },
];

impl Shape {
    /// The load of this shape.
    pub fn load(&self, millis: u64, paced_millis: u64) -> Load {
        match self.rate {
            0 => Load {
                binds: self.binds,
                window: self.window,
                at_most: Duration::from_millis(millis),
                latencies: true,
                ..promo()
            },
            rate => paced(rate, Duration::from_millis(paced_millis)),
        }
    }
}

/// Who is loaded, and whose processor time counts.
pub struct Contestant<'c> {
    pub name: &'static str,
    pub address: SocketAddr,
    pub child: &'c Child,
}

/// Every run, by shape and contestant.
pub struct Results(Vec<Vec<Vec<Run>>>);

impl Results {
    /// Nothing yet.
    pub fn new(contestants: usize) -> Self {
        Self(vec![vec![Vec::new(); contestants]; SHAPES.len()])
    }

    /// Adds a run.
    pub fn add(&mut self, shape: usize, contestant: usize, run: Run) {
        self.0[shape][contestant].push(run);
    }

    /// Answers that were not ROK, of all.
    pub fn refused(&self) -> u64 {
        self.0.iter().flatten().flatten().map(|run| run.refused).sum()
    }

    /// Messages that were answered through a contestant.
    pub fn answered(&self, contestant: usize) -> u64 {
        self.0.iter().flat_map(|shape| &shape[contestant]).map(|run| run.answered).sum()
    }

    /// The tables and the figures.
    pub fn report(&self, part: &mut Part) {
        let mut rates =
            Table::new(&["load", "nothing", "floor", "stopgate", "to floor", "CPU floor", "CPU stopgate", "to floor"]);
        let mut latencies = Table::new(&["load, p50/p99/p99.9 in µs", "nothing", "floor", "stopgate"]);
        for (shape, results) in SHAPES.iter().zip(&self.0) {
            let of = |who: usize, field: fn(&Run) -> f64| median(results[who].iter().map(field));
            let (rate, cpu) = (|who| of(who, |run| run.rate), |who| of(who, |run| run.cpu));
            let per_second = |who| format!("{}/s", grouped(rate(who)));
            rates.row(&[
                shape.name.to_owned(),
                per_second(0),
                per_second(1),
                per_second(2),
                format!("{:.3}", rate(2) / rate(1)),
                format!("{:.2} µs", cpu(1)),
                format!("{:.2} µs", cpu(2)),
                format!("{:.2}", cpu(2) / cpu(1)),
            ]);
            let micros = |who| {
                let (p50, p99, p999) = (of(who, |run| run.p50), of(who, |run| run.p99), of(who, |run| run.p999));
                format!("{p50:.0}/{p99:.0}/{p999:.0}")
            };
            latencies.row(&[shape.name.to_owned(), micros(0), micros(1), micros(2)]);
            let mut note = |name: &str, value: f64| part.note(&format!("{}.{name}", shape.name), value);
            note("rate", rate(2));
            note("rate to floor", rate(2) / rate(1));
            note("CPU", cpu(2));
            note("CPU to floor", cpu(2) / cpu(1));
            note("p50 added", of(2, |run| run.p50) - of(0, |run| run.p50));
            note("p99 added", of(2, |run| run.p99) - of(0, |run| run.p99));
            note("p99 to floor", of(2, |run| run.p99) / of(1, |run| run.p99));
        }
        part.table(rates);
        part.table(latencies);
    }
}
