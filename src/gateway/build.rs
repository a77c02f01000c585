//! Owns the translation of settings into what sessions and PDUs are made from.
//! Must never hold state.

use super::settings::{MessageIdMatch, SmscBind, SmscSettings};
use crate::compliance::numbers::NumberPlan;
use crate::pdu::bind::BindKind;
use crate::pdu::dialect::{Dialect, ValidityFormat};
use crate::pdu::fault::Fault;
use crate::pdu::link_command::LinkCommand;
use crate::session::timers::TimerSettings;
use crate::spool::message_id::IdMatch;
use crate::telemetry::labels::PduError;
use std::sync::Arc;

/// The timers of a link.
pub fn link_timers(settings: &SmscSettings) -> TimerSettings {
    TimerSettings {
        enquire_link: settings.enquire_link,
        session_init: settings.response_timeout,
        ..TimerSettings::default()
    }
}

/// The binds that one configured link stands for.
pub fn bind_kinds(bind: SmscBind) -> &'static [BindKind] {
    match bind {
        SmscBind::Transceiver => &[BindKind::Transceiver],
        SmscBind::TransmitterReceiver => &[BindKind::Transmitter, BindKind::Receiver],
    }
}

/// Our bind to an operator.
pub fn bind(settings: &SmscSettings, kind: BindKind) -> LinkCommand<'_> {
    LinkCommand::Bind {
        kind,
        system_id: &settings.system_id,
        password: settings.password.expose(),
        system_type: &settings.system_type,
        interface_version: settings.interface_version,
    }
}

/// How an operator wants its messages.
pub fn dialect(settings: &SmscSettings, numbers: &Arc<NumberPlan>) -> Dialect {
    Dialect {
        destination_format: settings.destination_format,
        alphabet: settings.alphabet,
        validity: ValidityFormat::default(),
        numbers: Arc::clone(numbers),
    }
}

/// How an operator's ids are compared.
pub const fn id_match(matching: MessageIdMatch) -> IdMatch {
    match matching {
        MessageIdMatch::Exact => IdMatch::Exact,
        MessageIdMatch::HexToDec => IdMatch::HexToDec,
        MessageIdMatch::DecToHex => IdMatch::DecToHex,
    }
}

/// The metric's word for what was wrong with a body.
pub const fn pdu_error(fault: Fault) -> PduError {
    match fault {
        Fault::TlvStream | Fault::TlvNotAllowed | Fault::TlvLength | Fault::TlvMissing | Fault::TlvValue => {
            PduError::Tlv
        }
        Fault::Cut
        | Fault::Trailing
        | Fault::ServiceType
        | Fault::SourceTon
        | Fault::SourceNpi
        | Fault::Source
        | Fault::DestinationTon
        | Fault::DestinationNpi
        | Fault::Destination
        | Fault::EsmClass
        | Fault::ProtocolId
        | Fault::Priority
        | Fault::Schedule
        | Fault::Validity
        | Fault::RegisteredDelivery
        | Fault::ReplaceIfPresent
        | Fault::DefaultMessageId
        | Fault::MessageLength
        | Fault::DestinationCount
        | Fault::DestinationFlag
        | Fault::DistributionList
        | Fault::ListName
        | Fault::MessageId
        | Fault::SystemId
        | Fault::Password
        | Fault::SystemType
        | Fault::AddressRange
        | Fault::Unreadable => PduError::Field,
    }
}
