//! Owns the octets of an event's leaf, field by field (docs/ledger.md says the same in words).
//! Must never change a field's place or meaning under version 1; kinds 64..=95 are kept for counters and checkpoints.

use super::checkpoint::Head as TreeHead;
use super::event::{
    AccountCounter, Admin, Begin, Clock, Consent, ConsentAct, Contract, Epoch, Erase, Event, Gap, Import, LinkCounter,
    NamedCheckpoint, Reopen, ReopenedBy,
};
use super::leaf::{FLAG_REHEARSAL, FLAG_SEALED, Fields, HEAD, Head, Unreadable, put_text};
use super::rotation::Rotation;
use super::suppression_event::{Answered, EventId, Lift, LiftSource, Scope, Stop, StopSource, SuppressionEvent};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;

const BEGIN: u8 = 32;
const END: u8 = 33;
const CONFIG: u8 = 34;
const CONTRACT: u8 = 35;
/// Kinds that touch the suppression list: found without reading a whole leaf.
pub const STOP: u8 = 36;
/// See [`STOP`].
pub const LIFT: u8 = 37;
/// The kind that touches the registry of opt-ins.
pub const CONSENT: u8 = 38;
const ERASE: u8 = 39;
/// See [`STOP`].
pub const ADMIN: u8 = 40;
const CLOCK: u8 = 41;
const GAP: u8 = 42;
const IMPORT: u8 = 43;
const EPOCH: u8 = 44;
const REOPEN: u8 = 45;
/// The kind that replaces the signing key.
pub const KEY: u8 = 46;
const ACCOUNT_COUNTER: u8 = 64;
const LINK_COUNTER: u8 = 65;

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

/// Whether a leaf gives a name its handle, without reading the rest.
pub fn is_config(leaf: &[u8]) -> bool {
    kind_of(leaf) == Some(CONFIG)
}

/// The number tag of a stop's or lift's leaf, without reading the rest.
pub fn suppression_tag(leaf: &[u8]) -> Option<NumberTag> {
    tag_at(leaf, 12)
}

/// The number that an event is about, without reading the rest.
pub fn tag(leaf: &[u8]) -> Option<NumberTag> {
    match kind_of(leaf)? {
        STOP | LIFT => tag_at(leaf, 12),
        CONSENT => tag_at(leaf, 13),
        ERASE => tag_at(leaf, 0),
        ADMIN => {
            let has_tag = leaf.get(fields_at(leaf)? + 8)?;
            tag_at(leaf, 9).filter(|_| *has_tag == 1)
        }
        // Kinds of records, not an enum of ours: no other holds a tag.
        _ => None,
    }
}

/// Where an event's own fields begin.
fn fields_at(leaf: &[u8]) -> Option<usize> {
    let sealed = leaf.get(2)? & FLAG_SEALED != 0;
    Some(HEAD + if sealed { 32 } else { 0 })
}

fn tag_at(leaf: &[u8], field: usize) -> Option<NumberTag> {
    let at = fields_at(leaf)? + field;
    leaf.get(at..at + 16)?.try_into().ok().map(NumberTag)
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
const NO_CHECKPOINT: NamedCheckpoint = {
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
        let event = read_event(head.kind, &mut fields)?;
        fields.end()?;
        let rehearsal = head.flags & FLAG_REHEARSAL != 0;
        Ok(Self { seq: head.seq, at: head.at, boot: head.boot, rehearsal, binding, event })
    }
}

fn read_event(kind: u8, fields: &mut Fields<'_>) -> Result<Event, Unreadable> {
    Ok(match kind {
        BEGIN => Event::Begin(Begin {
            node: fields.text()?.to_owned(),
            software: fields.text()?.to_owned(),
            tag_commitment: fields.array()?,
            verdict_sync_ms: fields.u32()?,
            verdicts: fields.u64()?,
            cut_octets: [fields.u64()?, fields.u64()?],
            epoch: fields.u32()?,
        }),
        END => Event::End { verdicts: fields.u64()? },
        CONFIG => Event::Config { id: fields.name()?, name: fields.text()?.to_owned() },
        CONTRACT => Event::Contract(Contract {
            account: fields.name()?,
            class: fields.u8()?,
            statement: fields.name()?,
            pack: fields.name()?,
            digest: fields.array()?,
        }),
        STOP => Event::Suppression(SuppressionEvent::Stop(read_stop(fields)?)),
        LIFT => Event::Suppression(SuppressionEvent::Lift(read_lift(fields)?)),
        CONSENT => read_consent(fields)?,
        ERASE => {
            let (tag, reason, by) = (NumberTag(fields.array()?), fields.name()?, fields.name()?);
            let events = (0..fields.u16()?).map(|_| fields.u64()).collect::<Result<_, _>>()?;
            Event::Erase(Erase { tag, reason, by, events })
        }
        ADMIN => {
            let (by, action, has_tag, tag) =
                (fields.name()?, fields.name()?, flag(fields)?, NumberTag(fields.array()?));
            if !has_tag && tag != NumberTag::default() {
                return Err("a field that must be zero is not");
            }
            Event::Admin(Admin { by, action, tag: has_tag.then_some(tag), detail: fields.name()? })
        }
        CLOCK => {
            Event::Clock(Clock { expected: fields.instant()?, found: fields.instant()?, synchronised: flag(fields)? })
        }
        GAP => Event::Gap(Gap {
            account: fields.name()?,
            messages: fields.u64()?,
            from: fields.instant()?,
            to: fields.instant()?,
        }),
        IMPORT => Event::Import(Import {
            name: fields.name()?,
            by: fields.name()?,
            digest: fields.array()?,
            rows: fields.u64()?,
            bad_rows: fields.u64()?,
        }),
        EPOCH => {
            let (number, backup) = (fields.u32()?, read_checkpoint(fields)?);
            let (known, newest) = (flag(fields)?, read_checkpoint(fields)?);
            if !known && newest != NO_CHECKPOINT {
                return Err("a field that must be zero is not");
            }
            Event::Epoch(Epoch { number, backup, newest: known.then_some(newest) })
        }
        REOPEN => {
            let epoch = fields.u32()?;
            let by = match fields.u8()? {
                1 => ReopenedBy::Reached,
                2 => ReopenedBy::TwoPeople,
                _ => return Err("an unknown way to open again"),
            };
            let people = [fields.name()?, fields.name()?];
            Event::Reopen(Reopen { epoch, by, people, detail: fields.name()? })
        }
        KEY => Event::Key(Rotation {
            number: fields.u32()?,
            old: fields.array()?,
            new: fields.array()?,
            signatures: [fields.array()?, fields.array()?],
        }),
        ACCOUNT_COUNTER => Event::AccountCounter(AccountCounter {
            account: fields.name()?,
            verdicts: fields.u64()?,
            received: fields.u64()?,
            permitted: fields.u64()?,
            refused: fields.u64()?,
            waiting: fields.u64()?,
            answered: fields.u64()?,
            unresolved: fields.u64()?,
            withdrawn: fields.u64()?,
            in_flight: fields.u64()?,
        }),
        LINK_COUNTER => Event::LinkCounter(LinkCounter {
            smsc: fields.name()?,
            link: fields.u32()?,
            received: fields.u64()?,
            acked: fields.u64()?,
            refused: fields.u64()?,
            unanswered: fields.u64()?,
        }),
        _ => return Err("an unknown kind of event"),
    })
}

fn read_checkpoint(fields: &mut Fields<'_>) -> Result<NamedCheckpoint, Unreadable> {
    let (epoch, at) = (fields.u32()?, fields.instant()?);
    let events = TreeHead { size: fields.u64()?, root: fields.array()? };
    Ok(NamedCheckpoint { epoch, at, events, verdicts: TreeHead { size: fields.u64()?, root: fields.array()? } })
}

fn flag(fields: &mut Fields<'_>) -> Result<bool, Unreadable> {
    match fields.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("a flag is neither 0 nor 1"),
    }
}

fn read_id(fields: &mut Fields<'_>) -> Result<EventId, Unreadable> {
    let (origin, number) = (fields.u32()?, fields.u64()?);
    if number >> EventId::NUMBER_BITS != 0 {
        return Err("an event's number is too large");
    }
    Ok(EventId { origin, number })
}

fn read_stop(fields: &mut Fields<'_>) -> Result<Stop, Unreadable> {
    let (id, tag) = (read_id(fields)?, NumberTag(fields.array()?));
    let scope = match (fields.u8()?, fields.u64()?) {
        (0, 0) => Scope::Global,
        (1, account) => Scope::Account(NameId(u32::try_from(account).map_err(|_| "an account's handle is too large")?)),
        (2, sender) => Scope::Sender(sender),
        _ => return Err("an unknown scope"),
    };
    let source = fields.u8()?;
    let source =
        StopSource::ALL.into_iter().find(|known| *known as u8 == source).ok_or("an unknown source of a stop")?;
    let (account, smsc, short_code) = (fields.name()?, fields.name()?, fields.u32()?);
    let answers = match fields.u64()? {
        u64::MAX => None,
        verdict => Some(Answered { verdict, sender: fields.u64()?, campaign: fields.u64()? }),
    };
    Ok(Stop { id, tag, scope, source, account, smsc, short_code, answers, detail: fields.name()? })
}

fn read_lift(fields: &mut Fields<'_>) -> Result<Lift, Unreadable> {
    let (id, tag) = (read_id(fields)?, NumberTag(fields.array()?));
    let source = match fields.u8()? {
        1 => LiftSource::Handset,
        2 => LiftSource::TwoPeople,
        _ => return Err("an unknown source of a lift"),
    };
    let accounts = (0..fields.u16()?).map(|_| fields.name()).collect::<Result<_, _>>()?;
    let seen = (0..fields.u16()?).map(|_| read_id(fields)).collect::<Result<_, _>>()?;
    let (smsc, short_code) = (fields.name()?, fields.u32()?);
    let people = [fields.name()?, fields.name()?];
    Ok(Lift { id, tag, source, accounts, seen, smsc, short_code, people, detail: fields.name()? })
}

fn read_consent(fields: &mut Fields<'_>) -> Result<Event, Unreadable> {
    let id = read_id(fields)?;
    let act = match fields.u8()? {
        1 => ConsentAct::Record,
        2 => ConsentAct::Revoke,
        3 => ConsentAct::Renew,
        _ => return Err("an unknown act of consent"),
    };
    let tag = NumberTag(fields.array()?);
    let (account, source, wording, by) = (fields.name()?, fields.name()?, fields.name()?, fields.name()?);
    Ok(Event::Consent(Consent { id, act, tag, account, source, wording, given_at: fields.instant()?, by }))
}

/// The longest fixed part of a leaf, for reserving memory.
pub const TYPICAL: usize = HEAD + 32 + 80;
