//! Owns the answers of the running gateway: the `Plane` of its handle.
//! Must never show a number to anybody but the API's own answers, nor reach past the handle.

use super::answers::*;
use super::consent::adapter::in_words;
use super::named::{account, canonical};
use super::observed::{Observed, RefusedLater};
use super::pending::Pending;
use super::plane::Plane;
use super::problem::{Problem, ProblemKind};
use super::requests::*;
use super::review;
use super::suppressions;
use super::two_people;
use super::unsubscribes::{UnsubscribeReport, unsubscribes};
use crate::compliance::facts::Evidence;
use crate::compliance::hours::Opening;
use crate::compliance::pack::Pack;
use crate::compliance::rule::Rule;
use crate::gateway::handle::{Handle, HandleError, Renewal};
use crate::gateway::settings::{AccountSettings, Settings};
use crate::ledger::VerdictKind;
use crate::message::draft::Draft;
use crate::message::msisdn::Msisdn;
use std::sync::Arc;
use std::time::Duration;

/// Verdicts of a number that `why` looks back over.
const VERDICTS_MAX: usize = 20;
/// Segments of the verdicts stream that `why` reads at most.
const SEGMENTS_MAX: usize = 4;
/// How long a report may be computed: whoever asked has gone soon after.
const REPORT_WITHIN: Duration = Duration::from_secs(90);

impl From<HandleError> for Problem {
    fn from(error: HandleError) -> Self {
        match error {
            HandleError::NotRecorded => Self::unavailable(
                "the ledger takes no records now",
                "look at /readyz?verbose and at the disk of data_dir",
            ),
            HandleError::NotDurable => Self::unavailable(
                "recorded, but not durable within 5 s: the numbers are blocked from now on",
                "ask again: adding a number twice does no harm",
            ),
            HandleError::Configuration(faults) => {
                Self::invalid(faults.join("\n"), "mend the file and reload again; the old configuration stays in force")
            }
        }
    }
}

impl Plane for Handle {
    fn status(&self) -> Pending<'_, StatusAnswer> {
        Box::pin(async move {
            let figures = self.figures().await;
            let shared = &self.shared;
            let settings = shared.settings.load();
            let name = |id| {
                settings.smscs.iter().find(|smsc| smsc.id == id).map_or_else(String::new, |smsc| smsc.name.clone())
            };
            let smscs = figures.smscs.iter().map(|smsc| SmscStatus {
                name: name(smsc.id),
                address: settings
                    .smscs
                    .iter()
                    .find(|found| found.id == smsc.id)
                    .map_or_else(String::new, |found| found.address.clone()),
                links: smsc.links,
                bound: smsc.bound,
                window_used: smsc.window_used,
                window_size: smsc.window_size,
                waiting: smsc.waiting,
            });
            let accounts = figures.accounts.iter().filter_map(|figures| {
                let account = settings.accounts.iter().find(|account| account.id == figures.id)?;
                Some(AccountStatus {
                    system_id: account.policy.system_id.clone(),
                    pack: short_name(&account.policy.pack),
                    smsc: account.smsc.iter().map(|id| name(*id)).collect(),
                    transmitters: figures.transmitters,
                    receivers: figures.receivers,
                    transceivers: figures.transceivers,
                    spooled: figures.spooled as u64,
                    observe: Observed::of(&account.policy.observe, shared.clock.civil()),
                })
            });
            Ok(StatusAnswer {
                node: settings.node.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                now: shared.clock.civil(),
                started: shared.started,
                rehearsal: shared.clock.is_rehearsal(),
                draining: self.is_draining(),
                evidence: shared.ledger.evidence().word().to_owned(),
                smpp: self.smpp.to_string(),
                suppressed_numbers: shared.index.len() as u64,
                suppression_store_lag: shared.store_lag(),
                durable_events: shared.ledger.durable_events(),
                erasures_waiting: shared.ledger.erasures_waiting(),
                smscs: smscs.collect(),
                accounts: accounts.collect(),
            })
        })
    }

    fn ready(&self) -> Vec<ReadyCheck> {
        let evidence = self.shared.ledger.evidence();
        let bound = self.shared.bound_links();
        let draining = self.is_draining();
        vec![
            ReadyCheck {
                name: "ledger",
                ok: evidence != Evidence::LedgerUnusable,
                detail: self.shared.failing_closed().unwrap_or_else(|| {
                    let trouble = self.shared.ledger.trouble().map(|trouble| format!("; {trouble}"));
                    evidence.word().to_owned() + &trouble.unwrap_or_default()
                }),
            },
            ReadyCheck {
                name: "restore",
                ok: evidence != Evidence::Restored,
                detail: match evidence {
                    Evidence::Restored => {
                        "closed to commercial traffic: STOPs may be lost; see `stopgate loss show`".to_owned()
                    }
                    Evidence::Whole | Evidence::ListNotWhole | Evidence::LedgerUnusable => "nothing waits".to_owned(),
                },
            },
            ReadyCheck {
                name: "list",
                ok: evidence != Evidence::ListNotWhole,
                detail: match evidence {
                    Evidence::ListNotWhole => {
                        format!("{} number(s) so far; made again from all events", self.shared.index.len())
                    }
                    Evidence::Whole | Evidence::LedgerUnusable | Evidence::Restored => {
                        format!("{} number(s)", self.shared.index.len())
                    }
                },
            },
            ReadyCheck { name: "store", ok: true, detail: self.shared.store_in_words() },
            // Hours are judged by both readings after a step, and nobody is kept waiting by a service that says nothing.
            ReadyCheck { name: "clock", ok: true, detail: self.shared.clock.in_words() },
            ReadyCheck { name: "smsc", ok: bound > 0, detail: format!("{bound} link(s) bound") },
            ReadyCheck {
                name: "draining",
                ok: !draining,
                detail: if draining { "draining".to_owned() } else { "taking work".to_owned() },
            },
        ]
    }

    fn reload(&self, by: &str) -> Pending<'_, ReloadReport> {
        let by = by.to_owned();
        Box::pin(async move {
            let Renewal { before, after, warnings } = Handle::reload(self).await?;
            self.record_admin(&by, "reload", None).await?;
            let (changes, restart_needed) = differences(&before, &after);
            Ok(ReloadReport { changes, restart_needed, warnings })
        })
    }

    fn drain(&self, by: &str) -> Pending<'_, ()> {
        let by = by.to_owned();
        Box::pin(async move {
            self.record_admin(&by, "drain", None).await?;
            self.ask_drain();
            Ok(())
        })
    }

    fn check(&self, request: CheckRequest) -> Pending<'_, CheckAnswer> {
        Box::pin(async move {
            let settings = self.shared.settings.load();
            let account = account(&settings, &request.account)?;
            Ok(try_out(self, &settings, account, &request))
        })
    }

    fn why(&self, number: WrittenNumber) -> Pending<'_, WhyAnswer> {
        Box::pin(async move { list_is_whole(self).and_then(|()| why(self, &number)) })
    }

    fn suppress(&self, batch: StopBatch) -> Pending<'_, StopOutcome> {
        Box::pin(suppressions::add(self, batch))
    }

    fn stops_of(&self, number: WrittenNumber) -> Pending<'_, Vec<StopEntry>> {
        Box::pin(async move { list_is_whole(self).and_then(|()| suppressions::entries_of(self, &number)) })
    }

    fn stops(&self, page: PageRequest) -> Pending<'_, StopPage> {
        Box::pin(async move { list_is_whole(self).and_then(|()| suppressions::page_of(self, &page)) })
    }

    fn doubtful(&self, limit: usize) -> Pending<'_, Vec<ReviewEntry>> {
        Box::pin(async move { Ok(review::entries(self, limit)) })
    }

    fn unsubscribes(&self, asked: ReportRequest) -> Pending<'_, UnsubscribeReport> {
        let (shared, settings) = (Arc::clone(&self.shared), self.shared.settings.load_full());
        Box::pin(async move {
            let began = shared.clock.monotonic();
            let counting = tokio::task::spawn_blocking(move || {
                let over = || shared.clock.monotonic().since(began) > REPORT_WITHIN;
                unsubscribes(&shared.ledger, &settings, &asked, shared.clock.civil(), &over)
            });
            counting.await.unwrap_or_else(|error| {
                Err(Problem::new(ProblemKind::Failed, format!("the report broke off: {error}"), "tell us"))
            })
        })
    }

    fn propose_lift(&self, request: LiftRequest) -> Pending<'_, LiftWaiting> {
        Box::pin(two_people::propose(self, request))
    }

    fn decide_lift(&self, decision: LiftDecision) -> Pending<'_, LiftOutcome> {
        Box::pin(two_people::decide(self, decision))
    }

    fn waiting_lifts(&self) -> Pending<'_, Vec<LiftWaiting>> {
        Box::pin(async move { two_people::waiting(self) })
    }

    fn record_read(&self, read: AdminRead) -> Pending<'_, ()> {
        Box::pin(async move {
            let settings = self.shared.settings.load_full();
            let tag =
                read.number.as_ref().and_then(|written| settings.numbers.read(&written.text, &written.country).ok());
            let tag = tag.map(|number| self.shared.tags.tag(number));
            Ok(self.record_admin(&read.by, read.action, tag).await?)
        })
    }
}

/// `id@version`: what people call a pack.
fn short_name(pack: &Pack) -> String {
    format!("{}@{}", pack.id, pack.version)
}

/// Judges a draft as the lanes would, and says everything that was found.
fn try_out(handle: &Handle, settings: &Settings, account: &AccountSettings, request: &CheckRequest) -> CheckAnswer {
    let policy = &account.policy;
    let source = request.from.as_deref().or(policy.senders.first().map(String::as_str)).unwrap_or("");
    let number = settings.numbers.read(&request.to.text, &request.to.country);
    let destination =
        number.as_ref().map_or_else(|_| request.to.text.clone(), |number: &Msisdn| number.as_u64().to_string());
    let submission = Draft::new(source, &destination, &request.text).submission();
    let at = request.at.unwrap_or_else(|| handle.shared.clock.civil());
    let found = handle.try_out(submission, policy, at);
    CheckAnswer {
        refusal: found.code,
        class: found.class,
        pack: short_name(&policy.pack),
        number: number.ok(),
        territory: found.territory,
        judged_at: found.judged_at,
        next_opening: found.next_opening,
        would_refuse: found.would_refuse.iter().map(Rule::id).collect(),
        observed: found.observed.map(|(code, from)| RefusedLater::new(code, from)),
        classed: request.explain.then(|| found.classed.into()),
    }
}

/// Half a list would say of somebody who is on it that they are not.
fn list_is_whole(handle: &Handle) -> Result<(), Problem> {
    if handle.shared.ledger.is_behind() {
        return Err(Problem::unavailable(
            "the list is being made again from all events after the start",
            "ask again when /readyz?verbose says that it is whole; commercial traffic is refused meanwhile",
        ));
    }
    Ok(())
}

/// All that is known about a number.
fn why(handle: &Handle, written: &WrittenNumber) -> Result<WhyAnswer, Problem> {
    let shared = &handle.shared;
    let settings = shared.settings.load();
    let number = canonical(&settings, written)?;
    let tag = shared.tags.tag(number);
    let now = shared.clock.civil();
    let system_id = |id| shared.ledger.name(id).map_or_else(|| "?".to_owned(), |name| name.to_string());
    let consent = settings.accounts.iter().map(|account| in_words(handle, account, &tag));
    let consent = consent.collect::<Result<_, _>>()?;
    let frequency = settings.accounts.iter().filter_map(|account| {
        let cap = account.policy.frequency?;
        let count = shared.frequency.index().lock().of(account.id, &tag, cap, now);
        Some(format!("{}: {count} promotions of {cap}", account.policy.system_id))
    });
    let observed = settings
        .accounts
        .iter()
        .filter_map(|account| Some(Observed::of(&account.policy.observe, now)?.in_words(&account.policy.system_id)));
    let hours = settings.packs().into_iter().filter_map(|pack| {
        let territory = pack.territory(number)?;
        let (open, until) = match pack.opening(territory, now) {
            Opening::Open { until, .. } => (true, Some(until)),
            Opening::Closed { next } => (false, next),
        };
        let name = pack.territories().get(usize::from(territory))?.name.clone();
        Some(HoursNow { pack: short_name(&pack), territory: name, open, until })
    });
    let verdicts = shared.ledger.last_verdicts(tag, VERDICTS_MAX, SEGMENTS_MAX)?;
    let verdicts = verdicts.into_iter().map(|record| PastVerdict {
        at: record.at,
        account: system_id(record.account),
        class: record.class,
        verdict: match record.kind {
            VerdictKind::Refused(code) => code.code().to_owned(),
            VerdictKind::Withdrawn(code) => format!("withdrawn {}", code.code()),
            VerdictKind::Observed(code) => format!("observed {}", code.code()),
            kind @ (VerdictKind::Permitted
            | VerdictKind::Composed
            | VerdictKind::Unresolved
            | VerdictKind::LateAnswer(_)
            | VerdictKind::Recalled(_)
            | VerdictKind::NotRecalled) => kind.word().to_owned(),
        },
    });
    Ok(WhyAnswer {
        number: Some(number),
        suppressions: suppressions::entries(handle, number)?,
        lifts: two_people::past(handle, &tag)?,
        proposed: two_people::waiting_for(handle, &tag),
        lifted_for: shared.registry.lifted_for(&tag).into_iter().map(system_id).collect(),
        consent,
        frequency: frequency.collect(),
        observed: observed.collect(),
        hours: hours.collect(),
        verdicts: verdicts.collect(),
    })
}

/// What a reload changed, and what it cannot change, in words.
fn differences(before: &Settings, after: &Settings) -> (Vec<String>, Vec<String>) {
    let mut changes = Vec::new();
    for account in &after.accounts {
        let system_id = &account.policy.system_id;
        match before.accounts.iter().find(|old| old.id == account.id) {
            None => changes.push(format!("account {system_id} added")),
            Some(old) if format!("{old:?}") != format!("{account:?}") || old.password != account.password => {
                changes.push(format!("account {system_id} changed"));
            }
            Some(_) => {}
        }
    }
    for account in &before.accounts {
        if !after.accounts.iter().any(|new| new.id == account.id) {
            changes.push(format!("account {} removed", account.policy.system_id));
        }
    }
    if format!("{:?}", before.short_codes) != format!("{:?}", after.short_codes) {
        changes.push("short codes changed".to_owned());
    }
    let mut restart = Vec::new();
    let mut fixed = |what: &str, same: bool| {
        if !same {
            restart.push(format!("{what} changed: restart to have it"));
        }
    };
    fixed("[smpp]", format!("{:?}", before.smpp) == format!("{:?}", after.smpp));
    fixed("[[smsc]]", format!("{:?}", before.smscs) == format!("{:?}", after.smscs));
    fixed("lanes", before.lanes == after.lanes);
    fixed("node", before.node == after.node);
    fixed("data_dir", before.data_dir == after.data_dir && before.keys_dir == after.keys_dir);
    (changes, restart)
}
