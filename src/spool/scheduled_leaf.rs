//! Owns the octets of what is written about scheduled messages: leaves of messages and of their ends.
//! Must never read a leaf that is not exactly as long as it should be, nor hold an address: those are sealed beside it.

use super::scheduled::{Scheduled, ScheduledId};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::segment::{Segment, SegmentScheme};
use crate::message::tag::NumberTag;

const KEPT: u8 = 1;
const ENDED: u8 = 2;

/// The longest leaf.
pub const LEAF_MAX: usize = 82;

/// A leaf of the journal of scheduled messages. The names of a message are its frame's blob, sealed and bound to the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduledLeaf {
    Kept(ScheduledId, Scheduled),
    Ended(ScheduledId),
}

impl ScheduledLeaf {
    /// Writes the leaf and returns the written part.
    pub fn write<'b>(&self, buffer: &'b mut [u8; LEAF_MAX]) -> &'b [u8] {
        let mut at = 0;
        let mut put = |octets: &[u8]| {
            buffer[at..at + octets.len()].copy_from_slice(octets);
            at += octets.len();
        };
        match self {
            Self::Kept(id, scheduled) => {
                put(&[KEPT]);
                put(&id.0.to_be_bytes());
                put(&scheduled.smsc.0.to_be_bytes());
                put(&scheduled.account.0.to_be_bytes());
                put(&scheduled.tag.0);
                put(&scheduled.due.as_micros().to_be_bytes());
                put(&scheduled.message_ref.to_be_bytes());
                put(&scheduled.pack.0.to_be_bytes());
                put(&scheduled.sender.to_be_bytes());
                put(&scheduled.campaign.to_be_bytes());
                put(&scheduled.territory.to_be_bytes());
                let (scheme, part) = match scheduled.segment {
                    None => (0, Segment { scheme: SegmentScheme::Udh8, reference: 0, total: 0, number: 0 }),
                    Some(part) => (scheme_octet(part.scheme), part),
                };
                put(&[scheme, part.number, part.total]);
                put(&part.reference.to_be_bytes());
            }
            Self::Ended(id) => {
                put(&[ENDED]);
                put(&id.0.to_be_bytes());
            }
        }
        &buffer[..at]
    }

    /// Reads a leaf; `None` for anything this version does not write.
    pub fn read(leaf: &[u8]) -> Option<Self> {
        let mut rest = leaf;
        let [kind] = take(&mut rest)?;
        let id = ScheduledId(u64::from_be_bytes(take(&mut rest)?));
        let read = match kind {
            KEPT => Self::Kept(
                id,
                Scheduled {
                    smsc: NameId(u32::from_be_bytes(take(&mut rest)?)),
                    account: NameId(u32::from_be_bytes(take(&mut rest)?)),
                    tag: NumberTag(take(&mut rest)?),
                    due: CivilInstant::from_micros(i64::from_be_bytes(take(&mut rest)?)),
                    message_ref: u64::from_be_bytes(take(&mut rest)?),
                    pack: NameId(u32::from_be_bytes(take(&mut rest)?)),
                    sender: u64::from_be_bytes(take(&mut rest)?),
                    campaign: u64::from_be_bytes(take(&mut rest)?),
                    territory: u16::from_be_bytes(take(&mut rest)?),
                    segment: segment(take(&mut rest)?, u16::from_be_bytes(take(&mut rest)?))?,
                },
            ),
            ENDED => Self::Ended(id),
            _ => return None,
        };
        rest.is_empty().then_some(read)
    }
}

const fn scheme_octet(scheme: SegmentScheme) -> u8 {
    match scheme {
        SegmentScheme::Udh8 => 1,
        SegmentScheme::Udh16 => 2,
        SegmentScheme::Sar => 3,
    }
}

/// The outer `None`: no segmentation of this version.
fn segment([scheme, number, total]: [u8; 3], reference: u16) -> Option<Option<Segment>> {
    let scheme = match scheme {
        0 => return ((number, total, reference) == (0, 0, 0)).then_some(None),
        1 => SegmentScheme::Udh8,
        2 => SegmentScheme::Udh16,
        3 => SegmentScheme::Sar,
        _ => return None,
    };
    Some(Some(Segment { scheme, reference, total, number }))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_reads_back_and_nothing_shorter_or_longer_does() {
        let segments = [SegmentScheme::Udh8, SegmentScheme::Udh16, SegmentScheme::Sar]
            .map(|scheme| Some(Segment { scheme, reference: 0x0102, total: 3, number: 2 }));
        let kept = [None].into_iter().chain(segments).map(|segment| {
            let scheduled = Scheduled {
                smsc: NameId(1),
                account: NameId(2),
                tag: NumberTag([3; 16]),
                due: CivilInstant::from_secs(1_790_000_000),
                message_ref: 4,
                pack: NameId(5),
                sender: 6,
                campaign: 7,
                territory: 8,
                segment,
            };
            ScheduledLeaf::Kept(ScheduledId(9), scheduled)
        });
        for leaf in kept.chain([ScheduledLeaf::Ended(ScheduledId(9))]) {
            let mut buffer = [0; LEAF_MAX];
            let written = leaf.write(&mut buffer).to_vec();
            assert_eq!(ScheduledLeaf::read(&written), Some(leaf));
            for length in 0..written.len() {
                assert_eq!(ScheduledLeaf::read(&written[..length]), None);
            }
            assert_eq!(ScheduledLeaf::read(&[&written[..], &[0]].concat()), None);
        }
    }
}
