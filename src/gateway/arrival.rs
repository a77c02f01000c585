//! Owns how a connection enters and leaves its lane: adoption after the bind, clean-up after the end.
//! Must never answer a bind that exceeds the account's binds with success.

use super::esme::{Closing, Debt, Esme, Held};
use super::lane::Lane;
use super::order::{Arrival, Introduction};
use super::refs::EsmeRef;
use super::wiring::{EsmeSide, Hub};
use crate::clock::Now;
use crate::net::drive::Ended;
use crate::net::scratch::Remainder;
use crate::net::wire::{SocketWire, Wire};
use crate::pdu::answer;
use crate::pdu::bind::BindKind;
use crate::pdu::status::CommandStatus;
use crate::session::bad_bodies::BadBodies;
use crate::session::bind_kind::InterfaceVersion;
use crate::session::esme::EsmeSession;
use crate::session::timers::{LinkTimers, TimerSettings};
use crate::session::window::Window;
use crate::telemetry::events::{BindRefused, EsmeBound, EsmeUnbound};
use crate::telemetry::labels::{BindRefusal, BindType};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

/// deliver_sm in flight towards one receiver at most.
const DELIVER_WINDOW: usize = 64;

/// Takes over a connection and drives it until it ends.
pub fn adopt(hub: &Rc<Hub>, arrival: Arrival) {
    let Arrival { stream, introduction } = arrival;
    // Registering a descriptor anew fails only when there are none left; the peer then sees its connection closed.
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let (read, write) = stream.into_split();
    let wire = SocketWire::new(write);
    let hub = Rc::clone(hub);
    spawn_local(async move {
        // A socket that is registered anew takes no octets until its driver has looked at it once: a refusal would be lost.
        if wire.writable().await.is_err() {
            return;
        }
        let at = hub.turn(|lane, now| lane.welcome(&introduction, Rc::clone(&wire) as Rc<dyn Wire>, now));
        if let Some(at) = at {
            let side = EsmeSide { hub, at };
            side.run(read, &wire).await;
        }
    });
}

/// The metric's word for a kind of bind.
pub fn bind_type(kind: BindKind) -> BindType {
    match kind {
        BindKind::Transmitter => BindType::Transmitter,
        BindKind::Receiver => BindType::Receiver,
        BindKind::Transceiver => BindType::Transceiver,
    }
}

impl Lane {
    /// Answers a bind whose password was right, and makes a place for the connection.
    pub fn welcome(&mut self, who: &Introduction, wire: Rc<dyn Wire>, now: Now) -> Option<EsmeRef> {
        let refuse = |reason: BindRefusal| {
            BindRefused { system_id: &who.system_id, peer: who.peer, reason }.emit(&self.kit.shared.metrics);
            let mut octets = Vec::new();
            answer::error(who.kind.command(), CommandStatus::BIND_FAILED, who.sequence, &mut octets);
            // Seventeen octets into a socket that has sent one PDU: taken, or the peer is gone.
            wire.try_write(&octets).ok();
        };
        let Some(account) = self.accounts.get_mut(&who.account).filter(|account| !self.draining && !account.retired)
        else {
            refuse(BindRefusal::Draining);
            return None;
        };
        if account.binds.len() >= account.contract.settings.binds {
            refuse(BindRefusal::TooManyBinds);
            return None;
        }
        let settings = &account.contract.settings;
        let timers = TimerSettings {
            enquire_link: settings.enquire_link,
            inactivity: settings.inactivity,
            pdu_read: self.kit.settings.smpp.pdu_read,
            session_init: self.kit.settings.smpp.session_init,
        };
        let mut session = EsmeSession::open(now.monotonic);
        let version = InterfaceVersion::from_octet(who.interface_version);
        session.bind(who.kind, version, who.account, now.monotonic).ok()?;
        let mut link_timers = LinkTimers::new(timers, now.monotonic);
        link_timers.bound(now.monotonic);
        self.last_generation += 1;
        let slot = self.esmes.insert(Esme {
            generation: self.last_generation,
            peer: who.peer,
            contract: Rc::clone(&account.contract),
            wire,
            out: Default::default(),
            remainder: Remainder::default(),
            session,
            timers: link_timers,
            window: Window::new(if who.kind.receives() { DELIVER_WINDOW } else { 1 }),
            in_flight: 0,
            held: Held::default(),
            bad_bodies: BadBodies::default(),
            closing: Closing::No,
            reason: "closed",
            blocked: false,
        });
        account.binds.push(slot);
        self.kit.shared.connections.fetch_add(1, Ordering::Relaxed);
        EsmeBound { account: &who.system_id, kind: bind_type(who.kind), peer: who.peer }
            .emit(&account.contract.metrics);
        let system_id = &self.kit.settings.smpp.system_id;
        let esme = &mut self.esmes[slot];
        esme.out.push(|out| answer::bind_resp(who.kind.command(), system_id, who.interface_version, who.sequence, out));
        let reference = EsmeRef { slot, generation: esme.generation };
        self.touch_esme(slot);
        // The bind response leaves before anything that waits in the spool: some clients break otherwise (smpplib).
        let mut remainder = Remainder::default();
        remainder.feed(&who.rest, |octets| self.esme_octets(slot, octets, now));
        self.esmes[slot].remainder = remainder;
        self.replay(who.account, now);
        Some(reference)
    }

    /// A connection is over: what it owed is spooled, what it was owed is forgotten.
    pub fn esme_gone(&mut self, at: EsmeRef, ended: Ended, now: Now) {
        if self.esme(at).is_none() {
            return;
        }
        let mut esme = self.esmes.remove(at.slot);
        self.kit.shared.connections.fetch_sub(1, Ordering::Relaxed);
        let account = esme.contract.settings.id;
        if let Some(found) = self.accounts.get_mut(&account) {
            found.binds.retain(|slot| *slot != at.slot);
            found.next_receiver = 0;
        }
        if let Some(bound) = esme.session.bound() {
            let reason = match ended {
                Ended::Asked => esme.reason,
                Ended::PeerClosed => "closed",
                Ended::Failed(_) => "failed",
            };
            let policy = &esme.contract.settings.policy;
            EsmeUnbound { account: &policy.system_id, kind: bind_type(bound.kind), peer: esme.peer, reason }
                .emit(&esme.contract.metrics);
        }
        let mut owed = Vec::new();
        esme.window.drain(|_, delivery| owed.push(delivery));
        for delivery in owed {
            match delivery.debt {
                // Another receiver may be there; else the spool keeps it.
                Debt::Smsc(_) => self.to_client(account, *delivery, now),
                Debt::Spool(ticket) => self.kit.shared.spool.put_back(ticket),
            }
        }
        self.replay(account, now);
    }
}
