//! Owns what is said of a number's suppression: a stop, or a lift that names the stops it has seen.
//! Must never depend on where or when it is applied: events are self-contained, and applying one twice changes nothing.

use crate::message::name::NameId;
use crate::message::tag::NumberTag;

/// Names an event for ever: which node made it (a 32-bit fingerprint of its name), and a number that rises with each.
/// The number is the boot in its upper 20 bits of 60, a counter in the lower 40.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    pub origin: u32,
    pub number: u64,
}

impl EventId {
    /// Numbers stay below 2^60.
    pub const NUMBER_BITS: u32 = 60;
    /// Bits of the counter within a boot.
    pub const COUNTER_BITS: u32 = 40;

    /// The first number of a boot.
    pub const fn first_of(boot: u32) -> u64 {
        ((boot as u64) & ((1 << (Self::NUMBER_BITS - Self::COUNTER_BITS)) - 1)) << Self::COUNTER_BITS
    }
}

/// Printed as `origin-number` in hexadecimal.
impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}-{:015x}", self.origin, self.number)
    }
}

/// Whom a stop is directed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everybody.
    Global,
    /// One account.
    Account(NameId),
    /// One source address, by its fingerprint.
    Sender(u64),
}

/// How a stop came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StopSource {
    /// The handset wrote STOP.
    Handset = 1,
    /// A receipt's error means that the recipient opted out at the operator.
    Operator = 2,
    /// A CSV import.
    Import = 3,
    /// The API or the command line, by hand.
    Manual = 4,
    Mail = 5,
    Phone = 6,
    Web = 7,
    /// A complaint to 33700.
    Complaint = 8,
    /// An objection under GDPR art. 21.
    Objection = 9,
}

impl StopSource {
    /// Every source.
    pub const ALL: [Self; 9] = [
        Self::Handset,
        Self::Operator,
        Self::Import,
        Self::Manual,
        Self::Mail,
        Self::Phone,
        Self::Web,
        Self::Complaint,
        Self::Objection,
    ];

    /// The word used in CSV and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Handset => "handset",
            Self::Operator => "operator",
            Self::Import => "import",
            Self::Manual => "manual",
            Self::Mail => "mail",
            Self::Phone => "phone",
            Self::Web => "web",
            Self::Complaint => "33700",
            Self::Objection => "gdpr_art21",
        }
    }

    /// From its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.word() == word)
    }
}

/// How a lift came in: nothing else can lift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LiftSource {
    /// The handset wrote START.
    Handset = 1,
    /// Two people, with evidence.
    TwoPeople = 2,
}

impl LiftSource {
    /// The word used in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Handset => "handset",
            Self::TwoPeople => "two_people",
        }
    }
}

/// The message that a reply answers: the last one that was forwarded to the number from that address, or that named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Sequence number of its verdict.
    pub verdict: u64,
    /// Fingerprint of its source address.
    pub sender: u64,
    /// Its campaign, as its verdict has it.
    pub campaign: u64,
}

/// A number is not to be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub id: EventId,
    pub tag: NumberTag,
    pub scope: Scope,
    pub source: StopSource,
    /// The account it is attributed to, when known.
    pub account: NameId,
    /// The operator whose link brought it.
    pub smsc: NameId,
    /// The short code it was sent to; 0 = none.
    pub short_code: u32,
    /// The message it answers, when known.
    pub answers: Option<Answered>,
    /// What was matched (language and keyword or phrase), the import, or who entered it: an interned name.
    pub detail: NameId,
}

/// Some accounts may write to a number again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lift {
    pub id: EventId,
    pub tag: NumberTag,
    pub source: LiftSource,
    /// The accounts that own the receiving short code, or that the two people name. Everybody else stays stopped.
    pub accounts: Vec<NameId>,
    /// The stops it has seen: the newest of each origin, which stands for that origin's earlier ones. Others stand.
    pub seen: Vec<EventId>,
    pub smsc: NameId,
    pub short_code: u32,
    /// The two people (`NameId::NONE` for a handset).
    pub people: [NameId; 2],
    /// What was matched, or the reference of the evidence: an interned name.
    pub detail: NameId,
}

/// Every way in which suppression changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SuppressionEvent {
    Stop(Stop),
    Lift(Lift),
}

impl SuppressionEvent {
    /// The number's tag.
    pub const fn tag(&self) -> NumberTag {
        match self {
            Self::Stop(stop) => stop.tag,
            Self::Lift(lift) => lift.tag,
        }
    }

    /// The event's name.
    pub const fn id(&self) -> EventId {
        match self {
            Self::Stop(stop) => stop.id,
            Self::Lift(lift) => lift.id,
        }
    }
}
