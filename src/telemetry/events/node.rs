//! Owns the lines of the node itself: its clock, its configuration, who asked it for something, its end.
//! Must never print a token, nor the value of a key.

use crate::message::instant::CivilInstant;
use crate::telemetry::labels::{AdminResult, LabelSet, ReloadResult};
use crate::telemetry::metrics::GatewayMetrics;
use tracing::{error, info, warn};

/// `clock.step`: the civil clock stepped by more than 2 s.
#[derive(Clone, Copy, Debug)]
pub struct ClockStepped {
    pub from: CivilInstant,
    pub to: CivilInstant,
}

impl ClockStepped {
    /// Counts it and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        metrics.clock_steps.increment(1);
        warn!(event = "clock.step", from = %self.from, to = %self.to);
    }
}

/// `config.reload`: a configuration was taken, or refused and the old one kept.
#[derive(Clone, Copy, Debug)]
pub struct ConfigReloaded<'a> {
    pub result: ReloadResult,
    pub why: &'a str,
}

impl ConfigReloaded<'_> {
    /// Counts it and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        metrics.reloads.one(self.result);
        match self.result {
            ReloadResult::Ok => info!(event = "config.reload", result = "ok"),
            ReloadResult::Invalid | ReloadResult::Failed => {
                error!(event = "config.reload", result = self.result.word(), why = self.why);
            }
        }
    }
}

/// `admin.request`: somebody asked the admin API for something.
#[derive(Clone, Copy, Debug)]
pub struct AdminRequest<'a> {
    /// The token's name, `-` when there was none.
    pub by: &'a str,
    pub action: &'a str,
    pub result: AdminResult,
}

impl AdminRequest<'_> {
    /// Counts it and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        metrics.admin.one(self.result);
        match self.result {
            AdminResult::Ok => info!(event = "admin.request", by = self.by, action = self.action, result = "ok"),
            AdminResult::Denied | AdminResult::Invalid | AdminResult::Failed => {
                warn!(event = "admin.request", by = self.by, action = self.action, result = self.result.word());
            }
        }
    }
}

/// `drain`: the gateway stops taking work.
#[derive(Clone, Copy, Debug)]
pub struct DrainBegun<'a> {
    /// `signal` or the name of who asked.
    pub by: &'a str,
}

impl DrainBegun<'_> {
    /// Sets the gauge and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        metrics.gauges.draining.set(1.0);
        info!(event = "drain", by = self.by);
    }
}
