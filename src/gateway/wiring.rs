//! Owns the joint between a lane and its sockets: every event becomes one turn of the lane.
//! Must never hold the lane across an await.

use super::esme::Closing;
use super::lane::Lane;
use super::refs::EsmeRef;
use super::shared::Shared;
use crate::clock::Now;
use crate::net::drive::{Side, Wants, drive};
use crate::net::scratch::{READ_OCTETS, Remainder};
use crate::net::wire::SocketWire;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

/// A lane, the buffer its connections read into, and the clock of its turns.
pub struct Hub {
    lane: RefCell<Lane>,
    scratch: RefCell<Box<[u8]>>,
    shared: Arc<Shared>,
}

impl Hub {
    /// Puts a lane behind its joint.
    pub fn new(lane: Lane) -> Rc<Self> {
        let shared = Arc::clone(&lane.kit.shared);
        Rc::new(Self { lane: RefCell::new(lane), scratch: RefCell::new(vec![0; READ_OCTETS].into()), shared })
    }

    /// One turn: look at the clocks once, act, and settle.
    pub fn turn<R>(&self, act: impl FnOnce(&mut Lane, Now) -> R) -> R {
        let now = self.shared.clock.now();
        let mut lane = self.lane.borrow_mut();
        lane.begin_turn(now);
        let result = act(&mut lane, now);
        lane.settle(now);
        result
    }

    /// Reads the lane without a turn.
    pub fn look<R>(&self, at: impl FnOnce(&Lane) -> R) -> R {
        at(&self.lane.borrow())
    }

    /// What all connections of the process share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Reads into the common buffer and hands what came to `take`.
    fn read(
        &self,
        read: &mut dyn FnMut(&mut [u8]) -> Poll<io::Result<usize>>,
        take: impl FnOnce(&mut Lane, &[u8], Now),
    ) -> Poll<io::Result<usize>> {
        let mut scratch = self.scratch.borrow_mut();
        let got = read(&mut scratch);
        if let Poll::Ready(Ok(count)) = got
            && count > 0
        {
            self.turn(|lane, now| take(lane, &scratch[..count], now));
        }
        got
    }
}

/// An ESME's connection, to its driver.
pub struct EsmeSide {
    pub hub: Rc<Hub>,
    pub at: EsmeRef,
}

impl EsmeSide {
    /// Drives the connection until it ends.
    pub async fn run(&self, half: tokio::net::tcp::OwnedReadHalf, wire: &SocketWire) {
        let ended = drive(half, wire, self).await;
        self.hub.turn(|lane, now| lane.esme_gone(self.at, ended, now));
    }
}

impl Side for EsmeSide {
    fn wants(&self) -> Wants {
        self.hub.look(|lane| match lane.esmes.get(self.at.slot).filter(|esme| esme.generation == self.at.generation) {
            Some(esme) => Wants { read: esme.reads(), write: esme.blocked, close: esme.closing == Closing::Now },
            None => Wants { read: false, write: false, close: true },
        })
    }

    fn on_readable(&self, read: &mut dyn FnMut(&mut [u8]) -> Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let slot = self.at.slot;
        self.hub.read(read, |lane, fresh, now| {
            let mut remainder = std::mem::take(&mut lane.esmes[slot].remainder);
            remainder.feed(fresh, |octets| lane.esme_octets(slot, octets, now));
            lane.esmes[slot].remainder = remainder;
        })
    }

    fn on_writable(&self) {
        self.hub.turn(|lane, _| lane.touch_esme(self.at.slot));
    }
}

/// A link's connection, to its driver.
pub struct LinkSide {
    pub hub: Rc<Hub>,
    pub slot: usize,
}

impl Side for LinkSide {
    fn wants(&self) -> Wants {
        self.hub.look(|lane| {
            let link = &lane.links[self.slot];
            Wants { read: true, write: link.blocked, close: link.closing }
        })
    }

    fn on_readable(&self, read: &mut dyn FnMut(&mut [u8]) -> Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.hub.read(read, |lane, fresh, now| {
            let mut remainder: Remainder = std::mem::take(&mut lane.links[self.slot].remainder);
            remainder.feed(fresh, |octets| lane.link_octets(self.slot, octets, now));
            lane.links[self.slot].remainder = remainder;
        })
    }

    fn on_writable(&self) {
        self.hub.turn(|lane, _| lane.touch_link(self.slot));
    }
}
