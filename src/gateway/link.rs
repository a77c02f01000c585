//! Owns what a link reads, from its connection to its end: protocol towards one SMSC.
//! Must never stop reading: a STOP may come behind anything.

use super::lane::Lane;
use super::leaks::tap::TappedWire;
use super::link_outbox::LinkOutbox;
use super::refs::LinkRef;
use crate::clock::Now;
use crate::net::scratch::Remainder;
use crate::net::wire::Wire;
use crate::pdu::command::CommandId;
use crate::pdu::frame::{self, Framing};
use crate::pdu::header::Header;
use crate::pdu::link_command::LinkCommand;
use crate::pdu::status::CommandStatus;
use crate::session::esme::Answer;
use crate::session::smsc::{BindOutcome, SmscAdmission, SmscRequest};
use crate::session::timers::LinkTimers;
use crate::telemetry::events::{SmscBound, SmscLost};
use crate::telemetry::labels::{ConnectResult, PduError};
use std::rc::Rc;

impl Lane {
    /// A connection to the operator is up: bind.
    pub fn link_connected(&mut self, slot: usize, wire: Rc<dyn Wire>, now: Now) {
        let link = &mut self.links[slot];
        let settings = &self.smscs[link.smsc].settings;
        link.generation += 1;
        link.wire = Some(TappedWire::new(wire));
        link.out = LinkOutbox::default();
        link.remainder = Remainder::default();
        link.closing = false;
        link.blocked = false;
        link.late.clear();
        link.timers = LinkTimers::new(super::build::link_timers(settings), now.monotonic);
        let sequence = link.window.untracked();
        link.bind_sequence = Some(sequence);
        link.out.command(&super::build::bind(settings, link.session.kind()), sequence);
        // The link was due to connect, so it is connecting: the only state from which this fails.
        if link.session.bind_sent(now.monotonic).is_err() {
            link.closing = true;
        }
        self.touch_link(slot);
    }

    /// Takes octets from an SMSC; returns how many are done with.
    pub fn link_octets(&mut self, slot: usize, octets: &[u8], now: Now) -> usize {
        let mut done = 0;
        loop {
            match frame::next(&octets[done..]) {
                Framing::Incomplete => break,
                Framing::Whole(length) => {
                    self.link_frame(slot, &octets[done..done + length], now);
                    done += length;
                }
                Framing::Impossible { looks_like } => {
                    let link = &mut self.links[slot];
                    let smsc = &*self.smscs[link.smsc].settings.name;
                    tracing::error!(event = "pdu.impossible", side = "smsc", reason = looks_like.word(), smsc);
                    link.out.command(&LinkCommand::GenericNack { status: CommandStatus::INVALID_COMMAND_LENGTH }, 0);
                    link.closing = true;
                    self.link_error(slot, PduError::Framing);
                    self.touch_link(slot);
                    return octets.len();
                }
            }
        }
        let link = &mut self.links[slot];
        if done > 0 {
            link.timers.heard(now.monotonic);
        }
        link.timers.left_over(octets.len() - done, done > 0, now.monotonic);
        done
    }

    /// Handles one whole PDU of an SMSC.
    fn link_frame(&mut self, slot: usize, frame: &[u8], now: Now) {
        let Some(header) = Header::parse(frame) else { return };
        self.smsc_tally.read(header.id);
        match self.links[slot].session.admit(header.id.to_wire()) {
            SmscAdmission::Take(request) => self.serve_smsc(slot, request, &header, frame, now),
            SmscAdmission::Response => self.smsc_response(slot, &header, frame, now),
            SmscAdmission::Refuse(refusal) => {
                self.link_error(slot, PduError::State);
                // A request that no operator makes of an ESME gets no response of its own: the list of link commands is closed.
                let (Answer::Own(status) | Answer::Nack(status)) = refusal;
                self.answer_link(slot, &LinkCommand::GenericNack { status: CommandStatus(status) }, header.sequence);
            }
            SmscAdmission::Drop => {}
        }
    }

    fn serve_smsc(&mut self, slot: usize, request: SmscRequest, header: &Header, frame: &[u8], now: Now) {
        match request {
            SmscRequest::DeliverSm | SmscRequest::DataSm => self.deliver(slot, header, frame, now),
            SmscRequest::AlertNotification => self.alert(slot, frame, now),
            SmscRequest::EnquireLink => self.answer_link(slot, &LinkCommand::EnquireLinkResp, header.sequence),
            SmscRequest::Unbind => {
                if self.links[slot].session.unbind_received(header.sequence, now.monotonic).is_ok() {
                    self.reroute(slot, now);
                    self.finish_smsc_unbind(slot);
                }
            }
        }
    }

    fn smsc_response(&mut self, slot: usize, header: &Header, frame: &[u8], now: Now) {
        if self.links[slot].bind_sequence == Some(header.sequence) {
            return self.bind_answered(slot, header, now);
        }
        match header.id {
            CommandId::EnquireLinkResp => {}
            CommandId::UnbindResp if self.links[slot].session.awaits_unbind_resp() => {
                self.links[slot].closing = true;
                self.touch_link(slot);
            }
            _ => self.smsc_answered(slot, header, frame, now),
        }
    }

    /// The SMSC's answer to our bind.
    fn bind_answered(&mut self, slot: usize, header: &Header, now: Now) {
        let link = &mut self.links[slot];
        let smsc = &self.smscs[link.smsc];
        link.bind_sequence = None;
        match link.session.bind_answered(header.status.0, now.monotonic) {
            BindOutcome::Bound => {
                link.timers.bound(now.monotonic);
                link.counted = true;
                SmscBound { smsc: &smsc.settings.name, link: link.number }.emit(&smsc.metrics);
                smsc.metrics.gauges.bound.increment(1.0);
                self.kit.shared.count_bound_links(1);
                self.leave_limbo(now);
            }
            BindOutcome::Refused { status, .. } => {
                let why = format!("command_status 0x{status:02X}");
                let result = ConnectResult::Refused;
                SmscLost { smsc: &smsc.settings.name, link: link.number, result, why: &why }.emit(&smsc.metrics);
                link.closing = true;
                self.touch_link(slot);
            }
            BindOutcome::Unexpected => self.link_error(slot, PduError::UnmatchedResponse),
        }
    }

    /// Messages that waited for an operator take the road again; those of another operator too, since this one may be their
    /// second. What still has none goes on waiting as it did.
    fn leave_limbo(&mut self, now: Now) {
        for smsc in 0..self.smscs.len() {
            for waiting in std::mem::take(&mut self.smscs[smsc].limbo) {
                let Some(contract) = self.contract_of(&waiting.sender, waiting.permitted.ruling()) else { continue };
                self.dispatch(waiting.permitted, waiting.sender, &contract, waiting.since, now);
            }
        }
    }

    /// Answers the operator's unbind once our submits have their answers.
    pub fn finish_smsc_unbind(&mut self, slot: usize) {
        let link = &mut self.links[slot];
        if let Some(sequence) = link.session.owes_unbind_resp()
            && link.window.is_empty()
        {
            link.closing = true;
            self.answer_link(slot, &LinkCommand::UnbindResp, sequence);
        }
    }

    /// Asks the operator to end the session: messages it has for us stay with it.
    pub fn unbind_link(&mut self, slot: usize, now: Now) {
        let link = &mut self.links[slot];
        if link.session.unbind_sent(now.monotonic).is_ok() {
            let sequence = link.window.untracked();
            link.out.command(&LinkCommand::Unbind, sequence);
            self.touch_link(slot);
        }
    }

    /// Writes an answer to the SMSC.
    pub fn answer_link(&mut self, slot: usize, command: &LinkCommand<'_>, sequence: u32) {
        self.links[slot].out.command(command, sequence);
        self.touch_link(slot);
    }

    /// Writes an answer to an SMSC whose session may be over.
    pub fn answer_link_ref(&mut self, link: LinkRef, command: &LinkCommand<'_>, sequence: u32) -> bool {
        let there =
            self.links.get(link.slot).is_some_and(|found| found.generation == link.generation && found.wire.is_some());
        if there {
            self.answer_link(link.slot, command, sequence);
        }
        there
    }
}
