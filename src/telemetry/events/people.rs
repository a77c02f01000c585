//! Owns the lines of what people said and what became of it: opt-outs, their confirmations, messages called back.
//! Must never print what a person wrote, nor a number whole.

use super::masked;
use crate::message::msisdn::Msisdn;
use crate::telemetry::labels::{ConfirmationResult, LabelSet, OptOutKind, RecallResult};
use crate::telemetry::metrics::{GatewayMetrics, SmscMetrics};
use std::time::Duration;
use tracing::{debug, error, info};

/// `optout.received`: a person's message was understood (or not).
#[derive(Clone, Copy, Debug)]
pub struct OptOutReceived<'a> {
    pub smsc: &'a str,
    pub kind: OptOutKind,
    pub number: Option<Msisdn>,
    pub short_code: u32,
    /// What matched: language and keyword id of the pack, never the text.
    pub matched: &'a str,
}

impl OptOutReceived<'_> {
    /// Counts it and writes the line; an ordinary message is debug, the rest is info.
    pub fn emit(&self, metrics: &SmscMetrics) {
        metrics.optouts.one(self.kind);
        let (smsc, kind, number) = (self.smsc, self.kind.word(), masked(self.number));
        match self.kind {
            OptOutKind::Stop | OptOutKind::Start | OptOutKind::Contact => {
                info!(
                    event = "optout.received",
                    smsc,
                    kind,
                    number,
                    short_code = self.short_code,
                    matched = self.matched
                );
            }
            OptOutKind::None => debug!(event = "optout.received", smsc, kind, number, short_code = self.short_code),
        }
    }
}

/// `optout.durable`: a STOP's record is on disk and no lane holds octets to the number.
#[derive(Clone, Copy, Debug)]
pub struct OptOutDurable {
    pub number: Option<Msisdn>,
    /// Since the deliver_sm came in.
    pub after: Duration,
}

impl OptOutDurable {
    /// Records the time and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        metrics.optout_durable(self.after);
        info!(event = "optout.durable", number = masked(self.number), after_ms = self.after.as_secs_f64() * 1000.0);
    }
}

/// `confirmation`: what became of a confirmation or a CONTACT answer.
#[derive(Clone, Copy, Debug)]
pub struct ConfirmationDone {
    pub number: Option<Msisdn>,
    pub short_code: u32,
    pub result: ConfirmationResult,
}

impl ConfirmationDone {
    /// Counts it and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        metrics.confirmations.one(self.result);
        let (result, number) = (self.result.word(), masked(self.number));
        info!(event = "confirmation", result, number, short_code = self.short_code);
    }
}

/// `recall`: what became of a scheduled promotion that was called back after a STOP.
#[derive(Clone, Copy, Debug)]
pub struct RecallDone<'a> {
    pub smsc: &'a str,
    pub account: &'a str,
    /// The message as the ledger names it.
    pub message_ref: u64,
    pub result: RecallResult,
    /// The operator's command_status; 0 where it gave none.
    pub status: u32,
}

impl RecallDone<'_> {
    /// Counts it and writes the line.
    pub fn emit(&self, metrics: &SmscMetrics) {
        metrics.recalls.one(self.result);
        let Self { smsc, account, message_ref, result, status } = *self;
        let result = result.word();
        match self.result {
            RecallResult::Recalled | RecallResult::Deferred => {
                info!(event = "recall", smsc, account, message_ref, result, status);
            }
            // A promotion reaches somebody who said STOP: somebody must talk to the operator.
            RecallResult::Refused | RecallResult::GivenUp => {
                error!(event = "recall", smsc, account, message_ref, result, status);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::logs::{self, Format};
    use crate::telemetry::registry::Registry;

    #[test]
    fn an_event_is_one_line_and_one_metric_and_hides_the_number() {
        let registry = Registry::new();
        let metrics = SmscMetrics::new(&registry, "operator-a");
        let lines = logs::captured(Format::Json, "debug", || {
            OptOutReceived {
                smsc: "operator-a",
                kind: OptOutKind::Stop,
                number: Msisdn::from_canonical(33_639_980_042),
                short_code: 36111,
                matched: "fr/stop",
            }
            .emit(&metrics);
        });
        assert_eq!(lines.lines().count(), 1, "{lines}");
        let line: serde_json::Value = serde_json::from_str(&lines).expect("JSON");
        assert_eq!(line["event"], "optout.received");
        assert_eq!(line["number"], "+336••••••42");
        assert!(!lines.contains("33639980042"), "{lines}");
        let series = "stopgate_optout_total{smsc=\"operator-a\",kind=\"stop\"} 1\n";
        assert!(registry.render().contains(series), "{}", registry.render());
    }
}
