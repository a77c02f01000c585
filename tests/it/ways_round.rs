//! Owns the ways round an inline check, one scenario each: another PDU, another field, another spelling, another time.
//! Must never call a way closed because of an answer alone: what reached the operator is looked at too.
//!
//! Elsewhere: waiting in our own queue past closing (`waiting_at_closing`), a submit that races a STOP (`stop_race`), the
//! confirmation as the one message to a suppressed number (`stop`), every malformed octet (`bad_pdus`).

use super::support::config::{bank, other};
use super::support::stage::Stage;
use super::support::status::{MISSING_MENTION, OPTED_OUT, OUT_OF_HOURS};
use super::support::{PROMO, SOON, multi, phone, sme};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::{MESSAGE_PAYLOAD, Message};
use stopgate::sim::smsc::switches::Switches;
use stopgate::sim::wire::*;

/// A commercial text without a mention.
const UNLAWFUL: &str = "Soldes: -20% samedi";

const UNREADABLE: u32 = 0x15;

/// One operator, acme bound, and a number that said STOP. `attempted` then tells what still reached the operator.
struct Wall {
    stage: Stage,
    acme: Esme,
    stopped: String,
    before: usize,
}

/// Adds an account whose contract is transactional.
fn transactional_bank(config: &mut super::support::config::Config) {
    config.accounts.push(bank());
}

impl Wall {
    async fn with(number: u32, change: impl FnOnce(&mut super::support::config::Config)) -> Self {
        let stage = Stage::with(Switches::default(), |config| {
            // No confirmation: whatever reaches the operator got round us.
            config.short_codes.push(super::support::config::Table::default());
            config.short_codes[0].text("number", "36111").text("confirmation", "operator");
            change(config);
        })
        .await;
        let stopped = phone(number);
        assert_eq!(stage.mo(&stopped, "36111", "STOP").await, 0);
        let acme = stage.acme().await;
        acme.next_delivery(SOON).await.expect("the STOP is told to its owner");
        let before = stage.smsc.records(|records| records.submitted.len());
        Self { stage, acme, stopped, before }
    }

    async fn up(number: u32) -> Self {
        Self::with(number, |_| {}).await
    }

    /// The status of the answer to a message.
    async fn status(&self, message: &Message) -> u32 {
        self.acme.submit_and_wait(message).await.expect("an answer").status()
    }

    /// The answer to a request of any kind.
    async fn ask(&self, command: u32, body: &[u8]) -> Pdu {
        let sequence = self.acme.request(command, body).await.expect("written");
        self.acme.answer(sequence, SOON).await.expect("an answer")
    }

    /// A lawful message to somebody else passes, and it is the only one that reached the operator: it came behind all others.
    async fn nothing_passed(self) {
        let control = Message::submit("ACME", "33639989999", PROMO);
        assert_eq!(self.status(&control).await, 0, "the session goes on");
        let passed = self.passed();
        assert_eq!(passed.len(), 1, "got round: {passed:?}");
    }

    /// What reached the operator since the STOP, but for binds, heartbeats and answers.
    fn passed(&self) -> Vec<Pdu> {
        self.stage.smsc.records(|records| {
            let submitted = records.submitted.iter().skip(self.before).map(|one| &one.pdu);
            let others = records.other.iter().map(|(_, pdu)| pdu).filter(|pdu| !is_link_keeping(pdu));
            submitted.chain(others).cloned().collect()
        })
    }

    fn promo(&self) -> Message {
        Message::submit("ACME", &self.stopped, PROMO)
    }

    fn unlawful(&self) -> Message {
        Message::submit("ACME", "33639989001", UNLAWFUL)
    }
}

fn is_link_keeping(pdu: &Pdu) -> bool {
    pdu.is_response() || matches!(pdu.command(), BIND_TRANSMITTER | BIND_RECEIVER | BIND_TRANSCEIVER | ENQUIRE_LINK)
}

#[tokio::test(flavor = "current_thread")]
async fn data_sm_is_judged_as_submit_sm_is() {
    let wall = Wall::up(700).await;
    assert_eq!(wall.status(&Message::data("ACME", &wall.stopped, PROMO)).await, OPTED_OUT);
    assert_eq!(wall.status(&Message::data("ACME", "33639989001", UNLAWFUL)).await, MISSING_MENTION);
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn submit_multi_is_no_way_to_a_stopped_number_nor_a_distribution_list_to_unknown_ones() {
    let wall = Wall::up(701).await;
    let (stopped, other) = (sme(&wall.stopped), sme("33639989001"));
    let answer = wall.ask(SUBMIT_MULTI, &multi(&[&other, &stopped], PROMO)).await;
    assert_eq!((answer.status(), answer.body()), (0x45, &[0, 0][..]));
    for destinations in [&[&b"\x02clients\0"[..]][..], &[&other, b"\x02clients\0"]] {
        assert_eq!(wall.ask(SUBMIT_MULTI, &multi(destinations, PROMO)).await.status(), 0x44);
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn replace_sm_cannot_put_another_text_into_a_message_that_was_judged() {
    let wall = Wall::up(702).await;
    let sent = wall.acme.submit_and_wait(&Message::submit("ACME", "33639989001", PROMO)).await.unwrap();
    assert_eq!(sent.status(), 0);
    let mut body = [sent.first_string(), b"\0\x05\0ACME\0\0\0\0\0"].concat();
    body.push(UNLAWFUL.len() as u8);
    body.extend_from_slice(UNLAWFUL.as_bytes());
    assert_eq!(wall.ask(REPLACE_SM, &body).await.status(), 0x13);
    Wall { before: wall.before + 1, ..wall }.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn replace_if_present_is_judged_like_any_other_message() {
    let wall = Wall::up(703).await;
    let replacing = |message: Message| Message { replace_if_present: 1, ..message };
    assert_eq!(wall.status(&replacing(wall.promo())).await, OPTED_OUT);
    assert_eq!(wall.status(&replacing(wall.unlawful())).await, MISSING_MENTION);
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_text_in_message_payload_behind_a_decoy_and_two_payloads_are_refused() {
    let wall = Wall::up(704).await;
    let decoy = Message::submit("ACME", "33639989001", PROMO).with_tlv(MESSAGE_PAYLOAD, UNLAWFUL);
    let lawful = wall.unlawful().with_tlv(MESSAGE_PAYLOAD, PROMO);
    let twice = Message::data("ACME", "33639989001", PROMO).with_tlv(MESSAGE_PAYLOAD, UNLAWFUL);
    for message in [decoy, lawful, twice] {
        assert_eq!(wall.status(&message).await, 0xc1, "{message:?}");
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn octets_past_sm_length_and_a_pdu_in_another_s_slack_go_nowhere() {
    let wall = Wall::up(705).await;
    let lawful = Message::submit("ACME", "33639989001", PROMO).pdu(1);
    let smuggled = wall.promo().pdu(2);
    for rest in [UNLAWFUL.as_bytes(), smuggled.octets()] {
        let answer = wall.ask(SUBMIT_SM, &[lawful.body(), rest].concat()).await;
        assert_eq!(answer.status(), 0xc0);
    }
    assert_eq!(wall.ask(ENQUIRE_LINK, smuggled.octets()).await.status(), 0);
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_default_message_of_the_operator_is_no_text_of_ours_unless_listed() {
    let wall = Wall::with(706, |config| {
        config.acme().set("default_message_ids", "[7]");
    })
    .await;
    let mut message = Message::submit("ACME", "33639989001", PROMO);
    message.default_message_id = 6;
    assert_eq!(wall.status(&message).await, 0x63);
    message = Message { default_message_id: 7, ..wall.promo() };
    assert_eq!(wall.status(&message).await, OPTED_OUT, "a listed one is judged all the same");
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn cutting_a_text_into_parts_hides_neither_the_number_nor_the_missing_mention() {
    let wall = Wall::up(707).await;
    let part = |number: u8, text: &str| Message::submit("ACME", "33639989001", text).as_part(9, 2, number);
    assert_eq!(wall.status(&wall.promo().as_part(8, 2, 1)).await, OPTED_OUT);
    assert_eq!(wall.status(&part(1, "Soldes: -20%")).await, 0, "it completes nothing");
    assert_eq!(wall.status(&part(2, " samedi. STO P 36 111")).await, MISSING_MENTION, "the part that completes it");
    let sar = |number: u8| {
        let message = Message::submit("ACME", "33639989002", UNLAWFUL);
        message.with_tlv(0x020c, [0, 9]).with_tlv(0x020e, [2]).with_tlv(0x020f, [number])
    };
    assert_eq!(wall.status(&sar(2)).await, 0, "it completes nothing");
    assert_eq!(wall.status(&sar(1)).await, MISSING_MENTION);
    assert!(wall.passed().len() <= 2, "the whole message never exists at the operator");
}

#[tokio::test(flavor = "current_thread")]
async fn contradictory_segmentations_are_refused() {
    let wall = Wall::up(708).await;
    let promo = |total, number| Message::submit("ACME", "33639989001", PROMO).as_part(1, total, number);
    assert_eq!(wall.status(&promo(2, 3)).await, 0x43, "part 3 of 2");
    let both = promo(2, 1).with_tlv(0x020c, [0, 9]).with_tlv(0x020e, [2]).with_tlv(0x020f, [1]);
    assert_eq!(wall.status(&both).await, 0xc1, "by UDH and by sar");
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_data_coding_that_lies_makes_no_mention_and_no_gibberish_passes() {
    let wall = Wall::up(709).await;
    let message = |data_coding, octets: &[u8]| {
        Message::submit("ACME", "33639989001", "").with_octets(data_coding, octets.to_vec())
    };
    let utf16: Vec<u8> = PROMO.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let cases: [(&str, Message, &[u32]); 4] = [
        ("GSM octets said to be UCS-2", message(8, &PROMO.as_bytes()[..30]), &[MISSING_MENTION, UNREADABLE]),
        ("binary", message(4, PROMO.as_bytes()), &[UNREADABLE]),
        ("UCS-2 cut in the middle of a letter", message(8, &utf16[..utf16.len() - 1]), &[0x01]),
        ("a reserved coding", message(0x0c, PROMO.as_bytes()), &[UNREADABLE]),
    ];
    for (name, message, statuses) in cases {
        let status = wall.status(&message).await;
        assert!(statuses.contains(&status), "{name}: {status:#x}");
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn homoglyphs_zero_width_and_full_width_letters_are_no_mention() {
    let wall = Wall::up(710).await;
    for mention in [
        "ST\u{41e}P 36111",
        "STO\u{200b}P 36111",
        "\u{ff33}\u{ff34}\u{ff2f}\u{ff30} 36111",
        "STOP \u{ff13}\u{ff16}\u{ff11}\u{ff11}\u{ff11}",
        "S T O P 36111",
        "ST0P 36111",
        "NON STOP 36111",
    ] {
        let message = Message::submit("ACME", "33639989001", &format!("Soldes samedi. {mention}"));
        assert_eq!(wall.status(&message).await, MISSING_MENTION, "{mention:?}");
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_message_to_an_application_port_is_refused() {
    let wall = Wall::up(711).await;
    let mut by_header = Message::submit("ACME", "33639989001", PROMO);
    by_header.esm_class |= 0x40;
    by_header.short_message.splice(0..0, [6, 5, 4, 0x0b, 0x84, 0x23, 0xf0]);
    let by_tlv = Message::submit("ACME", "33639989001", PROMO).with_tlv(0x020b, [0x0b, 0x84]);
    for message in [by_header, by_tlv] {
        assert_eq!(wall.status(&message).await, UNREADABLE, "{message:?}");
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_advertisement_over_a_transactional_account_passes_to_no_application_port() {
    let wall = Wall::with(730, transactional_bank).await;
    let bank = wall.stage.bound(&Bind::transceiver("bank", "pass")).await;
    let addressed = |text: &str| {
        let mut message = Message::submit("BANK", &wall.stopped, text);
        message.esm_class |= 0x40;
        message.short_message.splice(0..0, [6, 5, 4, 0x0b, 0x84, 0x23, 0xf0]);
        message
    };
    let status = async |message| bank.submit_and_wait(&message).await.unwrap().status();
    assert_eq!(status(addressed("Soldes: -20% samedi. STOP 36111")).await, UNREADABLE);
    assert_eq!(status(addressed("BEGIN:VCARD 1")).await, 0, "what an application is sent passes");
    assert_eq!(wall.passed().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn every_spelling_of_a_number_finds_the_stop() {
    let wall = Wall::up(712).await;
    let spellings: [(u8, &str); 12] = [
        (1, "33639980712"),
        (1, "+33639980712"),
        (1, "0033639980712"),
        (0, "33639980712"),
        (0, "0639980712"),
        (2, "0639980712"),
        (2, "639980712"),
        (1, "330639980712"),
        (1, "+33(0)639980712"),
        (1, "33 6 39 98 07 12"),
        (1, "+33 (0)6 39980712"),
        (1, "33-639-980-712"),
    ];
    for (ton, spelling) in spellings {
        let mut message = wall.promo();
        (message.destination.ton, message.destination.text) = (ton, spelling.as_bytes().to_vec());
        assert_eq!(wall.status(&message).await, OPTED_OUT, "{ton} {spelling}");
        let data = Message { shape: stopgate::sim::message::Shape::Data, ..message };
        let data = Message { short_message: Vec::new(), ..data }.with_tlv(MESSAGE_PAYLOAD, PROMO);
        assert_eq!(wall.status(&data).await, OPTED_OUT, "data_sm {ton} {spelling}");
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_overseas_number_written_as_a_metropolitan_one_finds_the_stop() {
    let wall = Wall::up(713).await;
    assert_eq!(wall.stage.mo("262692000001", "36111", "STOP").await, 0);
    for spelling in ["33692000001", "0692000001", "262692000001", "+262692000001", "0033692000001"] {
        let mut message = wall.promo();
        (message.destination.ton, message.destination.text) = (u8::from(!spelling.starts_with("06")), spelling.into());
        assert_eq!(wall.status(&message).await, OPTED_OUT, "{spelling}");
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_number_behind_zeros_or_before_a_nul_of_its_own_reaches_nobody() {
    let wall = Wall::up(731).await;
    for zeros in ["0", "000", "000000"] {
        for (ton, number) in [(1, &wall.stopped[..]), (0, &wall.stopped), (2, &wall.stopped[2..])] {
            let mut message = wall.promo();
            (message.destination.ton, message.destination.text) = (ton, format!("{zeros}{number}").into_bytes());
            let status = wall.status(&message).await;
            assert!([OPTED_OUT, 0x0b].contains(&status), "{ton} {zeros}{number}: {status:#x}");
        }
    }
    // A second NUL moves every field behind it: whatever is read then, no lawful message comes of it.
    for nuls in 1..=3 {
        let mut message = wall.promo();
        message.destination.text.extend(std::iter::repeat_n(0, nuls));
        assert_ne!(wall.status(&message).await, 0, "{nuls} more");
        let data = Message { destination: message.destination, ..Message::data("ACME", &wall.stopped, PROMO) };
        assert_ne!(wall.status(&data).await, 0, "data_sm, {nuls} more");
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn what_only_an_operator_may_send_is_refused_to_a_client_and_never_heard() {
    let wall = Wall::up(732).await;
    let handset = phone(733);
    // outbind and alert_notification have no answer of their own: they are nacked, or dropped.
    for (command, body) in [
        (0x0000_000b, b"operator-a\0operator\0".to_vec()),
        (0x0000_0102, [b"\x01\x01", handset.as_bytes(), b"\0\0\x0036111\0"].concat()),
    ] {
        wall.acme.request(command, &body).await.expect("written");
        assert_eq!(wall.ask(ENQUIRE_LINK, b"").await.status(), 0, "{command:#x}: the session goes on");
    }
    let stop = Message::mo(&handset, "36111", "STOP");
    let answer = wall.acme.submit_and_wait(&stop).await.unwrap();
    assert_eq!((answer.command(), answer.status()), (DELIVER_SM | RESPONSE, 0x04));
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_destination_that_is_a_name_or_a_short_code_is_refused() {
    let wall = Wall::up(714).await;
    for ton in [5, 6] {
        let mut message = wall.promo();
        message.destination.ton = ton;
        assert_eq!(wall.status(&message).await, 0x50, "TON {ton}");
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_schedule_into_closed_hours_or_more_than_a_day_ahead_is_refused() {
    let wall = Wall::up(715).await;
    // It is Tuesday 24 November 2026, 10:00 in Paris (UTC+1).
    let cases = [
        ("tonight", "261124220000004+"),
        ("tomorrow before opening", "261125063000004+"),
        ("Thursday at noon: open, but on another day's list", "261126120000004+"),
        ("in 13 hours", "000000130000000R"),
        ("in two days and two hours", "000002020000000R"),
    ];
    for (name, schedule) in cases {
        let message = Message { schedule: schedule.into(), ..Message::submit("ACME", "33639989001", PROMO) };
        assert_eq!(wall.status(&message).await, OUT_OF_HOURS, "{name}");
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn the_operator_is_told_not_to_deliver_after_closing_when_the_account_says_so() {
    let wall = Wall::with(716, |config| {
        config.acme().text("validity", "closing");
    })
    .await;
    // Closing is 20:00 in Paris: 19:00 in UTC.
    for (number, asked) in [(717, ""), (718, "261125100000004+"), (719, "000001000000000R")] {
        let message = Message { validity: asked.into(), ..Message::submit("ACME", &phone(number), PROMO) };
        assert_eq!(wall.status(&message).await, 0);
        let got = wall.stage.forwarded(&phone(number)).await.message.expect("readable");
        let validity = String::from_utf8(got.validity).unwrap();
        assert!(validity == "261124190000000+" || validity.starts_with("2611242000000"), "{asked:?}: {validity}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn silent_and_replacing_protocol_ids_are_refused() {
    let wall = Wall::up(720).await;
    for protocol_id in 0x40..=0x47 {
        let message = Message { protocol_id, ..Message::submit("ACME", "33639989001", PROMO) };
        assert_eq!(wall.status(&message).await, 0x45, "{protocol_id:#x}");
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_forged_esm_class_is_refused() {
    let wall = Wall::up(721).await;
    for esm_class in [0x04, 0x08, 0x10, 0x18, 0x20, 0x24, 0x3c] {
        let message = Message { esm_class, ..wall.promo() };
        let expected = if matches!(esm_class, 0x08 | 0x10) { OPTED_OUT } else { 0x43 };
        assert_eq!(wall.status(&message).await, expected, "{esm_class:#x}");
    }
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn vendor_tlvs_are_cut_unless_listed() {
    let wall = Wall::with(722, |config| {
        config.acme().set("vendor_tlvs", "[0x1500]");
    })
    .await;
    let number = phone(723);
    let message = Message::submit("ACME", &number, PROMO)
        .with_tlv(0x1400, *b"BUY")
        .with_tlv(0x1500, *b"kept")
        .with_tlv(0x3fff, *b"BUY");
    assert_eq!(wall.status(&message).await, 0);
    let got = wall.stage.forwarded(&number).await.message.expect("readable");
    assert_eq!(got.tlvs, [(0x1500, b"kept".to_vec())]);
}

#[tokio::test(flavor = "current_thread")]
async fn ussd_and_a_service_type_that_claims_to_be_transactional_are_judged_as_commercial() {
    let wall = Wall::up(724).await;
    let ussd = |message: Message| Message { service_type: b"USSD".to_vec(), ..message }.with_tlv(0x0501, [2]);
    assert_eq!(wall.status(&ussd(wall.promo())).await, OPTED_OUT);
    assert_eq!(wall.status(&ussd(wall.unlawful())).await, MISSING_MENTION);
    let otp = |message: Message| Message { service_type: b"OTP".to_vec(), priority: 3, ..message };
    assert_eq!(wall.status(&otp(wall.promo())).await, OPTED_OUT);
    assert_eq!(wall.status(&otp(wall.unlawful())).await, MISSING_MENTION);
    let code = Message::submit("ACME", "33639989001", "Votre code est 123456");
    assert_eq!(wall.status(&otp(code)).await, MISSING_MENTION, "the class is the contract's");
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_advertisement_over_a_transactional_account_is_judged_as_commercial() {
    let wall = Wall::with(725, transactional_bank).await;
    let bank = wall.stage.bound(&Bind::transceiver("bank", "pass")).await;
    let message = Message::submit("BANK", &wall.stopped, "Soldes: -20% samedi. STOP 36111");
    assert_eq!(bank.submit_and_wait(&message).await.unwrap().status(), OPTED_OUT);
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn another_bind_and_another_account_meet_the_same_list() {
    let wall = Wall::with(726, |config| {
        config.accounts.push(other());
    })
    .await;
    let other = wall.stage.bound(&Bind::transceiver("other", "pass")).await;
    let message = Message::submit("OTHER", &wall.stopped, "Soldes samedi. STOP 36222");
    assert_eq!(other.submit_and_wait(&message).await.unwrap().status(), OPTED_OUT);
    let second = wall.stage.bound(&Bind::transceiver("acme", "secret").of_kind(BIND_TRANSMITTER)).await;
    assert_eq!(second.submit_and_wait(&wall.promo()).await.unwrap().status(), OPTED_OUT);
    wall.nothing_passed().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_deliver_sm_of_a_client_neither_stops_nor_starts_anybody() {
    let wall = Wall::up(727).await;
    for (from, text) in [(phone(728), "STOP"), (wall.stopped.clone(), "START")] {
        let answer = wall.acme.submit_and_wait(&Message::mo(&from, "36111", text)).await.unwrap();
        assert_eq!((answer.command(), answer.status()), (DELIVER_SM | RESPONSE, 0x04));
    }
    assert_eq!(wall.status(&wall.promo()).await, OPTED_OUT, "a forged START lifts nothing");
    assert_eq!(wall.status(&Message::submit("ACME", &phone(728), PROMO)).await, 0, "a forged STOP stops nobody");
    assert_eq!(wall.passed().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn broadcast_and_vendors_requests_are_never_forwarded() {
    let wall = Wall::up(729).await;
    for command in [0x0000_0111, 0x0001_0200, 0x0000_000a] {
        let answer = wall.ask(command, wall.promo().pdu(1).body()).await;
        assert_eq!((answer.command(), answer.status()), (GENERIC_NACK, 0x03), "{command:#x}");
    }
    wall.nothing_passed().await;
}
