//! Owns what waits for an operator's socket: released messages and the closed list of link commands, nothing else.
//! Must never take octets: there is no `send(octets)` towards an operator.

use super::outbox::{Flushed, Outbox};
use crate::compliance::verdict::Released;
use crate::net::wire::Wire;
use crate::pdu::command::CommandId;
use crate::pdu::dialect::Dialect;
use crate::pdu::link_command::LinkCommand;
use crate::pdu::splice;

/// An outbox that only a `Released` or a `LinkCommand` can enter.
///
/// ```compile_fail,E0616
/// use stopgate::gateway::link_outbox::LinkOutbox;
/// fn bypass(link: &mut LinkOutbox) {
///     link.outbox.push(|out| out.extend_from_slice(b"octets that nobody judged"));
/// }
/// ```
#[derive(Debug, Default)]
pub struct LinkOutbox {
    outbox: Outbox,
}

impl LinkOutbox {
    /// Appends a message that was released just now.
    pub fn message(&mut self, released: &Released<'_>, sequence: u32, dialect: &Dialect, vendor_tlvs: &[u16]) {
        self.outbox.push_message(sequence, |out| splice::write(released, sequence, dialect, vendor_tlvs, out));
    }

    /// Appends one message to several destinations, each released just now.
    pub fn multi(&mut self, released: &[Released<'_>], sequence: u32, dialect: &Dialect, vendor_tlvs: &[u16]) {
        self.outbox.push_message(sequence, |out| splice::write_multi(released, sequence, dialect, vendor_tlvs, out));
    }

    /// Appends a request or an answer that carries no message.
    pub fn command(&mut self, command: &LinkCommand<'_>, sequence: u32) {
        self.outbox.push(|out| command.encode(sequence, out));
    }

    /// Writes as much as the socket takes.
    pub fn flush(&mut self, wire: &dyn Wire) -> Flushed {
        self.outbox.flush(wire)
    }

    /// Hands the command ids of what was put in since the last call to `count`.
    pub fn count_pushed(&mut self, count: impl FnMut(CommandId)) {
        self.outbox.count_pushed(count);
    }

    /// Octets that the socket has not taken yet.
    pub fn waiting_octets(&self) -> usize {
        self.outbox.waiting_octets()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    /// The message whose first octets are written and whose last are not.
    pub fn begun(&self) -> Option<u32> {
        self.outbox.begun()
    }

    /// Whether the last octet of a message is still to be written.
    pub fn is_unwritten(&self, sequence: u32) -> bool {
        self.outbox.is_unwritten(sequence)
    }

    /// Our sequence numbers of the messages of which no octet is written.
    pub fn unbegun(&self) -> impl Iterator<Item = u32> + '_ {
        self.outbox.unbegun()
    }

    /// Takes the unbegun messages out for which `keep` says no.
    pub fn withdraw(&mut self, keep: impl FnMut(u32) -> bool) {
        self.outbox.withdraw(keep);
    }
}
