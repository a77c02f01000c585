//! Owns what a lane judges with: the settings of the day, the list, the keys, its own bench.
//! Must never hold state of a connection.

use super::settings::Settings;
use super::shared::Shared;
use crate::compliance::bench::Bench;
use crate::compliance::facts::{Facts, OtherReadings};
use crate::compliance::optout::Engine;
use crate::compliance::policy::AccountPolicy;
use crate::suppression::index::Index;
use std::cell::Cell;
use std::sync::Arc;

/// A lane's tools. Replaced whole by a reload.
pub struct Kit {
    pub shared: Arc<Shared>,
    pub settings: Arc<Settings>,
    /// What a reply means, in the words of every loaded pack.
    pub engine: Arc<Engine>,
    pub bench: Bench,
    /// After steps of the clock: what it would say in this batch without them.
    pub also_now: Cell<OtherReadings>,
}

impl Kit {
    /// Tools for `settings`.
    pub fn new(shared: Arc<Shared>, settings: Arc<Settings>) -> Self {
        let engine = Arc::clone(&shared.engine.load());
        Self { shared, settings, engine, bench: Bench::new(), also_now: Cell::default() }
    }

    /// The facts of a judgement for one account.
    pub fn facts<'f>(&'f self, account: &'f AccountPolicy) -> Facts<'f, Index> {
        Facts {
            account,
            numbers: &self.settings.numbers,
            tags: &self.shared.tags,
            list: &self.shared.index,
            opt_ins: &**self.shared.opt_ins.index(),
            evidence: self.shared.ledger.evidence(),
            also_now: self.also_now.get(),
            bench: &self.bench,
            parts: &self.shared.parts,
            counts: &self.shared.frequency.index().counts,
        }
    }
}
