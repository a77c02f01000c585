//! Owns the forwarding of an SMSC's message to a client: the same octets, another sequence number.
//! Must never change a field of it.

use super::header::HEADER_OCTETS;

/// Writes a deliver_sm, data_sm or alert_notification for the ESME. `octets` is the PDU up to `Inbound::end`, so that
/// a malformed tail behind it does not reach the client; command_length and command_status are put right.
pub fn write(octets: &[u8], sequence: u32, out: &mut Vec<u8>) {
    let Some(body) = octets.get(HEADER_OCTETS..) else { return };
    // A frame is at most 64 KiB.
    let length = octets.len() as u32;
    let mut head = [0u8; HEADER_OCTETS];
    head[..4].copy_from_slice(&length.to_be_bytes());
    head[4..8].copy_from_slice(&octets[4..8]);
    head[12..].copy_from_slice(&sequence.to_be_bytes());
    out.reserve(octets.len());
    out.extend_from_slice(&head);
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_length_status_and_sequence_are_patched() {
        let octets = [0, 0, 0, 99, 0, 0, 0, 5, 1, 2, 3, 4, 0, 0, 0, 7, b'a', b'b'];
        let mut out = vec![0xee];
        write(&octets, 0x0102_0304, &mut out);
        assert_eq!(out, [0xee, 0, 0, 0, 18, 0, 0, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, b'a', b'b']);
    }
}
