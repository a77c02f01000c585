//! Owns what the files under deploy/ promise: metric names that exist, alerts with a test and a runbook, a container file whose sources exist.
//! Must never need a tool: what needs promtool, systemd or a running gateway is in tests/deploy/check.sh and tests/interop.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use stopgate::telemetry::names::{self, Kind};

fn text(path: &str) -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Every series a gateway exposes, with its labels.
fn series() -> BTreeMap<String, Vec<&'static str>> {
    let mut known = BTreeMap::new();
    for metric in names::ALL {
        match metric.kind {
            Kind::Counter | Kind::Gauge => drop(known.insert(metric.name.to_owned(), metric.labels.to_vec())),
            Kind::Histogram(_) => {
                for part in ["bucket", "sum", "count"] {
                    known.insert(format!("{}_{part}", metric.name), [metric.labels, &["le"]].concat());
                }
            }
        }
    }
    known
}

/// The words of an expression that look like one of our series.
fn named(expression: &str) -> BTreeSet<String> {
    expression
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("stopgate_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// The label names in the braces and groupings of an expression.
fn labels(expression: &str) -> BTreeSet<String> {
    let matched = expression.split('{').skip(1).filter_map(|rest| rest.split('}').next()).flat_map(|inside| {
        inside
            .split(',')
            .filter_map(|one| one.split(['=', '!']).next())
            .map(|name| name.trim().to_owned())
            .collect::<Vec<_>>()
    });
    let grouped =
        ["by (", "on ("].into_iter().flat_map(|word| expression.split(word).skip(1).map(|rest| rest.to_owned()));
    let grouped = grouped
        .filter_map(|rest| rest.split(')').next().map(str::to_owned))
        .flat_map(|inside| inside.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>());
    matched.chain(grouped).filter(|name| !name.is_empty()).collect()
}

fn check(what: &str, expression: &str) -> usize {
    let known = series();
    let names = named(expression);
    for name in &names {
        assert!(known.contains_key(name), "{what}: no metric is called `{name}`");
    }
    let allowed: BTreeSet<&str> =
        names.iter().flat_map(|name| known[name].iter().copied()).chain(["instance", "job"]).collect();
    for label in labels(expression) {
        assert!(allowed.contains(label.as_str()), "{what}: no series in it has a label `{label}`");
    }
    names.len()
}

fn expressions_of_the_dashboard() -> Vec<(String, String)> {
    let board: serde_json::Value = serde_json::from_str(&text("deploy/grafana/stopgate.json")).expect("valid JSON");
    let panels = board["panels"].as_array().expect("panels");
    let mut found = Vec::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("every panel has a title");
        for target in panel["targets"].as_array().into_iter().flatten() {
            found.push((title.to_owned(), target["expr"].as_str().expect("every target has an expression").to_owned()));
        }
    }
    for note in board["annotations"]["list"].as_array().expect("annotations") {
        found.push(("annotation".to_owned(), note["expr"].as_str().expect("an expression").to_owned()));
    }
    found
}

/// (alert, expression, runbook) of every rule, read from the layout that alerts.yml keeps.
fn alerts() -> Vec<(String, String, String)> {
    let page = text("deploy/prometheus/alerts.yml");
    let rules = page.split("- alert: ").skip(1).map(|rule| {
        let name = rule.lines().next().unwrap_or_default().to_owned();
        let expression = rule.split("expr:").nth(1).and_then(|rest| rest.split("\n        labels:").next());
        let expression = expression.and_then(|rest| rest.split("\n        for:").next()).unwrap_or_default();
        let runbook = rule.split("runbook: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
        (name, expression.to_owned(), runbook.to_owned())
    });
    rules.collect()
}

#[test]
fn every_expression_of_the_dashboard_names_metrics_and_labels_that_exist() {
    let expressions = expressions_of_the_dashboard();
    let seen: usize = expressions.iter().map(|(title, expression)| check(title, expression)).sum();
    assert!(expressions.len() >= 35 && seen >= expressions.len(), "{} expressions, {seen} names", expressions.len());
}

#[test]
fn every_alert_names_metrics_that_exist_and_has_a_test_and_a_runbook() {
    let runbook_page = text("docs/operations.md");
    let anchors: BTreeSet<String> = runbook_page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|title| title.to_lowercase().replace(' ', "-"))
        .collect();
    let tests = text("deploy/prometheus/alerts_test.yml");
    let alerts = alerts();
    for (name, expression, runbook) in &alerts {
        assert!(check(name, expression) > 0 || name == "StopgateDown", "{name}: no metric of ours in `{expression}`");
        let anchor =
            runbook.strip_prefix("docs/operations.md#").unwrap_or_else(|| panic!("{name}: runbook `{runbook}`"));
        assert!(anchors.contains(anchor), "{name}: docs/operations.md has no section `{anchor}`");
        for kind in ["fires", "stays quiet"] {
            assert!(tests.contains(&format!("- name: {name} {kind}\n")), "{name}: no test that it {kind}");
        }
    }
    assert_eq!(alerts.len(), 29, "alerts read");
}

#[test]
fn the_container_file_copies_what_exists_and_does_not_run_as_root() {
    let file = text("deploy/docker/Dockerfile");
    let mut copied = 0;
    for line in file.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(source).exists(), "COPY {source}: not there");
            copied += 1;
        }
    }
    assert!(copied >= 4, "{copied} sources copied");
    let user = file.lines().filter_map(|line| line.strip_prefix("USER ")).next_back().expect("a USER line");
    assert!(!user.starts_with("root") && !user.starts_with('0'), "runs as {user}");
    for word in ["ENTRYPOINT", "CMD"] {
        let line = file.lines().find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("no {word}"));
        assert!(line.contains('['), "{line}: in shell form, signals do not reach the daemon");
    }
}

#[test]
fn the_checks_catch_a_name_and_a_label_that_do_not_exist() {
    assert_eq!(check("fine", "sum by (account) (rate(stopgate_submit_total{verdict=\"refused\"}[5m]))"), 1);
    for wrong in ["stopgate_submits_total", "stopgate_submit_total{smsc=\"a\"}", "sum by (code) (stopgate_leak_total)"]
    {
        assert!(std::panic::catch_unwind(|| check("wrong", wrong)).is_err(), "{wrong}");
    }
}
