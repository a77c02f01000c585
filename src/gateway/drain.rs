//! Owns the end of a lane: no new work, answers for what is under way, unbind on both sides.
//! Must never take longer than its deadline, nor drop a submit that could still be answered in it.

use super::lane::Lane;
use crate::clock::Now;
use crate::compliance::code::RefusalCode;
use crate::session::esme::EsmeSession;
use std::time::Duration;

/// How long a drain may take, all in all.
pub const DRAIN: Duration = Duration::from_secs(10);

impl Lane {
    /// Begins to drain: clients are asked to leave once they have their answers, operators when nothing is in flight towards them.
    pub fn begin_drain(&mut self, now: Now) {
        self.draining = true;
        self.unbind_idle(now);
    }

    /// Asks clients to leave who wait for nothing: one that answers our unbind is closed, and its answers would be lost.
    fn unbind_idle(&mut self, now: Now) {
        let idle = self.esmes.iter().filter(|(_, esme)| esme.in_flight == 0 && esme.held.frames.is_empty());
        for slot in idle.map(|(slot, _)| slot).collect::<Vec<_>>() {
            self.unbind_esme(slot, "drain", now);
        }
    }

    /// One step of the drain; true when nothing is left.
    pub fn drain_step(&mut self, now: Now) -> bool {
        self.unbind_idle(now);
        let waiting = self.esmes.iter().any(|(_, esme)| esme.in_flight > 0);
        for slot in 0..self.links.len() {
            let link = &self.links[slot];
            if link.session.is_bound() && link.window.is_empty() && link.queue.is_empty() && !waiting {
                self.unbind_link(slot, now);
            }
        }
        let acting = !self.awaiting_acts.is_empty()
            || !self.awaiting_owed.is_empty()
            || !self.awaiting_spool.is_empty()
            || !self.awaiting_receipts.is_empty()
            || !self.parts_waiting.is_synced();
        self.esmes.is_empty() && !acting && self.links.iter().all(|link| link.wire.is_none())
    }

    /// The deadline is over: every submit that still waits gets its one answer, SG154 where octets have left and SG151 or SG152
    /// where none have.
    pub fn give_up(&mut self, now: Now) {
        for slot in 0..self.links.len() {
            self.links[slot].closing = true;
            self.link_down(slot, now);
        }
        for slot in self.esmes.iter().map(|(slot, _)| slot).collect::<Vec<_>>() {
            self.esmes[slot].held.overflowing = true;
            self.resume_held(slot, now);
        }
        for smsc in 0..self.smscs.len() {
            for waiting in std::mem::take(&mut self.smscs[smsc].limbo) {
                self.refuse_waiting(RefusalCode::SmscUnavailable, waiting, now);
            }
        }
        self.refusals_not_kept();
    }

    /// Closes every connection there is.
    pub fn close_all(&mut self) {
        for slot in self.esmes.iter().map(|(slot, _)| slot).collect::<Vec<_>>() {
            self.esmes[slot].close_now("drain");
            self.touch_esme(slot);
        }
        for slot in 0..self.links.len() {
            self.links[slot].closing = true;
            self.links[slot].session.stop();
            self.touch_link(slot);
        }
    }

    /// The lane has ended: what it recorded last is written.
    pub fn end(&mut self, now: Now) {
        self.finish_acts(now);
        self.kit.shared.ids.write(&mut self.ids).ok();
        self.hand_over_left();
        self.measure();
    }

    /// Whether a client was asked to leave too long ago.
    pub fn overstays(&self, slot: usize, now: Now) -> bool {
        match self.esmes[slot].session {
            EsmeSession::Unbinding(unbinding) => now.monotonic.since(unbinding.since) >= DRAIN / 2,
            EsmeSession::Open(_) | EsmeSession::Bound(_) | EsmeSession::Closed => false,
        }
    }
}
