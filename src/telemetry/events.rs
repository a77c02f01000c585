//! Owns the events worth a log line: each has one stable name, one line and one metric, emitted together.
//! Must never print a whole number, a text or a password.

use super::labels::*;
use super::metrics::{AccountMetrics, GatewayMetrics, SmscMetrics};
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use std::net::SocketAddr;
use std::time::Duration;
use tracing::{debug, error, info, warn};

/// Every event's name: what alerts on logs may rely on.
pub const NAMES: &[&str] = &[
    "verdict",
    "text.promotional",
    "optout.received",
    "optout.durable",
    "confirmation",
    "recall",
    "esme.bound",
    "esme.unbound",
    "esme.bind_refused",
    "smsc.bound",
    "smsc.lost",
    "pdu.error",
    "evidence.failing_closed",
    "evidence.recovered",
    "ledger.error",
    "ledger.spare_missing",
    "ledger.spare_ready",
    "store",
    "leak",
    "clock.step",
    "config.reload",
    "admin.request",
    "drain",
];

fn masked(number: Option<Msisdn>) -> String {
    number.map_or_else(|| "-".to_owned(), Msisdn::masked)
}

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

/// `verdict`: a submission was judged. Debug level: the ledger is the record, this is for eyes.
#[derive(Clone, Copy, Debug)]
pub struct VerdictGiven<'a> {
    pub account: &'a str,
    pub class: TrafficClass,
    /// `None` = permitted.
    pub refusal: Option<RefusalCode>,
    /// Permitted, although a rule in observe mode would have refused it with this.
    pub observed: Option<RefusalCode>,
    /// Transactional by contract, its text looks promotional: what was done about it.
    pub promotional: Option<PromotionalOutcome>,
    pub number: Option<Msisdn>,
    pub next_opening: Option<CivilInstant>,
}

impl VerdictGiven<'_> {
    /// Counts the verdict and writes the line.
    pub fn emit(&self, metrics: &AccountMetrics) {
        match self.refusal {
            None => metrics.permitted(self.class),
            Some(code) => metrics.refused(self.class, code),
        }
        if let Some(code) = self.observed {
            metrics.observed(code);
        }
        if let Some(outcome) = self.promotional {
            metrics.promotional.one(outcome);
            let (account, outcome, number) = (self.account, outcome.word(), masked(self.number));
            info!(event = "text.promotional", account, outcome, number);
        }
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let (account, class, number) = (self.account, self.class.word(), masked(self.number));
        if let Some(code) = self.observed {
            return debug!(
                event = "verdict",
                account,
                class,
                verdict = "observed",
                code = code.code(),
                reason = code.slug(),
                number
            );
        }
        match (self.refusal, self.next_opening) {
            (None, _) => debug!(event = "verdict", account, class, verdict = "permitted", number),
            (Some(code), None) => {
                debug!(
                    event = "verdict",
                    account,
                    class,
                    verdict = "refused",
                    code = code.code(),
                    reason = code.slug(),
                    number
                );
            }
            (Some(code), Some(next)) => {
                debug!(event = "verdict", account, class, verdict = "refused", code = code.code(), reason = code.slug(), number, next_opening = %next);
            }
        }
    }
}

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

/// `pdu.error`: a PDU was answered with an error or dropped.
#[derive(Clone, Copy, Debug)]
pub struct PduRejected<'a> {
    pub side: Side,
    /// Account or operator; empty before a bind.
    pub who: &'a str,
    pub kind: PduError,
    pub command: PduCommand,
    /// The command_status answered, if any.
    pub status: Option<u32>,
}

impl PduRejected<'_> {
    /// Counts it and writes the line.
    pub fn emit(&self, metrics: &GatewayMetrics) {
        match self.side {
            Side::Esme => metrics.esme.errors.one(self.kind),
            Side::Smsc => metrics.smsc.errors.one(self.kind),
        }
        let (side, kind, command) = (self.side.word(), self.kind.word(), self.command.word());
        let status = self.status.map_or_else(|| "-".to_owned(), |status| format!("0x{status:02X}"));
        debug!(event = "pdu.error", side, who = self.who, kind, command, status);
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::logs::{self, Format};
    use crate::telemetry::registry::Registry;

    fn number() -> Option<Msisdn> {
        Msisdn::from_canonical(33_639_980_042)
    }

    #[test]
    fn a_stranger_who_calls_himself_a_number_is_not_shown_whole() {
        assert_eq!(without_numbers("33639980012"), "336••••••••");
        assert_eq!(without_numbers("acme-2026"), "acme-2026");
    }

    #[test]
    fn an_event_is_one_line_and_one_metric_and_hides_the_number() {
        let registry = Registry::new();
        let metrics = SmscMetrics::new(&registry, "operator-a");
        let lines = logs::captured(Format::Json, "debug", || {
            OptOutReceived {
                smsc: "operator-a",
                kind: OptOutKind::Stop,
                number: number(),
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

    #[test]
    fn a_verdict_counts_even_when_its_line_is_not_written() {
        let registry = Registry::new();
        let metrics = AccountMetrics::new(&registry, "acme");
        let lines = logs::captured(Format::Text, "info", || {
            VerdictGiven {
                account: "acme",
                class: TrafficClass::Commercial,
                refusal: Some(RefusalCode::OutOfHours),
                observed: None,
                promotional: None,
                number: number(),
                next_opening: Some(CivilInstant::from_secs(1_795_420_800)),
            }
            .emit(&metrics);
        });
        assert_eq!(lines, "");
        let series = "stopgate_submit_refused_total{account=\"acme\",reason=\"out_of_hours\"} 1\n";
        assert!(registry.render().contains(series), "{}", registry.render());
    }

    #[test]
    fn every_event_of_this_file_is_in_the_list_of_names() {
        let source = include_str!("events.rs");
        let body = source.split("#[cfg(test)]").next().unwrap_or_default();
        let mut seen = Vec::new();
        for after in body.split("event = \"").skip(1) {
            let name = after.split('"').next().unwrap_or_default();
            assert!(NAMES.contains(&name), "{name}");
            seen.push(name);
        }
        for name in NAMES {
            assert!(seen.contains(name), "{name} is never emitted");
        }
    }
}
