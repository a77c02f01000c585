//! Owns the lines of what was judged: the verdict, and a text that is not what its contract says.
//! Must never be the record of a verdict (the ledger is), nor print a text.

use super::masked;
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::telemetry::labels::{LabelSet, PromotionalOutcome};
use crate::telemetry::metrics::AccountMetrics;
use tracing::{debug, info};

/// `verdict`: a submission was judged. Debug level: the ledger is the record, this is for eyes.
#[derive(Clone, Copy, Debug)]
pub struct VerdictGiven<'a> {
    pub account: &'a str,
    pub class: TrafficClass,
    /// `None` = permitted.
    pub refusal: Option<RefusalCode>,
    /// Permitted, although a rule in observe mode would have refused it with this.
    pub observed: Option<RefusalCode>,
    /// Transactional by contract, its text looks promotional: what was done about it.
    pub promotional: Option<PromotionalOutcome>,
    pub number: Option<Msisdn>,
    pub next_opening: Option<CivilInstant>,
}

impl VerdictGiven<'_> {
    /// Counts the verdict and writes the line.
    pub fn emit(&self, metrics: &AccountMetrics) {
        match self.refusal {
            None => metrics.permitted(self.class),
            Some(code) => metrics.refused(self.class, code),
        }
        if let Some(code) = self.observed {
            metrics.observed(code);
        }
        if let Some(outcome) = self.promotional {
            metrics.promotional.one(outcome);
            let (account, outcome, number) = (self.account, outcome.word(), masked(self.number));
            info!(event = "text.promotional", account, outcome, number);
        }
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let (account, class, number) = (self.account, self.class.word(), masked(self.number));
        if let Some(code) = self.observed {
            return debug!(
                event = "verdict",
                account,
                class,
                verdict = "observed",
                code = code.code(),
                reason = code.slug(),
                number
            );
        }
        match (self.refusal, self.next_opening) {
            (None, _) => debug!(event = "verdict", account, class, verdict = "permitted", number),
            (Some(code), None) => {
                debug!(
                    event = "verdict",
                    account,
                    class,
                    verdict = "refused",
                    code = code.code(),
                    reason = code.slug(),
                    number
                );
            }
            (Some(code), Some(next)) => {
                debug!(event = "verdict", account, class, verdict = "refused", code = code.code(), reason = code.slug(), number, next_opening = %next);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::logs::{self, Format};
    use crate::telemetry::registry::Registry;

    #[test]
    fn a_verdict_counts_even_when_its_line_is_not_written() {
        let registry = Registry::new();
        let metrics = AccountMetrics::new(&registry, "acme");
        let lines = logs::captured(Format::Text, "info", || {
            VerdictGiven {
                account: "acme",
                class: TrafficClass::Commercial,
                refusal: Some(RefusalCode::OutOfHours),
                observed: None,
                promotional: None,
                number: Msisdn::from_canonical(33_639_980_042),
                next_opening: Some(CivilInstant::from_secs(1_795_420_800)),
            }
            .emit(&metrics);
        });
        assert_eq!(lines, "");
        let series = "stopgate_submit_refused_total{account=\"acme\",reason=\"out_of_hours\"} 1\n";
        assert!(registry.render().contains(series), "{}", registry.render());
    }
}
