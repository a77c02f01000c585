//! Owns the simulator's own plain view of an SMPP frame: header, body, and how frames are cut from a stream.
//! Must never use the gateway's scanner: both sides of a rehearsal would then share the same mistakes.

use bytes::BytesMut;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// command_id values (SMPP 3.4 §5.1.2.1).
pub const GENERIC_NACK: u32 = 0x8000_0000;
pub const BIND_RECEIVER: u32 = 0x0000_0001;
pub const BIND_TRANSMITTER: u32 = 0x0000_0002;
pub const QUERY_SM: u32 = 0x0000_0003;
pub const SUBMIT_SM: u32 = 0x0000_0004;
pub const DELIVER_SM: u32 = 0x0000_0005;
pub const UNBIND: u32 = 0x0000_0006;
pub const REPLACE_SM: u32 = 0x0000_0007;
pub const CANCEL_SM: u32 = 0x0000_0008;
pub const BIND_TRANSCEIVER: u32 = 0x0000_0009;
pub const ENQUIRE_LINK: u32 = 0x0000_0015;
pub const SUBMIT_MULTI: u32 = 0x0000_0021;
pub const DATA_SM: u32 = 0x0000_0103;
/// The bit that makes a response of a request.
pub const RESPONSE: u32 = 0x8000_0000;

/// The longest frame the simulator reads; far above what the gateway may write.
const FRAME_OCTETS_MAX: usize = 1 << 20;

/// One whole PDU.
#[derive(Clone, PartialEq, Eq)]
pub struct Pdu(Vec<u8>);

impl Pdu {
    /// A PDU with its length computed.
    pub fn new(command: u32, status: u32, sequence: u32, body: &[u8]) -> Self {
        let mut octets = Vec::with_capacity(16 + body.len());
        for word in [16 + body.len() as u32, command, status, sequence] {
            octets.extend_from_slice(&word.to_be_bytes());
        }
        octets.extend_from_slice(body);
        Self(octets)
    }

    /// Octets as they are; `None` when they are fewer than a header.
    pub fn from_octets(octets: impl Into<Vec<u8>>) -> Option<Self> {
        let octets = octets.into();
        (octets.len() >= 16).then_some(Self(octets))
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }

    /// command_id.
    pub fn command(&self) -> u32 {
        self.word(4)
    }

    /// command_status.
    pub fn status(&self) -> u32 {
        self.word(8)
    }

    /// sequence_number.
    pub fn sequence(&self) -> u32 {
        self.word(12)
    }

    /// What follows the header.
    pub fn body(&self) -> &[u8] {
        &self.0[16..]
    }

    /// The first C-octet string of the body: message_id of a submit_sm_resp, system_id of a bind_resp.
    pub fn first_string(&self) -> &[u8] {
        let body = self.body();
        &body[..body.iter().position(|&octet| octet == 0).unwrap_or(body.len())]
    }

    /// Whether it answers a request.
    pub fn is_response(&self) -> bool {
        self.command() & RESPONSE != 0
    }

    /// The whole frame.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// The frame in hexadecimal: what a failing test has to show.
impl std::fmt::Debug for Pdu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Cuts frames from a stream by command_length.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads from `stream`.
    pub fn new(stream: R) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(8192) }
    }

    /// The next frame, `None` when the peer closed between frames. Safe to cancel.
    ///
    /// # Errors
    /// The stream's own errors; `InvalidData` for a length that cannot be; `UnexpectedEof` inside a frame.
    pub async fn next(&mut self) -> io::Result<Option<Pdu>> {
        loop {
            if let Some(pdu) = self.buffered()? {
                return Ok(Some(pdu));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// A frame that has already arrived whole.
    ///
    /// # Errors
    /// `InvalidData` for a length that cannot be.
    pub fn buffered(&mut self) -> io::Result<Option<Pdu>> {
        let Some(head) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*head) as usize;
        if !(16..=FRAME_OCTETS_MAX).contains(&length) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("command_length {length}")));
        }
        if self.buffer.len() < length {
            return Ok(None);
        }
        Ok(Some(Pdu(self.buffer.split_to(length).to_vec())))
    }
}

/// Octets as lower-case hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Octets of a hexadecimal text (blanks allowed); `None` when it is none.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn frames_are_cut_by_their_length_wherever_the_stream_breaks() {
        let first = Pdu::new(SUBMIT_SM, 0, 7, b"abc");
        let second = Pdu::new(ENQUIRE_LINK, 0, 8, b"");
        let both = [first.octets(), second.octets()].concat();
        for cut in 0..both.len() {
            let joined = tokio::io::AsyncReadExt::chain(&both[..cut], &both[cut..]);
            let mut reader = FrameReader::new(joined);
            assert_eq!(reader.next().await.unwrap().unwrap(), first);
            assert_eq!(reader.next().await.unwrap().unwrap(), second);
            assert!(reader.next().await.unwrap().is_none());
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_length_below_a_header_is_an_error() {
        let mut reader = FrameReader::new(&[0u8, 0, 0, 15, 0, 0][..]);
        assert_eq!(reader.next().await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn hexadecimal_goes_both_ways() {
        assert_eq!(unhex("00 ff1a").unwrap(), [0, 0xff, 0x1a]);
        assert_eq!(hex(&[0, 0xff, 0x1a]), "00ff1a");
        assert!(unhex("0").is_none() && unhex("zz").is_none());
    }
}
