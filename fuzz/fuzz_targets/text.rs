//! Owns the fuzz target of texts: any octets under any data_coding, and any user data header.
//! Must never allocate without bound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stopgate::message::text::{self, Alphabet};
use stopgate::message::udh;

fuzz_target!(|input: (u8, &[u8])| {
    let (data_coding, octets) = input;
    let mut out = String::new();
    for alphabet in [Alphabet::Gsm, Alphabet::GsmPacked, Alphabet::Latin1] {
        if text::decode(data_coding, octets, alphabet, &mut out).is_err() {
            assert!(out.is_empty());
        }
        let _ = text::readings(data_coding, octets, alphabet);
    }
    if let Ok(header) = udh::parse(octets)
        && let Some(segment) = header.segment
    {
        assert!(segment.number >= 1 && segment.number <= segment.total);
    }
});
