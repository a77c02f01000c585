//! Owns the three kinds of bind and the interface versions, as both sides of the gateway mean them.
//! Must never hold an account or a password.

use rusmpp::CommandId;
use rusmpp::session::SessionState;

pub use crate::pdu::bind::BindKind;

impl BindKind {
    /// The kind asked for by a bind command; `None` for any other command.
    pub const fn of_command(command: CommandId) -> Option<Self> {
        match command {
            CommandId::BindTransmitter => Some(Self::Transmitter),
            CommandId::BindReceiver => Some(Self::Receiver),
            CommandId::BindTransceiver => Some(Self::Transceiver),
            _ => None,
        }
    }

    /// Whether the ESME of such a bind may submit.
    pub const fn submits(self) -> bool {
        matches!(self, Self::Transmitter | Self::Transceiver)
    }

    /// Whether the ESME of such a bind takes deliver_sm.
    pub const fn receives(self) -> bool {
        matches!(self, Self::Receiver | Self::Transceiver)
    }

    /// The state of a session bound this way, as rusmpp's operation matrix names it.
    pub const fn matrix(self) -> SessionState {
        match self {
            Self::Transmitter => SessionState::BoundTx,
            Self::Receiver => SessionState::BoundRx,
            Self::Transceiver => SessionState::BoundTrx,
        }
    }
}

/// The interface_version of a bind (SMPP 3.4 §5.2.4), as far as anything depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterfaceVersion {
    /// 0x00 to 0x33: the peer may not understand TLVs.
    BeforeV34(u8),
    /// 0x34, and every value nobody defined.
    V34,
    /// 0x50.
    V50,
}

impl InterfaceVersion {
    /// From the octet of the bind; unknown versions count as ours, 3.4.
    pub const fn from_octet(octet: u8) -> Self {
        match octet {
            0x00..=0x33 => Self::BeforeV34(octet),
            0x50 => Self::V50,
            0x34..=0x4f | 0x51..=0xff => Self::V34,
        }
    }

    /// The value of sc_interface_version in our bind response; `None`: the response carries no TLV.
    pub const fn answered(self) -> Option<u8> {
        match self {
            Self::BeforeV34(_) => None,
            Self::V34 => Some(0x34),
            Self::V50 => Some(0x50),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_answered_as_the_peer_can_read_them() {
        let cases = [
            (0x00, None),
            (0x33, None),
            (0x34, Some(0x34)),
            (0x50, Some(0x50)),
            (0x99, Some(0x34)),
            (0x35, Some(0x34)),
        ];
        for (octet, answered) in cases {
            assert_eq!(InterfaceVersion::from_octet(octet).answered(), answered, "{octet:#04x}");
        }
    }

    #[test]
    fn a_kind_says_what_the_matrix_says() {
        for kind in [BindKind::Transmitter, BindKind::Receiver, BindKind::Transceiver] {
            assert_eq!(kind.submits(), kind.matrix().can_send_as_esme(CommandId::SubmitSm));
            assert_eq!(kind.receives(), kind.matrix().can_send_as_mc(CommandId::DeliverSm));
        }
    }
}
