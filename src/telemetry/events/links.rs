//! Owns the lines of who is connected: binds of senders, links to operators, PDUs that were not as they should be.
//! Must never print a password, nor a number that a stranger calls himself.

use crate::telemetry::labels::{BindRefusal, BindType, ConnectResult, LabelSet, PduError, Side};
use crate::telemetry::metrics::{AccountMetrics, GatewayMetrics, SmscMetrics};
use std::net::SocketAddr;
use tracing::{debug, info, warn};

/// What a stranger calls himself may be somebody's number: of so many figures only the first three are shown.
fn without_numbers(name: &str) -> String {
    const FIGURES: usize = 8;
    if name.chars().filter(char::is_ascii_digit).count() < FIGURES {
        return name.to_owned();
    }
    let mut shown = 0;
    let mask = |letter: char| {
        shown += usize::from(letter.is_ascii_digit());
        if letter.is_ascii_digit() && shown > 3 { '•' } else { letter }
    };
    name.chars().map(mask).collect()
}

/// `esme.bound`: a sender bound.
#[derive(Clone, Copy, Debug)]
pub struct EsmeBound<'a> {
    pub account: &'a str,
    pub kind: BindType,
    pub peer: SocketAddr,
}

impl EsmeBound<'_> {
    /// Raises the gauge and writes the line.
    pub fn emit(&self, metrics: &AccountMetrics) {
        metrics.gauges.bound(self.kind);
        info!(event = "esme.bound", account = self.account, kind = self.kind.word(), peer = %self.peer);
    }
}

/// `esme.unbound`: a sender's bind ended.
#[derive(Clone, Copy, Debug)]
pub struct EsmeUnbound<'a> {
    pub account: &'a str,
    pub kind: BindType,
    pub peer: SocketAddr,
    /// In a few stable words: `unbind`, `closed`, `timeout`, `drain`, `bad_pdus`.
    pub reason: &'static str,
}

impl EsmeUnbound<'_> {
    /// Lowers the gauge and writes the line.
    pub fn emit(&self, metrics: &AccountMetrics) {
        metrics.gauges.unbound(self.kind);
        info!(event = "esme.unbound", account = self.account, kind = self.kind.word(), peer = %self.peer, reason = self.reason);
    }
}

/// `esme.bind_refused`: the reason stands here and in the metric only, never on the wire.
#[derive(Clone, Copy, Debug)]
pub struct BindRefused<'a> {
    /// As the peer wrote it (escaped in the line); never its password.
    pub system_id: &'a str,
    pub peer: SocketAddr,
    pub reason: BindRefusal,
}

impl BindRefused<'_> {
    /// Counts it and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        metrics.bind_refusals.one(self.reason);
        let system_id = without_numbers(self.system_id);
        warn!(event = "esme.bind_refused", ?system_id, peer = %self.peer, reason = self.reason.word());
    }
}

/// `smsc.bound`: a link to an operator is bound.
#[derive(Clone, Copy, Debug)]
pub struct SmscBound<'a> {
    pub smsc: &'a str,
    pub link: usize,
}

impl SmscBound<'_> {
    /// Counts the attempt and writes the line; the gauge is set by the owner of the links.
    pub fn emit(&self, metrics: &SmscMetrics) {
        metrics.connects.one(ConnectResult::Bound);
        info!(event = "smsc.bound", smsc = self.smsc, link = self.link);
    }
}

/// `smsc.lost`: a link to an operator ended, or could not be made.
#[derive(Clone, Copy, Debug)]
pub struct SmscLost<'a> {
    pub smsc: &'a str,
    pub link: usize,
    pub result: ConnectResult,
    /// For eyes: an error's text, never octets of the peer.
    pub why: &'a str,
}

impl SmscLost<'_> {
    /// Counts it and writes the line.
    pub fn emit(&self, metrics: &SmscMetrics) {
        metrics.connects.one(self.result);
        warn!(event = "smsc.lost", smsc = self.smsc, link = self.link, result = self.result.word(), why = self.why);
    }
}

/// `pdu.error`: a PDU was answered with an error, dropped, or never answered.
#[derive(Clone, Copy, Debug)]
pub struct PduRejected<'a> {
    pub side: Side,
    /// Account or operator; `-` before a bind.
    pub who: &'a str,
    pub kind: PduError,
}

impl PduRejected<'_> {
    /// Counts it and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        match self.side {
            Side::Esme => metrics.esme.errors.one(self.kind),
            Side::Smsc => metrics.smsc.errors.one(self.kind),
        }
        debug!(event = "pdu.error", side = self.side.word(), who = self.who, kind = self.kind.word());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_who_calls_himself_a_number_is_not_shown_whole() {
        assert_eq!(without_numbers("33639980012"), "336••••••••");
        assert_eq!(without_numbers("acme-2026"), "acme-2026");
    }
}
