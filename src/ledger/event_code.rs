//! Owns the octets of an event's leaf, field by field (docs/ledger.md says the same in words).
//! Must never change a field's place or meaning under version 1; kinds 64..=95 are kept for counters and checkpoints.

use super::checkpoint::Head as TreeHead;
use super::event::{Begin, Event, NamedCheckpoint};
use super::event_read;
use super::leaf::{FLAG_REHEARSAL, FLAG_SEALED, Fields, HEAD, Head, Unreadable, put_text};
use super::suppression_event::{EventId, Lift, Scope, Stop, SuppressionEvent};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;

pub(super) const BEGIN: u8 = 32;
pub(super) const END: u8 = 33;
pub(super) const CONFIG: u8 = 34;
pub(super) const CONTRACT: u8 = 35;
/// Kinds that touch the suppression list: found without reading a whole leaf.
pub const STOP: u8 = 36;
/// See [`STOP`].
pub const LIFT: u8 = 37;
/// The kind that touches the registry of opt-ins.
pub const CONSENT: u8 = 38;
pub(super) const ERASE: u8 = 39;
/// See [`STOP`].
pub const ADMIN: u8 = 40;
pub(super) const CLOCK: u8 = 41;
pub(super) const GAP: u8 = 42;
pub(super) const IMPORT: u8 = 43;
pub(super) const EPOCH: u8 = 44;
pub(super) const REOPEN: u8 = 45;
/// The kind that replaces the signing key.
pub const KEY: u8 = 46;
/// Verdicts were given up.
pub(super) const RETENTION: u8 = 47;
/// The kind that replaces the tag key or the sealing key.
pub const REKEY: u8 = 48;
pub(super) const ACCOUNT_COUNTER: u8 = 64;
pub(super) const LINK_COUNTER: u8 = 65;

pub use super::event_tag::{suppression_tag, tag};

/// An event as it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    pub seq: u64,
    pub at: CivilInstant,
    pub boot: u32,
    pub rehearsal: bool,
    /// SHA-256(salt ‖ blob) of the sealed personal data, when there are any.
    pub binding: Option<[u8; 32]>,
    pub event: Event,
}

/// The kind octet of a leaf, without reading the rest.
pub fn kind_of(leaf: &[u8]) -> Option<u8> {
    leaf.get(1).copied()
}

/// Whether a leaf of this kind may be a counter or a gap.
pub const fn may_be_counted(kind: u8) -> bool {
    matches!(kind, GAP | ACCOUNT_COUNTER | LINK_COUNTER)
}

/// Whether a leaf gives a name its handle, without reading the rest.
pub fn is_config(leaf: &[u8]) -> bool {
    kind_of(leaf) == Some(CONFIG)
}

const fn kind(event: &Event) -> u8 {
    match event {
        Event::Begin(_) => BEGIN,
        Event::End { .. } => END,
        Event::Config { .. } => CONFIG,
        Event::Contract(_) => CONTRACT,
        Event::Suppression(SuppressionEvent::Stop(_)) => STOP,
        Event::Suppression(SuppressionEvent::Lift(_)) => LIFT,
        Event::Consent(_) => CONSENT,
        Event::Erase(_) => ERASE,
        Event::Admin(_) => ADMIN,
        Event::Clock(_) => CLOCK,
        Event::Gap(_) => GAP,
        Event::Import(_) => IMPORT,
        Event::Epoch(_) => EPOCH,
        Event::Reopen(_) => REOPEN,
        Event::Key(_) => KEY,
        Event::Rekey(_) => REKEY,
        Event::Retention(_) => RETENTION,
        Event::AccountCounter(_) => ACCOUNT_COUNTER,
        Event::LinkCounter(_) => LINK_COUNTER,
    }
}

/// Appends an event's leaf, with zero for its sequence number.
pub(super) fn write(
    event: &Event,
    at: CivilInstant,
    boot: u32,
    rehearsal: bool,
    binding: Option<&[u8; 32]>,
    out: &mut Vec<u8>,
) {
    let mut flags = if rehearsal { FLAG_REHEARSAL } else { 0 };
    if binding.is_some() {
        flags |= FLAG_SEALED;
    }
    Head { kind: kind(event), flags, seq: 0, at, boot }.write(out);
    if let Some(binding) = binding {
        out.extend_from_slice(binding);
    }
    let mut put = Put { out };
    match event {
        Event::Begin(begin) => put.begin(begin),
        Event::End { verdicts } => put.u64(*verdicts),
        Event::Config { id, name } => {
            put.name(*id);
            put_text(put.out, name);
        }
        Event::Contract(contract) => {
            put.name(contract.account);
            put.out.push(contract.class);
            put.name(contract.statement);
            put.name(contract.pack);
            put.out.extend_from_slice(&contract.digest);
        }
        Event::Suppression(SuppressionEvent::Stop(stop)) => put.stop(stop),
        Event::Suppression(SuppressionEvent::Lift(lift)) => put.lift(lift),
        Event::Consent(consent) => {
            put.id(consent.id);
            put.out.push(consent.act as u8);
            put.tag(consent.tag);
            for name in [consent.account, consent.source, consent.wording, consent.by] {
                put.name(name);
            }
            put.u64(consent.given_at.as_micros() as u64);
        }
        Event::Erase(erase) => {
            put.tag(erase.tag);
            put.name(erase.reason);
            put.name(erase.by);
            put.count(erase.events.len());
            for seq in erase.events.iter().take(u16::MAX as usize) {
                put.u64(*seq);
            }
        }
        Event::Admin(admin) => {
            put.name(admin.by);
            put.name(admin.action);
            put.out.push(admin.tag.is_some() as u8);
            put.tag(admin.tag.unwrap_or_default());
            put.name(admin.detail);
        }
        Event::Clock(clock) => {
            put.u64(clock.expected.as_micros() as u64);
            put.u64(clock.found.as_micros() as u64);
            put.out.push(clock.synchronised as u8);
        }
        Event::Gap(gap) => {
            put.name(gap.account);
            put.u64(gap.messages);
            put.u64(gap.from.as_micros() as u64);
            put.u64(gap.to.as_micros() as u64);
        }
        Event::Import(import) => {
            put.name(import.name);
            put.name(import.by);
            put.out.extend_from_slice(&import.digest);
            put.u64(import.rows);
            put.u64(import.bad_rows);
        }
        Event::Epoch(epoch) => {
            put.out.extend_from_slice(&epoch.number.to_be_bytes());
            put.checkpoint(&epoch.backup);
            put.out.push(epoch.newest.is_some() as u8);
            put.checkpoint(&epoch.newest.unwrap_or(NO_CHECKPOINT));
        }
        Event::Reopen(reopen) => {
            put.out.extend_from_slice(&reopen.epoch.to_be_bytes());
            put.out.push(reopen.by as u8);
            put.name(reopen.people[0]);
            put.name(reopen.people[1]);
            put.name(reopen.detail);
        }
        Event::Key(rotation) => {
            put.out.extend_from_slice(&rotation.number.to_be_bytes());
            put.out.extend_from_slice(&rotation.old);
            put.out.extend_from_slice(&rotation.new);
            rotation.signatures.iter().for_each(|signature| put.out.extend_from_slice(signature));
        }
        Event::Rekey(rekey) => {
            put.out.push(rekey.secret as u8);
            put.out.extend_from_slice(&rekey.generation.to_be_bytes());
            put.out.extend_from_slice(&rekey.old);
            put.out.extend_from_slice(&rekey.new);
            put_text(put.out, &rekey.by);
        }
        Event::Retention(retention) => {
            put.u64(retention.before);
            put.u64(retention.older_than.as_micros() as u64);
            put.u64(retention.kept_s);
        }
        Event::AccountCounter(c) => {
            put.name(c.account);
            for number in [
                c.verdicts,
                c.received,
                c.permitted,
                c.refused,
                c.waiting,
                c.answered,
                c.unresolved,
                c.withdrawn,
                c.in_flight,
            ] {
                put.u64(number);
            }
        }
        Event::LinkCounter(c) => {
            put.name(c.smsc);
            put.out.extend_from_slice(&c.link.to_be_bytes());
            for number in [c.received, c.acked, c.refused, c.unanswered] {
                put.u64(number);
            }
        }
    }
}

/// What stands where no checkpoint is named.
pub(super) const NO_CHECKPOINT: NamedCheckpoint = {
    let none = TreeHead { size: 0, root: [0; 32] };
    NamedCheckpoint { epoch: 0, at: CivilInstant::from_micros(0), events: none, verdicts: none }
};

struct Put<'o> {
    out: &'o mut Vec<u8>,
}

impl Put<'_> {
    fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }
    fn name(&mut self, name: NameId) {
        self.out.extend_from_slice(&name.0.to_be_bytes());
    }
    fn tag(&mut self, tag: NumberTag) {
        self.out.extend_from_slice(&tag.0);
    }
    fn count(&mut self, count: usize) {
        self.out.extend_from_slice(&(count.min(u16::MAX as usize) as u16).to_be_bytes());
    }
    fn id(&mut self, id: EventId) {
        self.out.extend_from_slice(&id.origin.to_be_bytes());
        self.u64(id.number);
    }

    fn checkpoint(&mut self, named: &NamedCheckpoint) {
        self.out.extend_from_slice(&named.epoch.to_be_bytes());
        self.u64(named.at.as_micros() as u64);
        for head in [named.events, named.verdicts] {
            self.u64(head.size);
            self.out.extend_from_slice(&head.root);
        }
    }

    fn begin(&mut self, begin: &Begin) {
        put_text(self.out, &begin.node);
        put_text(self.out, &begin.software);
        self.out.extend_from_slice(&begin.tag_commitment);
        self.out.extend_from_slice(&begin.verdict_sync_ms.to_be_bytes());
        self.u64(begin.verdicts);
        self.u64(begin.cut_octets[0]);
        self.u64(begin.cut_octets[1]);
        self.out.extend_from_slice(&begin.epoch.to_be_bytes());
    }

    fn stop(&mut self, stop: &Stop) {
        self.id(stop.id);
        self.tag(stop.tag);
        let (scope, value) = match stop.scope {
            Scope::Global => (0, 0),
            Scope::Account(account) => (1, u64::from(account.0)),
            Scope::Sender(sender) => (2, sender),
        };
        self.out.push(scope);
        self.u64(value);
        self.out.push(stop.source as u8);
        self.name(stop.account);
        self.name(stop.smsc);
        self.out.extend_from_slice(&stop.short_code.to_be_bytes());
        match stop.answers {
            Some(answered) => {
                self.u64(answered.verdict);
                self.u64(answered.sender);
                self.u64(answered.campaign);
            }
            // Sequence numbers never reach 2^64 - 1.
            None => self.u64(u64::MAX),
        }
        self.name(stop.detail);
    }

    fn lift(&mut self, lift: &Lift) {
        self.id(lift.id);
        self.tag(lift.tag);
        self.out.push(lift.source as u8);
        self.count(lift.accounts.len());
        for account in lift.accounts.iter().take(u16::MAX as usize) {
            self.name(*account);
        }
        self.count(lift.seen.len());
        for seen in lift.seen.iter().take(u16::MAX as usize) {
            self.id(*seen);
        }
        self.name(lift.smsc);
        self.out.extend_from_slice(&lift.short_code.to_be_bytes());
        self.name(lift.people[0]);
        self.name(lift.people[1]);
        self.name(lift.detail);
    }
}

impl EventRecord {
    /// Reads a leaf of the events stream.
    pub fn read(leaf: &[u8]) -> Result<Self, Unreadable> {
        let mut fields = Fields::new(leaf);
        let head = Head::read(&mut fields)?;
        if head.flags & !(FLAG_REHEARSAL | FLAG_SEALED) != 0 {
            return Err("an unknown flag");
        }
        let binding = if head.flags & FLAG_SEALED != 0 { Some(fields.array()?) } else { None };
        let event = event_read::read_event(head.kind, &mut fields)?;
        fields.end()?;
        let rehearsal = head.flags & FLAG_REHEARSAL != 0;
        Ok(Self { seq: head.seq, at: head.at, boot: head.boot, rehearsal, binding, event })
    }
}

/// The longest fixed part of a leaf, for reserving memory.
pub const TYPICAL: usize = HEAD + 32 + 80;
