//! Owns the account, the list and the facts that the tests of this room judge with.
//! Must never be compiled into the product.

use super::bench::Bench;
use super::facts::{Evidence, Facts, OptIns, OtherReadings, SuppressionList};
use super::frequency::Counts;
use super::numbers::NumberPlan;
use super::observe::Observe;
use super::pack::Pack;
use super::parts::Table;
use super::policy::{AccountPolicy, Consent, Contract, PromotionalText, ValidityRule};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::{NumberTag, TagKey};
use crate::message::text::Alphabet;
use std::cell::RefCell;
use std::sync::{Arc, Mutex};

/// Numbers that may not be written to.
#[derive(Default)]
pub struct List(pub RefCell<Vec<NumberTag>>);

impl SuppressionList for List {
    fn is_suppressed(&self, tag: &NumberTag, _account: NameId, _sender: u64) -> bool {
        self.0.borrow().contains(tag)
    }
}

/// Who opted in to whom, and when the last contact was.
#[derive(Default)]
pub struct OptedIn(pub RefCell<Vec<(NumberTag, NameId, CivilInstant)>>);

impl OptIns for OptedIn {
    fn last_contact(&self, tag: &NumberTag, account: NameId) -> Option<CivilInstant> {
        self.0.borrow().iter().find(|(whose, to, _)| whose == tag && *to == account).map(|(.., contact)| *contact)
    }
}

/// Everything facts borrow from.
pub struct House {
    pub account: AccountPolicy,
    pub numbers: NumberPlan,
    pub tags: TagKey,
    pub list: List,
    pub opt_ins: OptedIn,
    pub evidence: Evidence,
    pub also_now: OtherReadings,
    pub bench: Bench,
    pub parts: Mutex<Table>,
    pub counts: Mutex<Counts>,
}

impl House {
    /// A commercial account on the default pack.
    pub fn new() -> Self {
        let pack = Pack::embedded("fr-strict").unwrap();
        Self {
            numbers: NumberPlan::new(&[Arc::clone(&pack)]),
            account: AccountPolicy {
                account: NameId(1),
                system_id: "acme".into(),
                contract: Contract::Commercial,
                pack,
                pack_name: NameId(2),
                default_country: "FR".into(),
                alphabet: Alphabet::Gsm,
                senders: ["ACME", "36111", "38055", "0639980000", "33937123456", "INFO", "AB", "RH EX"]
                    .map(Into::into)
                    .into(),
                stop_codes: vec![36_111],
                identity: "ACME SAS, Paris".into(),
                consent: Consent::Declared { statement: "Opt-in by web form, wording v3".into() },
                validity: ValidityRule::Keep,
                promotional_text: PromotionalText::default(),
                frequency: None,
                observe: Observe::default(),
                vendor_tlvs: Vec::new(),
                default_message_ids: Vec::new(),
            },
            tags: TagKey::new(&[7; 32]),
            list: List::default(),
            opt_ins: OptedIn::default(),
            evidence: Evidence::Whole,
            also_now: OtherReadings::default(),
            bench: Bench::new(),
            parts: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    /// The same house with the account under another contract.
    pub fn with_contract(contract: Contract) -> Self {
        let mut house = Self::new();
        house.account.contract = contract;
        house
    }

    /// The facts.
    pub fn facts(&self) -> Facts<'_, List> {
        Facts {
            account: &self.account,
            numbers: &self.numbers,
            tags: &self.tags,
            list: &self.list,
            opt_ins: &self.opt_ins,
            evidence: self.evidence,
            also_now: self.also_now,
            bench: &self.bench,
            parts: &self.parts,
            counts: &self.counts,
        }
    }

    /// Records an opt-in with its last contact.
    pub fn opt_in(&self, number: &str, account: NameId, contact: &str) {
        let tag = self.tags.tag(self.numbers.read(number, "FR").unwrap());
        self.opt_ins.0.borrow_mut().push((tag, account, at(contact)));
    }

    /// Puts a number on the list.
    pub fn suppress(&self, number: &str) {
        let number = self.numbers.read(number, "FR").unwrap();
        self.list.0.borrow_mut().push(self.tags.tag(number));
    }
}

/// An instant from RFC 3339.
pub fn at(text: &str) -> CivilInstant {
    text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().into()
}
