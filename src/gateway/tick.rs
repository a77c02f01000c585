//! Owns what happens because time passes: timers of every connection, deadlines of everything that waits.
//! Must never read a clock: `now` comes with the tick.

use super::lane::Lane;
use super::submit::BACK_PRESSURE;
use crate::clock::Now;
use crate::compliance::code::RefusalCode;
use crate::ledger::Event;
use crate::ledger::event::Clock as ClockRecord;
use crate::message::instant::MonotonicInstant;
use crate::pdu::link_command::LinkCommand;
use crate::session::fair::QUEUE_WAIT_MAX;
use crate::session::smsc::SmscAction;
use crate::session::timers::TimerEvent;
use crate::telemetry::events::ClockStepped;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often a lane looks at its timers.
pub const TICK: Duration = Duration::from_millis(20);

/// How long a client has to answer a deliver_sm before it is spooled.
const CLIENT_RESPONSE: Duration = Duration::from_secs(30);

impl Lane {
    /// Looks at every deadline.
    pub fn tick(&mut self, now: Now) {
        // First: nothing waits for a commit yet.
        self.record_counts(false, now);
        self.record_steps(now);
        for slot in self.esme_slots() {
            self.tick_esme(slot, now);
        }
        for slot in 0..self.links.len() {
            self.tick_link(slot, now);
        }
        for smsc in 0..self.smscs.len() {
            self.tick_limbo(smsc, now);
        }
        self.spool_durable();
        self.refusals_durable(now);
        self.finish_acts(now);
        self.tick_acts(now);
        self.answer_owed(now);
        self.tick_reply_parts(now);
        self.tick_duties(now);
        self.tick_early(now);
        self.tick_sets(now);
        // A failed id map only parks receipts, and is written again.
        self.kit.shared.ids.write(&mut self.ids).ok();
        self.tick_recalls(now);
        self.hand_over_left();
        self.measure();
        self.esme_tally.settle(&self.kit.shared.metrics.esme);
        self.smsc_tally.settle(&self.kit.shared.metrics.smsc);
        let spooled_elsewhere = self.kit.shared.spooled_elsewhere.load(Ordering::Acquire);
        let elsewhere = std::mem::replace(&mut self.spooled_elsewhere, spooled_elsewhere) != spooled_elsewhere;
        for account in self.accounts.keys().copied().collect::<Vec<_>>() {
            if elsewhere || self.accounts[&account].spooled > 0 {
                self.recount_spool(account);
            }
            self.replay(account, now);
        }
    }

    fn esme_slots(&self) -> Vec<usize> {
        self.esmes.iter().map(|(slot, _)| slot).collect()
    }

    fn tick_esme(&mut self, slot: usize, now: Now) {
        let esme = &mut self.esmes[slot];
        if esme.held.frames.front().is_some_and(|(since, _)| now.monotonic.since(*since) >= BACK_PRESSURE) {
            esme.held.overflowing = true;
            self.resume_held(slot, now);
        }
        // A submit_multi waits for a link that is ready: no answer wakes it when the pace was what it waited for.
        if self.esmes.get(slot).is_some_and(|esme| !esme.held.frames.is_empty()) {
            self.resumable.push(slot);
        }
        if self.overstays(slot, now) {
            self.esmes[slot].close_now("unbind_unanswered");
            return self.touch_esme(slot);
        }
        let esme = &mut self.esmes[slot];
        while let Some(event) = esme.timers.due(now.monotonic) {
            match event {
                TimerEvent::EnquireLink => {
                    let sequence = esme.window.untracked();
                    esme.out.push(|out| LinkCommand::EnquireLink.encode(sequence, out));
                    self.touched_esmes.push(slot);
                }
                TimerEvent::Inactive => {
                    self.unbind_esme(slot, "inactive", now);
                    break;
                }
                TimerEvent::PeerDead | TimerEvent::PduStalled | TimerEvent::SessionInit => {
                    esme.close_now("timeout");
                    self.touched_esmes.push(slot);
                    break;
                }
            }
        }
        self.spare_the_smsc(slot, now);
        let esme = &mut self.esmes[slot];
        let account = esme.contract.settings.id;
        let mut over = Vec::new();
        esme.window.expire(now.monotonic, CLIENT_RESPONSE, |_, delivery| over.push(delivery));
        for delivery in over {
            self.keep_for_later(account, *delivery, now);
        }
    }

    fn tick_link(&mut self, slot: usize, now: Now) {
        self.expire_link(slot, now);
        let link = &mut self.links[slot];
        let mut tired = Vec::new();
        link.queue.expire(now.monotonic, QUEUE_WAIT_MAX, MonotonicInstant::default(), |turn| tired.push(turn.item));
        if !tired.is_empty() {
            self.release_holding(self.links[slot].smsc);
        }
        for waiting in tired {
            self.refuse_waiting(RefusalCode::QueueFull, waiting, now);
        }
        let link = &mut self.links[slot];
        if link.wire.is_none() {
            return;
        }
        if link.session.due(now.monotonic) == Some(SmscAction::GiveUp) {
            link.closing = true;
            self.touched_links.push(slot);
        }
        while let Some(event) = link.timers.due(now.monotonic) {
            match event {
                TimerEvent::EnquireLink => {
                    let sequence = link.window.untracked();
                    link.out.command(&LinkCommand::EnquireLink, sequence);
                    self.touched_links.push(slot);
                }
                TimerEvent::PeerDead | TimerEvent::PduStalled | TimerEvent::SessionInit | TimerEvent::Inactive => {
                    link.closing = true;
                    self.touched_links.push(slot);
                    break;
                }
            }
        }
    }

    /// When the next message may leave that waits for an operator's pace and for nothing else.
    pub fn next_pace(&self, now: MonotonicInstant) -> Option<MonotonicInstant> {
        self.links.iter().filter(|link| link.is_paced()).map(|link| link.pace.ready_at(now)).min()
    }

    /// Sends what has waited for its pace.
    pub fn keep_pace(&mut self, now: Now) {
        for slot in 0..self.links.len() {
            if self.links[slot].is_paced() {
                self.drain_queue(slot, now);
            }
        }
    }

    fn tick_limbo(&mut self, smsc: usize, now: Now) {
        let grace = self.smscs[smsc].settings.grace;
        while self.smscs[smsc].limbo.front().is_some_and(|waiting| now.monotonic.since(waiting.since) >= grace) {
            if let Some(waiting) = self.smscs[smsc].limbo.pop_front() {
                self.refuse_waiting(RefusalCode::SmscUnavailable, waiting, now);
            }
        }
    }

    /// Records the steps of the civil clock that the turns have seen.
    fn record_steps(&mut self, now: Now) {
        for step in self.skew.take_steps() {
            // Every lane sees the same clock.
            if self.number == 0 {
                ClockStepped { from: step.from, to: step.to }.emit(&self.kit.shared.metrics);
                let synchronised = self.kit.shared.clock.is_synchronised();
                let event = Event::Clock(ClockRecord { expected: step.from, found: step.to, synchronised });
                if self.appender.event(now.civil, &event, None).is_err() {
                    tracing::error!(event = "clock.unrecorded");
                }
            }
        }
    }
}
