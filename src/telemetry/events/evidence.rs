//! Owns the lines of what stands on disk: whether evidence can be kept, ledger, embedded store, and a leak.
//! Must never print a number whole, nor be written for each message: a disk that fails would soon be full of it.

use super::masked;
use crate::message::msisdn::Msisdn;
use crate::telemetry::metrics::GatewayMetrics;
use tracing::{error, info, warn};

/// `evidence.failing_closed` and `evidence.recovered`: commercial traffic stops, or flows again.
#[derive(Clone, Copy, Debug)]
pub struct EvidenceChanged<'a> {
    pub usable: bool,
    pub why: &'a str,
}

impl EvidenceChanged<'_> {
    /// Sets the gauge and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        metrics.gauges.failing_closed.set(if self.usable { 0.0 } else { 1.0 });
        if self.usable {
            info!(event = "evidence.recovered", why = self.why);
        } else {
            error!(event = "evidence.failing_closed", why = self.why);
        }
    }
}

/// `ledger.spare_missing` and `ledger.spare_ready`: the next segment cannot be pre-written, or is there again.
#[derive(Clone, Copy, Debug)]
pub struct SpareSegment<'a> {
    /// Why it cannot.
    pub missing: Option<&'a str>,
}

impl SpareSegment<'_> {
    /// Writes the line; the gauge is set by whoever looks.
    pub fn emit(&self) {
        match self.missing {
            Some(why) => error!(event = "ledger.spare_missing", why),
            None => info!(event = "ledger.spare_ready"),
        }
    }
}

/// `store`: the embedded store is compared, rebuilt, followed again, or was moved aside.
#[derive(Clone, Copy, Debug)]
pub struct StoreChanged<'a> {
    pub stage: &'a str,
    /// It stands as it should; else it was moved aside or cannot be used.
    pub usable: bool,
    /// Events that are in it, and that are not.
    pub position: u64,
    pub lag: u64,
    /// Why the last one was given up, when one was.
    pub why: &'a str,
}

impl StoreChanged<'_> {
    /// Writes the line; the gauges are set by whoever looks.
    pub fn emit(&self) {
        let Self { stage, usable, position, lag, why } = *self;
        if usable {
            info!(event = "store", stage, position, lag);
        } else {
            warn!(event = "store", stage, position, lag, why);
        }
    }
}

/// `ledger.error`: a write or an fsync failed.
#[derive(Clone, Copy, Debug)]
pub struct LedgerFailed<'a> {
    pub why: &'a str,
}

impl LedgerFailed<'_> {
    /// Counts it and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        metrics.ledger_errors.increment(1);
        error!(event = "ledger.error", why = self.why);
    }
}

/// `leak`: a commercial message was seen leaving after a STOP. It must never be written.
#[derive(Clone, Copy, Debug)]
pub struct LeakSeen<'a> {
    pub account: &'a str,
    pub smsc: &'a str,
    pub number: Option<Msisdn>,
    /// The stop's event.
    pub event: u64,
    /// Names the message in the ledger; 0 = nothing accounts for it.
    pub message_ref: u64,
}

impl LeakSeen<'_> {
    /// Counts it and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        metrics.leaks.increment(1);
        let (account, smsc, number) = (self.account, self.smsc, masked(self.number));
        error!(event = "leak", account, smsc, number, stop = self.event, message_ref = self.message_ref);
    }
}
