//! Owns what is done every few seconds and at the end for all that the lanes share: gauges, what is past its time, snapshots.
//! Must never run on a lane: most of it waits for the disk.

use super::shared::Shared;
use crate::ledger::OpenError;
use crate::telemetry::labels::{ConfirmationResult, SpoolLoss};
use crate::telemetry::names;
use std::sync::PoisonError;

impl Shared {
    /// Brings the gauges that belong to no lane up to date, and says what has changed.
    pub fn measure(&self) {
        self.say_conditions();
        let gauges = &self.metrics.gauges;
        gauges.frequency_entries.set(self.frequency.index().lock().len() as f64);
        gauges.consent_entries.set(self.opt_ins.index().len() as f64);
        gauges.suppressed_numbers.set(self.index.len() as f64);
        gauges.ledger_durable_events.set(self.ledger.durable_events() as f64);
        {
            let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            gauges.parts_sets.set(parts.len() as f64);
            gauges.parts_bytes.set(parts.octets() as f64);
        }
        let (memory, disk, _) = self.attributions.totals();
        gauges.attribution_memory.set(memory as f64);
        gauges.attribution_disk.set(disk as f64);
        gauges.scheduled_messages.set(self.scheduled.len() as f64);
        gauges.disk(self.ledger.dir());
        self.series.upkeep();
    }

    /// Ends what is past its time in the spool, among the ids and the duties. Waits for the disk: never on a lane.
    pub fn tidy(&self) {
        self.finish_erasures();
        let Ok(mut steadiness) = self.erasing.try_lock() else { return };
        self.forget_verdicts(&mut steadiness);
        let now = self.clock.civil();
        self.frequency.index().tidy(now);
        for (ticket, _) in self.spool.expire(now) {
            let name = self.ledger.name(ticket.account).unwrap_or_else(|| "-".into());
            let lost = self.series.counters::<SpoolLoss>(&names::SPOOL_LOST_TOTAL, &[&name]);
            lost.one(SpoolLoss::Expired);
            tracing::warn!(event = "spool.expired", account = %name);
        }
        if let Err(error) = self.spool.tidy(now) {
            tracing::warn!(event = "spool.untidy", %error);
        }
        if let Err(error) = self.ids.tidy(now) {
            tracing::warn!(event = "ids.untidy", %error);
        }
        if let Err(error) = self.part_journal.tidy(now) {
            tracing::warn!(event = "reply_part.untidy", %error);
        }
        if let Err(error) = self.scheduled.tidy() {
            tracing::warn!(event = "recall.untidy", %error);
        }
        self.expire_lifts(now);
        self.with_questions(|open| open.expire(now));
        match self.confirmations.tidy(now) {
            Ok(0) => {}
            Ok(given_up) => self.metrics.confirmations.add(ConfirmationResult::GivenUp, given_up as u64),
            Err(error) => tracing::warn!(event = "duties.untidy", %error),
        }
    }

    /// Ends the store's thread and saves the list and the registry of opt-ins.
    ///
    /// # Errors
    /// A snapshot cannot be written: the next start reads more events.
    pub fn close_list(&self) -> Result<(), OpenError> {
        if let Err(error) = self.leaks.look(self) {
            tracing::error!(event = "leak.audit_behind", %error);
        }
        self.follower.close();
        let (opt_ins, frequency) = (self.opt_ins.close(), self.frequency.close());
        self.list.close().and(opt_ins).and(frequency)
    }
}
