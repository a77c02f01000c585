//! Owns the record of one verdict: at most 112 octets, no personal data.
//! Must never change a field's place or meaning under version 1: old ledgers must verify for ever.

use super::leaf::{FLAG_REHEARSAL, FLAG_TAG, Fields, Head, Unreadable};
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use crate::compliance::rule::RuleSet;
use crate::compliance::verdict::Ruling;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::segment::{Segment, SegmentScheme};
use crate::message::tag::NumberTag;

/// Octets of a verdict's leaf.
pub const VERDICT_LEAF: usize = 108;

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictKind {
    /// A sender's message was released to an SMSC.
    Permitted,
    /// A message of our own (confirmation, CONTACT answer) was released.
    Composed,
    /// Released although the code would have refused it: `mode = "observe"`.
    Observed(RefusalCode),
    /// Refused, before anything left.
    Refused(RefusalCode),
    /// Released, but its octets had not begun to leave when it was taken back for this reason.
    Withdrawn(RefusalCode),
    /// Left, and no answer came: its fate is unknown (SG154).
    Unresolved,
    /// The SMSC answered after the sender had been told SG154, with this command_status.
    LateAnswer(u32),
    /// After a STOP the SMSC was asked to cancel the message, which it held for later, and answered with this command_status:
    /// 0 says that it is not delivered.
    Recalled(u32),
    /// The same, but the SMSC had not answered when the message was due.
    NotRecalled,
}

impl VerdictKind {
    const fn octet(self) -> u8 {
        match self {
            Self::Permitted => 1,
            Self::Composed => 2,
            Self::Observed(_) => 3,
            Self::Refused(_) => 4,
            Self::Withdrawn(_) => 5,
            Self::Unresolved => 6,
            Self::LateAnswer(_) => 7,
            Self::Recalled(_) => 8,
            Self::NotRecalled => 9,
        }
    }

    /// The refusal code, where there is one.
    pub const fn code(self) -> Option<RefusalCode> {
        match self {
            Self::Observed(code) | Self::Refused(code) | Self::Withdrawn(code) => Some(code),
            Self::Unresolved => Some(RefusalCode::FateUnknown),
            Self::Permitted | Self::Composed | Self::LateAnswer(_) | Self::Recalled(_) | Self::NotRecalled => None,
        }
    }

    /// Whether it records that a message which was released is not delivered: taken back, recalled, or rejected late.
    pub const fn came_to_nothing(self) -> bool {
        match self {
            Self::Withdrawn(_) | Self::Recalled(0) => true,
            Self::LateAnswer(status) => status != 0,
            Self::Permitted
            | Self::Composed
            | Self::Observed(_)
            | Self::Refused(_)
            | Self::Unresolved
            | Self::Recalled(_)
            | Self::NotRecalled => false,
        }
    }

    /// What it records of a sender's message. A confirmation answers the person, and the others say what became of a message
    /// that was released before, or that never was.
    pub const fn way(self) -> Option<Way> {
        match self {
            Self::Permitted | Self::Observed(_) => Some(Way::Released),
            Self::Withdrawn(_) => Some(Way::TakenBack),
            Self::Composed
            | Self::Refused(_)
            | Self::Unresolved
            | Self::LateAnswer(_)
            | Self::Recalled(_)
            | Self::NotRecalled => None,
        }
    }

    /// Whether it records that a sender's message was released.
    pub const fn has_left(self) -> bool {
        matches!(self.way(), Some(Way::Released))
    }

    /// The operator's status that it bears, if it is about an answer of the operator.
    const fn status(self) -> Option<u32> {
        match self {
            Self::LateAnswer(status) | Self::Recalled(status) => Some(status),
            Self::Permitted
            | Self::Composed
            | Self::Observed(_)
            | Self::Refused(_)
            | Self::Withdrawn(_)
            | Self::Unresolved
            | Self::NotRecalled => None,
        }
    }

    /// The word used in metrics and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::Composed => "composed",
            Self::Observed(_) => "observed",
            Self::Refused(_) => "refused",
            Self::Withdrawn(_) => "withdrawn",
            Self::Unresolved => "unresolved",
            Self::LateAnswer(_) => "late_answer",
            Self::Recalled(0) => "recalled",
            Self::Recalled(_) => "recall_refused",
            Self::NotRecalled => "not_recalled",
        }
    }
}

/// Whether a sender's message went on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Released,
    /// It had been released, and has not left after all.
    TakenBack,
}

/// A verdict to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct VerdictEntry<'r> {
    pub kind: VerdictKind,
    pub ruling: &'r Ruling,
    /// The gateway's own handle of the message: an unresolved, withdrawn or late record names the permitted one by it.
    pub message_ref: u64,
    /// The operator it was released to; `NameId::NONE` when none was chosen.
    pub smsc: NameId,
    pub at: CivilInstant,
}

/// A verdict as it stands in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerdictRecord {
    pub seq: u64,
    pub at: CivilInstant,
    pub boot: u32,
    pub rehearsal: bool,
    pub kind: VerdictKind,
    pub account: NameId,
    pub tag: Option<NumberTag>,
    pub class: TrafficClass,
    pub would_refuse: RuleSet,
    pub pack: NameId,
    pub sender: u64,
    pub campaign: u64,
    pub segment: Option<Segment>,
    /// Index of the territory in its pack; `u16::MAX` when none.
    pub territory: u16,
    pub message_ref: u64,
    /// The instant that was judged: schedule_delivery_time if set.
    pub judged_at: CivilInstant,
    /// The list was at least as new as this many events.
    pub events: u64,
    pub smsc: NameId,
    /// The short code that its STOP mention names: where the person would write to. Unknown of a late answer.
    pub stop_code: Option<u32>,
}

impl VerdictEntry<'_> {
    /// Appends the leaf, with zero for its sequence number.
    pub(super) fn write(&self, boot: u32, rehearsal: bool, events: u64, out: &mut Vec<u8>) {
        let ruling = self.ruling;
        let mut flags = if rehearsal { FLAG_REHEARSAL } else { 0 };
        if ruling.tag.is_some() {
            flags |= FLAG_TAG;
        }
        Head { kind: self.kind.octet(), flags, seq: 0, at: self.at, boot }.write(out);
        out.extend_from_slice(&ruling.account.0.to_be_bytes());
        out.extend_from_slice(&ruling.tag.unwrap_or_default().0);
        out.extend_from_slice(&[ruling.class as u8, self.kind.code().map_or(0, RefusalCode::number)]);
        out.extend_from_slice(&ruling.would_refuse.0.to_be_bytes());
        out.extend_from_slice(&ruling.pack.0.to_be_bytes());
        out.extend_from_slice(&ruling.sender.to_be_bytes());
        out.extend_from_slice(&ruling.campaign.to_be_bytes());
        let (scheme, number, total, reference) = match ruling.segment {
            None => (0, 0, 0, 0),
            Some(part) => (scheme_octet(part.scheme), part.number, part.total, part.reference),
        };
        out.extend_from_slice(&[scheme, number, total, 0]);
        out.extend_from_slice(&reference.to_be_bytes());
        out.extend_from_slice(&ruling.territory.to_be_bytes());
        out.extend_from_slice(&self.message_ref.to_be_bytes());
        out.extend_from_slice(&ruling.judged_at.as_micros().to_be_bytes());
        out.extend_from_slice(&events.to_be_bytes());
        out.extend_from_slice(&self.smsc.0.to_be_bytes());
        // An answer has a status, everything else may name a short code: never both.
        let last = match self.kind.status() {
            Some(status) => status,
            None => ruling.stop_code.unwrap_or(0),
        };
        out.extend_from_slice(&last.to_be_bytes());
    }
}

impl VerdictRecord {
    /// Whether a leaf says that a sender's message left, or was taken back, without reading the rest.
    pub fn is_of_leaving(leaf: &[u8]) -> bool {
        let withdrawn = VerdictKind::Withdrawn(RefusalCode::OptedOut).octet();
        let observed = VerdictKind::Observed(RefusalCode::OptedOut).octet();
        leaf.get(1).is_some_and(|kind| [VerdictKind::Permitted.octet(), observed, withdrawn].contains(kind))
    }

    /// Reads a leaf of the verdicts stream.
    pub fn read(leaf: &[u8]) -> Result<Self, Unreadable> {
        let mut fields = Fields::new(leaf);
        let head = Head::read(&mut fields)?;
        if head.flags & !(FLAG_REHEARSAL | FLAG_TAG) != 0 {
            return Err("an unknown flag");
        }
        let account = fields.name()?;
        let tag = NumberTag(fields.array()?);
        let class = match fields.u8()? {
            1 => TrafficClass::Commercial,
            2 => TrafficClass::Transactional,
            _ => return Err("an unknown class"),
        };
        let code = fields.u8()?;
        let would_refuse = RuleSet(fields.u16()?);
        let (pack, sender, campaign) = (fields.name()?, fields.u64()?, fields.u64()?);
        let [scheme, number, total, zero] = fields.array()?;
        let reference = fields.u16()?;
        let segment = read_segment(scheme, number, total, reference)?;
        let (territory, message_ref, judged_at) = (fields.u16()?, fields.u64()?, fields.instant()?);
        let (events, smsc, last) = (fields.u64()?, fields.name()?, fields.u32()?);
        fields.end()?;
        let kind = read_kind(head.kind, code, last)?;
        let stop_code = if kind.status().is_some() || last == 0 { None } else { Some(last) };
        let has_tag = head.flags & FLAG_TAG != 0;
        if zero != 0 || (!has_tag && tag != NumberTag::default()) {
            return Err("a field that must be zero is not");
        }
        Ok(Self {
            seq: head.seq,
            at: head.at,
            boot: head.boot,
            rehearsal: head.flags & FLAG_REHEARSAL != 0,
            kind,
            account,
            tag: has_tag.then_some(tag),
            class,
            would_refuse,
            pack,
            sender,
            campaign,
            segment,
            territory,
            message_ref,
            judged_at,
            events,
            smsc,
            stop_code,
        })
    }
}

const fn scheme_octet(scheme: SegmentScheme) -> u8 {
    match scheme {
        SegmentScheme::Udh8 => 1,
        SegmentScheme::Udh16 => 2,
        SegmentScheme::Sar => 3,
    }
}

fn read_segment(scheme: u8, number: u8, total: u8, reference: u16) -> Result<Option<Segment>, Unreadable> {
    let scheme = match scheme {
        0 if (number, total, reference) == (0, 0, 0) => return Ok(None),
        1 => SegmentScheme::Udh8,
        2 => SegmentScheme::Udh16,
        3 => SegmentScheme::Sar,
        _ => return Err("an unknown segmentation"),
    };
    Ok(Some(Segment { scheme, reference, total, number }))
}

fn read_kind(kind: u8, code: u8, last: u32) -> Result<VerdictKind, Unreadable> {
    let refusal = RefusalCode::ALL.into_iter().find(|known| known.number() == code);
    Ok(match (kind, refusal) {
        (1, None) if code == 0 => VerdictKind::Permitted,
        (2, None) if code == 0 => VerdictKind::Composed,
        (3, Some(code)) => VerdictKind::Observed(code),
        (4, Some(code)) => VerdictKind::Refused(code),
        (5, Some(code)) => VerdictKind::Withdrawn(code),
        (6, Some(RefusalCode::FateUnknown)) => VerdictKind::Unresolved,
        (7, None) if code == 0 => VerdictKind::LateAnswer(last),
        (8, None) if code == 0 => VerdictKind::Recalled(last),
        (9, None) if code == 0 => VerdictKind::NotRecalled,
        _ => return Err("an unknown kind of verdict"),
    })
}
