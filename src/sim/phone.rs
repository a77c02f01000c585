//! Owns phones that answer by script: what a message has to contain, what is replied, and after how long.
//! Must never reply to a receipt or to itself: a script answers each message at most once.

use super::message::Message;
use std::time::Duration;

/// One rule of the script: the first that fits a message answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneRule {
    /// The phone (digits as they arrive); empty fits every phone.
    pub number: String,
    /// What the text must contain, in any case; empty fits every text.
    pub contains: String,
    /// What it sends back.
    pub reply: String,
    /// Where to: empty = the source of the message it answers (needs to be a number).
    pub to: String,
    /// How long the person takes.
    pub after: Duration,
    /// How many times the rule still answers.
    pub times: u32,
}

impl PhoneRule {
    /// `number` answers `reply` to the short code `to`, once, when a text contains `contains`.
    pub fn once(number: &str, contains: &str, reply: &str, to: &str) -> Self {
        Self {
            number: number.into(),
            contains: contains.into(),
            reply: reply.into(),
            to: to.into(),
            after: Duration::ZERO,
            times: 1,
        }
    }
}

/// Every phone of the rehearsal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phones {
    pub rules: Vec<PhoneRule>,
}

impl Phones {
    /// What a phone answers to a message it got, and after how long.
    pub fn answer(&mut self, got: &Message) -> Option<(Message, Duration)> {
        let (number, text) = (got.destination.as_text(), got.text().to_uppercase());
        let rule = self.rules.iter_mut().find(|rule| {
            rule.times > 0
                && (rule.number.is_empty() || rule.number == number)
                && text.contains(&rule.contains.to_uppercase())
        })?;
        rule.times -= 1;
        let to = if rule.to.is_empty() { got.source.as_text() } else { rule.to.clone() };
        Some((Message::mo(&number, &to, &rule.reply), rule.after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_answers_what_its_script_says_and_no_more_than_that() {
        let mut phones = Phones { rules: vec![PhoneRule::once("33639980012", "promo", "STOP", "36111")] };
        let promo = Message::submit("ACME", "33639980012", "PROMO -20%");
        let (reply, after) = phones.answer(&promo).expect("the rule fits");
        assert_eq!((reply.text().as_str(), after), ("STOP", Duration::ZERO));
        assert_eq!((reply.source.as_text(), reply.destination.as_text()), ("33639980012".into(), "36111".into()));
        assert!(phones.answer(&promo).is_none(), "once");
        assert!(phones.answer(&Message::submit("ACME", "33639980013", "promo")).is_none(), "another phone");
    }
}
