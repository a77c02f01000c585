//! Owns submit_multi_resp with its list of destinations that got nothing (SMPP 3.4 §4.5.2), read and written.
//! Must never list a destination that the message may have reached.

use super::answer;
use super::command::CommandId;
use super::header::HEADER_OCTETS;
use super::status::CommandStatus;

/// A destination that got nothing, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsuccessful {
    /// TON, NPI and text with its NUL, as they stood in the submit_multi.
    pub address: Box<[u8]>,
    pub status: CommandStatus,
}

/// Writes the answer of a submit_multi that reached somebody. At most 254 are listed, as many as it may have named.
pub fn write(message_id: &[u8], unsuccessful: &[Unsuccessful], sequence: u32, out: &mut Vec<u8>) {
    let listed = &unsuccessful[..unsuccessful.len().min(254)];
    let mut list = vec![listed.len() as u8];
    for one in listed {
        list.extend_from_slice(&one.address);
        list.extend_from_slice(&one.status.0.to_be_bytes());
    }
    answer::write(CommandId::SubmitMultiResp, CommandStatus::OK, sequence, &[message_id, &[0], &list], out);
}

/// Reads the list of a whole submit_multi_resp frame; ends where it is cut.
pub fn unsuccessful(frame: &[u8]) -> Vec<Unsuccessful> {
    let mut found = Vec::new();
    let mut rest = frame.get(HEADER_OCTETS..).unwrap_or_default();
    let Some(nul) = rest.iter().position(|octet| *octet == 0) else { return found };
    rest = &rest[nul + 1..];
    let Some(count) = rest.split_off_first() else { return found };
    for _ in 0..*count {
        let Some(nul) = rest.iter().skip(2).position(|octet| *octet == 0) else { return found };
        let Some(address) = rest.split_off(..nul + 3) else { return found };
        let Some((status, behind)) = rest.split_first_chunk::<4>() else { return found };
        rest = behind;
        found.push(Unsuccessful { address: address.into(), status: CommandStatus(u32::from_be_bytes(*status)) });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::oracle;

    fn list() -> Vec<Unsuccessful> {
        [(&b"\x01\x0133639980001\0"[..], 0x66), (b"\0\0\0", 0x0b)]
            .map(|(address, status)| Unsuccessful { address: address.into(), status: CommandStatus(status) })
            .into()
    }

    #[test]
    fn what_is_written_is_read_back_and_rusmpp_reads_it_too() {
        for list in [Vec::new(), list()] {
            let mut out = Vec::new();
            write(b"id-1", &list, 7, &mut out);
            assert_eq!(unsuccessful(&out), list);
            assert_eq!(oracle::decode(&out).expect("rusmpp reads it").left_over, 0);
        }
    }

    #[test]
    fn a_cut_list_ends_where_it_is_cut() {
        let mut out = Vec::new();
        write(b"id-1", &list(), 7, &mut out);
        let read: Vec<usize> = (0..=out.len()).map(|length| unsuccessful(&out[..length]).len()).collect();
        assert!(read.is_sorted());
        assert_eq!((read[0], read[out.len() - 1], read[out.len()]), (0, 1, 2));
    }
}
