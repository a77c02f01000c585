//! Owns the name, kind, labels, buckets and description of every metric: the one list that the registry, docs/metrics.md, alerts and dashboard are compared with.
//! Must never lose or rename an entry once shipped: names are contracts.

/// What kind of series a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    /// With its buckets' upper bounds, in the unit of the name.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The word Prometheus uses.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// A metric: its contract with dashboards and alerts.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    buckets: &'static [f64],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram(buckets), labels, help }
}

/// 250 ns to 100 ms: a judgement is RAM only.
const JUDGE: &[f64] = &[2.5e-7, 5e-7, 1e-6, 2e-6, 4e-6, 8e-6, 1.6e-5, 6.4e-5, 2.5e-4, 1e-3, 1e-2, 1e-1];
/// 100 µs to 30 s (the response timeout): an operator's answer.
const ROUNDTRIP: &[f64] =
    &[1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// 100 µs to 5 s: one fdatasync; 1 s is the alert's edge.
const COMMIT: &[f64] = &[1e-4, 2.5e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

pub const SUBMIT_TOTAL: Metric = counter(
    "stopgate_submit_total",
    &["account", "class", "verdict"],
    "Messages submitted by senders, by class and verdict.",
);
pub const SUBMIT_REFUSED_TOTAL: Metric =
    counter("stopgate_submit_refused_total", &["account", "reason"], "Messages refused, by reason (docs/refusals.md).");
pub const OBSERVED_REFUSALS_TOTAL: Metric = counter(
    "stopgate_observed_refusals_total",
    &["account", "reason"],
    "Messages forwarded that a rule in observe mode would have refused.",
);
pub const PROMOTIONAL_TEXT_TOTAL: Metric = counter(
    "stopgate_promotional_text_total",
    &["account", "outcome"],
    "Messages transactional by contract whose text looks like advertising, by what was done about it.",
);
pub const OBSERVE_UNTIL_TIMESTAMP_SECONDS: Metric = gauge(
    "stopgate_observe_until_timestamp_seconds",
    &["account"],
    "When the rules of an account in observe mode refuse again; 0 = none is observed.",
);
pub const SUBMIT_WITHDRAWN_TOTAL: Metric = counter(
    "stopgate_submit_withdrawn_total",
    &["account"],
    "Messages permitted and then withdrawn before their octets left.",
);
pub const PARTS_INCOMPLETE_TOTAL: Metric = counter(
    "stopgate_parts_incomplete_total",
    &["account"],
    "Commercial messages in parts of which some were forwarded and not all within ten minutes.",
);
pub const PARTS_SETS: Metric =
    gauge("stopgate_parts_sets", &[], "Messages in parts that are remembered (docs/limits.md has the bound).");
pub const PARTS_BYTES: Metric =
    gauge("stopgate_parts_bytes", &[], "Octets held for messages in parts (docs/limits.md has the bound).");
pub const SCHEDULED_MESSAGES: Metric = gauge(
    "stopgate_scheduled_messages",
    &[],
    "Promotions that operators hold for later, to be called back at a STOP (docs/limits.md has the bound).",
);
pub const RECALL_TOTAL: Metric = counter(
    "stopgate_recall_total",
    &["smsc", "result"],
    "Scheduled promotions called back by cancel_sm after a STOP, by what became of it.",
);
pub const SUBMIT_WAITING: Metric =
    gauge("stopgate_submit_waiting", &["smsc"], "Permitted messages that wait for a link or a window.");
pub const JUDGE_DURATION_SECONDS: Metric =
    histogram("stopgate_judge_duration_seconds", &[], JUDGE, "Time to judge one message (a sample of all).");
pub const SUBMIT_ROUNDTRIP_SECONDS: Metric = histogram(
    "stopgate_submit_roundtrip_seconds",
    &["smsc"],
    ROUNDTRIP,
    "From writing a message to the operator to its response (a sample of all).",
);
pub const SUBMIT_RESPONSE_TOTAL: Metric =
    counter("stopgate_submit_response_total", &["smsc", "result"], "What became of messages written to an operator.");
pub const DELIVER_TOTAL: Metric = counter(
    "stopgate_deliver_total",
    &["smsc", "kind"],
    "Messages from an operator: receipts, persons' messages and others.",
);
pub const RECEIPT_ROUTE_TOTAL: Metric =
    counter("stopgate_receipt_route_total", &["smsc", "result"], "How receipts found the account that submitted.");
pub const OPTOUT_TOTAL: Metric = counter(
    "stopgate_optout_total",
    &["smsc", "kind"],
    "Persons' messages by what was understood: stop, start, contact or none.",
);
pub const OPTOUT_DOUBTFUL_TOTAL: Metric = counter(
    "stopgate_optout_doubtful_total",
    &["smsc"],
    "Persons' messages that nothing followed from and that may be opt-outs: `stopgate stop review` lists them.",
);
pub const OPTOUT_ACCOUNT_TOTAL: Metric = counter(
    "stopgate_optout_account_total",
    &["account"],
    "STOPs told to an account, for the rate of STOPs by account.",
);
pub const OPTOUT_COMMIT_SECONDS: Metric = histogram(
    "stopgate_optout_commit_seconds",
    &[],
    COMMIT,
    "From the deliver_sm of a STOP to its record being durable.",
);
pub const CONFIRMATION_TOTAL: Metric =
    counter("stopgate_confirmation_total", &["result"], "Confirmations and CONTACT answers, by what became of them.");
pub const REPLY_ATTRIBUTION_TOTAL: Metric = counter(
    "stopgate_reply_attribution_total",
    &["result"],
    "Replies to an address, by whether it is known who had written from it in the last 90 days.",
);
pub const ATTRIBUTION_DROPPED_TOTAL: Metric = counter(
    "stopgate_attribution_dropped_total",
    &[],
    "Files of the index of attributions that were found damaged while it runs: they are made again from the verdicts.",
);
pub const ATTRIBUTION_ENTRIES: Metric = gauge(
    "stopgate_attribution_entries",
    &["place"],
    "Messages of the last 90 days that replies are attributed to: the newest of each number, address and account.",
);
pub const FREQUENCY_ENTRIES: Metric =
    gauge("stopgate_frequency_entries", &[], "Messages counted for accounts with a frequency cap.");
pub const CONSENT_ENTRIES: Metric = gauge(
    "stopgate_consent_entries",
    &[],
    "Numbers times accounts in the registry of opt-ins, those revoked or over included.",
);
pub const SUPPRESSED_NUMBERS: Metric = gauge("stopgate_suppressed_numbers", &[], "Numbers on the suppression list.");
pub const SUPPRESSION_STORE_LAG: Metric = gauge(
    "stopgate_suppression_store_lag_events",
    &[],
    "Durable suppression events that the embedded store has not taken yet.",
);
pub const SUPPRESSION_STORE_USABLE: Metric = gauge(
    "stopgate_suppression_store_usable",
    &[],
    "1 while the embedded store follows the events; 0 while it is compared, rebuilt or unavailable. No decision depends on it.",
);
pub const SUPPRESSION_STORE_QUARANTINED_TOTAL: Metric = counter(
    "stopgate_suppression_store_quarantined_total",
    &[],
    "Times the embedded store was moved aside and rebuilt from the events.",
);
pub const LEDGER_SPARE_MISSING: Metric = gauge(
    "stopgate_ledger_spare_missing",
    &[],
    "1 while the next segment of the ledger cannot be pre-written: a disk that is full or read-only.",
);
pub const LEDGER_DAMAGED_PLACES: Metric = gauge(
    "stopgate_ledger_damaged_places",
    &[],
    "Places of the ledger that the slow reading of all of it found damaged: segments with a record that cannot be read. Must stay 0.",
);
pub const LEDGER_REREAD_TIMESTAMP_SECONDS: Metric = gauge(
    "stopgate_ledger_reread_timestamp_seconds",
    &[],
    "When the slow reading of the whole ledger came to its end; 0 = not yet since the start.",
);
pub const ERASURES_WAITING: Metric = gauge(
    "stopgate_erasures_waiting",
    &[],
    "Erasures (gdpr erase) that were noted and are not over: one that runs, or waits for room on the disk.",
);
pub const LEAK_TOTAL: Metric =
    counter("stopgate_leak_total", &[], "Commercial messages seen leaving after a STOP, by self-audit. Must stay 0.");
pub const LEAK_AUDITED_TOTAL: Metric = counter(
    "stopgate_leak_audited_total",
    &[],
    "Messages whose octets an operator's socket took and that the self-audit has looked at.",
);
pub const LEAK_AUDIT_SKIPPED_TOTAL: Metric = counter(
    "stopgate_leak_audit_skipped_total",
    &[],
    "Messages that left and that the self-audit had no room for or could not read: it says nothing of them.",
);
pub const LEAK_AUDIT_WAITING: Metric = gauge(
    "stopgate_leak_audit_waiting",
    &[],
    "Messages that left and that the self-audit has still to look at (docs/limits.md has the bound).",
);
pub const FAILING_CLOSED: Metric = gauge(
    "stopgate_failing_closed",
    &[],
    "1 while commercial traffic is refused because the list or the ledger cannot be used.",
);
pub const RESTORED_CLOSED: Metric = gauge(
    "stopgate_restored_closed",
    &[],
    "1 while commercial traffic is refused because the ledger was restored from a backup that may lack STOPs.",
);
pub const SHORT_CODE_LAST_MO_TIMESTAMP_SECONDS: Metric = gauge(
    "stopgate_short_code_last_mo_timestamp_seconds",
    &["code"],
    "When the last message from a person arrived at a short code; 0 = never.",
);
pub const SHORT_CODE_NAMED_TOTAL: Metric = counter(
    "stopgate_short_code_named_total",
    &["code"],
    "Commercial messages permitted whose STOP mention names the short code.",
);
pub const ACCOUNT_BINDS: Metric =
    gauge("stopgate_account_binds", &["account", "type"], "Binds open now, by account and type.");
pub const BIND_REFUSED_TOTAL: Metric =
    counter("stopgate_bind_refused_total", &["reason"], "Binds refused on the senders' side.");
pub const SMSC_BOUND: Metric = gauge("stopgate_smsc_bound", &["smsc"], "Links bound to the operator now.");
pub const SMSC_CONNECT_TOTAL: Metric =
    counter("stopgate_smsc_connect_total", &["smsc", "result"], "Attempts to bind to the operator.");
pub const WINDOW_USED: Metric =
    gauge("stopgate_window_used", &["smsc"], "Messages in flight to the operator, over all links.");
pub const WINDOW_SIZE: Metric =
    gauge("stopgate_window_size", &["smsc"], "Messages that may be in flight to the operator, over its bound links.");
pub const PDU_TOTAL: Metric =
    counter("stopgate_pdu_total", &["side", "command", "direction"], "PDUs read and written, by side.");
pub const PDU_ERROR_TOTAL: Metric =
    counter("stopgate_pdu_error_total", &["side", "kind"], "PDUs that were answered with an error or dropped.");
pub const SPOOL_ENTRIES: Metric =
    gauge("stopgate_spool_entries", &["account"], "Receipts and messages waiting for a client to bind.");
pub const SPOOL_LOST_TOTAL: Metric = counter(
    "stopgate_spool_lost_total",
    &["account", "reason"],
    "Receipts and messages given up: expired after 72 h, or refused because the spool was full.",
);
pub const LEDGER_RECORDS_TOTAL: Metric =
    counter("stopgate_ledger_records_total", &["kind"], "Records appended to the ledger.");
pub const LEDGER_COMMIT_SECONDS: Metric = histogram(
    "stopgate_ledger_commit_seconds",
    &[],
    COMMIT,
    "From the append of an event to its being durable everywhere, as who waits for it sees it.",
);
pub const LEDGER_ERROR_TOTAL: Metric =
    counter("stopgate_ledger_error_total", &[], "Writes or fsyncs of the ledger that failed.");
pub const LEDGER_DURABLE_EVENTS: Metric =
    gauge("stopgate_ledger_durable_events", &[], "Position up to which the events stream is durable.");
pub const LEDGER_LAST_CHECKPOINT_TIMESTAMP_SECONDS: Metric = gauge(
    "stopgate_ledger_last_checkpoint_timestamp_seconds",
    &[],
    "When the last checkpoint over both streams was signed; 0 = none since the start.",
);
pub const CHECKPOINTS_OUT_TOTAL: Metric = counter(
    "stopgate_checkpoints_out_total",
    &["to", "result"],
    "Attempts to hand a signed checkpoint out of the house ([checkpoints] file and post).",
);
pub const DATA_DIR_FREE_BYTES: Metric =
    gauge("stopgate_data_dir_free_bytes", &[], "Space left on the file system of data_dir.");
pub const DATA_DIR_SIZE_BYTES: Metric =
    gauge("stopgate_data_dir_size_bytes", &[], "Size of the file system of data_dir.");
pub const CLOCK_STEP_TOTAL: Metric = counter("stopgate_clock_step_total", &[], "Steps of the civil clock over 2 s.");
pub const CLOCK_SYNCHRONISED: Metric = gauge(
    "stopgate_clock_synchronised",
    &[],
    "1 while a time service vouches for the system's clock; 0 while it is not known to be synchronised, or virtual.",
);
pub const READY: Metric = gauge("stopgate_ready", &[], "1 while /readyz answers 200.");
pub const DRAINING: Metric = gauge("stopgate_draining", &[], "1 once a drain was asked for.");
pub const CONFIG_RELOAD_TOTAL: Metric =
    counter("stopgate_config_reload_total", &["result"], "Reloads of the configuration.");
pub const CONFIG_LAST_RELOAD_TIMESTAMP_SECONDS: Metric =
    gauge("stopgate_config_last_reload_timestamp_seconds", &[], "When the configuration in use was read.");
pub const PACK_INFO: Metric =
    gauge("stopgate_pack_info", &["pack", "version"], "1 for every rule pack in use; the version is a label.");
pub const PACK_VALID_UNTIL_TIMESTAMP_SECONDS: Metric = gauge(
    "stopgate_pack_valid_until_timestamp_seconds",
    &["pack"],
    "When a pack in use ends; only for packs that end.",
);
pub const BUILD_INFO: Metric = gauge("stopgate_build_info", &["version"], "1; the version is a label.");
pub const REHEARSAL: Metric = gauge("stopgate_rehearsal", &[], "1 while the civil clock is virtual.");
pub const ADMIN_REQUESTS_TOTAL: Metric =
    counter("stopgate_admin_requests_total", &["result"], "Requests to the admin API, by outcome.");
pub const TOKIO_ALIVE_TASKS: Metric =
    gauge("stopgate_tokio_alive_tasks", &["runtime"], "Tasks alive on a runtime (a lane, or the admin API).");
pub const TOKIO_QUEUE_DEPTH: Metric =
    gauge("stopgate_tokio_global_queue_depth", &["runtime"], "Tasks waiting in a runtime's queue.");
pub const PROCESS_CPU_SECONDS_TOTAL: Metric =
    counter("process_cpu_seconds_total", &[], "User and system CPU time used.");
pub const PROCESS_RESIDENT_MEMORY_BYTES: Metric = gauge("process_resident_memory_bytes", &[], "Resident memory.");
pub const PROCESS_VIRTUAL_MEMORY_BYTES: Metric = gauge("process_virtual_memory_bytes", &[], "Virtual memory.");
pub const PROCESS_OPEN_FDS: Metric = gauge("process_open_fds", &[], "Open file descriptors.");
pub const PROCESS_MAX_FDS: Metric = gauge("process_max_fds", &[], "File descriptors the process may open.");
pub const PROCESS_THREADS: Metric = gauge("process_threads", &[], "Threads of the process.");
pub const PROCESS_START_TIME_SECONDS: Metric =
    gauge("process_start_time_seconds", &[], "When the process started, in seconds since the Unix epoch.");

/// Every metric of `/metrics`, in the order of docs/metrics.md.
pub const ALL: &[Metric] = &[
    SUBMIT_TOTAL,
    SUBMIT_REFUSED_TOTAL,
    OBSERVED_REFUSALS_TOTAL,
    OBSERVE_UNTIL_TIMESTAMP_SECONDS,
    PROMOTIONAL_TEXT_TOTAL,
    SUBMIT_WITHDRAWN_TOTAL,
    PARTS_INCOMPLETE_TOTAL,
    PARTS_SETS,
    PARTS_BYTES,
    SCHEDULED_MESSAGES,
    RECALL_TOTAL,
    SUBMIT_WAITING,
    JUDGE_DURATION_SECONDS,
    SUBMIT_ROUNDTRIP_SECONDS,
    SUBMIT_RESPONSE_TOTAL,
    DELIVER_TOTAL,
    RECEIPT_ROUTE_TOTAL,
    OPTOUT_TOTAL,
    OPTOUT_DOUBTFUL_TOTAL,
    OPTOUT_ACCOUNT_TOTAL,
    OPTOUT_COMMIT_SECONDS,
    CONFIRMATION_TOTAL,
    REPLY_ATTRIBUTION_TOTAL,
    ATTRIBUTION_DROPPED_TOTAL,
    ATTRIBUTION_ENTRIES,
    FREQUENCY_ENTRIES,
    CONSENT_ENTRIES,
    SUPPRESSED_NUMBERS,
    SUPPRESSION_STORE_LAG,
    SUPPRESSION_STORE_USABLE,
    SUPPRESSION_STORE_QUARANTINED_TOTAL,
    LEDGER_SPARE_MISSING,
    LEDGER_DAMAGED_PLACES,
    LEDGER_REREAD_TIMESTAMP_SECONDS,
    ERASURES_WAITING,
    LEAK_TOTAL,
    LEAK_AUDITED_TOTAL,
    LEAK_AUDIT_SKIPPED_TOTAL,
    LEAK_AUDIT_WAITING,
    FAILING_CLOSED,
    RESTORED_CLOSED,
    SHORT_CODE_LAST_MO_TIMESTAMP_SECONDS,
    SHORT_CODE_NAMED_TOTAL,
    ACCOUNT_BINDS,
    BIND_REFUSED_TOTAL,
    SMSC_BOUND,
    SMSC_CONNECT_TOTAL,
    WINDOW_USED,
    WINDOW_SIZE,
    PDU_TOTAL,
    PDU_ERROR_TOTAL,
    SPOOL_ENTRIES,
    SPOOL_LOST_TOTAL,
    LEDGER_RECORDS_TOTAL,
    LEDGER_COMMIT_SECONDS,
    LEDGER_ERROR_TOTAL,
    LEDGER_DURABLE_EVENTS,
    LEDGER_LAST_CHECKPOINT_TIMESTAMP_SECONDS,
    CHECKPOINTS_OUT_TOTAL,
    DATA_DIR_FREE_BYTES,
    DATA_DIR_SIZE_BYTES,
    CLOCK_STEP_TOTAL,
    CLOCK_SYNCHRONISED,
    READY,
    DRAINING,
    CONFIG_RELOAD_TOTAL,
    CONFIG_LAST_RELOAD_TIMESTAMP_SECONDS,
    PACK_INFO,
    PACK_VALID_UNTIL_TIMESTAMP_SECONDS,
    BUILD_INFO,
    REHEARSAL,
    ADMIN_REQUESTS_TOTAL,
    TOKIO_ALIVE_TASKS,
    TOKIO_QUEUE_DEPTH,
    PROCESS_CPU_SECONDS_TOTAL,
    PROCESS_RESIDENT_MEMORY_BYTES,
    PROCESS_VIRTUAL_MEMORY_BYTES,
    PROCESS_OPEN_FDS,
    PROCESS_MAX_FDS,
    PROCESS_THREADS,
    PROCESS_START_TIME_SECONDS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::code::RefusalCode;
    use crate::telemetry::events;

    /// The table of docs/metrics.md, as this file says it.
    fn table() -> String {
        let row = |metric: &Metric| {
            let labels = metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
            format!("| `{}` | {} | {labels} | {} |\n", metric.name, metric.kind.word(), metric.help)
        };
        ALL.iter().map(row).collect()
    }

    #[test]
    fn the_documented_table_is_this_list() {
        let documented = include_str!("../../docs/metrics.md");
        let rows: String = documented
            .lines()
            .filter(|line| line.starts_with("| `stopgate_") || line.starts_with("| `process_"))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(rows, table(), "docs/metrics.md must hold these rows:\n{}", table());
    }

    #[test]
    fn every_event_and_every_reason_is_documented() {
        let documented = include_str!("../../docs/metrics.md");
        for name in events::NAMES {
            assert!(documented.contains(&format!("`{name}`")), "{name}");
        }
        for code in RefusalCode::ALL {
            assert!(documented.contains(&format!("`{}`", code.slug())), "{}", code.slug());
        }
    }

    #[test]
    fn names_follow_the_conventions_promtool_checks() {
        let mut seen = std::collections::BTreeSet::new();
        for metric in ALL {
            assert!(seen.insert(metric.name), "{} twice", metric.name);
            assert_eq!(matches!(metric.kind, Kind::Counter), metric.name.ends_with("_total"), "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
            if matches!(metric.kind, Kind::Histogram(_)) {
                assert!(metric.name.ends_with("_seconds"), "{}", metric.name);
            }
        }
    }
}
