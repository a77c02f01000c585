//! Owns the closed list of PDUs, beside released messages, that an SMSC link accepts.
//! Must never grow a variant that carries octets somebody else made, or a text to a handset.

use super::answer;
use super::bind::BindKind;
use super::command::CommandId;
use super::query::{Party, Query};
use super::status::CommandStatus;

/// A message_id of an SMSC that names one message: 1 to 64 octets, none of them NUL. A wildcard cannot be said with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageId<'a>(&'a [u8]);

impl<'a> MessageId<'a> {
    /// `None` for an empty or overlong id, or one with a NUL in it.
    pub fn new(octets: &'a [u8]) -> Option<Self> {
        (!octets.is_empty() && octets.len() <= 64 && !octets.contains(&0)).then_some(Self(octets))
    }
}

/// What a link may say besides released messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LinkCommand<'a> {
    Bind {
        kind: BindKind,
        system_id: &'a str,
        /// Of any length: some operators give more than 8 characters.
        password: &'a [u8],
        system_type: &'a str,
        /// 0x33, 0x34 or 0x50.
        interface_version: u8,
    },
    Unbind,
    EnquireLink,
    EnquireLinkResp,
    UnbindResp,
    DeliverSmResp {
        status: CommandStatus,
    },
    DataSmResp {
        status: CommandStatus,
    },
    GenericNack {
        status: CommandStatus,
    },
    /// query_sm for an id that belongs to the account that asks.
    Query {
        message_id: MessageId<'a>,
        source: Party<'a>,
    },
    /// cancel_sm for an id that belongs to the account that asks, or for a scheduled message whose number said STOP.
    Cancel {
        service_type: &'a [u8],
        message_id: MessageId<'a>,
        source: Party<'a>,
        destination: Party<'a>,
    },
}

impl<'a> LinkCommand<'a> {
    /// The request towards the SMSC for one of a client whose message_id was found to be its own. `None` for a wildcard
    /// and for replace_sm.
    pub fn scoped(asked: &Query<'a>) -> Option<Self> {
        Some(match *asked {
            Query::Query { message_id, source } => Self::Query { message_id: MessageId::new(message_id)?, source },
            Query::Cancel { service_type, message_id, source, destination } => {
                Self::Cancel { service_type, message_id: MessageId::new(message_id)?, source, destination }
            }
            Query::Replace { .. } => return None,
        })
    }

    /// Its command_id.
    pub const fn id(&self) -> CommandId {
        match self {
            Self::Bind { kind, .. } => kind.command(),
            Self::Unbind => CommandId::Unbind,
            Self::EnquireLink => CommandId::EnquireLink,
            Self::EnquireLinkResp => CommandId::EnquireLinkResp,
            Self::UnbindResp => CommandId::UnbindResp,
            Self::DeliverSmResp { .. } => CommandId::DeliverSmResp,
            Self::DataSmResp { .. } => CommandId::DataSmResp,
            Self::GenericNack { .. } => CommandId::GenericNack,
            Self::Query { .. } => CommandId::QuerySm,
            Self::Cancel { .. } => CommandId::CancelSm,
        }
    }

    /// Writes it behind what `out` holds. For a response `sequence` is the SMSC's, else ours.
    pub fn encode(&self, sequence: u32, out: &mut Vec<u8>) {
        let ok = CommandStatus::OK;
        match *self {
            Self::Bind { kind: _, system_id, password, system_type, interface_version } => {
                // address_range stays empty: the operator knows the numbers of a system_id.
                let range: &[u8] = &[interface_version, 0, 0, 0];
                let parts =
                    [text(system_id.as_bytes()), NUL, text(password), NUL, text(system_type.as_bytes()), NUL, range];
                answer::write(self.id(), ok, sequence, &parts, out);
            }
            Self::Unbind | Self::EnquireLink | Self::EnquireLinkResp | Self::UnbindResp => {
                answer::write(self.id(), ok, sequence, &[], out);
            }
            Self::DeliverSmResp { status } | Self::DataSmResp { status } => {
                answer::write(self.id(), status, sequence, &[NUL], out);
            }
            Self::GenericNack { status } => answer::write(self.id(), status, sequence, &[], out),
            Self::Query { message_id, source } => {
                let kind = [source.ton as u8, source.npi.0];
                answer::write(self.id(), ok, sequence, &[message_id.0, NUL, &kind, text(source.text), NUL], out);
            }
            Self::Cancel { service_type, message_id, source, destination } => {
                let (from, to) = ([source.ton as u8, source.npi.0], [destination.ton as u8, destination.npi.0]);
                let parts = [
                    text(service_type),
                    NUL,
                    message_id.0,
                    NUL,
                    &from,
                    text(source.text),
                    NUL,
                    &to,
                    text(destination.text),
                    NUL,
                ];
                answer::write(self.id(), ok, sequence, &parts, out);
            }
        }
    }
}

impl std::fmt::Debug for LinkCommand<'_> {
    /// The operation alone: a bind has a password, a query an address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id().word())
    }
}

const NUL: &[u8] = &[0];

/// What of a field can stand before its NUL.
fn text(octets: &[u8]) -> &[u8] {
    &octets[..octets.iter().position(|octet| *octet == 0).unwrap_or(octets.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::address::{Npi, Ton};
    use crate::pdu::{oracle, query};

    #[test]
    fn rusmpp_reads_every_link_command_to_its_last_octet() {
        let party = Party { ton: Ton::Alphanumeric, npi: Npi(0), text: b"ACME" };
        let to = Party { ton: Ton::International, npi: Npi(1), text: b"33639980001" };
        let message_id = MessageId::new(b"id-1").expect("a message id");
        let bind = |kind| LinkCommand::Bind {
            kind,
            system_id: "stopgate",
            password: b"secret08",
            system_type: "VMS",
            interface_version: 0x34,
        };
        let status = CommandStatus::SYSTEM_ERROR;
        let commands = [
            bind(BindKind::Transmitter),
            bind(BindKind::Receiver),
            bind(BindKind::Transceiver),
            LinkCommand::Unbind,
            LinkCommand::EnquireLink,
            LinkCommand::EnquireLinkResp,
            LinkCommand::UnbindResp,
            LinkCommand::DeliverSmResp { status: CommandStatus::OK },
            LinkCommand::DeliverSmResp { status },
            LinkCommand::DataSmResp { status },
            LinkCommand::GenericNack { status },
            LinkCommand::Query { message_id, source: party },
            LinkCommand::Cancel { service_type: b"", message_id, source: party, destination: to },
        ];
        for command in commands {
            let mut out = Vec::new();
            command.encode(7, &mut out);
            let theirs = oracle::decode(&out).expect("rusmpp reads it");
            assert_eq!(theirs.left_over, 0, "{command:?}");
            assert_eq!(u32::from(theirs.command.id()), command.id().to_wire());
            assert_eq!(theirs.command.sequence_number(), 7);
        }
    }

    #[test]
    fn a_long_password_is_sent_whole_and_never_printed() {
        let command = LinkCommand::Bind {
            kind: BindKind::Transceiver,
            system_id: "stopgate",
            password: b"more than eight",
            system_type: "",
            interface_version: 0x34,
        };
        let mut out = Vec::new();
        command.encode(1, &mut out);
        let bind = crate::pdu::bind::parse(&out).expect("a bind");
        assert_eq!((bind.system_id, bind.password), (&b"stopgate"[..], &b"more than eight"[..]));
        assert_eq!(format!("{command:?}"), "bind_transceiver");
    }

    #[test]
    fn a_wildcard_cannot_be_said() {
        assert_eq!(MessageId::new(b""), None);
        assert_eq!(MessageId::new(b"a\0b"), None);
        assert_eq!(MessageId::new(&[b'x'; 65]), None);
        assert!(MessageId::new(&[b'x'; 64]).is_some());
    }

    #[test]
    fn what_a_client_asks_reaches_the_operator_octet_by_octet() {
        let party = Party { ton: Ton::Alphanumeric, npi: Npi(0), text: b"ACME" };
        let message_id = MessageId::new(b"id-1").expect("a message id");
        let mut octets = Vec::new();
        LinkCommand::Cancel { service_type: b"", message_id, source: party, destination: party }.encode(7, &mut octets);
        let asked = query::parse(&octets).expect("a cancel_sm");
        let mut again = Vec::new();
        LinkCommand::scoped(&asked).expect("it names one message").encode(7, &mut again);
        assert_eq!(again, octets);
        let wildcard = Query::Cancel { service_type: b"", message_id: b"", source: party, destination: party };
        assert_eq!(LinkCommand::scoped(&wildcard), None);
        assert_eq!(LinkCommand::scoped(&Query::Replace { message_id: b"id-1" }), None);
    }
}
