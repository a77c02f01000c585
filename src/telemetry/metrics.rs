//! Owns the handles of every series, registered before traffic flows: the hot path never looks a label up.
//! Must never take a label value from a peer: accounts, operators, codes and packs come from the configuration.

use super::gauges::{AccountGauges, GatewayGauges, SmscGauges};
use super::labels::*;
use super::names;
use super::registry::{CounterSet, Registry};
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use metrics::{Counter, Histogram};
use std::time::Duration;

/// The series of one account.
#[derive(Clone, Debug)]
pub struct AccountMetrics {
    submits: [CounterSet<SubmitVerdict>; 2],
    refused: Box<[Counter]>,
    observed: Box<[Counter]>,
    pub promotional: CounterSet<PromotionalOutcome>,
    pub withdrawn: Counter,
    /// Commercial messages in parts that never became whole.
    pub parts_incomplete: Counter,
    /// STOPs told to this account.
    pub optouts: Counter,
    pub spool_lost: CounterSet<SpoolLoss>,
    pub gauges: AccountGauges,
}

impl AccountMetrics {
    /// Registers the series of `account`, every reason at 0.
    pub fn new(registry: &Registry, account: &str) -> Self {
        let by_class = |class: ClassLabel| registry.counters(&names::SUBMIT_TOTAL, &[account, class.word()]);
        let by_reason = |metric: &names::Metric| {
            RefusalCode::ALL.iter().map(|code| registry.counter(metric, &[account, code.slug()])).collect()
        };
        Self {
            submits: [by_class(ClassLabel::Commercial), by_class(ClassLabel::Transactional)],
            refused: by_reason(&names::SUBMIT_REFUSED_TOTAL),
            observed: by_reason(&names::OBSERVED_REFUSALS_TOTAL),
            promotional: registry.counters(&names::PROMOTIONAL_TEXT_TOTAL, &[account]),
            withdrawn: registry.counter(&names::SUBMIT_WITHDRAWN_TOTAL, &[account]),
            parts_incomplete: registry.counter(&names::PARTS_INCOMPLETE_TOTAL, &[account]),
            optouts: registry.counter(&names::OPTOUT_ACCOUNT_TOTAL, &[account]),
            spool_lost: registry.counters(&names::SPOOL_LOST_TOTAL, &[account]),
            gauges: AccountGauges::new(registry, account),
        }
    }

    /// A message was permitted.
    pub fn permitted(&self, class: TrafficClass) {
        self.submits[ClassLabel::from(class).index()].one(SubmitVerdict::Permitted);
    }

    /// A message was refused: counted in both totals.
    pub fn refused(&self, class: TrafficClass, code: RefusalCode) {
        self.submits[ClassLabel::from(class).index()].one(SubmitVerdict::Refused);
        self.refused[reason_index(code)].increment(1);
    }

    /// A permitted message was refused later (at its release, by a full queue, by an unknown fate): only the reason counts.
    pub fn refused_after_permit(&self, code: RefusalCode) {
        self.refused[reason_index(code)].increment(1);
    }

    /// A rule in observe mode would have refused.
    pub fn observed(&self, code: RefusalCode) {
        self.observed[reason_index(code)].increment(1);
    }
}

/// The series of one operator.
#[derive(Clone, Debug)]
pub struct SmscMetrics {
    pub roundtrip: Histogram,
    pub responses: CounterSet<SubmitResult>,
    pub delivers: CounterSet<DeliverKind>,
    pub receipt_routes: CounterSet<ReceiptRoute>,
    pub optouts: CounterSet<OptOutKind>,
    /// Replies read as nothing that may be opt-outs.
    pub doubtful: Counter,
    pub connects: CounterSet<ConnectResult>,
    pub recalls: CounterSet<RecallResult>,
    pub gauges: SmscGauges,
}

impl SmscMetrics {
    /// Registers the series of `smsc`.
    pub fn new(registry: &Registry, smsc: &str) -> Self {
        Self {
            roundtrip: registry.histogram(&names::SUBMIT_ROUNDTRIP_SECONDS, &[smsc]),
            responses: registry.counters(&names::SUBMIT_RESPONSE_TOTAL, &[smsc]),
            delivers: registry.counters(&names::DELIVER_TOTAL, &[smsc]),
            receipt_routes: registry.counters(&names::RECEIPT_ROUTE_TOTAL, &[smsc]),
            optouts: registry.counters(&names::OPTOUT_TOTAL, &[smsc]),
            doubtful: registry.counter(&names::OPTOUT_DOUBTFUL_TOTAL, &[smsc]),
            connects: registry.counters(&names::SMSC_CONNECT_TOTAL, &[smsc]),
            recalls: registry.counters(&names::RECALL_TOTAL, &[smsc]),
            gauges: SmscGauges::new(registry, smsc),
        }
    }
}

/// The series of one short code.
#[derive(Clone, Debug)]
pub struct ShortCodeMetrics {
    /// Unix seconds of the last MO.
    pub last_mo: metrics::Gauge,
    /// Commercial messages permitted whose mention names the code.
    pub named: Counter,
}

impl ShortCodeMetrics {
    /// Registers the series of `code`.
    pub fn new(registry: &Registry, code: u32) -> Self {
        let code = code.to_string();
        Self {
            last_mo: registry.gauge(&names::SHORT_CODE_LAST_MO_TIMESTAMP_SECONDS, &[&code]),
            named: registry.counter(&names::SHORT_CODE_NAMED_TOTAL, &[&code]),
        }
    }
}

/// PDUs of one side.
#[derive(Clone, Debug)]
pub struct PduMetrics {
    totals: Box<[[Counter; 2]]>,
    pub errors: CounterSet<PduError>,
}

impl PduMetrics {
    /// Registers the series of `side`.
    pub fn new(registry: &Registry, side: Side) -> Self {
        let pair = |command: &PduCommand| {
            let one = |direction: Direction| {
                registry.counter(&names::PDU_TOTAL, &[side.word(), command.word(), direction.word()])
            };
            [one(Direction::In), one(Direction::Out)]
        };
        Self {
            totals: PduCommand::ALL.iter().map(pair).collect(),
            errors: registry.counters(&names::PDU_ERROR_TOTAL, &[side.word()]),
        }
    }

    /// PDUs of one command were read or written.
    pub fn count(&self, command: PduCommand, direction: Direction, count: u64) {
        self.totals[command.index()][direction.index()].increment(count);
    }
}

/// How far the self-audit of what left has come.
#[derive(Clone, Debug)]
pub struct LeakAuditMetrics {
    /// Messages it has looked at.
    pub seen: Counter,
    pub skipped: Counter,
    pub waiting: metrics::Gauge,
}

impl LeakAuditMetrics {
    fn new(registry: &Registry) -> Self {
        Self {
            seen: registry.counter(&names::LEAK_AUDITED_TOTAL, &[]),
            skipped: registry.counter(&names::LEAK_AUDIT_SKIPPED_TOTAL, &[]),
            waiting: registry.gauge(&names::LEAK_AUDIT_WAITING, &[]),
        }
    }
}

/// The series that belong to no account and no operator.
#[derive(Clone, Debug)]
pub struct GatewayMetrics {
    pub judge: Histogram,
    pub optout_commit: Histogram,
    pub ledger_commit: Histogram,
    pub leaks: Counter,
    pub audit: LeakAuditMetrics,
    pub ledger_errors: Counter,
    pub store_quarantined: Counter,
    pub attribution_dropped: Counter,
    pub clock_steps: Counter,
    pub confirmations: CounterSet<ConfirmationResult>,
    pub attributions: CounterSet<ReplyAttribution>,
    pub bind_refusals: CounterSet<BindRefusal>,
    pub records: CounterSet<RecordKind>,
    pub reloads: CounterSet<ReloadResult>,
    /// Checkpoints that left the house: to a file, and by POST.
    pub checkpoints_out: [CounterSet<OutResult>; 2],
    pub admin: CounterSet<AdminResult>,
    pub esme: PduMetrics,
    pub smsc: PduMetrics,
    pub gauges: GatewayGauges,
}

impl GatewayMetrics {
    /// Registers every series that has no name of the configuration in it, and `build_info`.
    pub fn new(registry: &Registry) -> Self {
        registry.gauge(&names::BUILD_INFO, &[env!("CARGO_PKG_VERSION")]).set(1.0);
        Self {
            judge: registry.histogram(&names::JUDGE_DURATION_SECONDS, &[]),
            optout_commit: registry.histogram(&names::OPTOUT_COMMIT_SECONDS, &[]),
            ledger_commit: registry.histogram(&names::LEDGER_COMMIT_SECONDS, &[]),
            leaks: registry.counter(&names::LEAK_TOTAL, &[]),
            audit: LeakAuditMetrics::new(registry),
            ledger_errors: registry.counter(&names::LEDGER_ERROR_TOTAL, &[]),
            store_quarantined: registry.counter(&names::SUPPRESSION_STORE_QUARANTINED_TOTAL, &[]),
            attribution_dropped: registry.counter(&names::ATTRIBUTION_DROPPED_TOTAL, &[]),
            clock_steps: registry.counter(&names::CLOCK_STEP_TOTAL, &[]),
            confirmations: registry.counters(&names::CONFIRMATION_TOTAL, &[]),
            attributions: registry.counters(&names::REPLY_ATTRIBUTION_TOTAL, &[]),
            bind_refusals: registry.counters(&names::BIND_REFUSED_TOTAL, &[]),
            records: registry.counters(&names::LEDGER_RECORDS_TOTAL, &[]),
            reloads: registry.counters(&names::CONFIG_RELOAD_TOTAL, &[]),
            checkpoints_out: [Outlet::File, Outlet::Post]
                .map(|to| registry.counters(&names::CHECKPOINTS_OUT_TOTAL, &[to.word()])),
            admin: registry.counters(&names::ADMIN_REQUESTS_TOTAL, &[]),
            esme: PduMetrics::new(registry, Side::Esme),
            smsc: PduMetrics::new(registry, Side::Smsc),
            gauges: GatewayGauges::new(registry),
        }
    }

    /// A STOP became durable `after` its deliver_sm came in.
    pub fn optout_durable(&self, after: Duration) {
        self.optout_commit.record(after.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_an_account_reads_zero_at_once() {
        let registry = Registry::new();
        let metrics = AccountMetrics::new(&registry, "acme");
        metrics.refused(TrafficClass::Commercial, RefusalCode::OptedOut);
        let text = registry.render();
        for code in RefusalCode::ALL {
            let count = u8::from(code == RefusalCode::OptedOut);
            let line =
                format!("stopgate_submit_refused_total{{account=\"acme\",reason=\"{}\"}} {count}\n", code.slug());
            assert!(text.contains(&line), "{line}\n{text}");
        }
        let line = "stopgate_submit_total{account=\"acme\",class=\"commercial\",verdict=\"refused\"} 1\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn registering_an_account_again_keeps_its_counts() {
        let registry = Registry::new();
        AccountMetrics::new(&registry, "acme").permitted(TrafficClass::Transactional);
        AccountMetrics::new(&registry, "acme").permitted(TrafficClass::Transactional);
        let line = "stopgate_submit_total{account=\"acme\",class=\"transactional\",verdict=\"permitted\"} 2\n";
        assert!(registry.render().contains(line), "{}", registry.render());
    }
}
