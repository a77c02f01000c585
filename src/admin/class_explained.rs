//! Owns how a dry run's class is told: the contract, the step that decided, the signals and their weights.
//! Must never classify: the compliance room did.

use crate::compliance::check::Classing;
use crate::compliance::policy::PromotionalText;
use serde::Serialize;

/// One content signal that the text shows.
#[derive(Clone, Debug, Serialize)]
pub struct SignalFound {
    /// As the pack names it: `fr.percent_off`.
    pub id: String,
    pub weight: u32,
}

/// How a message got its class.
#[derive(Clone, Debug, Serialize)]
pub struct ClassExplained {
    /// The account's contract: `commercial`, `transactional` or `mixed`.
    pub contract: &'static str,
    /// The class by contract alone.
    pub contract_class: &'static str,
    /// The step that made it commercial: `mention`, `source` or `content`; null when the contract stands.
    pub tightened_by: Option<&'static str>,
    /// `reclassify`, `log` or `refuse`, where the text alone shows that it is promotional.
    pub promotional_text: Option<&'static str>,
    /// Every signal, whether or not it decided.
    pub signals: Vec<SignalFound>,
    /// The sum of their weights.
    pub weight: u32,
    /// The sum from which this text counts as promotional.
    pub threshold: u32,
    /// Whether the text shows what a message of service is about: then the higher threshold holds.
    pub service: bool,
}

impl From<Classing> for ClassExplained {
    fn from(classing: Classing) -> Self {
        let tightened = classing.by_contract != classing.class();
        Self {
            contract: classing.contract,
            contract_class: classing.by_contract.word(),
            tightened_by: tightened.then_some(classing.decided_by.word()),
            promotional_text: classing.promotional.map(PromotionalText::word),
            weight: classing.weight(),
            threshold: classing.threshold,
            service: classing.service,
            signals: classing.signals.into_iter().map(|(id, weight)| SignalFound { id, weight }).collect(),
        }
    }
}
