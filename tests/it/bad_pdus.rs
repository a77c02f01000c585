//! Owns the run of every malformed PDU of tests/compliance/bad_pdus.tsv against the real binary.
//! Must never be lenient: octets are compared with octets, and each row is read.

use super::support::stage::{Stage, operator};
use super::support::{PROMO, SOON, phone};
use std::time::Duration;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::{AnswerBody, Switches};
use stopgate::sim::wire::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ROWS: usize = 92;
/// The sequence number of the enquire_link whose answer shows that everything before it was answered.
const SENTINEL: u32 = 0x0051_0051;
/// The number that most rows write to.
const NUMBER: &str = "33612345678";

struct Row {
    name: String,
    octets: String,
    state: String,
    answer: String,
    closes: bool,
}

impl Row {
    fn octets(&self) -> Vec<u8> {
        unhex(&self.octets).unwrap_or_else(|| panic!("{}: no octets: {}", self.name, self.octets))
    }

    /// The answer in octets, when the row gives it so.
    fn literal(&self) -> Option<Vec<u8>> {
        match self.answer.as_str() {
            "none" => Some(Vec::new()),
            answer => answer.split(" then ").map(unhex).collect::<Option<Vec<_>>>().map(|parts| parts.concat()),
        }
    }
}

fn rows() -> Vec<Row> {
    let text = include_str!("../compliance/bad_pdus.tsv");
    let rows: Vec<Row> = text
        .lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let field = |key: &str| {
                let part = columns[2].split("; ").find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
                part.unwrap_or_else(|| panic!("{}: no {key}", columns[0])).to_owned()
            };
            Row {
                name: columns[0].to_owned(),
                octets: columns[1].to_owned(),
                state: field("state"),
                answer: field("answer"),
                closes: field("session") == "close",
            }
        })
        .collect();
    assert_eq!(rows.len(), ROWS);
    rows
}

async fn stage() -> Stage {
    Stage::with(Switches::default(), |config| {
        config.smpp.text("session_init", "2s").text("pdu_read", "2s");
    })
    .await
}

/// A connection whose octets are kept in the order they come.
struct Wire(TcpStream);

impl Wire {
    async fn open(stage: &Stage, state: &str) -> Self {
        let mut stream = TcpStream::connect(stage.gateway.smpp).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut bind = Bind::transceiver("acme", "secret");
        match state {
            "open" => return Self(stream),
            "bound_rx" => bind.kind = BIND_RECEIVER,
            "bound_trx (interface_version 50)" => bind.interface_version = 0x50,
            "bound_trx" => {}
            other => panic!("unknown state {other}"),
        }
        stream.write_all(bind.pdu(1).octets()).await.unwrap();
        let mut wire = Self(stream);
        let answer = wire.frame().await;
        assert_eq!((answer.command(), answer.status()), (bind.kind | RESPONSE, 0));
        wire
    }

    async fn send(&mut self, octets: &[u8]) {
        self.0.write_all(octets).await.unwrap();
    }

    /// The next frame.
    async fn frame(&mut self) -> Pdu {
        let reading = async {
            let mut octets = vec![0; 4];
            self.0.read_exact(&mut octets).await.unwrap();
            let length = u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]]) as usize;
            octets.resize(length, 0);
            self.0.read_exact(&mut octets[4..]).await.unwrap();
            Pdu::from_octets(octets).unwrap()
        };
        timeout(SOON, reading).await.expect("an answer")
    }

    /// Every octet until the gateway closes.
    async fn rest(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        match timeout(SOON, self.0.read_to_end(&mut octets)).await {
            Ok(_) => octets,
            Err(_) => panic!("not closed; so far {}", hex(&octets)),
        }
    }

    /// Every octet until the answer to an enquire_link sent now, but for messages from handsets.
    async fn until_sentinel(&mut self) -> Vec<u8> {
        self.send(Pdu::new(ENQUIRE_LINK, 0, SENTINEL, b"").octets()).await;
        let mut octets = Vec::new();
        loop {
            let frame = self.frame().await;
            if (frame.command(), frame.sequence()) == (ENQUIRE_LINK | RESPONSE, SENTINEL) {
                return octets;
            }
            if frame.command() != DELIVER_SM {
                octets.extend_from_slice(frame.octets());
            }
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn every_row_with_an_exact_answer_gets_those_octets_and_forwards_nothing() {
    let stage = stage().await;
    let (mut read, mut wrong) = (0, Vec::new());
    for row in rows() {
        let Some(expected) = row.literal() else { continue };
        if row.octets.starts_with("construct:") || row.state.starts_with("smsc") {
            continue;
        }
        read += 1;
        let mut wire = Wire::open(&stage, &row.state).await;
        wire.send(&row.octets()).await;
        let got = if row.closes { wire.rest().await } else { wire.until_sentinel().await };
        if got != expected {
            wrong.push(format!("{}: got {} instead of {}", row.name, hex(&got), hex(&expected)));
        }
    }
    assert!(wrong.is_empty(), "{} of {read}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(read, 68);
    let control = stage.acme().await.submit_and_wait(&Message::submit("ACME", &phone(1), PROMO)).await.unwrap();
    assert_eq!(control.status(), 0, "a deliver_sm of a client is no STOP, and other sessions are none the worse");
    assert_eq!(stage.smsc.records(|records| records.submitted_total), 1, "something else was forwarded");
    assert_eq!(stage.gateway.metric("stopgate_suppressed_numbers", &[]).await, 0.0);
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_wrong_with_a_pdu_is_said_with_whose_it_was() {
    let stage = Stage::with(Switches::default(), |config| config.verbosity = "-v").await;
    let acme = stage.acme().await;
    // A command that nobody has, of a sender; one that no operator sends, of the operator; and one before a bind.
    let unknown = acme.request(0x7777, b"").await.expect("written");
    assert_eq!(acme.answer(unknown, SOON).await.expect("an answer").status(), 0x03);
    stage.smsc.write_raw(None, Pdu::new(BIND_RECEIVER, 0, 7, b"").octets());
    let mut stranger = Wire::open(&stage, "open").await;
    stranger.send(Message::submit("ACME", NUMBER, PROMO).pdu(9).octets()).await;
    assert_eq!(stranger.frame().await.status(), 0x04);
    let said = |side: &str, who: &str, kind: &str| {
        let words = [r#""event":"pdu.error""#, side, who, kind];
        stage.gateway.log().lines().any(|line| words.iter().all(|word| line.contains(word)))
    };
    stage.until("a sender's", || said(r#""side":"esme""#, r#""who":"acme""#, "unknown_command")).await;
    stage.until("an operator's", || said(r#""side":"smsc""#, r#""who":"operator-a""#, "state")).await;
    stage.until("a stranger's", || said(r#""side":"esme""#, r#""who":"-""#, "state")).await;
}

#[tokio::test(flavor = "current_thread")]
async fn rows_that_are_forwarded_are_answered_by_the_operator() {
    let stage = stage().await;
    let mut read = 0;
    for row in rows() {
        let forwarded_before = stage.smsc.records(|records| records.submitted_total);
        let (sequences, forwards): (&[u32], u64) = match row.name.as_str() {
            "byte_by_byte" => (&[5], 1),
            "submit_seq_high_bit" => (&[0x8000_0001], 1),
            "duplicate_seq_in_flight" => (&[9, 9], 2),
            "enquire_reuses_submit_seq" => (&[9], 1),
            "submit_dest_trailing_space"
            | "submit_dest_00_prefix"
            | "submit_dest_plus"
            | "submit_dest_trunk_after_cc" => (&[7], 1),
            "tlv_unknown_standard" | "tlv_vendor" => (&[7], 1),
            _ => continue,
        };
        read += 1;
        let mut wire = Wire::open(&stage, &row.state).await;
        if row.name == "byte_by_byte" {
            for octet in Message::submit("ACME", NUMBER, PROMO).pdu(5).octets() {
                wire.send(&[*octet]).await;
            }
        } else {
            wire.send(&row.octets()).await;
        }
        if row.name == "enquire_reuses_submit_seq" {
            let both = [wire.frame().await, wire.frame().await];
            let enquire = Pdu::new(ENQUIRE_LINK | RESPONSE, 0, 9, b"");
            assert!(both.contains(&enquire), "{both:?}");
            assert!(both.iter().any(|pdu| (pdu.command(), pdu.status()) == (SUBMIT_SM | RESPONSE, 0)), "{both:?}");
        } else {
            for sequence in sequences {
                let answer = wire.frame().await;
                let seen = (answer.command(), answer.status(), answer.sequence());
                assert_eq!(seen, (SUBMIT_SM | RESPONSE, 0, *sequence), "{}: {answer:?}", row.name);
            }
        }
        let last = stage.smsc.records(|records| records.submitted.back().cloned()).expect("forwarded");
        assert_eq!(stage.smsc.records(|records| records.submitted_total), forwarded_before + forwards, "{}", row.name);
        let message = last.message.clone().unwrap_or_else(|| panic!("{}: {:?}", row.name, last.pdu));
        if row.name != "duplicate_seq_in_flight" {
            assert_eq!(message.destination.as_text(), NUMBER, "{}: forwarded canonical", row.name);
        }
        assert!((1..=0x7fff_ffff).contains(&last.pdu.sequence()), "{}", row.name);
        match row.name.as_str() {
            "tlv_unknown_standard" => assert_eq!(message.tlvs.len(), 1, "kept"),
            "tlv_vendor" => assert!(message.tlvs.is_empty(), "cut"),
            _ => {}
        }
        assert!(wire.until_sentinel().await.is_empty(), "{}: more than one answer", row.name);
    }
    assert_eq!(read, 10);
}

#[tokio::test(flavor = "current_thread")]
async fn no_spelling_of_a_number_is_a_way_round_the_list_and_an_empty_text_is_refused() {
    let stage = stage().await;
    assert_eq!(stage.mo(NUMBER, "36111", "STOP").await, 0);
    let mut read = 0;
    for row in rows() {
        let status = match row.name.as_str() {
            "submit_dest_trailing_space"
            | "submit_dest_00_prefix"
            | "submit_dest_plus"
            | "submit_dest_trunk_after_cc" => 0x66,
            "submit_sm_empty" => 0x15,
            _ => continue,
        };
        read += 1;
        let mut wire = Wire::open(&stage, &row.state).await;
        wire.send(&row.octets()).await;
        assert_eq!(
            wire.until_sentinel().await,
            Pdu::new(SUBMIT_SM | RESPONSE, status, 7, b"").octets(),
            "{}",
            row.name
        );
    }
    assert_eq!(read, 5);
}

#[tokio::test(flavor = "current_thread")]
async fn odd_binds_are_answered_by_their_version() {
    let stage = stage().await;
    let mut read = 0;
    for row in rows() {
        if !row.answer.starts_with("bind_transceiver_resp status=0") {
            continue;
        }
        read += 1;
        let mut wire = Wire::open(&stage, &row.state).await;
        wire.send(&row.octets()).await;
        let answer = wire.frame().await;
        assert_eq!((answer.command(), answer.status()), (BIND_TRANSCEIVER | RESPONSE, 0), "{}", row.name);
        let tlvs = &answer.body()[answer.first_string().len() + 1..];
        match row.answer.strip_prefix("bind_transceiver_resp status=0").map(str::trim) {
            Some("without sc_interface_version TLV") => assert!(tlvs.is_empty(), "{}: {answer:?}", row.name),
            Some("sc_interface_version=34") => assert_eq!(tlvs, [2, 16, 0, 1, 0x34], "{}", row.name),
            Some("") => {}
            other => panic!("{}: unknown answer {other:?}", row.name),
        }
        assert!(wire.until_sentinel().await.is_empty());
    }
    assert_eq!(read, 5);
}

#[tokio::test(flavor = "current_thread")]
async fn silence_is_closed_and_a_flood_of_wrong_binds_is_slowed_then_cut() {
    let stage = stage().await;
    assert_eq!(Wire::open(&stage, "open").await.rest().await, b"", "connect_and_silence");
    let refused = unhex("00000011800000090000000e0000000100").unwrap();
    let mut floods = Vec::new();
    for _ in 0..20 {
        let mut wire = Wire::open(&stage, "open").await;
        wire.send(Bind::transceiver("acme", "wrong").pdu(1).octets()).await;
        floods.push(wire);
    }
    let mut answers = Vec::new();
    for mut wire in floods {
        answers.push(wire.rest().await);
    }
    let answered = answers.iter().filter(|answer| **answer == refused).count();
    assert_eq!(&answers[..5], vec![refused.clone(); 5], "the first five are answered");
    assert!(answered < 20, "nothing slows a flood");
    assert!(answers.iter().all(|answer| answer.is_empty() || *answer == refused), "closed without another word");
}

#[tokio::test(flavor = "current_thread")]
async fn an_operator_s_odd_pdus_are_answered_repaired_or_taken_as_meant() {
    let stage = stage().await;
    let acme = stage.acme().await;
    let find = |name: &str| rows().into_iter().find(|row| row.name == name).expect("the row");
    let answered = async |sequence: u32| {
        let found = stage.smsc.wait_for(SOON, |records| {
            records
                .other
                .iter()
                .map(|(_, pdu)| pdu)
                .find(|pdu| (pdu.command(), pdu.sequence()) == (DELIVER_SM | RESPONSE, sequence))
                .cloned()
        });
        found.await.expect("an answer to the operator")
    };
    let cut = find("smsc_deliver_cut");
    stage.smsc.write_raw(None, &cut.octets());
    assert_eq!(answered(7).await.octets(), cut.literal().unwrap());

    let mut receipt = find("smsc_dlr_esm_44").octets();
    receipt[15] = 8;
    stage.smsc.write_raw(None, &receipt);
    assert_eq!(answered(8).await.status(), 0, "smsc_dlr_esm_44");
    let got = acme.next_delivery(SOON).await.unwrap();
    assert_eq!(got.body(), &receipt[16..], "to the account, as it came");

    stage.smsc.switch(|switches| switches.answers.body = AnswerBody::Missing);
    let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(2), PROMO)).await.unwrap();
    assert_eq!((answer.status(), answer.body()), (0, &b"\0"[..]), "smsc_submit_resp_no_body_ok");
    stage.smsc.switch(|switches| switches.answers.body = AnswerBody::Octets(b"abc".to_vec()));
    let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(3), PROMO)).await.unwrap();
    assert_eq!((answer.status(), answer.body()), (0, &b"abc\0"[..]), "smsc_submit_resp_id_no_nul");
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_that_comes_before_the_bind_response_counts() {
    let row = rows().into_iter().find(|row| row.name == "smsc_deliver_before_bind_resp").expect("the row");
    let smsc = operator(Switches { before_bind_response: row.octets(), ..Switches::default() }).await;
    let config = super::support::config::Config::new(smsc.address());
    let mut gateway = super::support::gateway::Gateway::start(&config).await;
    gateway.ready().await;
    let taken = smsc.wait_for(SOON, |records| {
        records.other.iter().find(|(_, pdu)| pdu.command() == DELIVER_SM | RESPONSE).map(|(_, pdu)| pdu.status())
    });
    assert_eq!(taken.await, Some(0), "{}", gateway.log());
    let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
    let answer = acme.submit_and_wait(&Message::submit("ACME", NUMBER, PROMO)).await.unwrap();
    assert_eq!(answer.status(), 0x66);
    acme.next_delivery(Duration::from_secs(10)).await.expect("its owner is told");
}
