//! Owns what a lane counts for the ledger: submissions of each account, deliveries of each link, once a minute as records.
//! Must never count what another lane carries: an account and a link live on one lane each, so their sums are whole.

use super::lane::Lane;
use super::smsc::Origin;
use crate::clock::Now;
use crate::ledger::VerdictKind;
use crate::ledger::event::{AccountCounter, Event, LinkCounter};
use crate::message::instant::MonotonicInstant;
use crate::message::name::NameId;
use std::collections::HashMap;
use std::time::Duration;

/// How often what has changed is recorded.
const EVERY: Duration = Duration::from_secs(60);

/// What a lane has counted since the process began.
#[derive(Debug, Default)]
pub struct Counts {
    /// By the account's handle: handles are small, and the hot path must not hash.
    accounts: Vec<AccountCounter>,
    /// By the link's slot.
    links: Vec<LinkCounter>,
    /// What was recorded last.
    recorded: (HashMap<NameId, AccountCounter>, HashMap<usize, LinkCounter>),
    due: MonotonicInstant,
}

impl Counts {
    /// Makes room for these accounts and so many links.
    pub fn furnish(&mut self, accounts: impl Iterator<Item = NameId>, links: usize) {
        for account in accounts {
            let at = account.0 as usize;
            if self.accounts.len() <= at {
                self.accounts.resize_with(at + 1, AccountCounter::default);
            }
            self.accounts[at].account = account;
        }
        self.links.resize_with(links.max(self.links.len()), LinkCounter::default);
    }

    /// A submission of this account was read and is judged now.
    pub fn received(&mut self, account: NameId) {
        if let Some(counter) = self.accounts.get_mut(account.0 as usize) {
            counter.received += 1;
        }
    }

    /// A verdict goes into the batch.
    pub fn verdict(&mut self, account: NameId, kind: VerdictKind) {
        let Some(counter) = self.accounts.get_mut(account.0 as usize) else { return };
        match kind {
            VerdictKind::Permitted | VerdictKind::Observed(_) => counter.permitted += 1,
            VerdictKind::Refused(_) => counter.refused += 1,
            VerdictKind::Withdrawn(_) => counter.withdrawn += 1,
            VerdictKind::Unresolved => counter.unresolved += 1,
            VerdictKind::Composed
            | VerdictKind::LateAnswer(_)
            | VerdictKind::Recalled(_)
            | VerdictKind::NotRecalled => {}
        }
    }

    /// The operator answered so many messages of this account.
    pub fn answered(&mut self, account: NameId, messages: u64) {
        if let Some(counter) = self.accounts.get_mut(account.0 as usize) {
            counter.answered += messages;
        }
    }

    /// A deliver_sm or data_sm was read from a link.
    pub fn delivered(&mut self, link: usize) {
        if let Some(counter) = self.links.get_mut(link) {
            counter.received += 1;
        }
    }

    /// It was answered.
    pub fn acknowledged(&mut self, link: usize, ok: bool) {
        if let Some(counter) = self.links.get_mut(link) {
            *(if ok { &mut counter.acked } else { &mut counter.refused }) += 1;
        }
    }
}

impl Lane {
    /// Records once a minute what has changed, and at the end (`last`). Only where no verdict waits for its commit: the
    /// counters say at which verdict they hold.
    pub fn record_counts(&mut self, last: bool, now: Now) {
        if (now.monotonic < self.counts.due && !last) || self.appender.waiting_verdicts() > 0 {
            return;
        }
        let verdicts = self.kit.shared.ledger.verdicts_appended();
        let mut waiting: HashMap<NameId, u64> = HashMap::new();
        let mut in_flight: HashMap<NameId, u64> = HashMap::new();
        for smsc in &self.smscs {
            smsc.limbo.iter().for_each(|one| *waiting.entry(one.permitted.ruling().account).or_default() += 1);
        }
        for link in &self.links {
            link.queue.iter().for_each(|one| *waiting.entry(one.permitted.ruling().account).or_default() += 1);
            for (_, origin) in link.window.iter() {
                match origin {
                    Origin::Submit { ruling, .. } => *in_flight.entry(ruling.account).or_default() += 1,
                    Origin::Multi { batch } => {
                        for account in self.batches.get(*batch).into_iter().flat_map(|batch| batch.accounts()) {
                            *in_flight.entry(account).or_default() += 1;
                        }
                    }
                    Origin::Duty { .. } | Origin::Query { .. } | Origin::Recall { .. } => {}
                }
            }
        }
        let mut events = Vec::new();
        for counter in self.counts.accounts.iter().filter(|counter| counter.received > 0) {
            let at = |of: &HashMap<NameId, u64>| of.get(&counter.account).copied().unwrap_or_default();
            let found =
                AccountCounter { verdicts: 0, waiting: at(&waiting), in_flight: at(&in_flight), ..counter.clone() };
            if self.counts.recorded.0.insert(found.account, found.clone()).as_ref() != Some(&found) {
                events.push(Event::AccountCounter(AccountCounter { verdicts, ..found }));
            }
        }
        for (slot, counter) in self.counts.links.iter().enumerate().filter(|(_, counter)| counter.received > 0) {
            let Some(link) = self.links.get(slot) else { continue };
            let unanswered = counter.received.saturating_sub(counter.acked + counter.refused);
            let (smsc, number) = (self.smscs[link.smsc].settings.id, link.number as u32);
            let found = LinkCounter { smsc, link: number, unanswered, ..counter.clone() };
            if self.counts.recorded.1.insert(slot, found.clone()).as_ref() != Some(&found) {
                events.push(Event::LinkCounter(found));
            }
        }
        for event in &events {
            if self.appender.event(now.civil, event, None).is_err() {
                tracing::error!(event = "counter.unrecorded");
            }
        }
        self.counts.due = now.monotonic.plus(EVERY);
    }
}
