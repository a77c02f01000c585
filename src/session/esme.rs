//! Owns the state of a sender's link to us, and what each command is worth in that state.
//! Must never read a body: it decides on command ids alone, before anything is scanned.

use super::bind_kind::{BindKind, InterfaceVersion};
use crate::message::instant::MonotonicInstant;
use crate::message::name::NameId;
use rusmpp::CommandId;
use rusmpp::session::SessionState;

/// ESME_RINVCMDID, for commands nobody defined.
const INVALID_COMMAND: u32 = 0x03;
/// ESME_RINVBNDSTS, for commands in the wrong state.
const WRONG_STATE: u32 = 0x04;
/// ESME_RALYBND.
const ALREADY_BOUND: u32 = 0x05;
/// ESME_RPROHIBITED of SMPP 5.0.
const PROHIBITED: u32 = 0x101;

/// A connection, nobody known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    pub since: MonotonicInstant,
}

/// A sender bound to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    pub kind: BindKind,
    pub version: InterfaceVersion,
    pub account: NameId,
    pub since: MonotonicInstant,
}

/// Who began to unbind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnbindBy {
    /// The sender; its unbind is answered (with this sequence number) when its submits are.
    Peer { sequence: u32 },
    /// We did; the sender's unbind_resp is awaited.
    Us,
}

/// A link that is being ended: what is in flight is still answered, nothing new is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbinding {
    pub was: Bound,
    pub by: UnbindBy,
    pub since: MonotonicInstant,
}

/// The state of a sender's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EsmeSession {
    Open(Open),
    Bound(Bound),
    Unbinding(Unbinding),
    Closed,
}

/// A request that is taken in and handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To be authenticated; the caller answers, then calls `bind` or closes.
    Bind(BindKind),
    SubmitSm,
    DataSm,
    SubmitMulti,
    QuerySm,
    CancelSm,
    ReplaceSm,
    /// Answered at once. Before a bind it does not re-arm the session_init timer.
    EnquireLink,
    /// The caller calls `unbind_received`, lets what is in flight be answered, answers, and closes.
    Unbind,
}

/// How a command that is not taken in is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The command's own response with this command_status.
    Own(u32),
    /// A generic_nack with this command_status.
    Nack(u32),
}

/// What becomes of a command that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Take(Request),
    /// A response or a generic_nack: matched against what we asked, and counted if nothing matches. Never answered.
    Response,
    Refuse {
        answer: Answer,
        /// Whether the connection is closed behind the answer.
        close: bool,
    },
    /// Read and dropped, without an answer.
    Drop,
}

impl Admission {
    const fn own(status: u32) -> Self {
        Self::Refuse { answer: Answer::Own(status), close: false }
    }
    const fn nack(status: u32) -> Self {
        Self::Refuse { answer: Answer::Nack(status), close: false }
    }
}

/// The state does not allow this transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongState;

impl EsmeSession {
    /// A connection just accepted.
    pub fn open(now: MonotonicInstant) -> Self {
        Self::Open(Open { since: now })
    }

    /// The bind, while the link is bound or being unbound.
    pub fn bound(&self) -> Option<&Bound> {
        match self {
            Self::Bound(bound) => Some(bound),
            Self::Unbinding(unbinding) => Some(&unbinding.was),
            Self::Open(_) | Self::Closed => None,
        }
    }

    /// Whether deliver_sm may be written to this link now.
    pub fn receives(&self) -> bool {
        matches!(self, Self::Bound(bound) if bound.kind.receives())
    }

    /// Whether anything may still be written to it: after our unbind_resp nothing is.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }

    /// What becomes of a command with this id. Total, and the same for every body.
    pub fn admit(&self, command: u32) -> Admission {
        let command = CommandId::from(command);
        if command.is_response() {
            return match self {
                Self::Open(_) | Self::Bound(_) | Self::Unbinding(_) => Admission::Response,
                Self::Closed => Admission::Drop,
            };
        }
        match self {
            Self::Open(_) => admit_open(command),
            Self::Bound(bound) => admit_bound(bound, command),
            Self::Unbinding(unbinding) => match unbinding.by {
                UnbindBy::Peer { .. } => Admission::Drop,
                UnbindBy::Us => admit_unbinding(command),
            },
            Self::Closed => Admission::Drop,
        }
    }

    /// Open to bound: the login was right.
    pub fn bind(
        &mut self,
        kind: BindKind,
        version: InterfaceVersion,
        account: NameId,
        now: MonotonicInstant,
    ) -> Result<(), WrongState> {
        match self {
            Self::Open(_) => {
                *self = Self::Bound(Bound { kind, version, account, since: now });
                Ok(())
            }
            Self::Bound(_) | Self::Unbinding(_) | Self::Closed => Err(WrongState),
        }
    }

    /// The sender's unbind arrived: from now on its requests are read and dropped.
    /// When ours was under way already, the two have crossed; either way the answer is owed now or after the drain.
    pub fn unbind_received(&mut self, sequence: u32, now: MonotonicInstant) -> Result<(), WrongState> {
        let was = match self {
            Self::Bound(bound) => *bound,
            Self::Unbinding(unbinding) => unbinding.was,
            Self::Open(_) | Self::Closed => return Err(WrongState),
        };
        *self = Self::Unbinding(Unbinding { was, by: UnbindBy::Peer { sequence }, since: now });
        Ok(())
    }

    /// We begin to unbind: the caller writes the unbind.
    pub fn unbind_sent(&mut self, now: MonotonicInstant) -> Result<(), WrongState> {
        match self {
            Self::Bound(bound) => {
                *self = Self::Unbinding(Unbinding { was: *bound, by: UnbindBy::Us, since: now });
                Ok(())
            }
            Self::Open(_) | Self::Unbinding(_) | Self::Closed => Err(WrongState),
        }
    }

    /// Whether we asked the sender to unbind: its unbind_resp then ends the link.
    pub fn awaits_unbind_resp(&self) -> bool {
        matches!(self, Self::Unbinding(Unbinding { by: UnbindBy::Us, .. }))
    }

    /// The sequence number of the sender's unbind that is still to be answered, once nothing is in flight.
    pub fn owes_unbind_resp(&self) -> Option<u32> {
        match self {
            Self::Unbinding(Unbinding { by: UnbindBy::Peer { sequence }, .. }) => Some(*sequence),
            Self::Unbinding(_) | Self::Open(_) | Self::Bound(_) | Self::Closed => None,
        }
    }

    /// The connection is gone, or our last word is written.
    pub fn close(&mut self) {
        *self = Self::Closed;
    }
}

/// Before a bind: binds and enquire_link only (SMPP 3.4 §2.3).
fn admit_open(command: CommandId) -> Admission {
    if let Some(kind) = BindKind::of_command(command) {
        return Admission::Take(Request::Bind(kind));
    }
    match command {
        CommandId::EnquireLink => Admission::Take(Request::EnquireLink),
        CommandId::Outbind => Admission::Refuse { answer: Answer::Nack(WRONG_STATE), close: true },
        CommandId::Unbind => Admission::Refuse { answer: Answer::Own(WRONG_STATE), close: true },
        other => refuse_in_state(other, None),
    }
}

fn admit_bound(bound: &Bound, command: CommandId) -> Admission {
    if BindKind::of_command(command).is_some() {
        return Admission::own(ALREADY_BOUND);
    }
    match request(command) {
        Some(taken) if bound.kind.matrix().can_receive_as_mc(command) => Admission::Take(taken),
        Some(_) | None => refuse_in_state(command, Some(bound)),
    }
}

/// Our unbind is written: the sender may not have read it yet.
fn admit_unbinding(command: CommandId) -> Admission {
    match command {
        CommandId::Unbind => Admission::Take(Request::Unbind),
        other if SessionState::Unbound.can_receive_as_mc(other) => match request(other) {
            Some(taken) => Admission::Take(taken),
            None => Admission::Drop,
        },
        other => refuse_in_state(other, None),
    }
}

/// The requests a bound sender may make of us at all.
fn request(command: CommandId) -> Option<Request> {
    Some(match command {
        CommandId::SubmitSm => Request::SubmitSm,
        CommandId::DataSm => Request::DataSm,
        CommandId::SubmitMulti => Request::SubmitMulti,
        CommandId::QuerySm => Request::QuerySm,
        CommandId::CancelSm => Request::CancelSm,
        CommandId::ReplaceSm => Request::ReplaceSm,
        CommandId::EnquireLink => Request::EnquireLink,
        CommandId::Unbind => Request::Unbind,
        _ => return None,
    })
}

/// How a request is refused that this state does not allow.
fn refuse_in_state(command: CommandId, bound: Option<&Bound>) -> Admission {
    match command {
        // Not operations of SMPP 3.4; a 5.0 sender is told that they are prohibited: a broadcast has no recipient who could opt out.
        CommandId::BroadcastSm | CommandId::QueryBroadcastSm | CommandId::CancelBroadcastSm => match bound {
            Some(Bound { version: InterfaceVersion::V50, kind, .. }) => {
                Admission::own(if kind.submits() { PROHIBITED } else { WRONG_STATE })
            }
            Some(Bound { version: InterfaceVersion::V34 | InterfaceVersion::BeforeV34(_), .. }) | None => {
                Admission::nack(INVALID_COMMAND)
            }
        },
        // These two have no response of their own.
        CommandId::Outbind | CommandId::AlertNotification => Admission::nack(WRONG_STATE),
        CommandId::Other(_) => Admission::nack(INVALID_COMMAND),
        _ => Admission::own(WRONG_STATE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: MonotonicInstant = MonotonicInstant::from_nanos(0);
    const BINDS: [u32; 3] = [0x01, 0x02, 0x09];
    const SUBMITS: [(u32, Request); 6] = [
        (0x04, Request::SubmitSm),
        (0x103, Request::DataSm),
        (0x21, Request::SubmitMulti),
        (0x03, Request::QuerySm),
        (0x08, Request::CancelSm),
        (0x07, Request::ReplaceSm),
    ];

    fn bound(kind: BindKind, version: u8) -> EsmeSession {
        let mut session = EsmeSession::open(T0);
        session.bind(kind, InterfaceVersion::from_octet(version), NameId(7), T0).unwrap();
        session
    }

    #[test]
    fn before_a_bind_only_binds_and_enquire_link_are_taken() {
        let open = EsmeSession::open(T0);
        for command in BINDS {
            assert!(matches!(open.admit(command), Admission::Take(Request::Bind(_))));
        }
        assert_eq!(open.admit(0x15), Admission::Take(Request::EnquireLink));
        for (command, _) in SUBMITS {
            assert_eq!(open.admit(command), Admission::own(0x04), "{command:#x}");
        }
        assert_eq!(open.admit(0x05), Admission::own(0x04), "deliver_sm");
        assert_eq!(open.admit(0x0b), Admission::Refuse { answer: Answer::Nack(0x04), close: true }, "outbind");
        assert_eq!(open.admit(0x06), Admission::Refuse { answer: Answer::Own(0x04), close: true }, "unbind");
    }

    #[test]
    fn each_kind_of_bind_may_do_what_the_matrix_says() {
        for kind in [BindKind::Transmitter, BindKind::Transceiver, BindKind::Receiver] {
            let session = bound(kind, 0x34);
            for (command, request) in SUBMITS {
                let expected = if kind == BindKind::Receiver { Admission::own(0x04) } else { Admission::Take(request) };
                assert_eq!(session.admit(command), expected, "{kind:?} {command:#x}");
            }
            for command in BINDS {
                assert_eq!(session.admit(command), Admission::own(0x05), "{kind:?} binds again");
            }
            assert_eq!(session.admit(0x15), Admission::Take(Request::EnquireLink));
            assert_eq!(session.admit(0x06), Admission::Take(Request::Unbind));
        }
    }

    #[test]
    fn the_wrong_direction_and_the_unknown_are_refused_in_every_bind() {
        for kind in [BindKind::Transmitter, BindKind::Transceiver, BindKind::Receiver] {
            let session = bound(kind, 0x34);
            assert_eq!(session.admit(0x05), Admission::own(0x04), "deliver_sm");
            assert_eq!(session.admit(0x102), Admission::nack(0x04), "alert_notification has no response");
            assert_eq!(session.admit(0x0b), Admission::nack(0x04), "outbind");
            for unknown in [0x00, 0x0a, 0x0001_0200, 0x0001_02ff, 0x7fff_ffff] {
                assert_eq!(session.admit(unknown), Admission::nack(0x03), "{unknown:#x}");
            }
        }
    }

    #[test]
    fn a_broadcast_is_unknown_to_3_4_and_prohibited_on_5_0() {
        for command in [0x111, 0x112, 0x113] {
            assert_eq!(EsmeSession::open(T0).admit(command), Admission::nack(0x03));
            assert_eq!(bound(BindKind::Transceiver, 0x33).admit(command), Admission::nack(0x03));
            assert_eq!(bound(BindKind::Transceiver, 0x34).admit(command), Admission::nack(0x03));
            assert_eq!(bound(BindKind::Transceiver, 0x50).admit(command), Admission::own(0x101));
            assert_eq!(bound(BindKind::Receiver, 0x50).admit(command), Admission::own(0x04));
        }
    }

    #[test]
    fn responses_are_never_answered_whatever_they_claim_to_be() {
        for session in [EsmeSession::open(T0), bound(BindKind::Receiver, 0x34)] {
            for command in [0x8000_0000, 0x8000_0005, 0x8000_0015, 0x8000_000a, 0xffff_ffff] {
                assert_eq!(session.admit(command), Admission::Response);
            }
        }
    }

    #[test]
    fn after_its_unbind_a_sender_is_read_and_dropped_but_its_responses_count() {
        let mut session = bound(BindKind::Transceiver, 0x34);
        session.unbind_received(4, T0).unwrap();
        for command in [0x04, 0x15, 0x06, 0x09, 0x0a] {
            assert_eq!(session.admit(command), Admission::Drop, "{command:#x}");
        }
        assert_eq!(session.admit(0x8000_0005), Admission::Response);
        assert_eq!(session.owes_unbind_resp(), Some(4));
        assert!(!session.receives());
        session.close();
        assert_eq!((session.admit(0x8000_0005), session.admit(0x15)), (Admission::Drop, Admission::Drop));
    }

    #[test]
    fn after_our_unbind_the_link_is_kept_alive_and_nothing_new_is_taken() {
        let mut session = bound(BindKind::Transceiver, 0x34);
        session.unbind_sent(T0).unwrap();
        assert_eq!(session.admit(0x15), Admission::Take(Request::EnquireLink));
        assert_eq!(session.admit(0x04), Admission::own(0x04));
        assert_eq!(session.admit(0x06), Admission::Take(Request::Unbind), "the two unbinds crossed");
        session.unbind_received(9, T0).unwrap();
        assert_eq!(session.owes_unbind_resp(), Some(9));
        assert_eq!(session.unbind_sent(T0), Err(WrongState));
    }

    #[test]
    fn a_session_binds_once() {
        let mut session = bound(BindKind::Receiver, 0x34);
        assert!(session.receives());
        assert_eq!(session.bind(BindKind::Transmitter, InterfaceVersion::V34, NameId(8), T0), Err(WrongState));
        assert_eq!(session.bound().map(|bound| bound.account), Some(NameId(7)));
        assert_eq!(EsmeSession::open(T0).unbind_received(1, T0), Err(WrongState));
    }
}
