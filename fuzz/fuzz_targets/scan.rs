//! Owns the fuzz target of the client's side: a stream of octets, framed and scanned, with rusmpp beside it.
//! Must never take rusmpp's word where it left octets of a frame behind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rusmpp::decode::DecodeWithLength;
use rusmpp::{Command, Pdu};
use stopgate::message::instant::CivilInstant;
use stopgate::pdu::frame::{self, Framing};
use stopgate::pdu::scan::{self, Context};
use stopgate::pdu::{bind, multi, query, response};

const CONTEXT: Context<'static> = Context { default_message_ids: &[1], now: CivilInstant::from_secs(1_795_262_400) };

fn compare(pdu: &[u8]) {
    let Ok(ours) = scan::submit(pdu, &CONTEXT) else { return };
    assert!(pdu.len() - ours.end as usize <= 1, "at most one NUL stands behind the last field");
    let mut body = bytes::BytesMut::from(&pdu[4..]);
    let length = body.len();
    let Ok((command, consumed)) = Command::decode(&mut body, length) else { return };
    assert_eq!(length - consumed, pdu.len() - ours.end as usize, "rusmpp leaves behind what we cut");
    if let Some(Pdu::SubmitSm(theirs)) = command.pdu() {
        assert_eq!(&ours.slice(ours.destination.whole)[2..], theirs.destination_addr.as_ref());
        assert_eq!(&ours.slice(ours.source.whole)[2..], theirs.source_addr.as_ref());
        assert_eq!(ours.data_coding, u8::from(theirs.data_coding));
    }
}

fuzz_target!(|stream: &[u8]| {
    let mut rest = stream;
    while let Framing::Whole(length) = frame::next(rest) {
        let (pdu, after) = rest.split_at(length);
        compare(pdu);
        let _ = multi::scan(pdu, &CONTEXT).map(|multi| multi.submissions().count());
        let _ = query::parse(pdu);
        let _ = bind::parse(pdu);
        let _ = response::read(pdu);
        rest = after;
    }
});
