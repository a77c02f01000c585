//! Owns the counts of PDUs between two ticks: plain integers on the hot path, counters of the metrics at the tick.
//! Must never be shared between lanes.

use crate::pdu::command::CommandId;
use crate::telemetry::labels::{Direction, LabelSet, PduCommand};
use crate::telemetry::metrics::PduMetrics;

/// PDUs of one side since the last tick.
#[derive(Debug)]
pub struct Tally {
    counts: Box<[[u64; 2]]>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: vec![[0; 2]; PduCommand::ALL.len()].into() }
    }
}

impl Tally {
    /// One PDU was read.
    pub fn read(&mut self, command: CommandId) {
        self.counts[PduCommand::of(command.to_wire()).index()][Direction::In.index()] += 1;
    }

    /// One PDU was put into an outbox.
    pub fn written(&mut self, command: CommandId) {
        self.counts[PduCommand::of(command.to_wire()).index()][Direction::Out.index()] += 1;
    }

    /// Gives the counts to the metrics, and begins anew.
    pub fn settle(&mut self, metrics: &PduMetrics) {
        for (command, counts) in PduCommand::ALL.iter().zip(&mut self.counts) {
            for (direction, count) in Direction::ALL.iter().zip(counts) {
                if *count > 0 {
                    metrics.count(*command, *direction, std::mem::take(count));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::labels::Side;
    use crate::telemetry::registry::Registry;

    #[test]
    fn counts_reach_the_metrics_once() {
        let registry = Registry::new();
        let metrics = PduMetrics::new(&registry, Side::Esme);
        let mut tally = Tally::default();
        tally.read(CommandId::SubmitSm);
        tally.read(CommandId::SubmitSm);
        tally.written(CommandId::SubmitSmResp);
        tally.settle(&metrics);
        tally.settle(&metrics);
        let text = registry.render();
        let line = |command: &str, direction: &str, count: u32| {
            format!("stopgate_pdu_total{{side=\"esme\",command=\"{command}\",direction=\"{direction}\"}} {count}\n")
        };
        assert!(text.contains(&line("submit_sm", "in", 2)), "{text}");
        assert!(text.contains(&line("submit_sm_resp", "out", 1)), "{text}");
    }
}
