//! Owns framing: where a PDU ends, decided by its command_length alone.
//! Must never let what a body decoder consumed move the frame: that is how one PDU smuggles another.

/// Least command_length: a header.
pub const PDU_OCTETS_MIN: usize = 16;
/// Greatest command_length that is taken: a message_payload of 64 KiB and its company do not fit more.
pub const PDU_OCTETS_MAX: usize = 65_536;

/// What stands at the head of a read buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Not a whole PDU yet.
    Incomplete,
    /// A PDU of this many octets.
    Whole(usize),
    /// Framing is lost: answer generic_nack 0x02 with sequence 0 and close.
    Impossible { looks_like: LooksLike },
}

/// What a peer that does not speak SMPP seems to speak, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LooksLike {
    Http,
    /// A TLS client on the plain port.
    Tls,
    /// A length under 16 or over the limit.
    Other,
}

impl LooksLike {
    /// The reason in logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http_on_smpp_port",
            Self::Tls => "tls_on_plain_port",
            Self::Other => "impossible_length",
        }
    }
}

/// Looks at the head of `buffer`. Decided on the first 4 octets, before anything is kept or allocated for the rest.
pub fn next(buffer: &[u8]) -> Framing {
    let Some((first, _)) = buffer.split_first_chunk::<4>() else { return Framing::Incomplete };
    let length = u32::from_be_bytes(*first) as usize;
    if !(PDU_OCTETS_MIN..=PDU_OCTETS_MAX).contains(&length) {
        return Framing::Impossible { looks_like: looks_like(first) };
    }
    if buffer.len() < length { Framing::Incomplete } else { Framing::Whole(length) }
}

/// Names the protocol by its first four octets (all of them are lengths over the limit).
fn looks_like(first: &[u8; 4]) -> LooksLike {
    match first {
        b"GET " | b"POST" | b"HEAD" | b"PUT " | b"OPTI" | b"CONN" | b"DELE" | b"PATC" | b"TRAC" | b"PRI " => {
            LooksLike::Http
        }
        // A handshake record of SSL 3.0 to TLS 1.3.
        [0x16, 0x03, 0..=4, _] => LooksLike::Tls,
        _ => LooksLike::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_four_octets_decide() {
        let cases: [(&[u8], Framing); 14] = [
            (&[], Framing::Incomplete),
            (&[0, 0, 0], Framing::Incomplete),
            (&[0, 0, 0, 16], Framing::Incomplete),
            (&[0, 0, 0, 0], Framing::Impossible { looks_like: LooksLike::Other }),
            (&[0, 0, 0, 15], Framing::Impossible { looks_like: LooksLike::Other }),
            (&[0, 1, 0, 0], Framing::Incomplete),
            (&[0, 1, 0, 1], Framing::Impossible { looks_like: LooksLike::Other }),
            (&[0x80, 0, 0, 0x10], Framing::Impossible { looks_like: LooksLike::Other }),
            (&[0xff; 4], Framing::Impossible { looks_like: LooksLike::Other }),
            (b"GET / HTTP/1.1", Framing::Impossible { looks_like: LooksLike::Http }),
            (b"PRI * HTTP/2.0", Framing::Impossible { looks_like: LooksLike::Http }),
            (&[0x16, 3, 1, 2], Framing::Impossible { looks_like: LooksLike::Tls }),
            (&[0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 1], Framing::Whole(16)),
            (&[0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0], Framing::Whole(16)),
        ];
        for (buffer, expected) in cases {
            assert_eq!(next(buffer), expected, "{buffer:02x?}");
        }
    }

    #[test]
    fn the_largest_pdu_is_whole_only_with_its_last_octet() {
        let mut buffer = vec![0u8; PDU_OCTETS_MAX];
        buffer[1] = 1;
        assert_eq!(next(&buffer), Framing::Whole(PDU_OCTETS_MAX));
        assert_eq!(next(&buffer[..PDU_OCTETS_MAX - 1]), Framing::Incomplete);
    }
}
