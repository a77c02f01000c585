//! Owns rusmpp as the second opinion in tests: one exact frame at a time.
//! Must never be used outside tests.

use rusmpp::Command;
use rusmpp::decode::DecodeWithLength;

/// What rusmpp makes of a frame.
pub(super) struct Decoded {
    pub command: Command,
    /// Octets of the frame that its decoder did not take: such a frame must not be believed.
    pub left_over: usize,
}

/// Decodes exactly one frame; `None` when rusmpp refuses it.
pub(super) fn decode(frame: &[u8]) -> Option<Decoded> {
    let mut body = bytes::BytesMut::from(frame.get(4..)?);
    let length = body.len();
    let (command, consumed) = Command::decode(&mut body, length).ok()?;
    Some(Decoded { command, left_over: length - consumed })
}
