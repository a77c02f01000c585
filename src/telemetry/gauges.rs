//! Owns the gauge handles of accounts, operators and the gateway.
//! Must never count events: what only grows is a counter, in `metrics`.

use super::labels::{BindType, LabelSet};
use super::names;
use super::registry::Registry;
use metrics::Gauge;

/// Gauges of one account.
#[derive(Clone, Debug)]
pub struct AccountGauges {
    binds: Box<[Gauge]>,
    pub spool_entries: Gauge,
}

impl AccountGauges {
    pub(super) fn new(registry: &Registry, account: &str) -> Self {
        let binds = BindType::ALL.iter().map(|kind| registry.gauge(&names::ACCOUNT_BINDS, &[account, kind.word()]));
        Self { binds: binds.collect(), spool_entries: registry.gauge(&names::SPOOL_ENTRIES, &[account]) }
    }

    /// A bind of this type opened.
    pub fn bound(&self, kind: BindType) {
        self.binds[kind.index()].increment(1.0);
    }

    /// A bind of this type closed.
    pub fn unbound(&self, kind: BindType) {
        self.binds[kind.index()].decrement(1.0);
    }
}

/// Gauges of one operator.
#[derive(Clone, Debug)]
pub struct SmscGauges {
    /// Links bound now.
    pub bound: Gauge,
    pub window_used: Gauge,
    pub window_size: Gauge,
    /// Permitted messages that wait for a link or a window.
    pub waiting: Gauge,
}

impl SmscGauges {
    pub(super) fn new(registry: &Registry, smsc: &str) -> Self {
        Self {
            bound: registry.gauge(&names::SMSC_BOUND, &[smsc]),
            window_used: registry.gauge(&names::WINDOW_USED, &[smsc]),
            window_size: registry.gauge(&names::WINDOW_SIZE, &[smsc]),
            waiting: registry.gauge(&names::SUBMIT_WAITING, &[smsc]),
        }
    }
}

/// Gauges of the gateway as a whole.
#[derive(Clone, Debug)]
pub struct GatewayGauges {
    pub frequency_entries: Gauge,
    pub consent_entries: Gauge,
    pub suppressed_numbers: Gauge,
    pub suppression_store_lag: Gauge,
    /// 1 while commercial traffic is refused because the list or the ledger cannot be used.
    pub failing_closed: Gauge,
    /// 1 while the next segment of the ledger cannot be pre-written.
    pub ledger_spare_missing: Gauge,
    /// 1 while the embedded store follows the events.
    pub suppression_store_usable: Gauge,
    /// 1 while commercial traffic is refused because the ledger was restored from a backup.
    pub restored_closed: Gauge,
    pub ledger_durable_events: Gauge,
    /// Places that the slow reading found damaged, and when it came to its end (Unix seconds).
    pub ledger_damaged: Gauge,
    pub ledger_reread: Gauge,
    /// Erasures that were noted and are not over.
    pub erasures_waiting: Gauge,
    /// Unix seconds.
    pub ledger_last_checkpoint: Gauge,
    /// Messages in parts that are remembered, and the octets held for them.
    pub parts_sets: Gauge,
    pub parts_bytes: Gauge,
    /// Facts by which replies are attributed.
    pub attribution_memory: Gauge,
    pub attribution_disk: Gauge,
    /// Promotions that operators hold for later.
    pub scheduled_messages: Gauge,
    pub clock_synchronised: Gauge,
    pub ready: Gauge,
    pub draining: Gauge,
    /// Unix seconds.
    pub config_last_reload: Gauge,
    pub rehearsal: Gauge,
    pub data_dir_free: Gauge,
    pub data_dir_size: Gauge,
    registry: Registry,
}

impl GatewayGauges {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            frequency_entries: registry.gauge(&names::FREQUENCY_ENTRIES, &[]),
            consent_entries: registry.gauge(&names::CONSENT_ENTRIES, &[]),
            suppressed_numbers: registry.gauge(&names::SUPPRESSED_NUMBERS, &[]),
            suppression_store_lag: registry.gauge(&names::SUPPRESSION_STORE_LAG, &[]),
            failing_closed: registry.gauge(&names::FAILING_CLOSED, &[]),
            ledger_spare_missing: registry.gauge(&names::LEDGER_SPARE_MISSING, &[]),
            suppression_store_usable: registry.gauge(&names::SUPPRESSION_STORE_USABLE, &[]),
            restored_closed: registry.gauge(&names::RESTORED_CLOSED, &[]),
            ledger_damaged: registry.gauge(&names::LEDGER_DAMAGED_PLACES, &[]),
            ledger_reread: registry.gauge(&names::LEDGER_REREAD_TIMESTAMP_SECONDS, &[]),
            erasures_waiting: registry.gauge(&names::ERASURES_WAITING, &[]),
            ledger_durable_events: registry.gauge(&names::LEDGER_DURABLE_EVENTS, &[]),
            ledger_last_checkpoint: registry.gauge(&names::LEDGER_LAST_CHECKPOINT_TIMESTAMP_SECONDS, &[]),
            parts_sets: registry.gauge(&names::PARTS_SETS, &[]),
            parts_bytes: registry.gauge(&names::PARTS_BYTES, &[]),
            attribution_memory: registry.gauge(&names::ATTRIBUTION_ENTRIES, &["memory"]),
            attribution_disk: registry.gauge(&names::ATTRIBUTION_ENTRIES, &["disk"]),
            scheduled_messages: registry.gauge(&names::SCHEDULED_MESSAGES, &[]),
            clock_synchronised: registry.gauge(&names::CLOCK_SYNCHRONISED, &[]),
            ready: registry.gauge(&names::READY, &[]),
            draining: registry.gauge(&names::DRAINING, &[]),
            config_last_reload: registry.gauge(&names::CONFIG_LAST_RELOAD_TIMESTAMP_SECONDS, &[]),
            rehearsal: registry.gauge(&names::REHEARSAL, &[]),
            data_dir_free: registry.gauge(&names::DATA_DIR_FREE_BYTES, &[]),
            data_dir_size: registry.gauge(&names::DATA_DIR_SIZE_BYTES, &[]),
            registry: registry.clone(),
        }
    }

    /// A pack is in use (or no longer): `stopgate_pack_info` 1 or 0, and when it ends (Unix seconds), if it does.
    pub fn pack(&self, pack: &str, version: &str, in_use: bool, valid_until: Option<i64>) {
        self.registry.gauge(&names::PACK_INFO, &[pack, version]).set(f64::from(u8::from(in_use)));
        if let Some(until) = valid_until {
            self.registry.gauge(&names::PACK_VALID_UNTIL_TIMESTAMP_SECONDS, &[pack]).set(until as f64);
        }
    }

    /// What a runtime (a lane, or the admin API) is busy with.
    pub fn runtime(&self, name: &str, runtime: &tokio::runtime::RuntimeMetrics) {
        let set = |metric, value: usize| self.registry.gauge(metric, &[name]).set(value as f64);
        set(&names::TOKIO_ALIVE_TASKS, runtime.num_alive_tasks());
        set(&names::TOKIO_QUEUE_DEPTH, runtime.global_queue_depth());
    }

    /// Reads how much room `data_dir`'s file system has. A failure leaves the last figures.
    pub fn disk(&self, data_dir: &std::path::Path) {
        if let Ok(stat) = rustix::fs::statvfs(data_dir) {
            self.data_dir_free.set((stat.f_bavail * stat.f_frsize) as f64);
            self.data_dir_size.set((stat.f_blocks * stat.f_frsize) as f64);
        }
    }
}
