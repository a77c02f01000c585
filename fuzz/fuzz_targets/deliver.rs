//! Owns the fuzz target of the operator's side: the body of a deliver_sm or data_sm, read and forwarded.
//! Must never forward what is not one whole frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stopgate::pdu::frame::{self, Framing};
use stopgate::pdu::{deliver, inbound, receipt};

fuzz_target!(|body: &[u8]| {
    for id in [0x05u32, 0x103] {
        let length = 16 + body.len();
        let mut pdu = (length as u32).to_be_bytes().to_vec();
        pdu.extend_from_slice(&id.to_be_bytes());
        pdu.extend_from_slice(&[0; 8]);
        pdu.extend_from_slice(body);
        let _ = inbound::alert_esme_addr(&pdu);
        let Ok(read) = inbound::scan(&pdu) else { continue };
        let _ = receipt::parse(&read);
        let mut out = Vec::new();
        deliver::write(&pdu[..read.end as usize], 7, &mut out);
        if out.len() <= frame::PDU_OCTETS_MAX {
            assert_eq!(frame::next(&out), Framing::Whole(out.len()));
        }
        let again = inbound::scan(&out).expect("what is forwarded is readable");
        assert_eq!(again.slice(again.text), read.slice(read.text));
    }
});
