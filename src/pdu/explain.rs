//! Owns what each refusal means and what the sender should do, for `stopgate explain` and docs/refusals.md.
//! Must never hold a status: those are `status::of`'s.

use super::status::{self, CommandStatus};
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;

/// A refusal in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub code: RefusalCode,
    /// What a commercial message is answered with, unless the account says otherwise.
    pub commercial: CommandStatus,
    /// What a transactional message is answered with.
    pub transactional: CommandStatus,
    /// Why it was refused.
    pub cause: &'static str,
    /// What the sender should do.
    pub advice: &'static str,
}

/// The words for a refusal.
pub const fn explain(code: RefusalCode) -> Explanation {
    let (cause, advice) = match code {
        RefusalCode::OptedOut => (
            "The person has opted out; the number is on the suppression list.",
            "Remove the number. Only the person's own START, or a lift with evidence, opens it again.",
        ),
        RefusalCode::NoConsent => (
            "The account proves consent number by number, and there is no live opt-in for this one; or its contract is transactional, and the text is advertising.",
            "Record an opt-in first (`stopgate consent record`).",
        ),
        RefusalCode::OutOfHours => (
            "It is outside the pack's sending hours where the recipient is, or scheduled outside them or too far ahead.",
            "Send again at the next opening; `stopgate check` tells it.",
        ),
        RefusalCode::MissingStopMention => (
            "The commercial text has no valid STOP mention with a short code of the account.",
            "Add the mention, such as \"STOP au 36111\".",
        ),
        RefusalCode::UndecodableText => (
            "The text is empty or cannot be read under its data_coding, so it cannot be checked.",
            "Fix data_coding or the encoding.",
        ),
        RefusalCode::SenderNotAllowed => (
            "The source address is not one the account may use for this class of message.",
            "Use a sender id that is registered to the account.",
        ),
        RefusalCode::BadDestination => (
            "The destination is no mobile number that a loaded pack knows, or no number at all.",
            "Write it in international form; landlines, M2M ranges and unknown countries take no commercial message.",
        ),
        RefusalCode::FrequencyCap => (
            "The account has reached its cap of commercial messages to this number.",
            "Wait until the cap's period has passed.",
        ),
        RefusalCode::RateLimited => ("The account sends faster than its contract.", "Slow down, then send again."),
        RefusalCode::SmscUnavailable => ("No link to an operator of the account is up.", "Send again."),
        RefusalCode::QueueFull => ("Too many messages wait for the operator.", "Send again, slower."),
        RefusalCode::EvidenceUnavailable => (
            "The suppression list or the ledger cannot be used, or was restored from a backup that may lack stops: commercial messages fail closed.",
            "Send again later; the gateway's /readyz says when.",
        ),
        RefusalCode::FateUnknown => (
            "The operator never answered, or its link died after the message was written: it may have been sent.",
            "Do not send a commercial message again blindly; a transactional one may be sent again.",
        ),
    };
    Explanation {
        code,
        commercial: status::of(code, TrafficClass::Commercial),
        transactional: status::of(code, TrafficClass::Transactional),
        cause,
        advice,
    }
}

#[cfg(test)]
mod page {
    use super::*;
    use crate::pdu::answer;
    use crate::pdu::command::CommandId;
    use crate::pdu::fault::Fault;
    use std::fmt::Write;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/refusals.md");

    fn hex(octets: &[u8]) -> String {
        octets.iter().fold(String::new(), |text, octet| text + &format!("{octet:02x}"))
    }

    fn yes_no(temporary: bool) -> &'static str {
        if temporary { "yes" } else { "no" }
    }

    /// The page, made from the enums alone.
    fn page() -> String {
        let mut page = String::from(
            "# Refusals\n\n\
             Made from the code by `UPDATE_DOCS=1 cargo test --lib pdu::explain`; a test compares it.\n\n\
             A refused message gets exactly one response with one status of SMPP 3.4 and no body or TLV, unless the account\n\
             asked for more. A refusal that is not temporary never carries a status that clients resend by themselves\n\
             (0x08, 0x14, 0x58, 0x64). An operator's own statuses pass through unchanged.\n\n\
             ## Policy\n\n\
             | code | slug | command_status | temporary | why | what to do |\n|---|---|---|---|---|---|\n",
        );
        for code in RefusalCode::ALL {
            let told = explain(code);
            let (status, temporary) = if told.commercial == told.transactional {
                (told.commercial.to_string(), yes_no(code.is_temporary(TrafficClass::Commercial)).to_owned())
            } else {
                let both = [TrafficClass::Commercial, TrafficClass::Transactional]
                    .map(|class| yes_no(code.is_temporary(class)));
                (format!("commercial {}, transactional {}", told.commercial, told.transactional), both.join(" / "))
            };
            writeln!(
                page,
                "| {} | `{}` | {status} | {temporary} | {} | {} |",
                code.code(),
                code.slug(),
                told.cause,
                told.advice
            )
            .expect("a String takes everything");
        }
        page.push_str(
            "\nThe answer on the wire, for a commercial submit_sm with sequence number 7:\n\n| code | octets |\n|---|---|\n",
        );
        for code in RefusalCode::ALL {
            let mut octets = Vec::new();
            answer::error(CommandId::SubmitSm, explain(code).commercial, 7, &mut octets);
            writeln!(page, "| {} | `{}` |", code.code(), hex(&octets)).expect("a String takes everything");
        }
        page.push_str(
            "\n## Bodies that are wrong\n\n\
             Structure is looked at left to right, then field values in PDU order, then the TLVs, then the text; the first\n\
             fault found is the answer. The session stays; ten bad bodies a minute end it.\n\n\
             | what | command_status |\n|---|---|\n",
        );
        for fault in Fault::ALL {
            writeln!(page, "| {} | {} |", fault.words(), fault.status()).expect("a String takes everything");
        }
        page
    }

    #[test]
    fn the_page_of_refusals_is_what_the_code_says() {
        let made = page();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(PAGE, &made).expect("docs/refusals.md can be written");
        }
        let stands = std::fs::read_to_string(PAGE).expect("docs/refusals.md stands");
        assert_eq!(stands, made, "run UPDATE_DOCS=1 cargo test --lib pdu::explain");
    }
}
