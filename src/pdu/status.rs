//! Owns the values of command_status (SMPP 3.4 §5.1.3) and the one table from our reasons to them.
//! Must never map two reasons of one kind of blame to a status that makes a client resend for ever.

use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;

/// A command_status as it stands on the wire; an operator's own values pass through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandStatus(pub u32);

impl CommandStatus {
    pub const OK: Self = Self(0x00);
    pub const INVALID_MESSAGE_LENGTH: Self = Self(0x01);
    pub const INVALID_COMMAND_LENGTH: Self = Self(0x02);
    pub const INVALID_COMMAND_ID: Self = Self(0x03);
    pub const INVALID_BIND_STATUS: Self = Self(0x04);
    pub const ALREADY_BOUND: Self = Self(0x05);
    pub const INVALID_PRIORITY: Self = Self(0x06);
    pub const INVALID_REGISTERED_DELIVERY: Self = Self(0x07);
    pub const SYSTEM_ERROR: Self = Self(0x08);
    pub const INVALID_SOURCE: Self = Self(0x0A);
    pub const INVALID_DESTINATION: Self = Self(0x0B);
    pub const INVALID_MESSAGE_ID: Self = Self(0x0C);
    pub const BIND_FAILED: Self = Self(0x0D);
    pub const INVALID_PASSWORD: Self = Self(0x0E);
    pub const INVALID_SYSTEM_ID: Self = Self(0x0F);
    pub const CANCEL_FAILED: Self = Self(0x11);
    pub const REPLACE_FAILED: Self = Self(0x13);
    pub const QUEUE_FULL: Self = Self(0x14);
    pub const INVALID_SERVICE_TYPE: Self = Self(0x15);
    pub const INVALID_DESTINATION_COUNT: Self = Self(0x33);
    pub const INVALID_LIST_NAME: Self = Self(0x34);
    pub const INVALID_DESTINATION_FLAG: Self = Self(0x40);
    pub const INVALID_ESM_CLASS: Self = Self(0x43);
    pub const NO_DISTRIBUTION_LISTS: Self = Self(0x44);
    pub const SUBMIT_FAILED: Self = Self(0x45);
    pub const INVALID_SOURCE_TON: Self = Self(0x48);
    pub const INVALID_SOURCE_NPI: Self = Self(0x49);
    pub const INVALID_DESTINATION_TON: Self = Self(0x50);
    pub const INVALID_DESTINATION_NPI: Self = Self(0x51);
    pub const INVALID_SYSTEM_TYPE: Self = Self(0x53);
    pub const INVALID_REPLACE_FLAG: Self = Self(0x54);
    pub const INVALID_MESSAGE_COUNT: Self = Self(0x55);
    pub const THROTTLED: Self = Self(0x58);
    pub const INVALID_SCHEDULE: Self = Self(0x61);
    pub const INVALID_EXPIRY: Self = Self(0x62);
    pub const INVALID_DEFAULT_MESSAGE_ID: Self = Self(0x63);
    pub const RECEIVER_TEMPORARY: Self = Self(0x64);
    pub const RECEIVER_PERMANENT: Self = Self(0x65);
    pub const RECEIVER_REJECTS: Self = Self(0x66);
    pub const QUERY_FAILED: Self = Self(0x67);
    pub const INVALID_TLV_STREAM: Self = Self(0xC0);
    pub const TLV_NOT_ALLOWED: Self = Self(0xC1);
    pub const INVALID_TLV_LENGTH: Self = Self(0xC2);
    pub const MISSING_TLV: Self = Self(0xC3);
    pub const INVALID_TLV_VALUE: Self = Self(0xC4);
    pub const UNKNOWN_ERROR: Self = Self(0xFF);
    /// SMPP 5.0 only: the operation is prohibited.
    pub const PROHIBITED: Self = Self(0x101);

    /// Whether it says success.
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// The name in SMPP 3.4 §5.1.3 (5.0 for 0x101), `None` for reserved and vendor values.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0x00 => "ESME_ROK",
            0x01 => "ESME_RINVMSGLEN",
            0x02 => "ESME_RINVCMDLEN",
            0x03 => "ESME_RINVCMDID",
            0x04 => "ESME_RINVBNDSTS",
            0x05 => "ESME_RALYBND",
            0x06 => "ESME_RINVPRTFLG",
            0x07 => "ESME_RINVREGDLVFLG",
            0x08 => "ESME_RSYSERR",
            0x0A => "ESME_RINVSRCADR",
            0x0B => "ESME_RINVDSTADR",
            0x0C => "ESME_RINVMSGID",
            0x0D => "ESME_RBINDFAIL",
            0x0E => "ESME_RINVPASWD",
            0x0F => "ESME_RINVSYSID",
            0x11 => "ESME_RCANCELFAIL",
            0x13 => "ESME_RREPLACEFAIL",
            0x14 => "ESME_RMSGQFUL",
            0x15 => "ESME_RINVSERTYP",
            0x33 => "ESME_RINVNUMDESTS",
            0x34 => "ESME_RINVDLNAME",
            0x40 => "ESME_RINVDESTFLAG",
            0x42 => "ESME_RINVSUBREP",
            0x43 => "ESME_RINVESMCLASS",
            0x44 => "ESME_RCNTSUBDL",
            0x45 => "ESME_RSUBMITFAIL",
            0x48 => "ESME_RINVSRCTON",
            0x49 => "ESME_RINVSRCNPI",
            0x50 => "ESME_RINVDSTTON",
            0x51 => "ESME_RINVDSTNPI",
            0x53 => "ESME_RINVSYSTYP",
            0x54 => "ESME_RINVREPFLAG",
            0x55 => "ESME_RINVNUMMSGS",
            0x58 => "ESME_RTHROTTLED",
            0x61 => "ESME_RINVSCHED",
            0x62 => "ESME_RINVEXPIRY",
            0x63 => "ESME_RINVDFTMSGID",
            0x64 => "ESME_RX_T_APPN",
            0x65 => "ESME_RX_P_APPN",
            0x66 => "ESME_RX_R_APPN",
            0x67 => "ESME_RQUERYFAIL",
            0xC0 => "ESME_RINVOPTPARSTREAM",
            0xC1 => "ESME_ROPTPARNOTALLWD",
            0xC2 => "ESME_RINVPARLEN",
            0xC3 => "ESME_RMISSINGOPTPARAM",
            0xC4 => "ESME_RINVOPTPARAMVAL",
            0xFE => "ESME_RDELIVERYFAILURE",
            0xFF => "ESME_RUNKNOWNERR",
            0x101 => "ESME_RPROHIBITED",
            _ => return None,
        })
    }
}

/// `0x66 ESME_RX_R_APPN`, or the bare value where SMPP has no name.
impl std::fmt::Display for CommandStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{:#04x} {name}", self.0),
            None => write!(f, "{:#04x}", self.0),
        }
    }
}

/// The command_status of a refusal: the only table. Accounts may override it (`gateway`).
///
/// A final refusal never gets a status that clients resend by themselves (0x08, 0x14, 0x58, 0x64).
pub const fn of(code: RefusalCode, class: TrafficClass) -> CommandStatus {
    match code {
        RefusalCode::OptedOut => CommandStatus::RECEIVER_REJECTS,
        RefusalCode::NoConsent => CommandStatus::SUBMIT_FAILED,
        RefusalCode::OutOfHours => CommandStatus::INVALID_SCHEDULE,
        RefusalCode::MissingStopMention => CommandStatus::RECEIVER_PERMANENT,
        RefusalCode::UndecodableText => CommandStatus::INVALID_SERVICE_TYPE,
        RefusalCode::SenderNotAllowed => CommandStatus::INVALID_SOURCE,
        RefusalCode::BadDestination => CommandStatus::INVALID_DESTINATION,
        RefusalCode::FrequencyCap => CommandStatus::INVALID_MESSAGE_COUNT,
        RefusalCode::RateLimited => CommandStatus::THROTTLED,
        RefusalCode::SmscUnavailable | RefusalCode::EvidenceUnavailable => CommandStatus::SYSTEM_ERROR,
        RefusalCode::QueueFull => CommandStatus::QUEUE_FULL,
        RefusalCode::FateUnknown => match class {
            // A promotion must not be resent blindly; a second OTP harms less than none.
            TrafficClass::Commercial => CommandStatus::UNKNOWN_ERROR,
            TrafficClass::Transactional => CommandStatus::SYSTEM_ERROR,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_temporary_on_the_wire_exactly_when_it_is_temporary() {
        const RESENT: [u32; 4] = [0x08, 0x14, 0x58, 0x64];
        for code in RefusalCode::ALL {
            for class in [TrafficClass::Commercial, TrafficClass::Transactional] {
                assert_eq!(RESENT.contains(&of(code, class).0), code.is_temporary(class), "{} {class:?}", code.code());
            }
        }
    }

    #[test]
    fn every_status_of_the_table_has_a_name() {
        for code in RefusalCode::ALL {
            assert!(of(code, TrafficClass::Commercial).name().is_some());
        }
        assert_eq!(CommandStatus(0x66).to_string(), "0x66 ESME_RX_R_APPN");
        assert_eq!(CommandStatus(0x400).to_string(), "0x400");
    }
}
