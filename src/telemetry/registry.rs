//! Owns the recorder of one process (or one test): registers handles by the table of names, renders `/metrics`.
//! Must never be global: a test runs as many as it likes.

use super::labels::LabelSet;
use super::names::{self, Kind, Metric};
use super::process;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::Arc;

const METADATA: Metadata<'static> = Metadata::new("stopgate", Level::INFO, None);

/// Where every handle comes from. Cheap to clone; registering the same series twice gives the same series.
#[derive(Clone)]
pub struct Registry {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Registry {
    /// A recorder of its own, with every metric described and every histogram's buckets set.
    pub fn new() -> Self {
        let mut builder = PrometheusBuilder::new();
        for metric in names::ALL {
            if let Kind::Histogram(buckets) = metric.kind {
                builder = builder
                    .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)
                    .expect("a histogram of the table has buckets");
            }
        }
        let recorder = builder.build_recorder();
        for metric in names::ALL {
            let (key, help) = (KeyName::from_const_str(metric.name), SharedString::const_str(metric.help));
            match metric.kind {
                Kind::Counter => recorder.describe_counter(key, None, help),
                Kind::Gauge => recorder.describe_gauge(key, None, help),
                Kind::Histogram(_) => recorder.describe_histogram(key, None, help),
            }
        }
        let handle = recorder.handle();
        Self { recorder: Arc::new(recorder), handle }
    }

    /// The counter of one series; it reads 0 from now on.
    pub fn counter(&self, metric: &Metric, values: &[&str]) -> Counter {
        debug_assert_eq!(metric.kind, Kind::Counter, "{}", metric.name);
        let counter = self.recorder.register_counter(&key(metric, values), &METADATA);
        counter.increment(0);
        counter
    }

    /// The gauge of one series.
    pub fn gauge(&self, metric: &Metric, values: &[&str]) -> Gauge {
        debug_assert_eq!(metric.kind, Kind::Gauge, "{}", metric.name);
        let gauge = self.recorder.register_gauge(&key(metric, values), &METADATA);
        gauge.increment(0.0);
        gauge
    }

    /// The histogram of one series. Its samples are kept until the next `upkeep` or `render`.
    pub fn histogram(&self, metric: &Metric, values: &[&str]) -> Histogram {
        debug_assert!(matches!(metric.kind, Kind::Histogram(_)), "{}", metric.name);
        self.recorder.register_histogram(&key(metric, values), &METADATA)
    }

    /// One counter for each value of a closed set, which is the metric's last label.
    pub fn counters<L: LabelSet>(&self, metric: &Metric, before: &[&str]) -> CounterSet<L> {
        let counters =
            L::ALL.iter().map(|value| self.counter(metric, &[before, &[value.word()]].concat())).collect::<Vec<_>>();
        CounterSet { counters: counters.into_boxed_slice(), values: std::marker::PhantomData }
    }

    /// The text of `/metrics`, process figures included.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        process::render(&mut text);
        text
    }

    /// Moves buffered samples into their buckets; call it every 5 s.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registry")
    }
}

fn key(metric: &Metric, values: &[&str]) -> Key {
    debug_assert_eq!(metric.labels.len(), values.len(), "labels of {}", metric.name);
    let labels = metric.labels.iter().zip(values).map(|(label, value)| Label::new(*label, (*value).to_owned()));
    Key::from_parts(metric.name, labels.collect::<Vec<_>>())
}

/// The handles of one counter split by a closed set.
#[derive(Clone, Debug)]
pub struct CounterSet<L> {
    counters: Box<[Counter]>,
    values: std::marker::PhantomData<L>,
}

impl<L: LabelSet> CounterSet<L> {
    /// Counts one.
    pub fn one(&self, value: L) {
        self.counters[value.index()].increment(1);
    }
    /// Counts many at once.
    pub fn add(&self, value: L, count: u64) {
        self.counters[value.index()].increment(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::labels::ReloadResult;

    #[test]
    fn two_registries_do_not_share_a_series() {
        let (one, other) = (Registry::new(), Registry::new());
        one.counter(&names::LEAK_TOTAL, &[]).increment(3);
        other.counter(&names::LEAK_TOTAL, &[]).increment(0);
        assert!(one.render().contains("stopgate_leak_total 3\n"), "{}", one.render());
        assert!(other.render().contains("stopgate_leak_total 0\n"), "{}", other.render());
    }

    #[test]
    fn a_closed_set_reads_zero_before_anything_happened() {
        let registry = Registry::new();
        let reloads = registry.counters::<ReloadResult>(&names::CONFIG_RELOAD_TOTAL, &[]);
        reloads.one(ReloadResult::Invalid);
        let text = registry.render();
        assert!(text.contains("stopgate_config_reload_total{result=\"ok\"} 0\n"), "{text}");
        assert!(text.contains("stopgate_config_reload_total{result=\"invalid\"} 1\n"), "{text}");
        assert!(text.contains("# HELP stopgate_config_reload_total "), "{text}");
    }

    #[test]
    fn a_histogram_has_buckets_and_is_no_summary() {
        let registry = Registry::new();
        registry.histogram(&names::LEDGER_COMMIT_SECONDS, &[]).record(0.0009);
        registry.upkeep();
        let text = registry.render();
        assert!(text.contains("# TYPE stopgate_ledger_commit_seconds histogram"), "{text}");
        assert!(text.contains("stopgate_ledger_commit_seconds_bucket{le=\"0.001\"} 1\n"), "{text}");
    }
}
