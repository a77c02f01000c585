//! Owns how the fields of an event's leaf are read back: the other half of `event_code`.
//! Must never read what `event_code` does not write, nor take one record for another.

use super::checkpoint::Head as TreeHead;
use super::event::{
    AccountCounter, Admin, Begin, Clock, Consent, ConsentAct, Contract, Epoch, Erase, Event, Gap, Import, LinkCounter,
    NamedCheckpoint, Rekey, Reopen, ReopenedBy, Retention,
};
use super::event_code::{
    ACCOUNT_COUNTER, ADMIN, BEGIN, CLOCK, CONFIG, CONSENT, CONTRACT, END, EPOCH, ERASE, GAP, IMPORT, KEY, LIFT,
    LINK_COUNTER, NO_CHECKPOINT, REKEY, REOPEN, RETENTION, STOP,
};
use super::generations::Secrets;
use super::leaf::{Fields, Unreadable};
use super::rotation::Rotation;
use super::suppression_event::{Answered, EventId, Lift, LiftSource, Scope, Stop, StopSource, SuppressionEvent};
use crate::message::name::NameId;
use crate::message::tag::NumberTag;

/// Reads the fields behind the head of a leaf of this kind.
pub(super) fn read_event(kind: u8, fields: &mut Fields<'_>) -> Result<Event, Unreadable> {
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
        REKEY => {
            let secret = fields.u8()?;
            let secret = Secrets::ALL.into_iter().find(|known| *known as u8 == secret).ok_or("an unknown secret")?;
            let (generation, old, new) = (fields.u32()?, fields.array()?, fields.array()?);
            Event::Rekey(Rekey { secret, generation, old, new, by: fields.text()?.to_owned() })
        }
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
        RETENTION => {
            Event::Retention(Retention { before: fields.u64()?, older_than: fields.instant()?, kept_s: fields.u64()? })
        }
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
