//! Owns what was agreed with an account, as far as the judge needs it: validated, immutable, shared.
//! Must never hold a secret, an address or anything of the network.

use super::class::TrafficClass;
use super::frequency::Cap;
use super::observe::Observe;
use super::pack::Pack;
use crate::message::name::NameId;
use crate::message::text::Alphabet;
use std::sync::Arc;

/// The account's contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contract {
    Commercial,
    Transactional,
    /// What is named here is transactional; anything unnamed is commercial.
    Mixed {
        service_types: Vec<String>,
        sources: Vec<String>,
        tlvs: Vec<u16>,
    },
}

impl Contract {
    /// The word used in configuration and JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Commercial => "commercial",
            Self::Transactional => "transactional",
            Self::Mixed { .. } => "mixed",
        }
    }
}

/// How the account proves consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// The account's dated statement stands in the configuration and the ledger.
    Declared { statement: String },
    /// Each number needs a live, dated opt-in with evidence.
    Proof,
    /// Transactional accounts only.
    Off,
}

/// What happens to validity_period of commercial traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ValidityRule {
    #[default]
    Keep,
    /// Clamped or inserted so that the SMSC cannot deliver after closing.
    Closing,
}

/// What becomes of a message that the contract calls transactional and whose text looks promotional.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PromotionalText {
    /// It is judged as commercial.
    #[default]
    Reclassify,
    /// It leaves as what the contract calls it; counted and logged.
    Log,
    /// It is refused: the contract covers no advertising.
    Refuse,
}

impl PromotionalText {
    /// The word used in configuration and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reclassify => "reclassify",
            Self::Log => "log",
            Self::Refuse => "refuse",
        }
    }
}

/// Everything the judge needs to know about an account.
#[derive(Clone, Debug)]
pub struct AccountPolicy {
    /// The account's name (its system_id).
    pub account: NameId,
    pub system_id: String,
    pub contract: Contract,
    pub pack: Arc<Pack>,
    /// The compiled pack's interned name (`id@version#sha256`), for the record.
    pub pack_name: NameId,
    /// ISO 3166 alpha-2, upper-case: the country of numbers written nationally.
    pub default_country: String,
    /// What its SMSC means by data_coding 0 (the first of an ordered list).
    pub alphabet: Alphabet,
    /// Source addresses it may use, as written in the configuration.
    pub senders: Vec<String>,
    /// Short codes its STOP mention may name.
    pub stop_codes: Vec<u32>,
    /// The answer to CONTACT.
    pub identity: String,
    pub consent: Consent,
    pub validity: ValidityRule,
    pub promotional_text: PromotionalText,
    /// The rules that do not refuse yet.
    /// How many commercial messages it may write to one number; `None` = no cap.
    pub frequency: Option<Cap>,
    pub observe: Observe,
    /// Vendor TLV tags that are kept; all others in 0x1400..=0x3FFF are cut.
    pub vendor_tlvs: Vec<u16>,
    /// sm_default_msg_id values it may use.
    pub default_message_ids: Vec<u8>,
}

impl AccountPolicy {
    /// The class that holds when nothing tightens it and nothing is named.
    pub fn default_class(&self) -> TrafficClass {
        match self.contract {
            Contract::Commercial | Contract::Mixed { .. } => TrafficClass::Commercial,
            Contract::Transactional => TrafficClass::Transactional,
        }
    }
}
