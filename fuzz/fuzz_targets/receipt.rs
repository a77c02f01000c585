//! Owns the fuzz target of the receipt parser: any text under any message type.
//! Must never let a text of type 0 make a receipt without an id and a state.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stopgate::pdu::{inbound, receipt};

fuzz_target!(|input: (u8, &[u8])| {
    let (esm_class, text) = input;
    let text = &text[..text.len().min(254)];
    let mut pdu = vec![0; 16];
    pdu.extend_from_slice(b"\0\x01\x0133639980001\0\x03\x0036111\0");
    pdu.extend_from_slice(&[esm_class, 0, 0, 0, 0, 0, 0, 0, 0, text.len() as u8]);
    pdu.extend_from_slice(text);
    pdu[7] = 5;
    let read = inbound::scan(&pdu).expect("a whole deliver_sm");
    if let Some(found) = receipt::parse(&read) {
        let _ = found.error();
        if esm_class & 0x3C == 0 {
            assert!(!found.message_id.is_empty() && found.state.is_some());
        }
    }
});
