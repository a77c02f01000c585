//! Owns the words by which switches are set from a command line or a control port: `drop=every:3`.
//! Must never half-apply: a word that cannot be read changes nothing.

use super::switches::{AnswerBody, Binds, IdForm, Receipts, Switches, When};
use std::time::Duration;

/// What can be written, for `--help` and for errors.
pub const HELP: &str = "\
delay=50ms            every answer takes this long
status=0x58@every:3   answer this status: @always, @every:N, @percent:N, @only:N, @to:NUMBER
drop=percent:5        never answer (never, always, every:N, percent:N, only:N, to:NUMBER)
double=only:2         answer twice
late=every:10@31s     answer that much later
nack=only:1@0x03      generic_nack instead of an answer
body=missing          missing, without-nul, message-id
throughput=100        more a second get 0x58 (0 = no limit)
stalled=on            hold every answer back until stalled=off
binds=refuse:0x0d     accept, refuse:STATUS, silent, close
receipts=DELIVRD      state of receipts, or off
receipt-delay=2s      how long receipts take
receipt-err=000       their error code
receipt-ids=hex       their form of ids: decimal, hex, hex-upper, decimal-padded
ids=decimal           the form of ids in answers
enquire-link=30s      send enquire_link that often, or off
enquire-answers=off   leave enquire_link unanswered
redeliver=1s          offer a deliver_sm again after a temporary refusal, or off";

impl Switches {
    /// Sets one switch from `word=value`.
    ///
    /// # Errors
    /// What is wrong and what could be written instead.
    pub fn set(&mut self, word: &str) -> Result<(), String> {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("`{word}` has no `=`; one of:\n{HELP}"))?;
        let wrong = || format!("`{value}` cannot be read for `{key}`; one of:\n{HELP}");
        let answers = &mut self.answers;
        match key {
            "delay" => answers.delay = duration(value).ok_or_else(wrong)?,
            "status" => {
                let (status, when) = value.split_once('@').unwrap_or((value, "always"));
                let status = number(status).ok_or_else(wrong)?;
                let when = when_of(when).ok_or_else(wrong)?;
                answers.statuses = if status == 0 { Vec::new() } else { vec![(when, status)] };
            }
            "drop" => answers.drop = when_of(value).ok_or_else(wrong)?,
            "double" => answers.double = when_of(value).ok_or_else(wrong)?,
            "late" => {
                let (when, by) = value.split_once('@').unwrap_or((value, "0s"));
                answers.late = (when_of(when).ok_or_else(wrong)?, duration(by).ok_or_else(wrong)?);
            }
            "nack" => {
                let (when, status) = value.split_once('@').unwrap_or((value, "0x03"));
                answers.nack = (when_of(when).ok_or_else(wrong)?, number(status).ok_or_else(wrong)?);
            }
            "body" => {
                answers.body = match value {
                    "message-id" => AnswerBody::MessageId,
                    "missing" => AnswerBody::Missing,
                    "without-nul" => AnswerBody::WithoutNul,
                    _ => return Err(wrong()),
                }
            }
            "throughput" => answers.throughput = number(value).ok_or_else(wrong)?,
            "stalled" => answers.stalled = on(value).ok_or_else(wrong)?,
            "binds" => {
                self.binds = match value.split_once(':') {
                    Some(("refuse", status)) => Binds::Refuse(number(status).ok_or_else(wrong)?),
                    None if value == "accept" => Binds::Accept,
                    None if value == "silent" => Binds::Silent,
                    None if value == "close" => Binds::Close,
                    _ => return Err(wrong()),
                }
            }
            "receipts" if value == "off" => self.receipts = None,
            "receipts" => self.receipts.get_or_insert_default().stat = value.to_owned(),
            "receipt-delay" => {
                let after = duration(value).ok_or_else(wrong)?;
                self.receipts.get_or_insert_default().after = after;
            }
            "receipt-err" => self.receipts.get_or_insert_with(Receipts::default).err = value.to_owned(),
            "receipt-ids" => {
                let form = id_form(value).ok_or_else(wrong)?;
                self.receipts.get_or_insert_default().id_form = form;
            }
            "ids" => self.id_form = id_form(value).ok_or_else(wrong)?,
            "enquire-link" if value == "off" => self.enquire_link = None,
            "enquire-link" => self.enquire_link = Some(duration(value).ok_or_else(wrong)?),
            "enquire-answers" => self.answer_enquire_link = on(value).ok_or_else(wrong)?,
            "redeliver" if value == "off" => self.redeliver = None,
            "redeliver" => self.redeliver = Some(duration(value).ok_or_else(wrong)?),
            _ => return Err(format!("no switch is called `{key}`; one of:\n{HELP}")),
        }
        Ok(())
    }
}

fn on(value: &str) -> Option<bool> {
    match value {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn number(value: &str) -> Option<u32> {
    match value.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => value.parse().ok(),
    }
}

/// `50ms`, `2s` or `1m`, at most a day.
pub fn duration(value: &str) -> Option<Duration> {
    let unit = value.find(|char: char| !char.is_ascii_digit())?;
    let amount: u64 = value[..unit].parse().ok()?;
    let duration = match &value[unit..] {
        "ms" => Duration::from_millis(amount),
        "s" => Duration::from_secs(amount),
        "m" => Duration::from_secs(amount.checked_mul(60)?),
        _ => return None,
    };
    (duration <= Duration::from_secs(86_400)).then_some(duration)
}

fn id_form(value: &str) -> Option<IdForm> {
    Some(match value {
        "decimal" => IdForm::Decimal,
        "hex" => IdForm::Hex,
        "hex-upper" => IdForm::HexUpper,
        "decimal-padded" => IdForm::DecimalPadded,
        _ => return None,
    })
}

fn when_of(value: &str) -> Option<When> {
    Some(match value.split_once(':') {
        None if value == "never" => When::Never,
        None if value == "always" => When::Always,
        Some(("every", n)) => When::Every(n.parse().ok().filter(|n| *n > 0)?),
        Some(("percent", n)) => When::Percent(n.parse().ok().filter(|n| *n <= 100)?),
        Some(("only", n)) => When::Only(n.parse().ok()?),
        Some(("to", number)) => When::To(number.to_owned()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_help_sets_a_switch() {
        let mut read = 0;
        for line in HELP.lines() {
            let word = line.split_whitespace().next().unwrap();
            let mut switches = Switches { redeliver: None, ..Switches::default() };
            switches.answers.body = AnswerBody::WithoutNul;
            switches.answers.throughput = 1;
            switches.id_form = IdForm::Hex;
            let before = switches.clone();
            switches.set(word).unwrap();
            assert_ne!(switches, before, "{word}");
            read += 1;
        }
        assert_eq!(read, 18);
    }

    #[test]
    fn a_word_that_cannot_be_read_says_what_can_be_written_and_changes_nothing() {
        let mut switches = Switches::default();
        for word in
            ["delay", "delay=5", "drop=sometimes", "binds=refuse", "colour=red", "late=only:1@1h", "drop=every:0"]
        {
            let error = switches.set(word).unwrap_err();
            assert!(error.contains("delay=50ms"), "{error}");
        }
        assert_eq!(switches, Switches::default());
    }
}
