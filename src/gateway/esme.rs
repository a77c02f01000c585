//! Owns their door: one ESME's connection on its lane, from the bind to the last octet.
//! Must never judge: a submit goes its own path, and everything else is protocol.

use super::account::Contract;
use super::deliver::From;
use super::lane::Lane;
use super::outbox::Outbox;
use super::refs::EsmeRef;
use crate::clock::Now;
use crate::message::instant::MonotonicInstant;
use crate::message::tag::NumberTag;
use crate::net::scratch::Remainder;
use crate::net::wire::Wire;
use crate::pdu::answer;
use crate::pdu::command::CommandId;
use crate::pdu::frame::{self, Framing};
use crate::pdu::header::Header;
use crate::pdu::link_command::LinkCommand;
use crate::pdu::status::CommandStatus;
use crate::session::bad_bodies::BadBodies;
use crate::session::esme::{Admission, Answer, EsmeSession, Request};
use crate::session::timers::LinkTimers;
use crate::session::window::Window;
use crate::spool::shelf::{ItemKind, Ticket};
use crate::telemetry::labels::PduError;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

/// Why a deliver_sm towards a client exists, and who waits for its answer.
#[derive(Clone, Copy, Debug)]
pub enum Debt {
    /// The SMSC waits for our answer to its own PDU.
    Smsc(From),
    /// It came out of the spool, and leaves it when the client has it.
    Spool(Ticket),
}

/// What a client has been sent and has not acknowledged.
#[derive(Debug)]
pub struct ToClient {
    pub debt: Debt,
    pub kind: ItemKind,
    /// For access and erasure while it is spooled.
    pub tag: NumberTag,
    /// The PDU as the SMSC sent it: spooled when the client never answers.
    pub octets: Box<[u8]>,
}

/// Submits that were read before there was room for them.
#[derive(Debug, Default)]
pub struct Held {
    /// Each with the instant it was read.
    pub frames: VecDeque<(MonotonicInstant, Box<[u8]>)>,
    pub octets: usize,
    /// Five seconds are over: what does not fit is refused until there is room again.
    pub overflowing: bool,
}

/// Octets of submits held at most while a window is full.
const HELD_OCTETS: usize = 256 * 1024;
/// Octets waiting for a client's socket beyond which nothing more is read from it.
const UNREAD_OCTETS: usize = 256 * 1024;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    No,
    /// After what waits in the outbox is written.
    AfterFlush,
    Now,
}

/// One ESME's connection.
pub struct Esme {
    pub generation: u32,
    pub peer: SocketAddr,
    pub contract: Rc<Contract>,
    pub wire: Rc<dyn Wire>,
    pub out: Outbox,
    pub remainder: Remainder,
    pub session: EsmeSession,
    pub timers: LinkTimers,
    /// deliver_sm in flight towards the client.
    pub window: Window<Box<ToClient>>,
    /// Submits accepted and not answered.
    pub in_flight: usize,
    pub held: Held,
    pub bad_bodies: BadBodies,
    pub closing: Closing,
    /// Why it ends, for the log: a few stable words.
    pub reason: &'static str,
    /// The socket takes nothing now: the driver waits until it does.
    pub blocked: bool,
}

impl Esme {
    /// Whether the driver should read from the socket.
    pub fn reads(&self) -> bool {
        let held_full = self.held.octets >= HELD_OCTETS && !self.held.overflowing;
        self.closing == Closing::No && !held_full && self.out.waiting_octets() < UNREAD_OCTETS
    }

    /// Whether it is bound to receive and has room for one more deliver_sm.
    pub fn receives(&self) -> bool {
        self.closing == Closing::No && self.session.receives() && !self.window.is_full()
    }

    /// Closes once what waits is written.
    pub fn close_after_flush(&mut self, reason: &'static str) {
        if self.closing == Closing::No {
            self.closing = Closing::AfterFlush;
            self.reason = reason;
        }
    }

    /// Closes without another octet.
    pub fn close_now(&mut self, reason: &'static str) {
        if self.closing == Closing::No {
            self.reason = reason;
        }
        self.closing = Closing::Now;
    }
}

impl Lane {
    /// Takes octets from an ESME; returns how many are done with.
    pub fn esme_octets(&mut self, slot: usize, octets: &[u8], now: Now) -> usize {
        let mut done = 0;
        while let Some(esme) = self.esmes.get_mut(slot) {
            if esme.closing != Closing::No {
                return octets.len();
            }
            match frame::next(&octets[done..]) {
                Framing::Incomplete => break,
                Framing::Whole(length) => {
                    self.esme_frame(slot, &octets[done..done + length], now);
                    done += length;
                }
                Framing::Impossible { looks_like } => {
                    let account = &*esme.contract.settings.policy.system_id;
                    tracing::info!(event = "pdu.impossible", side = "esme", reason = looks_like.word(), account);
                    esme.out.push(|out| answer::generic_nack(CommandStatus::INVALID_COMMAND_LENGTH, 0, out));
                    esme.close_after_flush("framing");
                    self.esme_error(slot, PduError::Framing);
                    self.touch_esme(slot);
                    return octets.len();
                }
            }
        }
        if let Some(esme) = self.esmes.get_mut(slot) {
            if done > 0 {
                esme.timers.heard(now.monotonic);
            }
            esme.timers.left_over(octets.len() - done, done > 0, now.monotonic);
        }
        done
    }

    /// Handles one whole PDU of an ESME.
    fn esme_frame(&mut self, slot: usize, frame: &[u8], now: Now) {
        let Some(header) = Header::parse(frame) else { return };
        self.esme_tally.read(header.id);
        let esme = &mut self.esmes[slot];
        match esme.session.admit(header.id.to_wire()) {
            Admission::Take(request) => self.serve(slot, request, &header, frame, now),
            Admission::Response => self.esme_response(slot, &header, now),
            Admission::Refuse { answer, close } => {
                let (kind, status) = match answer {
                    Answer::Own(status) => (PduError::State, CommandStatus(status)),
                    Answer::Nack(status) => (PduError::UnknownCommand, CommandStatus(status)),
                };
                esme.out.push(|out| match answer {
                    Answer::Own(_) => answer::error(header.id, status, header.sequence, out),
                    Answer::Nack(_) => answer::generic_nack(status, header.sequence, out),
                });
                if close {
                    esme.close_after_flush("state");
                }
                self.esme_error(slot, kind);
                self.touch_esme(slot);
            }
            Admission::Drop => {}
        }
    }

    /// Serves a request that its session state admits.
    fn serve(&mut self, slot: usize, request: Request, header: &Header, frame: &[u8], now: Now) {
        match request {
            Request::SubmitSm | Request::DataSm => self.take_submit(slot, frame, now),
            Request::EnquireLink => {
                self.esmes[slot].out.push(|out| answer::enquire_link_resp(header.sequence, out));
                self.touch_esme(slot);
            }
            Request::Unbind => {
                if self.esmes[slot].session.unbind_received(header.sequence, now.monotonic).is_ok() {
                    self.finish_unbind(slot);
                }
            }
            Request::SubmitMulti => self.submit_multi(slot, header, frame, now),
            Request::QuerySm | Request::CancelSm => self.query(slot, header, frame, now),
            Request::ReplaceSm => self.replace(slot, header, frame, now),
            // A bound session refuses a second bind itself.
            Request::Bind(_) => {}
        }
    }

    fn esme_response(&mut self, slot: usize, header: &Header, now: Now) {
        match header.id {
            CommandId::DeliverSmResp | CommandId::DataSmResp | CommandId::GenericNack => {
                self.client_answered(slot, header, now);
            }
            CommandId::UnbindResp if self.esmes[slot].session.awaits_unbind_resp() => {
                self.esmes[slot].close_after_flush("unbind");
                self.touch_esme(slot);
            }
            CommandId::EnquireLinkResp => {}
            _ => self.esme_error(slot, PduError::UnmatchedResponse),
        }
    }

    /// Counts a body the client got wrong, and unbinds a client that keeps doing so.
    pub fn bad_body(&mut self, slot: usize, kind: PduError, now: Now) {
        self.esme_error(slot, kind);
        let Some(esme) = self.esmes.get_mut(slot) else { return };
        if esme.bad_bodies.count(now.monotonic) {
            tracing::warn!(event = "esme.bad_bodies", account = %esme.contract.settings.policy.system_id);
            self.unbind_esme(slot, "bad_pdus", now);
        }
    }

    /// Asks a client to leave; the connection closes at its answer, or when its time is over.
    pub fn unbind_esme(&mut self, slot: usize, reason: &'static str, now: Now) {
        let esme = &mut self.esmes[slot];
        if esme.session.unbind_sent(now.monotonic).is_ok() {
            let sequence = esme.window.untracked();
            esme.reason = reason;
            esme.out.push(|out| LinkCommand::Unbind.encode(sequence, out));
            self.touch_esme(slot);
        }
    }

    /// Answers an unbind once every submit has its answer.
    pub fn finish_unbind(&mut self, slot: usize) {
        let Some(esme) = self.esmes.get_mut(slot) else { return };
        if esme.in_flight > 0 || !esme.held.frames.is_empty() {
            return;
        }
        if let Some(sequence) = esme.session.owes_unbind_resp() {
            esme.out.push(|out| answer::unbind_resp(sequence, out));
            esme.session.close();
            esme.close_after_flush("unbind");
            self.touch_esme(slot);
        }
    }

    /// The connection a reference stands for, if it still lives.
    pub fn esme(&mut self, esme: EsmeRef) -> Option<&mut Esme> {
        self.esmes.get_mut(esme.slot).filter(|found| found.generation == esme.generation)
    }
}
