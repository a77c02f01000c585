//! Owns what a start and a reload change for everybody: settings, placement, short codes, packs in use.
//! Must never let a lane find settings whose accounts have no place yet.

use super::placement::Placement;
use super::settings::Settings;
use super::shared::Shared;
use crate::compliance::optout::Engine;
use crate::compliance::rule::Rule;
use crate::message::instant::CivilInstant;
use crate::telemetry::names;
use std::sync::Arc;

impl Shared {
    /// Takes new settings for all: placement and short codes first, so that the lanes find them.
    pub fn renew(&self, settings: Arc<Settings>, engine: Engine) {
        let placement = Placement::new(&settings, &self.placement.load());
        self.placement.store(Arc::new(placement));
        self.engine.store(Arc::new(engine));
        self.show_packs(false);
        self.attributions.renew(&settings);
        self.frequency.index().lock().set_caps(&settings.caps());
        self.settings.store(settings);
        self.show_settings();
    }

    /// Shows what these settings say, and measures their short codes from now on.
    pub(super) fn show_settings(&self) {
        self.register_codes();
        self.show_packs(true);
        self.say_observed();
    }

    /// Says which accounts have rules that do not refuse yet: nobody should forget them.
    fn say_observed(&self) {
        for account in &self.settings.load().accounts {
            let observe = &account.policy.observe;
            let until = self.series.gauge(&names::OBSERVE_UNTIL_TIMESTAMP_SECONDS, &[&account.policy.system_id]);
            until.set(if observe.rules().is_empty() { 0.0 } else { observe.until().as_secs() as f64 });
            if !observe.rules().is_empty() {
                let rules = observe.rules().iter().map(Rule::id).collect::<Vec<_>>().join(" ");
                let over = observe.at(self.clock.civil()).is_empty();
                tracing::warn!(event = "observe", account = %account.policy.system_id, rules, until = %observe.until(), over);
            }
        }
    }

    /// Shows which packs hold, or no longer do, and since when these settings do.
    fn show_packs(&self, in_use: bool) {
        let gauges = &self.metrics.gauges;
        for pack in self.settings.load().packs() {
            gauges.pack(&pack.id, &pack.version, in_use, pack.effective_to.map(CivilInstant::as_secs));
        }
        gauges.config_last_reload.set(self.clock.civil().as_secs() as f64);
    }
}
