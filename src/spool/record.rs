//! Owns the octets of what the spool writes: leaves of items, of ends, and of duties.
//! Must never read a leaf that is not exactly as long as it should be.

use super::duty::{DutyId, DutyKind, Fate};
use super::shelf::{Item, ItemKind, Ticket};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;

const ITEM: u8 = 1;
const ENDED: u8 = 2;
const OWED: u8 = 3;
const INTENDED: u8 = 4;
const SETTLED: u8 = 5;
const SENT: u8 = 6;

/// Why an item is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    /// The sender's client acknowledged it.
    Done = 1,
    /// It waited 72 hours.
    Expired = 2,
    /// The person's data was erased.
    Erased = 3,
}

/// A leaf of the items' journal. The octets of an item are its frame's blob, sealed and bound to the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemLeaf {
    Item(Ticket, Item),
    Ended(Ticket, End),
}

/// The longest leaf of an item.
pub const ITEM_LEAF: usize = 38;

impl ItemLeaf {
    /// Writes the leaf and returns the written part.
    pub fn write<'b>(&self, buffer: &'b mut [u8; ITEM_LEAF]) -> &'b [u8] {
        let mut out = Writer { buffer, at: 0 };
        match self {
            Self::Item(ticket, item) => {
                out.put(&[ITEM, item.kind as u8]);
                out.ticket(*ticket);
                out.put(&item.tag.0);
                out.put(&item.pushed.as_micros().to_be_bytes());
            }
            Self::Ended(ticket, end) => {
                out.put(&[ENDED, *end as u8]);
                out.ticket(*ticket);
            }
        }
        let Writer { buffer, at } = out;
        &buffer[..at]
    }

    /// The same with another tag in the place of its own.
    pub fn carried(self, carry: impl FnOnce(NumberTag) -> NumberTag) -> Self {
        match self {
            Self::Item(ticket, item) => Self::Item(ticket, Item { tag: carry(item.tag), ..item }),
            Self::Ended(..) => self,
        }
    }

    /// Reads a leaf; `None` for anything this version does not write.
    pub fn read(leaf: &[u8], record: u64) -> Option<Self> {
        let mut input = Reader { rest: leaf };
        let read = match input.u8()? {
            ITEM => {
                let kind = ItemKind::from_octet(input.u8()?)?;
                let ticket = input.ticket()?;
                let tag = NumberTag(input.array()?);
                let pushed = CivilInstant::from_micros(i64::from_be_bytes(input.array()?));
                Self::Item(ticket, Item { kind, tag, pushed, record })
            }
            ENDED => {
                let end = match input.u8()? {
                    1 => End::Done,
                    2 => End::Expired,
                    3 => End::Erased,
                    _ => return None,
                };
                Self::Ended(input.ticket()?, end)
            }
            _ => return None,
        };
        input.rest.is_empty().then_some(read)
    }
}

/// A leaf of the duties' journal. The number of a duty that is owed is its frame's blob, sealed and bound to the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DutyLeaf {
    Owed {
        id: DutyId,
        at: CivilInstant,
        kind: DutyKind,
        tag: NumberTag,
        short_code: u32,
        account: NameId,
    },
    Intended {
        id: DutyId,
        at: CivilInstant,
    },
    Settled {
        id: DutyId,
        at: CivilInstant,
        fate: Fate,
    },
    /// An answer of a duty that is over, told again when the journal is rewritten; `last` is the newest id given.
    Sent {
        last: DutyId,
        at: CivilInstant,
        kind: DutyKind,
        tag: NumberTag,
    },
}

/// The longest leaf of a duty.
pub const DUTY_LEAF: usize = 42;

impl DutyLeaf {
    /// Writes the leaf and returns the written part.
    pub fn write<'b>(&self, buffer: &'b mut [u8; DUTY_LEAF]) -> &'b [u8] {
        let mut out = Writer { buffer, at: 0 };
        match self {
            Self::Owed { id, at, kind, tag, short_code, account } => {
                out.put(&[OWED, *kind as u8]);
                out.put(&id.0.to_be_bytes());
                out.put(&at.as_micros().to_be_bytes());
                out.put(&tag.0);
                out.put(&short_code.to_be_bytes());
                out.put(&account.0.to_be_bytes());
            }
            Self::Intended { id, at } => {
                out.put(&[INTENDED]);
                out.put(&id.0.to_be_bytes());
                out.put(&at.as_micros().to_be_bytes());
            }
            Self::Settled { id, at, fate } => {
                out.put(&[SETTLED, *fate as u8]);
                out.put(&id.0.to_be_bytes());
                out.put(&at.as_micros().to_be_bytes());
            }
            Self::Sent { last, at, kind, tag } => {
                out.put(&[SENT, *kind as u8]);
                out.put(&last.0.to_be_bytes());
                out.put(&at.as_micros().to_be_bytes());
                out.put(&tag.0);
            }
        }
        let Writer { buffer, at } = out;
        &buffer[..at]
    }

    /// The same with another tag in the place of its own.
    pub fn carried(self, carry: impl FnOnce(NumberTag) -> NumberTag) -> Self {
        match self {
            Self::Owed { id, at, kind, tag, short_code, account } => {
                Self::Owed { id, at, kind, tag: carry(tag), short_code, account }
            }
            Self::Sent { last, at, kind, tag } => Self::Sent { last, at, kind, tag: carry(tag) },
            Self::Intended { .. } | Self::Settled { .. } => self,
        }
    }

    /// Reads a leaf; `None` for anything this version does not write.
    pub fn read(leaf: &[u8]) -> Option<Self> {
        let mut input = Reader { rest: leaf };
        let read = match input.u8()? {
            OWED => {
                let kind = DutyKind::from_octet(input.u8()?)?;
                let (id, at) = input.duty()?;
                let tag = NumberTag(input.array()?);
                let short_code = u32::from_be_bytes(input.array()?);
                let account = NameId(u32::from_be_bytes(input.array()?));
                Self::Owed { id, at, kind, tag, short_code, account }
            }
            INTENDED => {
                let (id, at) = input.duty()?;
                Self::Intended { id, at }
            }
            SETTLED => {
                let fate = Fate::from_octet(input.u8()?)?;
                let (id, at) = input.duty()?;
                Self::Settled { id, at, fate }
            }
            SENT => {
                let kind = DutyKind::from_octet(input.u8()?)?;
                let (last, at) = input.duty()?;
                Self::Sent { last, at, kind, tag: NumberTag(input.array()?) }
            }
            _ => return None,
        };
        input.rest.is_empty().then_some(read)
    }
}

struct Writer<'b> {
    buffer: &'b mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, octets: &[u8]) {
        self.buffer[self.at..self.at + octets.len()].copy_from_slice(octets);
        self.at += octets.len();
    }

    fn ticket(&mut self, ticket: Ticket) {
        self.put(&ticket.account.0.to_be_bytes());
        self.put(&ticket.id.to_be_bytes());
    }
}

struct Reader<'l> {
    rest: &'l [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[octet]| octet)
    }

    fn ticket(&mut self) -> Option<Ticket> {
        let account = NameId(u32::from_be_bytes(self.array()?));
        Some(Ticket { account, id: u64::from_be_bytes(self.array()?) })
    }

    fn duty(&mut self) -> Option<(DutyId, CivilInstant)> {
        let id = DutyId(u64::from_be_bytes(self.array()?));
        Some((id, CivilInstant::from_micros(i64::from_be_bytes(self.array()?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: CivilInstant = CivilInstant::from_micros(1_790_000_000_000_001);

    #[test]
    fn every_item_leaf_reads_back_and_nothing_shorter_or_longer_does() {
        let ticket = Ticket { account: NameId(0x0102_0304), id: 77 };
        let item = Item { kind: ItemKind::Receipt, tag: NumberTag([9; 16]), pushed: AT, record: 5 };
        let ends = [End::Done, End::Expired, End::Erased].map(|end| ItemLeaf::Ended(ticket, end));
        for leaf in [ItemLeaf::Item(ticket, item)].into_iter().chain(ends) {
            let mut buffer = [0; ITEM_LEAF];
            let written = leaf.write(&mut buffer).to_vec();
            assert_eq!(ItemLeaf::read(&written, 5), Some(leaf));
            for length in 0..written.len() {
                assert_eq!(ItemLeaf::read(&written[..length], 5), None);
            }
            assert_eq!(ItemLeaf::read(&[&written[..], &[0]].concat(), 5), None);
        }
    }

    #[test]
    fn every_duty_leaf_reads_back_and_nothing_shorter_or_longer_does() {
        let id = DutyId(8);
        let owed = DutyLeaf::Owed {
            id,
            at: AT,
            kind: DutyKind::Contact,
            tag: NumberTag([3; 16]),
            short_code: 36_111,
            account: NameId(2),
        };
        let settled = DutyLeaf::Settled { id, at: AT, fate: Fate::NotWritten };
        let sent = DutyLeaf::Sent { last: id, at: AT, kind: DutyKind::Stop, tag: NumberTag([4; 16]) };
        for leaf in [owed, DutyLeaf::Intended { id, at: AT }, settled, sent] {
            let mut buffer = [0; DUTY_LEAF];
            let written = leaf.write(&mut buffer).to_vec();
            assert_eq!(DutyLeaf::read(&written), Some(leaf));
            for length in 0..written.len() {
                assert_eq!(DutyLeaf::read(&written[..length]), None);
            }
            assert_eq!(DutyLeaf::read(&[&written[..], &[0]].concat()), None);
        }
    }
}
