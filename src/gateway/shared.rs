//! Owns what every lane, the door and the control plane share: clocks, ledger, list, spool, metrics.
//! Must never hold a lock across anything that waits.

use super::attribution::Attributions;
use super::conditions::Said;
use super::leaks::LeakAudit;
use super::lifts::Lifts;
use super::order::Order;
use super::placement::Placement;
use super::retention::Steadiness;
use super::review::ReviewList;
use super::settings::Settings;
use crate::clock::Clock;
use crate::compliance::optout::{Engine, ReplyKey, ReplyParts};
use crate::compliance::parts;
use crate::consent::{Book, Registry as ConsentRegistry};
use crate::ledger::counted::Tally;
use crate::ledger::kept::Kept;
use crate::ledger::suppression_event::{EventId, Scope, SuppressionEvent};
use crate::ledger::{Ledger, OpenError};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::segment::Segment;
use crate::message::tag::{NumberTag, TagKey};
use crate::spool::SpoolRoom;
use crate::spool::confirmations::Confirmations;
use crate::spool::duty::{Duty, DutyId};
use crate::spool::idmap::IdMap;
use crate::spool::queue::Spool;
use crate::spool::reply_parts::ReplyPartJournal;
use crate::spool::scheduled::ScheduledMessages;
use crate::suppression::follower::{Follower, Stage};
use crate::suppression::heard::Heard;
use crate::suppression::index::Index;
use crate::suppression::list::List;
use crate::suppression::questions::Questions;
use crate::suppression::registry::Registry as StopRegistry;
use crate::telemetry::metrics::{GatewayMetrics, ShortCodeMetrics};
use crate::telemetry::names;
use crate::telemetry::registry::Registry;
use arc_swap::ArcSwap;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// What the data plane is built on.
pub struct Foundation {
    pub clock: Clock,
    pub ledger: Arc<Ledger>,
    pub list: List,
    pub follower: Arc<Follower>,
    pub opt_ins: Book,
    pub frequency: Kept<Tally>,
    pub tags: TagKey,
    pub spool: SpoolRoom,
    pub settings: Arc<Settings>,
    pub engine: Engine,
    pub series: Registry,
}

/// How a lane is reached from outside.
pub struct LanePort {
    pub orders: mpsc::Sender<Order>,
    /// Rung when something became durable, or another lane waits for this one.
    pub bell: Notify,
    /// The list's generation up to which no forbidden octets are left in this lane.
    passed: AtomicU64,
}

/// Everything that is not a lane's own.
pub struct Shared {
    pub clock: Clock,
    pub started: CivilInstant,
    pub ledger: Arc<Ledger>,
    /// The list on disk: snapshots of the index.
    pub list: List,
    pub index: Arc<Index>,
    /// Who has opted in: the index that the judge asks, and its snapshots.
    pub opt_ins: Book,
    /// What was written to whom lately, for accounts with a cap; and its snapshots.
    pub frequency: Kept<Tally>,
    /// The opt-ins with numbers and evidence: for `why` and `consent`.
    pub consents: ConsentRegistry,
    pub tags: TagKey,
    /// What is known of messages in parts, whichever lane they come over. Locked for parts only.
    pub parts: Mutex<parts::Table>,
    /// Receipts and MOs for clients that are absent or slow. Locks itself.
    pub spool: Spool,
    /// Whose message an id names. Locks itself.
    pub ids: IdMap,
    /// The answers owed to handsets. Locks itself.
    pub confirmations: Confirmations,
    /// Whom replies answer. Locks itself, while a reply is read only.
    pub attributions: Attributions,
    /// What left, held against the stops.
    pub leaks: LeakAudit,
    /// The lifts that wait for a second person.
    pub lifts: Lifts,
    /// The STARTs that are asked about first. Locked for those only.
    questions: Mutex<Questions>,
    /// The promotions that operators hold for later. Locks itself.
    pub scheduled: ScheduledMessages,
    /// The parts of replies on disk. Locks itself.
    pub part_journal: ReplyPartJournal,
    /// The parts of replies that wait for each other, whichever lane they came over. Locked for parts only.
    pub(super) reply_parts: Mutex<ReplyParts>,
    /// Held while a person's data are erased, or what is over is given up.
    pub(super) erasing: Arc<tokio::sync::Mutex<Steadiness>>,
    /// Replies for an officer's eyes. Locked for those only.
    review: Mutex<ReviewList>,
    /// Answers whose intent is durable, until the lane of their short code takes them.
    ready_duties: Mutex<Vec<(DutyId, Duty)>>,
    /// Numbers that block in RAM although no record of it could be made: who says it again is heard again.
    unrecorded_stops: Mutex<HashSet<NumberTag>>,
    pub settings: ArcSwap<Settings>,
    pub placement: ArcSwap<Placement>,
    pub engine: ArcSwap<Engine>,
    /// The list on disk, with numbers: for `why` and `stop`.
    pub registry: StopRegistry,
    pub(super) follower: Arc<Follower>,
    pub series: Registry,
    pub metrics: GatewayMetrics,
    codes: Mutex<HashMap<u32, ShortCodeMetrics>>,
    pub lanes: Vec<LanePort>,
    /// Rung like the lanes' bells: for the control plane's own waits.
    pub control: Notify,
    pub draining: AtomicBool,
    /// What was said last of evidence, segments and store.
    pub(super) said: Mutex<Said>,
    /// Rung when an erasure that was noted may find room on the disk.
    pub room_to_erase: Notify,
    /// Rung when somebody asks for a drain.
    pub ask_drain: Notify,
    bound_links: AtomicI64,
    /// Items that a lane has spooled for accounts of other lanes: those count anew when it changes.
    pub spooled_elsewhere: AtomicU64,
    /// Senders' connections on the lanes.
    pub connections: AtomicUsize,
}

impl Shared {
    /// Puts the foundation under `lanes` lanes.
    ///
    /// # Errors
    /// The last verdicts cannot be read.
    pub fn new(
        foundation: Foundation,
        placement: Placement,
        parts: parts::Table,
        lanes: Vec<mpsc::Sender<Order>>,
    ) -> Result<Self, OpenError> {
        let Foundation { clock, ledger, list, follower, opt_ins, frequency, tags, spool, settings, engine, series } =
            foundation;
        let SpoolRoom {
            items: spool,
            ids,
            confirmations,
            attribution,
            scheduled,
            part_journal,
            parts_at_start,
            unknown_at_start: _,
        } = spool;
        let mut reply_parts = ReplyParts::default();
        for part in parts_at_start {
            let Segment { reference, total, number, .. } = part.segment;
            let key = ReplyKey { from: part.from, to: part.to, reference, total };
            // The message that a last part completes was acted on, or its operator brings that part again.
            reply_parts.add(key, number, (part.data_coding, &part.octets), part.at);
        }
        let attributions = Attributions::start(attribution, &ledger, &settings)?;
        let metrics = GatewayMetrics::new(&series);
        metrics.gauges.rehearsal.set(f64::from(u8::from(clock.is_rehearsal())));
        let index = Arc::clone(list.index());
        let generation = index.generation();
        let port = |orders| LanePort { orders, bell: Notify::new(), passed: AtomicU64::new(generation) };
        let shared = Self {
            started: clock.civil(),
            clock,
            ledger: Arc::clone(&ledger),
            list,
            index: Arc::clone(&index),
            consents: ConsentRegistry::new(Arc::clone(&ledger), Arc::clone(opt_ins.index())),
            opt_ins,
            frequency,
            tags,
            parts: Mutex::new(parts),
            spool,
            ids,
            confirmations,
            attributions,
            scheduled,
            part_journal,
            reply_parts: Mutex::new(reply_parts),
            ready_duties: Mutex::default(),
            leaks: LeakAudit::new(ledger.durable_events()),
            lifts: Lifts::default(),
            erasing: Arc::default(),
            review: Mutex::default(),
            questions: Mutex::default(),
            unrecorded_stops: Mutex::default(),
            settings: ArcSwap::new(settings),
            placement: ArcSwap::from_pointee(placement),
            engine: ArcSwap::from_pointee(engine),
            registry: StopRegistry::new(Arc::clone(&ledger), Arc::clone(&index), Arc::clone(&follower)),
            follower,
            series,
            metrics,
            codes: Mutex::default(),
            lanes: lanes.into_iter().map(port).collect(),
            control: Notify::new(),
            draining: AtomicBool::new(false),
            said: Mutex::default(),
            room_to_erase: Notify::new(),
            ask_drain: Notify::new(),
            bound_links: AtomicI64::new(0),
            spooled_elsewhere: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
        };
        shared.show_settings();
        shared.want_scheduled_back();
        Ok(shared)
    }

    /// Takes the answers that may be written now and are `mine`.
    pub fn take_ready_duties(&self, mine: impl Fn(&Duty) -> bool) -> Vec<(DutyId, Duty)> {
        let mut ready = self.ready_duties.lock().unwrap_or_else(PoisonError::into_inner);
        ready.extend(self.confirmations.ready());
        ready.extract_if(.., |(_, duty)| mine(duty)).collect()
    }

    /// An answer that could not be written yet: it is ready again.
    pub fn give_back_duty(&self, id: DutyId, duty: Duty) {
        self.ready_duties.lock().unwrap_or_else(PoisonError::into_inner).push((id, duty));
    }

    /// The generation that this lane has passed.
    pub fn passed(&self, lane: usize) -> u64 {
        self.lanes[lane].passed.load(Ordering::Acquire)
    }

    /// The generation that every lane has passed: no forbidden octets up to it are left in any write buffer.
    pub fn passed_by_all(&self) -> u64 {
        (0..self.lanes.len()).map(|lane| self.passed(lane)).min().unwrap_or(0)
    }

    /// A lane has passed a generation: whoever waits for that looks again.
    pub fn pass(&self, lane: usize, generation: u64) {
        self.lanes[lane].passed.store(generation, Ordering::Release);
        self.wake_other_lanes(lane);
        self.control.notify_waiters();
    }

    /// Has the other lanes look at the list's generation.
    pub fn wake_other_lanes(&self, lane: usize) {
        for (number, port) in self.lanes.iter().enumerate() {
            if number != lane {
                port.bell.notify_one();
            }
        }
    }

    /// Rings every bell whenever something became durable.
    pub fn ring_when_durable(self: &Arc<Self>) {
        let ring = {
            let shared = Arc::downgrade(self);
            Arc::new(move || {
                if let Some(shared) = shared.upgrade() {
                    for port in &shared.lanes {
                        port.bell.notify_one();
                    }
                    shared.control.notify_waiters();
                }
            })
        };
        self.ledger.subscribe(ring.clone());
        self.spool.subscribe(ring.clone());
        self.part_journal.subscribe(ring.clone());
        self.confirmations.subscribe(ring);
    }

    /// Links to operators that are bound.
    pub fn bound_links(&self) -> i64 {
        self.bound_links.load(Ordering::Relaxed)
    }

    /// A link was bound (+1) or lost (-1).
    pub fn count_bound_links(&self, by: i64) {
        self.bound_links.fetch_add(by, Ordering::Relaxed);
    }

    /// Applies a stop to the list in RAM; true when the number was not suppressed before. What operators hold for the number
    /// is wanted back from then on.
    pub fn suppress_in_ram(&self, event: &SuppressionEvent) -> bool {
        let changed = crate::suppression::apply(&self.index, event);
        // The list first: whoever remembers a message after this looks at the list.
        match event {
            SuppressionEvent::Stop(stop) => self.scheduled.stopped(&stop.tag),
            SuppressionEvent::Lift(_) => {}
        }
        changed
    }

    /// The replies for an officer's eyes.
    pub fn review(&self) -> MutexGuard<'_, ReviewList> {
        self.review.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks or changes the open questions.
    pub fn with_questions<T>(&self, ask: impl FnOnce(&mut Questions) -> T) -> T {
        ask(&mut self.questions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A stop that blocks in RAM could not be recorded.
    pub fn stop_unrecorded(&self, tag: NumberTag) {
        self.unrecorded_stops.lock().unwrap_or_else(PoisonError::into_inner).insert(tag);
    }

    /// A stop of this number is durable.
    pub fn stop_recorded(&self, tag: &NumberTag) {
        self.unrecorded_stops.lock().unwrap_or_else(PoisonError::into_inner).remove(tag);
    }

    /// Whether a stop of this scope would change nothing: one stands that nobody has lifted, and it is not in RAM alone.
    pub fn stands_on_record(&self, tag: &NumberTag, scope: Scope) -> bool {
        self.index.stands(tag, scope)
            && !self.unrecorded_stops.lock().unwrap_or_else(PoisonError::into_inner).contains(tag)
    }

    /// Applies a lift, whose record is durable.
    pub fn lift_in_ram(&self, event: &SuppressionEvent) -> bool {
        crate::suppression::apply(&self.index, event)
    }

    /// The stops a lift has seen.
    pub fn stops_seen(&self, tag: &NumberTag) -> Vec<EventId> {
        self.index.seen(tag)
    }

    /// A first message_ref that no other lane and no earlier start uses.
    pub fn first_message_ref(&self, lane: usize) -> u64 {
        u64::from(self.ledger.boot()) << 44 | (lane as u64) << 38
    }

    /// Measures the short codes of the settings from now on.
    pub(super) fn register_codes(&self) {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        for code in &self.settings.load().short_codes {
            codes.entry(code.number).or_insert_with(|| ShortCodeMetrics::new(&self.series, code.number));
        }
    }

    /// An MO came in on a short code: a STOP that never arrives is the commonest real failure.
    pub fn heard_on(&self, code: u32, at: CivilInstant) {
        if let Some(metrics) = self.codes.lock().unwrap_or_else(PoisonError::into_inner).get(&code) {
            metrics.last_mo.set(at.as_secs() as f64);
        }
    }

    /// Counts a STOP for the account whose message it answers, whichever lane that lives on.
    pub fn count_optout(&self, account: NameId) {
        let settings = self.settings.load();
        if let Some(account) = settings.accounts.iter().find(|one| one.id == account) {
            self.series.counter(&names::OPTOUT_ACCOUNT_TOTAL, &[&account.policy.system_id]).increment(1);
        }
    }

    /// Receipts and MOs that wait for an account, handed out or not.
    pub fn spool_len(&self, account: NameId) -> usize {
        let counts = self.spool.counts(account);
        counts.waiting + counts.out + counts.delayed
    }

    /// Events that the store on disk has not taken in yet.
    pub fn store_lag(&self) -> u64 {
        self.follower.status().lag
    }

    /// Whether the store on disk tells the history of a number, lagging by at most so many events.
    pub fn store_tells(&self, lag_max: u64) -> bool {
        let status = self.follower.status();
        status.stage == Stage::Following && status.lag <= lag_max
    }

    /// The numbers of which the store and the events have ever said anything.
    pub fn heard(&self) -> &Heard {
        self.follower.heard()
    }
}
