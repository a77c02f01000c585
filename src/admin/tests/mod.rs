//! Owns the tests of the API as it is on the wire: tokens, roles, records of reads, health, metrics.
//! Must never look behind the API: what counts is what is answered and what the data plane was asked.

pub(crate) mod fake;

use fake::FakeDaemon;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::atomic::Ordering;

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent()
}

fn get(daemon: &FakeDaemon, path: &str, token: &str) -> (u16, String) {
    let request = agent().get(format!("{}{path}", daemon.url())).header("authorization", format!("Bearer {token}"));
    let mut response = request.call().expect("an answer");
    (response.status().as_u16(), response.body_mut().read_to_string().expect("text"))
}

fn post(daemon: &FakeDaemon, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let request = agent().post(format!("{}{path}", daemon.url())).header("authorization", format!("Bearer {token}"));
    let mut response = request.send(body.to_string().as_bytes()).expect("an answer");
    let text = response.body_mut().read_to_string().expect("text");
    (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Adds a person to the file of tokens.
fn enrol(daemon: &FakeDaemon, name: &str, role: &str) -> String {
    let path = daemon.directory.path().join("admin.tokens");
    let token = format!("token-of-{name}");
    let hash: String = Sha256::digest(token.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect();
    let text = std::fs::read_to_string(&path).expect("tokens") + &format!("{name} {role} {hash}\n");
    std::fs::write(&path, text).expect("written");
    // Two writes within one tick of the file system's clock would look like none.
    let later = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(2_000_000_000 + name.len() as u64);
    std::fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(later)).expect("stamped");
    token
}

#[test]
fn nothing_personal_is_answered_without_a_token_that_may() {
    let daemon = FakeDaemon::start();
    let number = json!({ "number": "0639980042" });
    let (status, problem) = post(&daemon, "/v1/why", "guess", &number);
    assert_eq!((status, &problem["kind"]), (401, &"unauthorised".into()));
    let operator = enrol(&daemon, "olga", "operator");
    let (status, problem) = post(&daemon, "/v1/why", &operator, &number);
    assert_eq!((status, &problem["kind"]), (403, &"forbidden".into()));
    assert!(problem["next"].as_str().is_some_and(|next| next.contains("compliance or auditor")), "{problem}");
    assert_eq!(daemon.asked(), [""; 0], "the data plane was not asked");
    let line = "stopgate_admin_requests_total{result=\"denied\"} 2\n";
    assert!(daemon.registry.render().contains(line));
}

#[test]
fn a_read_is_recorded_before_it_is_answered_and_not_answered_when_it_cannot_be() {
    let daemon = FakeDaemon::start();
    let (status, answer) = post(&daemon, "/v1/why", &daemon.token(), &json!({ "number": "0639980042" }));
    assert_eq!((status, &answer["number"]), (200, &"+33639980042".into()));
    assert_eq!(daemon.asked(), ["recorded why by local", "why"]);
    daemon.plane.unrecorded.store(true, Ordering::Relaxed);
    for (status, path) in [(503, "/v1/why"), (503, "/v1/stops/show")] {
        assert_eq!(post(&daemon, path, &daemon.token(), &json!({ "number": "0639980042" })).0, status, "{path}");
    }
    assert_eq!(get(&daemon, "/v1/stops", &daemon.token()).0, 503);
    assert_eq!(daemon.asked().len(), 2, "nothing was read: {:?}", daemon.asked());
}

#[test]
fn a_sender_checks_its_own_account_only() {
    let daemon = FakeDaemon::start();
    let token = enrol(&daemon, "acme", "sender");
    let body = |account: &str| json!({ "account": account, "to": "0639980042", "text": "Soldes STOP au 36111" });
    assert_eq!(post(&daemon, "/v1/check", &token, &body("acme")).0, 200);
    assert_eq!(post(&daemon, "/v1/check", &token, &body("bolero")).0, 403);
    assert_eq!(get(&daemon, "/v1/status", &token).0, 403, "the status shows other accounts");
}

#[test]
fn a_sender_sees_the_figures_of_its_own_account_only() {
    let daemon = FakeDaemon::start();
    let token = enrol(&daemon, "acme", "sender");
    let report = "/v1/report/unsubscribes";
    assert_eq!(get(&daemon, &format!("{report}?account=other"), &token).0, 403);
    assert_eq!(get(&daemon, report, &token).0, 200);
    assert_eq!(get(&daemon, &format!("{report}?account=acme&limit=5"), &token).0, 200);
    assert_eq!(get(&daemon, &format!("{report}?since=2026-11-01T00:00:00Z"), &daemon.token()).0, 200);
    assert_eq!(get(&daemon, report, "no token").0, 401);
    for query in ["since=yesterday", "limit=0", "limit=70000", "number=33639980001"] {
        assert_eq!(get(&daemon, &format!("{report}?{query}"), &daemon.token()).0, 400, "{query}");
    }
    let asked = daemon.asked();
    let since = "Some(CivilInstant(1793491200000000))";
    let expected = [
        "report Some(\"acme\") None None 1000".to_owned(),
        "report Some(\"acme\") None None 5".to_owned(),
        format!("report None {since} None 1000"),
    ];
    assert_eq!(asked, expected);
}

#[test]
fn a_batch_takes_the_good_rows_and_names_the_bad_ones() {
    let daemon = FakeDaemon::start();
    let rows = json!([
        { "line": 1, "number": "0639980001", "evidence": "letter" },
        { "line": 2, "number": "0639980002" },
        { "line": 3, "number": "0639980003", "evidence": "letter", "at": "yesterday" },
        { "line": 4, "number": "nobody", "evidence": "letter" },
    ]);
    let (status, answer) = post(&daemon, "/v1/stops", &daemon.token(), &json!({ "origin": "mail", "rows": rows }));
    assert_eq!((status, &answer["added"]), (200, &1.into()));
    let lines: Vec<_> = answer["rejected"].as_array().expect("a list").iter().map(|row| row["line"].clone()).collect();
    assert_eq!(lines, [json!(2), json!(3), json!(4)]);
    let (status, problem) = post(&daemon, "/v1/stops", &daemon.token(), &json!({ "origin": "whim", "rows": [] }));
    assert_eq!((status, &problem["kind"]), (400, &"invalid".into()));
}

#[test]
fn a_sender_enters_opt_ins_to_its_own_account_only_and_reads_none() {
    let daemon = FakeDaemon::start();
    let token = enrol(&daemon, "acme", "sender");
    let body = |account: &str, row: Value| json!({ "work": "record", "account": account, "source": "web", "wording": "v3", "evidence": "form", "rows": [row] });
    let row = json!({ "line": 1, "number": "0639980042", "at": "2026-11-20T10:00:00Z" });
    let (status, answer) = post(&daemon, "/v1/consents", &token, &body("acme", row.clone()));
    assert_eq!((status, &answer["added"]), (200, &1.into()), "{answer}");
    assert_eq!(post(&daemon, "/v1/consents", &token, &body("bolero", row)).0, 403);
    assert_eq!(post(&daemon, "/v1/consents/show", &token, &json!({ "number": "0639980042" })).0, 403);
    assert_eq!(get(&daemon, "/v1/consents", &token).0, 403);
    for (row, why) in [
        (json!({ "line": 1, "number": "0639980043" }), "no date"),
        (json!({ "line": 1, "number": "0639980043", "at": "2026-11-20T10:00:00Z", "source": "owl" }), "no source of"),
        (json!({ "line": 1, "number": "0639980043", "at": "2026-11-20T10:00:00Z", "wording": "0639980043" }), "number"),
    ] {
        let (status, answer) = post(&daemon, "/v1/consents", &token, &body("acme", row));
        let told = answer["rejected"][0]["error"].as_str().unwrap_or_default();
        assert!(status == 200 && answer["added"] == 0 && told.contains(why), "{why}: {answer}");
    }
    let auditor = enrol(&daemon, "audrey", "auditor");
    assert_eq!(post(&daemon, "/v1/consents/show", &auditor, &json!({ "number": "0639980042" })).0, 200);
    daemon.plane.unrecorded.store(true, Ordering::Relaxed);
    assert_eq!(get(&daemon, "/v1/consents", &auditor).0, 503, "a read that cannot be recorded is not answered");
}

#[test]
fn what_is_held_is_for_compliance_alone_and_its_reading_is_recorded_first() {
    let daemon = FakeDaemon::start();
    let body = json!({ "number": "0639980042" });
    for (name, role) in [("olga", "operator"), ("audrey", "auditor"), ("acme", "sender")] {
        let token = enrol(&daemon, name, role);
        assert_eq!(post(&daemon, "/v1/gdpr/access", &token, &body).0, 403, "{role}");
    }
    let token = enrol(&daemon, "carla", "compliance");
    let (status, answer) = post(&daemon, "/v1/gdpr/access", &token, &body);
    assert_eq!((status, &answer["number"], &answer["suppressed"]), (200, &"+33639980042".into(), &false.into()));
    assert!(answer["answer"].as_str().is_some_and(|words| words.contains("You are not on the list")), "{answer}");
    assert_eq!(daemon.asked(), ["recorded gdpr.access by carla", "held"]);
    daemon.plane.unrecorded.store(true, Ordering::Relaxed);
    assert_eq!(post(&daemon, "/v1/gdpr/access", &token, &body).0, 503);
    assert_eq!(daemon.asked().len(), 2, "nothing was read");
}

#[test]
fn only_compliance_erases_and_only_with_a_reason_that_is_no_number() {
    let daemon = FakeDaemon::start();
    let body = json!({ "number": "0639980042", "reason": "letter of 2026-11-20" });
    for (name, role) in [("olga", "operator"), ("audrey", "auditor"), ("acme", "sender")] {
        let token = enrol(&daemon, name, role);
        let (status, problem) = post(&daemon, "/v1/gdpr/erase", &token, &body);
        assert_eq!((status, &problem["next"]), (403, &"ask somebody with the role compliance".into()), "{role}");
    }
    assert_eq!(daemon.asked(), [""; 0], "the data plane was not asked");
    let token = enrol(&daemon, "carla", "compliance");
    let (status, answer) = post(&daemon, "/v1/gdpr/erase", &token, &body);
    assert_eq!((status, &answer["number"], &answer["erased"]["records"]), (200, &"+33639980042".into(), &2.into()));
    for reason in ["", "+33 6 39 98 00 42"] {
        let body = json!({ "number": "0639980042", "reason": reason });
        assert_eq!(post(&daemon, "/v1/gdpr/erase", &token, &body).0, 400, "{reason:?}");
    }
    assert_eq!(daemon.asked(), ["erase by carla: letter of 2026-11-20"]);
}

#[test]
fn probes_and_metrics_need_no_token() {
    let daemon = FakeDaemon::start();
    assert_eq!(get(&daemon, "/livez", ""), (200, "ok\n".to_owned()));
    assert_eq!(get(&daemon, "/readyz", ""), (200, "ready\n".to_owned()));
    daemon.plane.unready.store(true, Ordering::Relaxed);
    let (status, text) = get(&daemon, "/readyz?verbose", "");
    assert_eq!((status, text.as_str()), (503, "ok ledger: takes records\nFAILED smsc: links bound\nnot ready\n"));
    let (status, text) = get(&daemon, "/metrics", "");
    assert_eq!(status, 200);
    assert!(text.contains("stopgate_ready 0\n") && text.contains("process_resident_memory_bytes"), "{text}");
    assert!(text.contains("stopgate_failing_closed 0\n"), "no link is no fault of the evidence: {text}");
    assert_eq!(get(&daemon, "/v2/everything", "").0, 404);
}

#[test]
fn a_reload_counts_whether_the_file_was_good() {
    let daemon = FakeDaemon::start();
    assert_eq!(post(&daemon, "/v1/reload", &daemon.token(), &json!({})).0, 200);
    daemon.plane.faulty_config.store(true, Ordering::Relaxed);
    assert_eq!(post(&daemon, "/v1/reload", &daemon.token(), &json!({})).0, 400);
    let text = daemon.registry.render();
    for (result, count) in [("ok", 1), ("invalid", 1), ("failed", 0)] {
        let line = format!("stopgate_config_reload_total{{result=\"{result}\"}} {count}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
}

#[test]
fn an_unusable_port_says_which_key_to_change() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let daemon = FakeDaemon::start();
    let settings = super::settings::AdminSettings {
        listen: taken.local_addr().expect("bound"),
        tokens: daemon.directory.path().join("admin.tokens"),
        local_token: daemon.directory.path().join("admin.token"),
        default_country: "FR".to_owned(),
        connections: 1,
    };
    let registry = crate::telemetry::registry::Registry::new();
    let parts = super::server::AdminParts {
        settings,
        plane: std::sync::Arc::clone(&daemon.plane) as std::sync::Arc<dyn super::plane::Plane>,
        metrics: crate::telemetry::metrics::GatewayMetrics::new(&registry),
        registry,
        data_dir: daemon.directory.path().to_owned(),
    };
    let problem = super::server::AdminServer::start(parts).expect_err("taken");
    assert!(problem.error.contains("[admin] listen"), "{problem}");
}
