//! Owns the closed list of events and what each says.
//! Must never hold personal data: numbers appear as tags, texts and evidence are sealed beside the leaf.

use super::checkpoint::{Checkpoint, Head};
use super::generations::Secrets;
use super::rotation::Rotation;
use super::suppression_event::{EventId, SuppressionEvent};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;

/// The process started. The first record of a stream commits to the tag key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    pub node: String,
    /// Name and version of the program.
    pub software: String,
    /// HMAC of a fixed text under the tag key: whoever has the key can check, nobody can learn it.
    pub tag_commitment: [u8; 32],
    /// The promise: verdicts are fsynced within this many milliseconds (events before their ack). A power cut may lose as much, plus one fdatasync.
    pub verdict_sync_ms: u32,
    /// Verdicts in the stream at this moment.
    pub verdicts: u64,
    /// Octets of torn frames that recovery cut from events and from verdicts.
    pub cut_octets: [u64; 2],
    /// Counts the times the ledger was restored from a backup; 0 = never.
    pub epoch: u32,
}

/// What was done about a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ConsentAct {
    /// The person opted in.
    Record = 1,
    /// The opt-in holds no more.
    Revoke = 2,
    /// The person got in touch: what was recorded holds from then on anew. Grants nothing by itself.
    Renew = 3,
}

impl ConsentAct {
    /// The word used in JSON and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Revoke => "revoke",
            Self::Renew => "renew",
        }
    }
}

/// A consent was recorded, revoked or renewed. What proves it is sealed beside the leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    pub id: EventId,
    pub act: ConsentAct,
    pub tag: NumberTag,
    pub account: NameId,
    /// Where it was collected.
    pub source: NameId,
    /// The wording's version.
    pub wording: NameId,
    /// When the person opted in, revoked or got in touch, to the second.
    pub given_at: CivilInstant,
    /// Who entered it, or the words by which a reply was understood.
    pub by: NameId,
}

/// An account's contract came into force, as it was configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    pub account: NameId,
    /// The contract's class: 1 commercial, 2 transactional, 3 mixed.
    pub class: u8,
    /// The account's consent statement (`NameId::NONE` when it has none).
    pub statement: NameId,
    pub pack: NameId,
    /// SHA-256 of the account's configuration without secrets.
    pub digest: [u8; 32],
}

/// Personal data of a number were erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erase {
    pub tag: NumberTag,
    pub reason: NameId,
    pub by: NameId,
    /// Sequence numbers of the events whose blobs were dropped.
    pub events: Vec<u64>,
}

/// A person did something through the admin API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    pub by: NameId,
    /// What was done (an interned word such as `stop.lift.propose`).
    pub action: NameId,
    /// The number it was about, if any.
    pub tag: Option<NumberTag>,
    /// What more there is to say; an interned text, never personal data.
    pub detail: NameId,
}

/// The civil clock stepped, or lost or found its synchronisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// What the clock would have said without the step.
    pub expected: CivilInstant,
    pub found: CivilInstant,
    pub synchronised: bool,
}

/// While the ledger was unusable, transactional messages of an account left without a record each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub account: NameId,
    pub messages: u64,
    pub from: CivilInstant,
    pub to: CivilInstant,
}

/// An import was begun; its numbers follow as stops that name it by `detail`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    pub name: NameId,
    pub by: NameId,
    /// SHA-256 of the file.
    pub digest: [u8; 32],
    /// Good rows.
    pub rows: u64,
    /// Rows refused, each named to the person who imported.
    pub bad_rows: u64,
}

/// A signed checkpoint, as a record names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedCheckpoint {
    pub epoch: u32,
    pub at: CivilInstant,
    pub events: Head,
    pub verdicts: Head,
}

impl From<&Checkpoint> for NamedCheckpoint {
    fn from(checkpoint: &Checkpoint) -> Self {
        let Checkpoint { at, epoch, events, verdicts, .. } = checkpoint;
        Self { epoch: *epoch, at: *at, events: *events, verdicts: *verdicts }
    }
}

/// The ledger was restored from a backup: what stood behind the records before this start is lost. Follows its `begin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// From now on.
    pub number: u32,
    /// The newest checkpoint of the backup.
    pub backup: NamedCheckpoint,
    /// The newest one that was known of the ledger that is lost.
    pub newest: Option<NamedCheckpoint>,
}

/// Why commercial traffic may flow again after a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReopenedBy {
    /// The backup holds everything up to the newest checkpoint that was known.
    Reached = 1,
    /// Two people have recorded that something is lost, and what was done about it.
    TwoPeople = 2,
}

/// A restored ledger counts as whole again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reopen {
    pub epoch: u32,
    pub by: ReopenedBy,
    /// Who recorded the loss and who confirmed it (`NameId::NONE` when it was none).
    pub people: [NameId; 2],
    /// What they said; never personal data.
    pub detail: NameId,
}

/// A secret was replaced, and the earlier ones stay in use for what was written under them. Stands before the `begin` of the start
/// that found it, as the first record of a segment that bears the new mark: everything before it is of the earlier generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekey {
    pub secret: Secrets,
    /// Which generation the new one is: 2 for the first replacement.
    pub generation: u32,
    /// The commitments to the old and to the new one; their first eight octets are the halves of the segments' marks.
    pub old: [u8; 32],
    pub new: [u8; 32],
    /// What made the record: a command and who ran it, or a start that found the key.
    pub by: String,
}

/// Verdicts whose retention is over are given up: their segments go when this is durable, their hashes stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The verdicts before this one.
    pub before: u64,
    /// All of them were recorded before this instant.
    pub older_than: CivilInstant,
    /// For how many seconds verdicts are kept.
    pub kept_s: u64,
}

/// What became of an account's submissions since the process began, as its lane counted them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountCounter {
    pub account: NameId,
    /// The sums hold for the verdicts before this one.
    pub verdicts: u64,
    /// Submissions read and judged: permitted + refused + waiting.
    pub received: u64,
    /// Released to an operator: answered + unresolved + withdrawn + in flight.
    pub permitted: u64,
    pub refused: u64,
    /// Waiting for a link or a window at this moment.
    pub waiting: u64,
    pub answered: u64,
    pub unresolved: u64,
    pub withdrawn: u64,
    /// Written and not answered at this moment.
    pub in_flight: u64,
}

/// What came over a link of an operator since the process began: every deliver_sm and data_sm, receipts and persons' messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkCounter {
    pub smsc: NameId,
    /// The link's number among the operator's.
    pub link: u32,
    /// acked + refused + unanswered.
    pub received: u64,
    pub acked: u64,
    pub refused: u64,
    /// Not answered: at work, or the link was lost before.
    pub unanswered: u64,
}

/// Every kind of event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Begin(Begin),
    /// The process ended in order; verdicts in the stream.
    End {
        verdicts: u64,
    },
    /// A name got its handle.
    Config {
        id: NameId,
        name: String,
    },
    Contract(Contract),
    Suppression(SuppressionEvent),
    Consent(Consent),
    Erase(Erase),
    Admin(Admin),
    Clock(Clock),
    Gap(Gap),
    Import(Import),
    Epoch(Epoch),
    Reopen(Reopen),
    /// The key that signs checkpoints was replaced.
    Key(Rotation),
    /// The tag key or the sealing key was replaced.
    Rekey(Rekey),
    Retention(Retention),
    AccountCounter(AccountCounter),
    LinkCounter(LinkCounter),
}

impl Event {
    /// Puts another tag in the place of its own, if it has one.
    pub fn carry(&mut self, carry: impl FnOnce(NumberTag) -> NumberTag) {
        let tag = match self {
            Self::Suppression(SuppressionEvent::Stop(stop)) => &mut stop.tag,
            Self::Suppression(SuppressionEvent::Lift(lift)) => &mut lift.tag,
            Self::Consent(consent) => &mut consent.tag,
            Self::Erase(erase) => &mut erase.tag,
            Self::Admin(Admin { tag: Some(tag), .. }) => tag,
            Self::Admin(Admin { tag: None, .. })
            | Self::Begin(_)
            | Self::End { .. }
            | Self::Config { .. }
            | Self::Contract(_)
            | Self::Clock(_)
            | Self::Gap(_)
            | Self::Import(_)
            | Self::Epoch(_)
            | Self::Reopen(_)
            | Self::Key(_)
            | Self::Rekey(_)
            | Self::Retention(_)
            | Self::AccountCounter(_)
            | Self::LinkCounter(_) => return,
        };
        *tag = carry(*tag);
    }

    /// The word used in metrics and JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Begin(_) => "begin",
            Self::End { .. } => "end",
            Self::Config { .. } => "config",
            Self::Contract(_) => "contract",
            Self::Suppression(SuppressionEvent::Stop(_)) => "stop",
            Self::Suppression(SuppressionEvent::Lift(_)) => "lift",
            Self::Consent(_) => "consent",
            Self::Erase(_) => "erase",
            Self::Admin(_) => "admin",
            Self::Clock(_) => "clock",
            Self::Gap(_) => "gap",
            Self::Import(_) => "import",
            Self::Epoch(_) => "epoch",
            Self::Reopen(_) => "reopen",
            Self::Key(_) => "key",
            Self::Rekey(_) => "rekey",
            Self::Retention(_) => "retention",
            Self::AccountCounter(_) => "account_counter",
            Self::LinkCounter(_) => "link_counter",
        }
    }
}
