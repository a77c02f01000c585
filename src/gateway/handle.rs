//! Owns what the control plane may do with the data plane: look, ask the judge, add stops, reload, drain.
//! Must never let the control plane near a link or a lane's insides.

pub use super::erasure::{Erasure, ErasureError};
pub use super::held::Held;
use super::kit::Kit;
pub use super::lifts::{LiftError, NewLift, Waiting};
pub use super::losses::{Closed, Loss, LossError};
use super::order::{LaneFigures, Order};
pub use super::review::Doubtful;
use super::run::Running;
use super::settings::Settings;
use super::shared::Shared;
use crate::compliance::check::{DryRun, dry_run};
use crate::compliance::optout::Engine;
use crate::compliance::policy::AccountPolicy;
use crate::ledger::event::Admin;
use crate::ledger::suppression_event::{Scope, Stop, StopSource, SuppressionEvent};
use crate::ledger::{Appender, Event, Personal};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::submission::Submission;
use crate::message::tag::NumberTag;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a write may wait for the disk and the lanes.
const DURABLE_WITHIN: Duration = Duration::from_secs(5);

/// New settings, and what was noticed about them.
pub struct Reloaded {
    pub settings: Settings,
    pub warnings: Vec<String>,
}

/// What a reload replaced, and by what.
pub struct Renewal {
    pub before: Arc<Settings>,
    pub after: Arc<Settings>,
    pub warnings: Vec<String>,
}

/// Reads the configuration again: new settings, or every fault of the file.
pub type Reloader = Box<dyn Fn() -> Result<Reloaded, Vec<String>> + Send + Sync>;

/// Why something asked of the data plane was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// The ledger takes no record now.
    #[error("the ledger takes no records now")]
    NotRecorded,
    /// It is recorded, but not durable or not passed by every lane in time.
    #[error("not durable within 5 s")]
    NotDurable,
    /// The configuration has faults.
    #[error("the configuration has {} fault(s)", .0.len())]
    Configuration(Vec<String>),
}

/// One stop to be added.
#[derive(Clone, Debug)]
pub struct NewStop {
    pub number: Msisdn,
    pub scope: Scope,
    pub source: StopSource,
    /// When the person opted out; `None` = now. Sealed, as all that follows.
    pub said_at: Option<CivilInstant>,
    /// What proves it.
    pub evidence: String,
    /// What the person said or wrote.
    pub text: Option<String>,
}

/// What became of a batch of stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    pub added: u64,
    pub already: u64,
}

/// The control plane's handle of the data plane.
pub struct Handle {
    pub shared: Arc<Shared>,
    pub smpp: std::net::SocketAddr,
    appender: Mutex<Appender>,
    reloader: Reloader,
}

impl Handle {
    /// A handle of the running data plane.
    pub fn new(running: &Running, reloader: Reloader) -> Self {
        let shared = Arc::clone(&running.shared);
        let appender = Mutex::new(shared.ledger.appender());
        Self { shared, smpp: running.smpp, appender, reloader }
    }

    /// Adds stops: blocked in RAM at once; durable, and passed by every lane, when this returns.
    ///
    /// # Errors
    /// `NotRecorded` and `NotDurable`: the numbers block from now on, but may not be called added.
    pub async fn suppress(&self, stops: &[NewStop], by: &str) -> Result<Added, HandleError> {
        let by = self.intern(by)?;
        let now = self.shared.clock.civil();
        let mut added = Added::default();
        let mut fresh = Vec::new();
        let filled = self.record(|appender| {
            for stop in stops {
                let tag = self.shared.tags.tag(stop.number);
                if self.shared.stands_on_record(&tag, stop.scope) {
                    added.already += 1;
                    continue;
                }
                let event = SuppressionEvent::Stop(Stop {
                    id: self.shared.ledger.next_event_id(),
                    tag,
                    scope: stop.scope,
                    source: stop.source,
                    account: match stop.scope {
                        Scope::Account(account) => account,
                        Scope::Global | Scope::Sender(_) => NameId::NONE,
                    },
                    smsc: NameId::NONE,
                    short_code: 0,
                    answers: None,
                    detail: by,
                });
                self.shared.suppress_in_ram(&event);
                fresh.push(tag);
                let (evidence, text) = (Some(stop.evidence.clone()), stop.text.clone());
                let personal = Personal { evidence, text, said_at: stop.said_at, ..Personal::of(stop.number) };
                appender
                    .event(now, &Event::Suppression(event), Some(&personal))
                    .map_err(|_| HandleError::NotRecorded)?;
                added.added += 1;
            }
            Ok(())
        });
        // What blocks in RAM alone is not "already" stopped for who asks again.
        let last = filled.inspect_err(|_| fresh.iter().for_each(|tag| self.shared.stop_unrecorded(*tag)))?;
        let generation = self.shared.index.generation();
        self.shared.wake_other_lanes(usize::MAX);
        self.wait(|| self.shared.ledger.durable_events() >= last && self.shared.passed_by_all() >= generation).await?;
        fresh.iter().for_each(|tag| self.shared.stop_recorded(tag));
        Ok(added)
    }

    /// The replies for an officer's eyes, the newest first.
    pub fn doubtful(&self, limit: usize) -> Vec<Doubtful> {
        self.shared.review().newest(limit, self.shared.clock.civil())
    }

    /// Who wrote a reply that is kept for review.
    pub fn writer_of(&self, id: u64) -> Option<Msisdn> {
        self.shared.review().writer(id, self.shared.clock.civil())
    }

    /// Judges without sending, counting or recording.
    pub fn try_out(&self, submission: Submission<'_>, account: &AccountPolicy, at: CivilInstant) -> DryRun {
        let kit = Kit::new(Arc::clone(&self.shared), self.shared.settings.load_full());
        dry_run(submission, &kit.facts(account), at)
    }

    /// Whether adding this stop would change nothing.
    pub fn is_stopped(&self, stop: &NewStop) -> bool {
        self.shared.stands_on_record(&self.shared.tags.tag(stop.number), stop.scope)
    }

    /// Records an act of a person; durable when it returns.
    ///
    /// # Errors
    /// As for `suppress`.
    pub async fn record_admin(&self, by: &str, action: &str, tag: Option<NumberTag>) -> Result<(), HandleError> {
        let (by, action) = (self.intern(by)?, self.intern(action)?);
        let now = self.shared.clock.civil();
        let event = Event::Admin(Admin { by, action, tag, detail: NameId::NONE });
        let last =
            self.record(|appender| appender.event(now, &event, None).map(drop).map_err(|_| HandleError::NotRecorded))?;
        self.wait(|| self.shared.ledger.durable_events() >= last).await
    }

    /// Appends what `fill` adds; gives the position behind it.
    pub(super) fn record(
        &self,
        fill: impl FnOnce(&mut Appender) -> Result<(), HandleError>,
    ) -> Result<u64, HandleError> {
        let mut appender = self.appender.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = fill(&mut appender);
        let committed = appender.commit(self.shared.clock.civil()).map_err(|_| HandleError::NotRecorded)?;
        // A batch may add nothing because somebody else's, not durable yet, says it already.
        filled.map(|()| committed.events.end.max(self.shared.ledger.events_appended()))
    }

    /// Appends events, the personal data beside the first; gives that one's position once all are durable.
    pub(super) async fn record_first(&self, events: &[Event], personal: Option<&Personal>) -> Result<u64, HandleError> {
        let now = self.shared.clock.civil();
        let committed = {
            let mut appender = self.appender.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = events
                .iter()
                .enumerate()
                .try_for_each(|(at, event)| appender.event(now, event, personal.filter(|_| at == 0)).map(drop));
            let committed = appender.commit(now).map_err(|_| HandleError::NotRecorded)?;
            taken.map_err(|_| HandleError::NotRecorded)?;
            committed
        };
        self.wait(|| self.shared.ledger.durable_events() >= committed.events.end).await?;
        Ok(committed.events.start)
    }

    pub(super) async fn wait(&self, ready: impl Fn() -> bool) -> Result<(), HandleError> {
        let began = self.shared.clock.monotonic();
        timeout(DURABLE_WITHIN, async {
            loop {
                let rung = self.shared.control.notified();
                if ready() {
                    return;
                }
                rung.await;
            }
        })
        .await
        .map_err(|_| HandleError::NotDurable)?;
        let after = self.shared.clock.monotonic().since(began);
        self.shared.metrics.ledger_commit.record(after.as_secs_f64());
        Ok(())
    }

    pub(super) fn intern_all(&self, names: &[&str]) -> Result<Vec<NameId>, HandleError> {
        self.shared.ledger.intern_all(names, self.shared.clock.civil()).map_err(|_| HandleError::NotRecorded)
    }

    pub(super) fn intern(&self, name: &str) -> Result<NameId, HandleError> {
        self.shared.ledger.intern(name, self.shared.clock.civil()).map_err(|_| HandleError::NotRecorded)
    }

    /// How every lane stands.
    pub async fn figures(&self) -> LaneFigures {
        let mut all = LaneFigures::default();
        for port in &self.shared.lanes {
            let (answer, asked) = oneshot::channel();
            // A lane that is draining may be gone: it has nothing to show then.
            if port.orders.send(Order::Figures(answer)).await.is_ok()
                && let Ok(figures) = asked.await
            {
                all.smscs.extend(figures.smscs);
                all.accounts.extend(figures.accounts);
            }
        }
        all
    }

    /// Reads the configuration again and gives it to every lane: accounts and packs change at once.
    ///
    /// # Errors
    /// `Configuration` with every fault; the old settings stay.
    pub async fn reload(&self) -> Result<Renewal, HandleError> {
        let Reloaded { settings, warnings } = (self.reloader)().map_err(HandleError::Configuration)?;
        let before = self.shared.settings.load_full();
        let settings = Arc::new(settings);
        let packs = settings.packs();
        self.shared.renew(Arc::clone(&settings), Engine::new(&packs));
        for port in &self.shared.lanes {
            port.orders.send(Order::Reload(Arc::clone(&settings))).await.ok();
        }
        Ok(Renewal { before, after: settings, warnings })
    }

    /// Whether the gateway drains.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// Asks for a drain; the process ends when it is over.
    pub fn ask_drain(&self) {
        self.shared.ask_drain.notify_one();
    }
}
