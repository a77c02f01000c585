//! Owns what a person is told after an erasure: what is gone, what stays, why, and until when.
//! Must never promise more than is done: what is outside these files is said to be outside.

use super::{EraseAnswer, ErasedCounts, Stays};

/// Days after which a backup is gone (docs/operations.md, "Backups").
const BACKUP_DAYS: u32 = 35;

/// What stays of a number after an erasure. `trail`: for how long verdicts are kept, in words.
pub fn stays(suppressed: bool, trail: &str) -> Vec<Stays> {
    let mut all = Vec::new();
    let mut add = |what: &str, why: &str, until: &str| {
        all.push(Stays { what: what.to_owned(), why: why.to_owned(), until: until.to_owned() });
    };
    if suppressed {
        add(
            "a keyed code of the number on the list of those who must not be written to",
            "without it the objection could not be honoured: messages to the number are recognised by it (GDPR art. 21(3), \
             art. 17(3)(b)). The number cannot be read from it; only who holds the gateway's secret key and already knows the \
             number can compare them",
            "until the person asks to be written to again",
        );
    }
    add(
        "the records of what was decided about messages to the number, and the acts recorded about it: date, sender, account, \
         decision, under the same code; no number and no text",
        "they prove that the rules were kept, for the establishment, exercise or defence of legal claims (GDPR art. 17(3)(e)), \
         and they hold the proofs of everybody else together",
        trail,
    );
    add(
        "the record of this erasure: the code, the date, the reason given, and who carried it out",
        "it shows that the request was met (GDPR art. 5(2))",
        "as long as the ledger is kept",
    );
    add(
        "copies in backups made before today",
        "a backup cannot be changed; it is only used to restore what was lost, and whoever restores one repeats this erasure",
        &format!("at most {BACKUP_DAYS} days"),
    );
    all
}

/// The answer that a person can be sent.
pub fn answer(answer: &EraseAnswer) -> String {
    let number = answer.number.map_or_else(|| "-".to_owned(), |number| format!("+{}", number.as_u64()));
    let day = answer.at.to_utc().format("%Y-%m-%d");
    let mut lines = vec![format!("Erasure of the data held about {number}, {day}"), String::new()];
    let ErasedCounts { records, waiting, confirmations, reply_parts, scheduled, review } = answer.erased;
    let found = [
        (records, "record", "the number, texts and evidence sealed beside it"),
        (waiting, "receipt or message", "that waited for its sender's system"),
        (confirmations, "answer", "that was still owed to the telephone"),
        (reply_parts, "part of a reply", "that waited for the others"),
        (scheduled, "message", "that an operator holds for later: what was noted of it"),
        (review, "reply", "that was kept for an officer to read"),
    ];
    let found: Vec<String> = found
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, what, which)| format!("- {count} x {what}: {which}"))
        .collect();
    if found.is_empty() {
        lines.push("Nothing was held that could be erased: no number, no text.".to_owned());
    } else {
        lines.push("Erased from every file of this gateway:".to_owned());
        lines.extend(found);
    }
    if !answer.ended_opt_ins.is_empty() {
        lines.push(format!(
            "- the consent given to {}: with its proof it has ended, and they may not write without a new one",
            answer.ended_opt_ins.join(", ")
        ));
    }
    lines.extend([String::new(), "What stays, and why:".to_owned()]);
    lines.extend(answer.stays.iter().map(|one| format!("- {}. Why: {}. How long: {}.", one.what, one.why, one.until)));
    lines.push(String::new());
    lines.push(if answer.suppressed {
        "The number stays blocked: no advertising is sent to it through this gateway.".to_owned()
    } else {
        "The number is not on the list of those who must not be written to. An erasure is no objection: to receive no \
         advertising, answer STOP to a message or say so to us."
            .to_owned()
    });
    lines.push(
        "The senders of messages and the telephone operators keep their own records: ask them for theirs.".to_owned(),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::instant::CivilInstant;
    use crate::message::msisdn::Msisdn;

    fn of(erased: ErasedCounts, suppressed: bool, ended: &[&str]) -> String {
        answer(&EraseAnswer {
            number: Msisdn::from_canonical(33_639_980_012),
            at: CivilInstant::from_secs(1_795_000_000),
            record: 7,
            erased,
            ended_opt_ins: ended.iter().map(|one| (*one).to_owned()).collect(),
            suppressed,
            stays: stays(suppressed, "5 years"),
            answer: String::new(),
        })
    }

    #[test]
    fn the_person_is_told_what_is_gone_what_stays_why_and_how_long() {
        let counts = ErasedCounts { records: 2, scheduled: 1, ..ErasedCounts::default() };
        let words = of(counts, true, &["acme"]);
        for part in [
            "+33639980012, 2026-11-18",
            "- 2 x record",
            "- 1 x message: that an operator holds",
            "the consent given to acme",
            "keyed code",
            "art. 21(3)",
            "How long: 5 years",
            "35 days",
            "stays blocked",
            "operators keep their own",
        ] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert!(!words.contains("waited for its sender"), "{words}");
    }

    #[test]
    fn whoever_is_not_on_the_list_learns_that_an_erasure_is_no_objection() {
        let words = of(ErasedCounts::default(), false, &[]);
        for part in ["Nothing was held", "An erasure is no objection", "answer STOP"] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert!(
            !words.contains("stays blocked") && !words.contains("on the list of those who must not be written to. Why")
        );
    }
}
