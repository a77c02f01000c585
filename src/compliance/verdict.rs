//! Owns the proof that a message was judged: `Permitted`, `Released` and `Refusal`.
//! Must never let anything outside `compliance` build a `Permitted` or a `Released`: "impossible to bypass" is a compile error.
//!
//! A `Permitted` cannot be made by hand:
//! ```compile_fail,E0451
//! use stopgate::compliance::verdict::{Outgoing, Permitted, Ruling};
//! fn forge(outgoing: Outgoing<'static>, ruling: Ruling) -> Permitted<'static> {
//!     Permitted { outgoing, ruling }
//! }
//! ```
//! nor a `Released`:
//! ```compile_fail,E0451
//! use stopgate::compliance::verdict::{Outgoing, Released, Ruling};
//! fn forge(outgoing: Outgoing<'static>, ruling: Ruling) -> Released<'static> {
//!     Released { outgoing, ruling, validity: None }
//! }
//! ```

use super::class::TrafficClass;
use super::code::RefusalCode;
use super::parts::OfSet;
use super::policy::PromotionalText;
use super::rule::RuleSet;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::segment::Segment;
use crate::message::submission::Submission;
use crate::message::tag::NumberTag;

/// What a permit is for.
#[derive(Clone, Debug)]
pub enum Outgoing<'a> {
    /// A sender's own octets, forwarded.
    Forwarded(Submission<'a>),
    /// A text that stopgate itself writes: a confirmation or a CONTACT answer.
    Composed(Composed),
}

/// A message composed by `compliance`, from a short code to a handset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The short code it leaves from.
    pub source: u32,
    /// GSM 03.38 text, unpacked octets, ready for data_coding 0 of a GSM-default SMSC; Latin-1 when `latin1`.
    pub text: String,
}

/// What the judge found, whatever the outcome: the substance of the verdict record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    pub class: TrafficClass,
    /// What was done about a text that alone made a message look promotional. Not recorded: class and code are.
    pub promotional: Option<PromotionalText>,
    /// The canonical destination: what was looked up and what is forwarded. `None` when it could not be made.
    pub destination: Option<Msisdn>,
    pub tag: Option<NumberTag>,
    /// Index of the territory in its pack; `u16::MAX` when none.
    pub territory: u16,
    pub pack: NameId,
    pub account: NameId,
    /// 64-bit fingerprint of the text without digits and URLs, or of the allow-listed campaign TLV.
    pub campaign: u64,
    /// 64-bit fingerprint of the source address.
    pub sender: u64,
    pub segment: Option<Segment>,
    /// What its set of parts adds, for a part. Not recorded: it follows from the records of the other parts.
    pub set: Option<OfSet>,
    /// The short code that its STOP mention names: recorded, so that a reply finds whom it answers, and counted, so that a code
    /// that falls silent is seen.
    pub stop_code: Option<u32>,
    /// Whether R-FREQ counts it: settled when it is released. Not recorded: it follows from the account's cap.
    pub counted: bool,
    /// Every rule that would have refused.
    pub would_refuse: RuleSet,
    /// Of these, the rules in observe mode that alone did not keep it from leaving. The record says the first one's code.
    pub observed: RuleSet,
    /// The instant that was judged: schedule_delivery_time if set, else now.
    pub judged_at: CivilInstant,
}

/// A message that may leave, provided it is released in time.
#[derive(Clone, Debug)]
#[must_use = "a permitted message is either released, waits, or is refused; it is never dropped"]
pub struct Permitted<'a> {
    pub(in crate::compliance) outgoing: Outgoing<'a>,
    pub(in crate::compliance) ruling: Ruling,
}

impl<'a> Permitted<'a> {
    /// What may leave.
    pub fn outgoing(&self) -> &Outgoing<'a> {
        &self.outgoing
    }
    /// What was found.
    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }
    /// The same permit owning its octets, so that it can wait for a window.
    pub fn into_owned(self) -> Permitted<'static> {
        let outgoing = match self.outgoing {
            Outgoing::Forwarded(submission) => Outgoing::Forwarded(submission.into_owned()),
            Outgoing::Composed(composed) => Outgoing::Composed(composed),
        };
        Permitted { outgoing, ruling: self.ruling }
    }
}

/// A message whose octets may be written now: the only thing that encodes.
#[derive(Clone, Debug)]
#[must_use = "a released message must be written"]
pub struct Released<'a> {
    pub(in crate::compliance) outgoing: Outgoing<'a>,
    pub(in crate::compliance) ruling: Ruling,
    /// When set, validity_period is replaced by this instant (R-VALIDITY `closing`).
    pub(in crate::compliance) validity: Option<CivilInstant>,
}

impl<'a> Released<'a> {
    /// What leaves.
    pub fn outgoing(&self) -> &Outgoing<'a> {
        &self.outgoing
    }
    /// What was found.
    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }
    /// The canonical destination.
    pub fn destination(&self) -> Option<Msisdn> {
        self.ruling.destination
    }
    /// The validity to write instead of the sender's, if any.
    pub fn validity(&self) -> Option<CivilInstant> {
        self.validity
    }
    /// Back to a permit, when the octets were not begun and must be looked at again.
    pub fn into_permitted(self) -> Permitted<'a> {
        Permitted { outgoing: self.outgoing, ruling: self.ruling }
    }
}

/// A message that does not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: RefusalCode,
    pub ruling: Ruling,
    /// For SG111 and SG133: when the same message may be sent.
    pub next_opening: Option<CivilInstant>,
}

/// What the judge says.
#[derive(Clone, Debug)]
pub enum Verdict<'a> {
    Permitted(Permitted<'a>),
    Refused(Refusal),
}
