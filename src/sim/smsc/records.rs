//! Owns what the simulated operator has seen: each submit as it arrived, each answer to a deliver_sm, in one order.
//! Must never grow without end: the oldest records go, the counts stay.

use crate::sim::message::Message;
use crate::sim::wire::Pdu;
use std::collections::VecDeque;
use std::time::Duration;

/// How many records of each kind are kept.
const RECORDS_MAX: usize = 200_000;

/// What the simulator did with a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Answered, now or later, with this status.
    Answered(u32),
    /// Never answered.
    Dropped,
}

/// A submit_sm or data_sm that arrived.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// Place in the one order of everything read, over all links.
    pub order: u64,
    /// Since the simulator started.
    pub at: Duration,
    pub link: u64,
    pub system_id: String,
    pub pdu: Pdu,
    /// `None` when it could not be read.
    pub message: Option<Message>,
    /// As the submit_sm_resp has it.
    pub message_id: String,
    pub fate: Fate,
}

impl Submitted {
    /// The destination's digits; empty when unreadable.
    pub fn destination(&self) -> String {
        self.message.as_ref().map(|message| message.destination.as_text()).unwrap_or_default()
    }

    /// The source; empty when unreadable.
    pub fn source(&self) -> String {
        self.message.as_ref().map(|message| message.source.as_text()).unwrap_or_default()
    }

    /// The text; empty when unreadable.
    pub fn text(&self) -> String {
        self.message.as_ref().map(Message::text).unwrap_or_default()
    }
}

/// A deliver_sm and the answer to it.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Place in the one order of everything read, over all links.
    pub order: u64,
    /// When the deliver_sm was written, since the simulator started.
    pub sent_at: Duration,
    /// When the answer was read.
    pub at: Duration,
    pub link: u64,
    pub status: u32,
    pub message: Message,
    pub pdu: Pdu,
}

/// The two lists and the counts.
#[derive(Debug, Default)]
pub struct Records {
    pub submitted: VecDeque<Submitted>,
    pub answered: VecDeque<Answered>,
    /// Every other PDU that was read, responses without a match included.
    pub other: VecDeque<(u64, Pdu)>,
    pub submitted_total: u64,
    pub answered_total: u64,
    pub binds_total: u64,
    /// Answers that could not be held back any more.
    pub overflow_total: u64,
    order: u64,
}

impl Records {
    /// The next place in the one order.
    pub(super) fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    pub(super) fn submit(&mut self, record: Submitted) {
        self.submitted_total += 1;
        keep(&mut self.submitted, record);
    }

    pub(super) fn answer(&mut self, record: Answered) {
        self.answered_total += 1;
        keep(&mut self.answered, record);
    }

    pub(super) fn other(&mut self, link: u64, pdu: Pdu) {
        keep(&mut self.other, (link, pdu));
    }

    /// The submits to a number, in order.
    pub fn to(&self, destination: &str) -> impl Iterator<Item = &Submitted> {
        self.submitted.iter().filter(move |record| record.destination() == destination)
    }
}

fn keep<T>(list: &mut VecDeque<T>, record: T) {
    if list.len() == RECORDS_MAX {
        list.pop_front();
    }
    list.push_back(record);
}
