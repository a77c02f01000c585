//! Owns the 16 octets that open every PDU (SMPP 3.4 §5.1).
//! Must never look at the body.

use super::command::CommandId;
use super::status::CommandStatus;

/// Octets of a header.
pub const HEADER_OCTETS: usize = 16;

/// A PDU's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// command_length: octets of the whole PDU.
    pub length: u32,
    pub id: CommandId,
    pub status: CommandStatus,
    /// Any value: peers are known to send 0, repeats and values over 0x7fffffff.
    pub sequence: u32,
}

impl Header {
    /// Reads the header of a frame; `None` when there are fewer than 16 octets.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let (head, _) = octets.split_first_chunk::<HEADER_OCTETS>()?;
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        Some(Self {
            length: word(0),
            id: CommandId::from_wire(word(4)),
            status: CommandStatus(word(8)),
            sequence: word(12),
        })
    }

    /// Writes it behind what `out` holds.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut head = [0u8; HEADER_OCTETS];
        head[..4].copy_from_slice(&self.length.to_be_bytes());
        head[4..8].copy_from_slice(&self.id.to_wire().to_be_bytes());
        head[8..12].copy_from_slice(&self.status.0.to_be_bytes());
        head[12..].copy_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&head);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_as_written() {
        let header =
            Header { length: 16, id: CommandId::EnquireLink, status: CommandStatus::OK, sequence: 0xffff_fff0 };
        let mut octets = Vec::new();
        header.write(&mut octets);
        assert_eq!(Header::parse(&octets), Some(header));
        assert_eq!(Header::parse(&octets[..15]), None);
    }
}
