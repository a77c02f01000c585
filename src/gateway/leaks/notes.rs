//! Owns what a lane says to the self-audit of each message that left: whose it was, and what was acknowledged by then.
//! Must never cost a message more than a few words in a list that is there already.

use super::tap::TappedWire;
use crate::compliance::class::TrafficClass;
use crate::compliance::verdict::Ruling;
use crate::gateway::lane::Lane;
use crate::gateway::smsc::Origin;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use std::rc::Rc;
use std::sync::Arc;

/// Notes that a lane keeps before it hands them over; it does so at each tick in any case.
pub const KEPT: usize = 1_024;

/// What a message was let through as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftAs {
    Commercial,
    Transactional,
    /// No verdict accounts for it, or one of another number.
    Unexplained,
}

/// A message that left.
#[derive(Clone, Copy, Debug)]
pub struct Note {
    /// Its number: the verdict's where the octets say the same, else the octets'.
    pub number: u64,
    /// Prefix of the tag that its verdict names; 0 = none.
    pub prefix: u64,
    /// Fingerprint of its source.
    pub sender: u64,
    pub message_ref: u64,
    /// Acknowledgements of stops that had been given before.
    pub position: u64,
    /// Events that were durable by then.
    pub durable: u64,
    pub account: NameId,
    pub smsc: NameId,
    pub left_as: LeftAs,
}

/// Whether digits that were written are this number: whole, or without its country code as in `0639980001`.
pub fn is_number(written: u64, number: Msisdn) -> bool {
    let whole = number.as_u64();
    written == whole || ((1_000_000..whole).contains(&written) && whole % 10_u64.pow(written.ilog10() + 1) == written)
}

impl Lane {
    /// Notes what the socket of a link has taken since the last call.
    pub fn note_left(&mut self, slot: usize) {
        let Some(wire) = self.links[slot].wire.as_ref().map(Rc::clone) else { return };
        self.note_left_over(&wire, slot);
        if self.left.len() >= KEPT {
            self.hand_over_left();
        }
    }

    fn note_left_over(&mut self, wire: &TappedWire, slot: usize) {
        let Self { kit, links, smscs, batches, left: notes, .. } = self;
        let link = &links[slot];
        let audit = &kit.shared.leaks;
        // Read behind the write: who says STOP after this is acknowledged after this.
        let (position, durable) = (audit.position(), kit.shared.ledger.durable_events());
        let smsc = smscs[link.smsc].settings.id;
        let unexplained = Note {
            number: 0,
            prefix: 0,
            sender: 0,
            message_ref: 0,
            position,
            durable,
            account: NameId::NONE,
            smsc,
            left_as: LeftAs::Unexplained,
        };
        let understood = wire.each_left(|left| {
            let note = |ruling: &Ruling, message_ref: u64| match ruling.destination {
                Some(number) if is_number(left.digits, number) => Note {
                    number: number.as_u64(),
                    prefix: ruling.tag.map_or(0, |tag| tag.prefix()),
                    sender: ruling.sender,
                    message_ref,
                    account: ruling.account,
                    left_as: match ruling.class {
                        TrafficClass::Commercial => LeftAs::Commercial,
                        TrafficClass::Transactional => LeftAs::Transactional,
                    },
                    ..unexplained
                },
                Some(_) | None => Note { number: left.digits, message_ref, account: ruling.account, ..unexplained },
            };
            notes.push(match link.window.get(left.sequence) {
                Some(Origin::Submit { sender, ruling }) => note(ruling, sender.message_ref),
                Some(Origin::Multi { batch }) => {
                    let found = batches.get(*batch).and_then(|batch| batch.who_was_written_to(left.digits));
                    found.map_or(Note { number: left.digits, ..unexplained }, |(ruling, of)| note(ruling, of))
                }
                // What stopgate writes itself: the answer to a STOP is the one message that its number gets.
                Some(Origin::Duty { duty, .. }) if is_number(left.digits, duty.number) => return,
                Some(Origin::Duty { .. } | Origin::Query { .. } | Origin::Recall { .. }) | None => {
                    Note { number: left.digits, ..unexplained }
                }
            });
        });
        if !understood {
            audit.not_understood();
        }
    }

    /// Gives the notes to the audit.
    pub fn hand_over_left(&mut self) {
        let shared = Arc::clone(&self.kit.shared);
        shared.leaks.take(&mut self.left);
    }
}
