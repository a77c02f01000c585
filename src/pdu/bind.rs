//! Owns the reading of a client's bind (SMPP 3.4 §4.1).
//! Must never authenticate, and never compile an address_range: it is kept as text.

use super::command::CommandId;
use super::cursor::Cursor;
use super::fault::{Fault, Rejection};
use super::header::Header;
use super::tlv;

const SYSTEM_ID: usize = 16;
/// 8 characters in 3.4; some use more, and a wrong one gets the same 0x0E anyway.
const PASSWORD: usize = 65;
const SYSTEM_TYPE: usize = 13;
const ADDRESS_RANGE: usize = 41;

/// Which way messages go on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindKind {
    Transmitter,
    Receiver,
    Transceiver,
}

impl BindKind {
    /// From a bind's command_id.
    pub const fn from_command(id: CommandId) -> Option<Self> {
        match id {
            CommandId::BindTransmitter => Some(Self::Transmitter),
            CommandId::BindReceiver => Some(Self::Receiver),
            CommandId::BindTransceiver => Some(Self::Transceiver),
            _ => None,
        }
    }

    /// The bind's command_id.
    pub const fn command(self) -> CommandId {
        match self {
            Self::Transmitter => CommandId::BindTransmitter,
            Self::Receiver => CommandId::BindReceiver,
            Self::Transceiver => CommandId::BindTransceiver,
        }
    }

    /// The word of the `type` label and of `status`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Transmitter => "transmitter",
            Self::Receiver => "receiver",
            Self::Transceiver => "transceiver",
        }
    }
}

/// A bind request. TON and NPI of the address range are not used, whatever they say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    pub kind: BindKind,
    pub system_id: &'a [u8],
    pub password: &'a [u8],
    pub system_type: &'a [u8],
    /// As sent: 0x00 to 0x33 mean a peer that may not know TLVs, 0x50 one that knows broadcast_sm.
    pub interface_version: u8,
    /// Kept as text, never compiled.
    pub address_range: &'a [u8],
}

impl std::fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bind")
            .field("kind", &self.kind)
            .field("system_id", &String::from_utf8_lossy(self.system_id))
            .field("password", &"***")
            .field("interface_version", &self.interface_version)
            .finish_non_exhaustive()
    }
}

/// Reads one whole frame that is a bind_transmitter, bind_receiver or bind_transceiver.
///
/// # Errors
/// 0x0F, 0x0E, 0x53 or 0x0D for an overlong field, 0x02 for a cut body or octets behind it that are no TLVs.
/// Unlike in a message not even a single NUL is cut there: it is the trace of a NUL inside a field.
pub fn parse(octets: &[u8]) -> Result<Bind<'_>, Rejection> {
    let kind = Header::parse(octets).and_then(|header| BindKind::from_command(header.id)).ok_or(Fault::Cut)?;
    let mut cursor = Cursor::body(octets);
    let system_id = cursor.c_string(SYSTEM_ID, Fault::SystemId)?;
    let password = cursor.c_string(PASSWORD, Fault::Password)?;
    let system_type = cursor.c_string(SYSTEM_TYPE, Fault::SystemType)?;
    let (interface_version, _ton, _npi) = (cursor.octet()?, cursor.octet()?, cursor.octet()?);
    let address_range = cursor.c_string(ADDRESS_RANGE, Fault::AddressRange)?;
    if tlv::walk(octets, cursor.at()).span.end as usize != octets.len() {
        return Err(Fault::Trailing.into());
    }
    Ok(Bind {
        kind,
        system_id: system_id.of(octets),
        password: password.of(octets),
        system_type: system_type.of(octets),
        interface_version,
        address_range: address_range.of(octets),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::answer;
    use crate::pdu::status::CommandStatus;

    fn frame(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        answer::write(CommandId::BindTransceiver, CommandStatus::OK, 1, &[body], &mut out);
        out
    }

    #[test]
    fn fields_have_their_limits() {
        let long = |count: usize| "x".repeat(count);
        let cases: [(String, Option<u32>); 14] = [
            ("acme\0secret\0\0\x34\0\0\0".into(), None),
            ("acme\0secret\0\0\x34\u{7f}\u{7f}\0".into(), None),
            (format!("{}\0p\0\0\x34\0\0\0", long(15)), None),
            (format!("{}\0p\0\0\x34\0\0\0", long(16)), Some(0x0F)),
            (format!("a\0{}\0\0\x34\0\0\0", long(9)), None),
            (format!("a\0{}\0\0\x34\0\0\0", long(65)), Some(0x0E)),
            (format!("a\0p\0{}\0\x34\0\0\0", long(13)), Some(0x53)),
            (format!("a\0p\0\0\x34\0\0{}\0", long(40)), None),
            (format!("a\0p\0\0\x34\0\0{}\0", long(41)), Some(0x0D)),
            (String::new(), Some(0x02)),
            ("acme".into(), Some(0x02)),
            ("a\0p\0\0\x34\0\0".into(), Some(0x02)),
            ("a\0p\0\0\x34\0\0\0\0".into(), Some(0x02)),
            ("a\0p\0\0\x34\0\0\0\x02\x10\0\x01\x34".into(), None),
        ];
        for (body, expected) in cases {
            let octets = frame(body.as_bytes());
            let status = parse(&octets).err().map(|rejection| rejection.status.0);
            assert_eq!(status, expected, "{body:?}");
        }
    }

    #[test]
    fn a_bind_prints_no_password() {
        let octets = frame(b"acme\0secret\0\0\x34\0\0\0");
        let bind = parse(&octets).expect("a bind");
        assert_eq!((bind.system_id, bind.password), (&b"acme"[..], &b"secret"[..]));
        assert!(!format!("{bind:?}").contains("secret"));
    }
}
