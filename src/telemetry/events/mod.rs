//! Owns the events worth a log line: each has one stable name, one line and one metric, emitted together.
//! Must never print a whole number, a text or a password.

mod evidence;
mod links;
mod node;
mod people;
mod verdicts;

pub use evidence::{EvidenceChanged, LeakSeen, LedgerFailed, SpareSegment, StoreChanged};
pub use links::{BindRefused, EsmeBound, EsmeUnbound, PduRejected, SmscBound, SmscLost};
pub use node::{AdminRequest, ClockStepped, ConfigReloaded, DrainBegun};
pub use people::{ConfirmationDone, OptOutDurable, OptOutReceived, RecallDone};
pub use verdicts::VerdictGiven;

use crate::message::msisdn::Msisdn;

/// Every event's name: what alerts on logs may rely on.
pub const NAMES: &[&str] = &[
    "verdict",
    "text.promotional",
    "optout.received",
    "optout.durable",
    "confirmation",
    "recall",
    "esme.bound",
    "esme.unbound",
    "esme.bind_refused",
    "smsc.bound",
    "smsc.lost",
    "pdu.error",
    "evidence.failing_closed",
    "evidence.recovered",
    "ledger.error",
    "ledger.spare_missing",
    "ledger.spare_ready",
    "store",
    "leak",
    "clock.step",
    "config.reload",
    "admin.request",
    "drain",
];

fn masked(number: Option<Msisdn>) -> String {
    number.map_or_else(|| "-".to_owned(), Msisdn::masked)
}

#[cfg(test)]
mod tests {
    use super::NAMES;

    #[test]
    fn every_event_of_these_files_is_in_the_list_of_names() {
        let mut seen = Vec::new();
        for source in [
            include_str!("evidence.rs"),
            include_str!("links.rs"),
            include_str!("node.rs"),
            include_str!("people.rs"),
            include_str!("verdicts.rs"),
        ] {
            let body = source.split("#[cfg(test)]").next().unwrap_or_default();
            for after in body.split("event = \"").skip(1) {
                let name = after.split('"').next().unwrap_or_default();
                assert!(NAMES.contains(&name), "{name}");
                seen.push(name);
            }
        }
        for name in NAMES {
            assert!(seen.contains(name), "{name} is never emitted");
        }
    }
}
