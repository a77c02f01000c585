//! Owns a data plane that remembers what it was asked, and a control plane before it, for tests here and of commands.
//! Must never be part of what ships.

use super::super::answers::{
    AccountStatus, CheckAnswer, HoursNow, LiftOutcome, LiftWaiting, PastVerdict, ReadyCheck, RejectedRow, ReloadReport,
    ReviewEntry, SmscStatus, StatusAnswer, StopEntry, StopOutcome, StopPage, WhyAnswer,
};
use super::super::consent::{ConsentAnswer, ConsentBatch, ConsentEntry, ConsentWork};
use super::super::gdpr::access::{self, AccessAnswer};
use super::super::gdpr::{EraseAnswer, EraseRequest, ErasedCounts, GdprPlane, words};
use super::super::pending::Pending;
use super::super::plane::{ConsentPlane, Plane};
use super::super::problem::{Problem, ProblemKind};
use super::super::requests::{
    AdminRead, CheckRequest, LiftDecision, LiftRequest, PageRequest, ReportRequest, StopBatch, WrittenNumber,
};
use super::super::restore::{LossConfirmed, LossWaiting, RestoreAnswer, RestorePlane};
use super::super::server::{AdminParts, AdminServer};
use super::super::settings::AdminSettings;
use super::super::unsubscribes::{UnsubscribeReport, Unsubscribes};
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use crate::gateway::handle::Held;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::telemetry::metrics::GatewayMetrics;
use crate::telemetry::registry::Registry;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What was asked, and what is stopped.
#[derive(Default)]
pub(crate) struct FakePlane {
    pub(crate) stops: Mutex<BTreeSet<u64>>,
    /// Who opted in to acme.
    pub(crate) opt_ins: Mutex<BTreeSet<u64>>,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) unready: AtomicBool,
    pub(crate) unrecorded: AtomicBool,
    pub(crate) faulty_config: AtomicBool,
}

fn now() -> CivilInstant {
    CivilInstant::from_secs(1_795_255_200)
}

fn read(number: &WrittenNumber) -> Result<Msisdn, Problem> {
    let digits: String = number.text.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix('0').map_or(digits.clone(), |rest| format!("33{rest}"));
    let number = digits.parse().ok().and_then(Msisdn::from_canonical).filter(|number| number.as_u64() > 33_000_000_000);
    number.ok_or_else(|| Problem::invalid("no number", "write +33 6 39 98 00 42"))
}

fn entry(number: u64) -> StopEntry {
    StopEntry {
        number: Msisdn::from_canonical(number),
        tag: "00".to_owned(),
        since: now(),
        said_at: None,
        source: "mo".to_owned(),
        scope: "global".to_owned(),
        by: "operator-a".to_owned(),
        short_code: Some(36111),
        evidence: Some("STOP".to_owned()),
        text: Some("STOP".to_owned()),
        event: number % 1000,
    }
}

fn waiting(number: Msisdn, request: LiftRequest) -> LiftWaiting {
    LiftWaiting {
        id: 7,
        number: Some(number),
        accounts: request.accounts,
        stops: 1,
        by: request.by,
        at: now(),
        until: now(),
        evidence: Some(request.evidence),
        reason: Some(request.reason),
    }
}

impl FakePlane {
    fn note(&self, what: impl Into<String>) {
        self.asked.lock().expect("not poisoned").push(what.into());
    }

    fn is_stopped(&self, number: Msisdn) -> bool {
        self.stops.lock().expect("not poisoned").contains(&number.as_u64())
    }
}

fn opt_in(number: u64) -> ConsentEntry {
    ConsentEntry {
        account: "acme".to_owned(),
        number: Msisdn::from_canonical(number),
        tag: "00".to_owned(),
        state: "live",
        at: now(),
        last_contact: Some(now()),
        ends: None,
        source: "web".to_owned(),
        wording: "v3".to_owned(),
        by: "local".to_owned(),
        recorded: now(),
        evidence: Some("form 12".to_owned()),
        event: number % 1000,
    }
}

impl ConsentPlane for FakePlane {
    fn enter_consents(&self, batch: ConsentBatch) -> Pending<'_, StopOutcome> {
        self.note(format!("{:?} {} for {} by {}", batch.work, batch.rows.len(), batch.account, batch.by));
        Box::pin(async move {
            let mut outcome = StopOutcome::default();
            let mut opt_ins = self.opt_ins.lock().expect("not poisoned");
            for row in batch.rows {
                match (read(&row.number), batch.work) {
                    (Err(problem), _) => outcome.rejected.push(RejectedRow { line: row.line, error: problem.error }),
                    (Ok(number), work) if opt_ins.contains(&number.as_u64()) == (work == ConsentWork::Record) => {
                        outcome.already += 1;
                    }
                    (Ok(number), work) => {
                        outcome.added += 1;
                        match (batch.dry_run, work) {
                            (true, _) => false,
                            (false, ConsentWork::Record) => opt_ins.insert(number.as_u64()),
                            (false, ConsentWork::Revoke) => opt_ins.remove(&number.as_u64()),
                        };
                    }
                }
            }
            Ok(outcome)
        })
    }

    fn consents_of(&self, number: WrittenNumber) -> Pending<'_, Vec<ConsentEntry>> {
        self.note("consents of");
        Box::pin(async move {
            let number = read(&number)?.as_u64();
            let known = self.opt_ins.lock().expect("not poisoned").contains(&number);
            Ok(known.then(|| opt_in(number)).into_iter().collect())
        })
    }

    fn consents(&self, account: Option<String>, page: PageRequest) -> Pending<'_, ConsentAnswer> {
        self.note(format!("consents page of {account:?}"));
        Box::pin(async move {
            let after = page.after.and_then(|after| after.parse::<u64>().ok()).unwrap_or(0);
            let opt_ins = self.opt_ins.lock().expect("not poisoned");
            let entries: Vec<_> =
                opt_ins.iter().filter(|number| **number > after).take(10).map(|n| opt_in(*n)).collect();
            let last = entries.last().and_then(|entry| entry.number).map(Msisdn::as_u64);
            let next = last.filter(|last| opt_ins.iter().any(|number| number > last)).map(|last| last.to_string());
            Ok(ConsentAnswer { entries, next })
        })
    }
}

impl GdprPlane for FakePlane {
    fn held(&self, number: WrittenNumber) -> Pending<'_, AccessAnswer> {
        self.note("held");
        Box::pin(async move {
            let number = read(&number)?;
            let mut answer =
                access::answer((number, now()), Held::default(), (Vec::new(), Vec::new()), "5 years", |_| {
                    String::new()
                });
            answer.answer = access::words(&answer);
            Ok(answer)
        })
    }

    fn erase(&self, request: EraseRequest) -> Pending<'_, EraseAnswer> {
        self.note(format!("erase by {}: {}", request.by, request.reason));
        Box::pin(async move {
            let number = read(&request.number)?;
            let suppressed = self.is_stopped(number);
            let erased = ErasedCounts { records: 2, ..ErasedCounts::default() };
            let stays = words::stays(suppressed, "5 years");
            let (at, answer) = (now(), format!("Erasure of +{}", number.as_u64()));
            let ended_opt_ins = Vec::new();
            Ok(EraseAnswer { number: Some(number), at, record: 9, erased, ended_opt_ins, suppressed, stays, answer })
        })
    }
}

impl RestorePlane for FakePlane {
    fn restored(&self) -> Pending<'_, RestoreAnswer> {
        self.note("restored");
        Box::pin(async {
            Ok(RestoreAnswer { closed: false, epoch: None, backup: None, newest: None, waiting: Vec::new() })
        })
    }

    fn record_loss(&self, words: String, by: String) -> Pending<'_, LossWaiting> {
        self.note(format!("loss recorded by {by}"));
        Box::pin(async { Ok(LossWaiting { id: 9, by, at: now(), until: now(), words }) })
    }

    fn confirm_loss(&self, id: u64, by: String) -> Pending<'_, LossConfirmed> {
        self.note(format!("loss {id} confirmed by {by}"));
        Box::pin(async move { Ok(LossConfirmed { id, opened: true }) })
    }
}

impl Plane for FakePlane {
    fn status(&self) -> Pending<'_, StatusAnswer> {
        Box::pin(async {
            Ok(StatusAnswer {
                node: "gw-1".to_owned(),
                version: "0".to_owned(),
                now: now(),
                started: now(),
                rehearsal: false,
                draining: false,
                evidence: "whole".to_owned(),
                smpp: "127.0.0.1:2775".to_owned(),
                suppressed_numbers: self.stops.lock().expect("not poisoned").len() as u64,
                suppression_store_lag: 0,
                durable_events: 7,
                erasures_waiting: 0,
                smscs: vec![SmscStatus {
                    name: "operator-a".to_owned(),
                    address: "127.0.0.1:2776".to_owned(),
                    links: 2,
                    bound: 2,
                    window_used: 0,
                    window_size: 200,
                    waiting: 0,
                }],
                accounts: vec![AccountStatus {
                    system_id: "acme".to_owned(),
                    pack: "fr-strict".to_owned(),
                    smsc: vec!["operator-a".to_owned()],
                    transmitters: 0,
                    receivers: 0,
                    transceivers: 1,
                    spooled: 0,
                    observe: None,
                }],
            })
        })
    }

    fn ready(&self) -> Vec<ReadyCheck> {
        let ok = !self.unready.load(Ordering::Relaxed);
        vec![
            ReadyCheck { name: "ledger", ok: true, detail: "takes records".to_owned() },
            ReadyCheck { name: "smsc", ok, detail: "links bound".to_owned() },
        ]
    }

    fn reload(&self, by: &str) -> Pending<'_, ReloadReport> {
        self.note(format!("reload by {by}"));
        Box::pin(async {
            if self.faulty_config.load(Ordering::Relaxed) {
                return Err(Problem::invalid("stopgate.toml:3: unknown key `lisen`", "mend the file"));
            }
            Ok(ReloadReport { changes: vec!["account acme: window 10".to_owned()], ..ReloadReport::default() })
        })
    }

    fn drain(&self, by: &str) -> Pending<'_, ()> {
        self.note(format!("drain by {by}"));
        Box::pin(async { Ok(()) })
    }

    fn check(&self, request: CheckRequest) -> Pending<'_, CheckAnswer> {
        Box::pin(async move {
            if request.account != "acme" {
                return Err(Problem::new(ProblemKind::NotFound, "no such account", "there is acme"));
            }
            let number = read(&request.to)?;
            let refusal = self.is_stopped(number).then_some(RefusalCode::OptedOut);
            Ok(CheckAnswer {
                refusal,
                class: TrafficClass::Commercial,
                pack: "fr-strict@1".to_owned(),
                number: Some(number),
                territory: Some("FR".to_owned()),
                judged_at: request.at.unwrap_or_else(now),
                next_opening: None,
                would_refuse: refusal.map(|_| "R-SUPPRESS").into_iter().collect(),
                observed: None,
                classed: None,
            })
        })
    }

    fn why(&self, number: WrittenNumber) -> Pending<'_, WhyAnswer> {
        self.note("why");
        Box::pin(async move {
            let number = read(&number)?;
            let suppressions = if self.is_stopped(number) { vec![entry(number.as_u64())] } else { Vec::new() };
            let hours = HoursNow { pack: "fr-strict@1".into(), territory: "FR".into(), open: true, until: Some(now()) };
            let verdict = PastVerdict {
                at: now(),
                account: "acme".into(),
                class: TrafficClass::Commercial,
                verdict: "SG101".into(),
            };
            Ok(WhyAnswer {
                number: Some(number),
                suppressions,
                lifted_for: Vec::new(),
                lifts: Vec::new(),
                proposed: Vec::new(),
                consent: vec!["acme: declared".to_owned()],
                frequency: Vec::new(),
                observed: Vec::new(),
                hours: vec![hours],
                verdicts: vec![verdict],
            })
        })
    }

    fn suppress(&self, batch: StopBatch) -> Pending<'_, StopOutcome> {
        self.note(format!("suppress {} by {} ({})", batch.rows.len(), batch.by, batch.origin.word()));
        Box::pin(async move {
            let mut outcome = StopOutcome::default();
            let mut stops = self.stops.lock().expect("not poisoned");
            for row in batch.rows {
                match read(&row.number) {
                    Err(problem) => outcome.rejected.push(RejectedRow { line: row.line, error: problem.error }),
                    Ok(number) if stops.contains(&number.as_u64()) => outcome.already += 1,
                    Ok(number) => {
                        outcome.added += 1;
                        if !batch.dry_run {
                            stops.insert(number.as_u64());
                        }
                    }
                }
            }
            Ok(outcome)
        })
    }

    fn doubtful(&self, limit: usize) -> Pending<'_, Vec<ReviewEntry>> {
        self.note(format!("doubtful {limit}"));
        Box::pin(async { Ok(Vec::new()) })
    }

    fn stops_of(&self, number: WrittenNumber) -> Pending<'_, Vec<StopEntry>> {
        self.note("show");
        Box::pin(async move {
            let number = read(&number)?;
            Ok(if self.is_stopped(number) { vec![entry(number.as_u64())] } else { Vec::new() })
        })
    }

    fn stops(&self, page: PageRequest) -> Pending<'_, StopPage> {
        self.note("page");
        Box::pin(async move {
            let after = page.after.and_then(|after| after.parse::<u64>().ok()).unwrap_or(0);
            let stops = self.stops.lock().expect("not poisoned");
            let entries: Vec<_> =
                stops.iter().filter(|number| **number > after).take(page.limit).map(|n| entry(*n)).collect();
            let last = entries.last().and_then(|entry| entry.number).map(Msisdn::as_u64);
            let next = last.filter(|last| stops.iter().any(|number| number > last)).map(|last| last.to_string());
            Ok(StopPage { entries, next })
        })
    }

    fn unsubscribes(&self, asked: ReportRequest) -> Pending<'_, UnsubscribeReport> {
        self.note(format!("report {:?} {:?} {:?} {}", asked.account, asked.since, asked.until, asked.limit));
        let row = |account: Option<&str>| Unsubscribes {
            account: account.map(str::to_owned),
            sender: account.map(|_| "ACME".to_owned()),
            campaign: None,
            messages: 400,
            stops: 3,
            numbers: 2,
            rate: Some(0.005),
        };
        let rows = vec![row(Some("acme"))];
        let (since, until, total) = (now(), now(), row(None));
        Box::pin(async move { Ok(UnsubscribeReport { since, until, rows, omitted: 0, total, elsewhere: Some(1) }) })
    }

    fn propose_lift(&self, request: LiftRequest) -> Pending<'_, LiftWaiting> {
        self.note(format!("lift proposed by {}", request.by));
        Box::pin(async move { Ok(waiting(read(&request.number)?, request)) })
    }

    fn decide_lift(&self, decision: LiftDecision) -> Pending<'_, LiftOutcome> {
        self.note(format!("lift {} decided by {}", decision.id, decision.by));
        Box::pin(async move {
            let LiftDecision { id, refused, .. } = decision;
            Ok(LiftOutcome { id, lifted: refused.is_none(), accounts: vec!["acme".into()], still_stopped: Vec::new() })
        })
    }

    fn waiting_lifts(&self) -> Pending<'_, Vec<LiftWaiting>> {
        self.note("lifts");
        Box::pin(async { Ok(Vec::new()) })
    }

    fn record_read(&self, read: AdminRead) -> Pending<'_, ()> {
        Box::pin(async move {
            if self.unrecorded.load(Ordering::Relaxed) {
                return Err(Problem::unavailable("the ledger takes no records", "look at its disk"));
            }
            self.note(format!("recorded {} by {}", read.action, read.by));
            Ok(())
        })
    }
}

/// A control plane on a port of its own, before a fake data plane.
pub(crate) struct FakeDaemon {
    pub(crate) plane: Arc<FakePlane>,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) registry: Registry,
    server: Option<AdminServer>,
}

impl FakeDaemon {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let settings = AdminSettings {
            listen: "127.0.0.1:0".parse().expect("an address"),
            tokens: directory.path().join("admin.tokens"),
            local_token: directory.path().join("admin.token"),
            default_country: "FR".to_owned(),
            connections: 4,
        };
        let (plane, registry) = (Arc::new(FakePlane::default()), Registry::new());
        let parts = AdminParts {
            settings,
            plane: Arc::clone(&plane) as Arc<dyn Plane>,
            registry: registry.clone(),
            metrics: GatewayMetrics::new(&registry),
            data_dir: directory.path().to_owned(),
        };
        let server = AdminServer::start(parts).expect("a port");
        Self { plane, directory, registry, server: Some(server) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.as_ref().expect("running").address())
    }

    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("admin.token")).expect("made at the start")
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.plane.asked.lock().expect("not poisoned").clone()
    }
}

impl Drop for FakeDaemon {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}
