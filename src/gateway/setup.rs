//! Owns how a lane is furnished: its operators and accounts from the settings, at the start and at a reload.
//! Must never touch what is in flight: a reload changes contracts, not messages.

use super::account::{Account, Contract};
use super::build;
use super::deliver::EARLY_MAX;
use super::kit::Kit;
use super::lane::Lane;
use super::leaks::notes::KEPT;
use super::link_outbox::LinkOutbox;
use super::order::{AccountFigures, LaneFigures, SmscFigures};
use super::settings::{Settings, SmscSettings};
use super::shared::Shared;
use super::skew::Skew;
use super::smsc::{Link, Smsc};
use super::tally::Tally;
use crate::clock::Now;
use crate::compliance::numbers::NumberPlan;
use crate::message::name::NameId;
use crate::net::scratch::Remainder;
use crate::pdu::bind::BindKind;
use crate::pdu::scan;
use crate::session::backoff::Backoff;
use crate::session::fair::FairQueue;
use crate::session::rate::TokenBucket;
use crate::session::route::SetLinks;
use crate::session::smsc::SmscSession;
use crate::session::timers::LinkTimers;
use crate::session::window::Window;
use crate::spool::early::Early;
use crate::spool::refusing::Refusing;
use crate::telemetry::metrics::{AccountMetrics, ShortCodeMetrics, SmscMetrics};
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

/// Sets of parts whose link a lane remembers.
const SET_LINKS: usize = 16_384;

impl Contract {
    /// What the scanner needs to know of the account.
    pub fn scan_context(&self, now: Now) -> scan::Context<'_> {
        scan::Context { default_message_ids: &self.settings.policy.default_message_ids, now: now.civil }
    }
}

impl Lane {
    /// A lane with the operators and accounts that live on it, nothing connected.
    pub fn new(number: usize, shared: Arc<Shared>) -> Self {
        let settings = shared.settings.load_full();
        let now = shared.clock.now();
        let appender = shared.ledger.appender();
        let mut lane = Self {
            number,
            kit: Rc::new(Kit::new(Arc::clone(&shared), Arc::clone(&settings))),
            appender,
            accounts: HashMap::new(),
            smscs: Vec::new(),
            links: Vec::new(),
            batches: Slab::new(),
            ahead: HashMap::new(),
            recalls: Slab::new(),
            esmes: Slab::new(),
            set_links: SetLinks::new(SET_LINKS),
            parts_waiting: Default::default(),
            touched_links: Vec::new(),
            touched_esmes: Vec::new(),
            resumable: Vec::new(),
            roomy: Vec::new(),
            awaiting_acts: Default::default(),
            awaiting_owed: Default::default(),
            gates: Default::default(),
            awaiting_spool: Default::default(),
            awaiting_receipts: Default::default(),
            early: Early::new(EARLY_MAX),
            ids: shared.ids.recorder(),
            recorded_ids: Vec::new(),
            spool_refusing: Refusing::default(),
            skew: Skew::new(shared.clock.set_back_from(), shared.clock.monotonic()),
            last_message_ref: shared.first_message_ref(number),
            last_generation: 0,
            spooled_elsewhere: 0,
            draining: false,
            esme_tally: Tally::default(),
            smsc_tally: Tally::default(),
            counts: Default::default(),
            unrecorded: Vec::new(),
            left: Vec::with_capacity(KEPT),
        };
        for smsc in settings.smscs.iter().filter(|smsc| shared.placement.load().lane(smsc.id) == number) {
            lane.add_smsc(smsc, now);
        }
        lane.furnish(&settings, now);
        lane
    }

    fn add_smsc(&mut self, settings: &SmscSettings, now: Now) {
        let smsc = self.smscs.len();
        let numbers = Arc::clone(&self.kit.settings.numbers);
        let mut links = Vec::new();
        for number in 0..settings.links {
            for kind in build::bind_kinds(settings.bind) {
                links.push(self.links.len());
                self.links.push(link(settings, &numbers, smsc, number, *kind, now));
            }
        }
        let metrics = SmscMetrics::new(&self.kit.shared.series, &settings.name);
        metrics.gauges.window_size.set((settings.window * settings.links) as f64);
        self.smscs.push(Smsc {
            settings: settings.clone(),
            links,
            mirrored: None,
            limbo: Default::default(),
            holding: VecDeque::new(),
            recalls: 0,
            metrics,
        });
    }

    /// Brings the accounts of this lane to what the settings say. Accounts that are gone are asked to leave.
    fn furnish(&mut self, settings: &Arc<Settings>, now: Now) {
        let shared = Arc::clone(&self.kit.shared);
        let placement = shared.placement.load();
        let slots: HashMap<NameId, usize> =
            self.smscs.iter().enumerate().map(|(slot, smsc)| (smsc.settings.id, slot)).collect();
        for smsc in &mut self.smscs {
            let mut users = settings.accounts.iter().filter(|account| account.smsc.contains(&smsc.settings.id));
            smsc.mirrored = match (users.next(), users.next()) {
                (Some(only), None) => Some(only.id),
                (Some(_), Some(_)) | (None, _) => None,
            };
        }
        let mut here = Vec::new();
        for account in settings.accounts.iter().filter(|account| placement.lane(account.id) == self.number) {
            here.push(account.id);
            let smscs: Vec<usize> = account.smsc.iter().filter_map(|id| slots.get(id).copied()).collect();
            let metrics = AccountMetrics::new(&shared.series, &account.policy.system_id);
            let codes =
                account.policy.stop_codes.iter().map(|code| (*code, ShortCodeMetrics::new(&shared.series, *code)));
            let contract = Rc::new(Contract { settings: account.clone(), smscs, metrics, codes: codes.collect() });
            match self.accounts.get_mut(&account.id) {
                Some(found) => found.renew(Rc::clone(&contract)),
                None => {
                    let mut fresh = Account::new(Rc::clone(&contract));
                    fresh.spooled = shared.spool_len(account.id);
                    self.accounts.insert(account.id, fresh);
                }
            }
            let binds = self.accounts[&account.id].binds.clone();
            for slot in binds {
                self.esmes[slot].contract = Rc::clone(&contract);
            }
        }
        self.counts.furnish(here.iter().copied(), self.links.len());
        for (id, account) in &mut self.accounts {
            if !here.contains(id) {
                // No bind is taken any more: `welcome` counts against this.
                account.retired = true;
            }
        }
        for slot in self.esmes.iter().map(|(slot, _)| slot).collect::<Vec<_>>() {
            if !here.contains(&self.esmes[slot].contract.settings.id) {
                self.unbind_esme(slot, "removed", now);
            }
        }
    }

    /// Takes new settings over.
    pub fn reload(&mut self, settings: Arc<Settings>, now: Now) {
        self.kit = Rc::new(Kit::new(Arc::clone(&self.kit.shared), Arc::clone(&settings)));
        for link in &mut self.links {
            link.dialect.numbers = Arc::clone(&settings.numbers);
        }
        self.furnish(&settings, now);
    }

    /// How the lane stands.
    pub fn figures(&self) -> LaneFigures {
        let smscs = self.smscs.iter().map(|smsc| {
            let links = || smsc.links.iter().map(|slot| &self.links[*slot]);
            SmscFigures {
                id: smsc.settings.id,
                links: smsc.links.len(),
                bound: links().filter(|link| link.session.is_bound()).count(),
                window_used: links().map(|link| link.window.used()).sum(),
                window_size: links().map(|link| link.window.capacity()).sum(),
                waiting: smsc.limbo.len() + links().map(|link| link.queue.len()).sum::<usize>(),
            }
        });
        let accounts = self.accounts.values().map(|account| {
            let count = |kind: BindKind| {
                account
                    .binds
                    .iter()
                    .filter(|slot| self.esmes[**slot].session.bound().is_some_and(|bound| bound.kind == kind))
                    .count()
            };
            AccountFigures {
                id: account.contract.settings.id,
                transmitters: count(BindKind::Transmitter),
                receivers: count(BindKind::Receiver),
                transceivers: count(BindKind::Transceiver),
                spooled: account.spooled,
            }
        });
        LaneFigures { smscs: smscs.collect(), accounts: accounts.collect() }
    }

    /// Brings the gauges up to date.
    pub fn measure(&self) {
        for figures in self.figures().smscs {
            if let Some(smsc) = self.smscs.iter().find(|smsc| smsc.settings.id == figures.id) {
                smsc.metrics.gauges.window_used.set(figures.window_used as f64);
                smsc.metrics.gauges.waiting.set(figures.waiting as f64);
            }
        }
        for account in self.accounts.values() {
            account.contract.metrics.gauges.spool_entries.set(account.spooled as f64);
        }
    }
}

/// A link that is due to connect.
fn link(
    settings: &SmscSettings,
    numbers: &Arc<NumberPlan>,
    smsc: usize,
    number: usize,
    kind: BindKind,
    now: Now,
) -> Link {
    let seed = now.civil.as_micros() as u64 ^ (number as u64) << 48;
    let backoff = Backoff::new(settings.reconnect_min, settings.reconnect_max, seed);
    Link {
        generation: 0,
        smsc,
        number,
        wire: None,
        out: LinkOutbox::default(),
        remainder: Remainder::default(),
        session: SmscSession::new(kind, backoff, settings.response_timeout, now.monotonic),
        timers: LinkTimers::new(build::link_timers(settings), now.monotonic),
        window: Window::new(settings.window),
        bind_sequence: None,
        queue: FairQueue::new(2 * settings.window),
        pace: TokenBucket::for_link(settings.throughput),
        late: Default::default(),
        dialect: build::dialect(settings, numbers),
        blocked: false,
        closing: false,
        counted: false,
    }
}
