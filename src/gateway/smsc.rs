//! Owns our door: an operator and its links, and when a link may carry a message.
//! Must never put a message into an outbox that was not released.

use super::leaks::tap::TappedWire;
use super::link_outbox::LinkOutbox;
use super::refs::{EsmeRef, LinkRef};
use super::settings::SmscSettings;
use super::submit::{Sender, Waiting};
use crate::compliance::verdict::Ruling;
use crate::message::instant::MonotonicInstant;
use crate::message::name::NameId;
use crate::net::scratch::Remainder;
use crate::pdu::command::CommandId;
use crate::pdu::dialect::Dialect;
use crate::session::fair::FairQueue;
use crate::session::rate::TokenBucket;
use crate::session::smsc::SmscSession;
use crate::session::timers::LinkTimers;
use crate::session::window::Window;
use crate::spool::duty::{Duty, DutyId};
use crate::telemetry::metrics::SmscMetrics;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// Whose request an answer of the SMSC belongs to.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// A sender's message.
    Submit { sender: Sender, ruling: Ruling },
    /// A sender's message to several, by its batch in the lane.
    Multi { batch: usize },
    /// A confirmation or another text of ours.
    Duty { id: DutyId, duty: Duty },
    /// A sender's query_sm or cancel_sm.
    Query { esme: EsmeRef, sequence: u32, command: CommandId },
    /// Our own cancel_sm for a scheduled message whose number said STOP, by its place in the lane.
    Recall { recall: usize },
}

/// An operator on its lane.
pub struct Smsc {
    pub settings: SmscSettings,
    /// Slots of its links.
    pub links: Vec<usize>,
    /// The one account that uses it, when only one does: receipts and MOs then route by link.
    pub mirrored: Option<NameId>,
    /// Messages that wait for an operator that blinks, at most `grace` long.
    pub limbo: VecDeque<Waiting>,
    /// Clients whose submits are held because the queues of its links are full, in the order of their turns.
    pub holding: VecDeque<EsmeRef>,
    /// Our own cancel_sm that are not answered yet.
    pub recalls: usize,
    pub metrics: SmscMetrics,
}

impl Smsc {
    /// Lets a message wait for a link; gives it back when two windows a link wait already.
    pub fn wait_for_link(&mut self, waiting: Waiting) -> Option<Waiting> {
        if self.limbo.len() >= 2 * self.settings.window * self.links.len().max(1) {
            return Some(waiting);
        }
        self.limbo.push_back(waiting);
        None
    }
}

/// One link to an operator. It outlives its connections: a new session is a new generation.
pub struct Link {
    pub generation: u32,
    pub smsc: usize,
    /// Its number among the operator's links, for logs.
    pub number: usize,
    /// The socket of the session that is up.
    pub wire: Option<Rc<TappedWire>>,
    pub out: LinkOutbox,
    pub remainder: Remainder,
    pub session: SmscSession,
    pub timers: LinkTimers,
    pub window: Window<Origin>,
    /// Sequence number of the bind that is not answered yet.
    pub bind_sequence: Option<u32>,
    /// Messages that wait for this link's window.
    pub queue: FairQueue<Waiting>,
    pub pace: TokenBucket,
    /// Messages whose answer did not come in time: a late one still routes receipts.
    pub late: VecDeque<(u32, Sender, Ruling)>,
    /// How this operator wants its messages.
    pub dialect: Dialect,
    pub blocked: bool,
    pub closing: bool,
    /// Whether it stands in the count of bound links.
    pub counted: bool,
}

/// How long a link rests after the SMSC said ESME_RTHROTTLED.
pub const THROTTLED_PAUSE: Duration = Duration::from_secs(1);
/// Late answers remembered a link.
pub const LATE_ANSWERS: usize = 1024;

impl Link {
    /// Whether it may carry a submit_sm at all.
    pub fn carries_submits(&self) -> bool {
        self.session.submits() && !self.closing
    }

    /// Whether a message can be written now: bound, room in the window, rested, and within its pace.
    pub fn ready(&self, now: MonotonicInstant) -> bool {
        self.carries_submits() && !self.window.is_full() && self.pace.wait(now).is_zero()
    }

    /// Whether only its pace holds up what waits for it.
    pub fn is_paced(&self) -> bool {
        self.carries_submits() && !self.queue.is_empty() && !self.window.is_full()
    }

    /// The reference of the session that is up.
    pub fn reference(&self, slot: usize) -> LinkRef {
        LinkRef { slot, generation: self.generation }
    }
}
