//! Owns the simulated operator's switches: what it does to binds, submits and receipts. All may change while it runs.
//! Must never act: the links read the switches and act.

use std::time::Duration;

/// Which of the messages counted from 1 a switch hits.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum When {
    #[default]
    Never,
    Always,
    /// Every n-th: 3 hits 3, 6, 9…
    Every(u64),
    /// So many in a hundred, spread evenly and the same in each run.
    Percent(u8),
    /// Only the n-th.
    Only(u64),
    /// Messages to this destination, as its digits arrive.
    To(String),
}

impl When {
    /// Whether the `count`-th message, to `destination`, is hit.
    pub fn hits(&self, count: u64, destination: &str) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Every(n) => *n > 0 && count.is_multiple_of(*n),
            Self::Percent(share) => spread(count) % 100 < u64::from(*share),
            Self::Only(n) => count == *n,
            Self::To(number) => number == destination,
        }
    }
}

/// A fixed scatter of counters (splitmix64): a percentage that needs no random source and repeats from run to run.
fn spread(count: u64) -> u64 {
    let mut z = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What becomes of a bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Binds {
    #[default]
    Accept,
    /// Answered with this command_status.
    Refuse(u32),
    /// Never answered.
    Silent,
    /// The connection is closed.
    Close,
}

/// How a message id is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum IdForm {
    #[default]
    Decimal,
    /// Lower-case hexadecimal.
    Hex,
    /// Upper-case hexadecimal, eight digits with leading zeros.
    HexUpper,
    /// Decimal, ten digits with leading zeros.
    DecimalPadded,
}

impl IdForm {
    /// Writes an id.
    pub fn write(self, id: u32) -> String {
        match self {
            Self::Decimal => id.to_string(),
            Self::Hex => format!("{id:x}"),
            Self::HexUpper => format!("{id:08X}"),
            Self::DecimalPadded => format!("{id:010}"),
        }
    }
}

/// The body of a submit_sm_resp that says ROK.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum AnswerBody {
    /// message_id and its NUL.
    #[default]
    MessageId,
    /// None at all: 16 octets.
    Missing,
    /// message_id without its NUL.
    WithoutNul,
    /// These octets.
    Octets(Vec<u8>),
}

/// What becomes of a submit.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Answers {
    /// How long every answer takes.
    pub delay: Duration,
    /// The status of those that are hit; the first that hits counts.
    pub statuses: Vec<(When, u32)>,
    /// Taken, but never answered.
    pub drop: When,
    /// Answered twice.
    pub double: When,
    /// Answered this much later than the others.
    pub late: (When, Duration),
    pub body: AnswerBody,
    /// More submits than this in a second get 0x58 ESME_RTHROTTLED; 0 = none.
    pub throughput: u32,
    /// While set, no submit is answered; when it is cleared all answers held back leave in order.
    pub stalled: bool,
    /// generic_nack (this status) instead of a submit_sm_resp.
    pub nack: (When, u32),
}

/// The receipts that are sent for submits which ask for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipts {
    pub after: Duration,
    /// `DELIVRD`, `UNDELIV`, `EXPIRED`…
    pub stat: String,
    /// Three digits.
    pub err: String,
    pub id_form: IdForm,
    /// receipted_message_id and message_state beside the text.
    pub tlvs: bool,
    /// 0x04 as a rule.
    pub esm_class: u8,
    /// Receipts leave before the submit_sm_resp.
    pub before_answer: bool,
}

impl Default for Receipts {
    fn default() -> Self {
        Self {
            after: Duration::ZERO,
            stat: "DELIVRD".into(),
            err: "000".into(),
            id_form: IdForm::Decimal,
            tlvs: true,
            esm_class: 0x04,
            before_answer: false,
        }
    }
}

/// Every switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switches {
    /// system_id and password that are accepted; `None` = any.
    pub credentials: Option<(String, String)>,
    pub binds: Binds,
    /// Octets written just before each bind response to a link that can receive.
    pub before_bind_response: Vec<u8>,
    pub answers: Answers,
    /// `None` = no receipts.
    pub receipts: Option<Receipts>,
    pub id_form: IdForm,
    /// The status cancel_sm is answered with; `None` = never answered.
    pub cancels: Option<u32>,
    /// Whether enquire_link is answered.
    pub answer_enquire_link: bool,
    /// Whether unbind is answered.
    pub answer_unbind: bool,
    /// How often enquire_link is sent on each bound link.
    pub enquire_link: Option<Duration>,
    /// How soon a deliver_sm answered 0x08, 0x14, 0x58 or 0x64 is sent again; `None` = never.
    pub redeliver: Option<Duration>,
    /// sc_interface_version in bind responses.
    pub interface_version: Option<u8>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            credentials: None,
            binds: Binds::Accept,
            before_bind_response: Vec::new(),
            answers: Answers::default(),
            receipts: None,
            id_form: IdForm::Decimal,
            cancels: Some(0),
            answer_enquire_link: true,
            answer_unbind: true,
            enquire_link: None,
            redeliver: Some(Duration::from_secs(1)),
            interface_version: Some(0x34),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_hits_what_it_names() {
        let hit = |when: When| (1..=100).filter(|&count| when.hits(count, "33639980012")).count();
        assert_eq!(hit(When::Never), 0);
        assert_eq!(hit(When::Always), 100);
        assert_eq!(hit(When::Every(10)), 10);
        assert_eq!(hit(When::Only(7)), 1);
        assert_eq!(hit(When::To("33639980012".into())), 100);
        assert_eq!(hit(When::To("33639980013".into())), 0);
        let third = (1..=10_000).filter(|&count| When::Percent(33).hits(count, "")).count();
        assert!((3100..3500).contains(&third), "{third}");
    }

    #[test]
    fn an_id_is_written_in_each_form() {
        let forms = [IdForm::Decimal, IdForm::Hex, IdForm::HexUpper, IdForm::DecimalPadded];
        assert_eq!(forms.map(|form| form.write(0xabc)), ["2748", "abc", "00000ABC", "0000002748"]);
    }
}
