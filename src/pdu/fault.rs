//! Owns the list of what can be wrong with a body, and the one command_status of each.
//! Must never hold a reason of policy: those are `RefusalCode`s.

use super::status::CommandStatus;

/// What is wrong with a PDU's body. The statuses are those of SMPP 3.4 §5.1.3 that name the field; where 3.4 names
/// none the comment says why another was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The PDU ends inside a mandatory field.
    Cut,
    /// Octets behind the last field that are no TLVs, in an operation that has none.
    Trailing,
    /// service_type over 5 characters.
    ServiceType,
    SourceTon,
    SourceNpi,
    /// source_addr over 20 characters (64 in data_sm).
    Source,
    /// Also TON 5 and 6: neither names a subscriber.
    DestinationTon,
    DestinationNpi,
    /// destination_addr over 20 characters (64 in data_sm), or empty.
    Destination,
    /// A message type that only an SMSC may set, or a user data header that is none.
    EsmClass,
    /// protocol_id 0x40–0x47: silent and replacing messages. 3.4 has no status for the field: the general failure.
    ProtocolId,
    Priority,
    /// Not 0 or 16 characters, no such instant, or in the past.
    Schedule,
    /// As `Schedule`; also not after schedule_delivery_time.
    Validity,
    RegisteredDelivery,
    ReplaceIfPresent,
    /// A canned text lives at the SMSC and cannot be inspected.
    DefaultMessageId,
    /// sm_length over 254, or more than the PDU holds; no text where one was announced; half a UCS-2 character.
    MessageLength,
    /// The TLV stream does not end where the PDU does.
    TlvStream,
    /// A TLV twice, two texts, two segmentations.
    TlvNotAllowed,
    TlvLength,
    TlvMissing,
    TlvValue,
    /// number_of_dests 0 or over 254.
    DestinationCount,
    /// dest_flag neither 1 nor 2.
    DestinationFlag,
    /// Members of a distribution list are unknown to us.
    DistributionList,
    /// dl_name over 20 characters.
    ListName,
    /// message_id over 64 characters.
    MessageId,
    SystemId,
    Password,
    SystemType,
    /// address_range over 40 characters. 3.4 has no status for the field: the general bind failure.
    AddressRange,
    /// A deliver_sm that cannot be read: it could have been a STOP, so it is refused for ever and kept aside.
    Unreadable,
}

impl Fault {
    /// Every fault, in the order of the pages.
    pub const ALL: [Self; 33] = [
        Self::Cut,
        Self::Trailing,
        Self::ServiceType,
        Self::SourceTon,
        Self::SourceNpi,
        Self::Source,
        Self::DestinationTon,
        Self::DestinationNpi,
        Self::Destination,
        Self::EsmClass,
        Self::ProtocolId,
        Self::Priority,
        Self::Schedule,
        Self::Validity,
        Self::RegisteredDelivery,
        Self::ReplaceIfPresent,
        Self::DefaultMessageId,
        Self::MessageLength,
        Self::TlvStream,
        Self::TlvNotAllowed,
        Self::TlvLength,
        Self::TlvMissing,
        Self::TlvValue,
        Self::DestinationCount,
        Self::DestinationFlag,
        Self::DistributionList,
        Self::ListName,
        Self::MessageId,
        Self::SystemId,
        Self::Password,
        Self::SystemType,
        Self::AddressRange,
        Self::Unreadable,
    ];

    /// What is wrong, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Cut => "the PDU ends inside a mandatory field",
            Self::Trailing => "octets behind the last field that are no TLVs (bind, query_sm, cancel_sm, replace_sm)",
            Self::ServiceType => "service_type over 5 characters",
            Self::SourceTon => "source_addr_ton not 0 to 6",
            Self::SourceNpi => "source_addr_npi not one of SMPP 3.4 §5.2.6",
            Self::Source => "source_addr over 20 characters (64 in data_sm)",
            Self::DestinationTon => "dest_addr_ton not 0 to 4: alphanumeric and abbreviated name no subscriber",
            Self::DestinationNpi => "dest_addr_npi not one of SMPP 3.4 §5.2.6",
            Self::Destination => "destination_addr empty or over 20 characters (64 in data_sm)",
            Self::EsmClass => "esm_class of a receipt or notification; a user data header that is none",
            Self::ProtocolId => "protocol_id 0x40 to 0x47 (silent and replacing messages)",
            Self::Priority => "priority_flag over 3",
            Self::Schedule => "schedule_delivery_time not 0 or 16 characters, no such instant, or past",
            Self::Validity => {
                "validity_period not 0 or 16 characters, no such instant, past, or not after schedule_delivery_time"
            }
            Self::RegisteredDelivery => "registered_delivery with reserved bits",
            Self::ReplaceIfPresent => "replace_if_present_flag over 1",
            Self::DefaultMessageId => "sm_default_msg_id that the account may not use",
            Self::MessageLength => {
                "sm_length over 254 or over what the PDU holds; an empty message_payload and no text; half a UCS-2 character"
            }
            Self::TlvStream => "a TLV stream that does not end with the PDU",
            Self::TlvNotAllowed => "a TLV twice, two texts, two segmentations",
            Self::TlvLength => "a TLV of SMPP 3.4 with a length it does not have",
            Self::TlvMissing => "data_sm without message_payload; sar_* incomplete",
            Self::TlvValue => "sar_* that say part 0, or part n of fewer than n",
            Self::DestinationCount => "number_of_dests 0 or over 254",
            Self::DestinationFlag => "dest_flag neither 1 nor 2",
            Self::DistributionList => "a distribution list",
            Self::ListName => "dl_name over 20 characters",
            Self::MessageId => "message_id over 64 characters",
            Self::SystemId => "system_id over 15 characters",
            Self::Password => "password over 64 characters",
            Self::SystemType => "system_type over 12 characters",
            Self::AddressRange => "address_range over 40 characters",
            Self::Unreadable => "a deliver_sm or data_sm of an operator that cannot be read",
        }
    }

    /// The answer.
    pub const fn status(self) -> CommandStatus {
        match self {
            Self::Cut | Self::Trailing => CommandStatus::INVALID_COMMAND_LENGTH,
            Self::ServiceType => CommandStatus::INVALID_SERVICE_TYPE,
            Self::SourceTon => CommandStatus::INVALID_SOURCE_TON,
            Self::SourceNpi => CommandStatus::INVALID_SOURCE_NPI,
            Self::Source => CommandStatus::INVALID_SOURCE,
            Self::DestinationTon => CommandStatus::INVALID_DESTINATION_TON,
            Self::DestinationNpi => CommandStatus::INVALID_DESTINATION_NPI,
            Self::Destination => CommandStatus::INVALID_DESTINATION,
            Self::EsmClass => CommandStatus::INVALID_ESM_CLASS,
            Self::ProtocolId => CommandStatus::SUBMIT_FAILED,
            Self::Priority => CommandStatus::INVALID_PRIORITY,
            Self::Schedule => CommandStatus::INVALID_SCHEDULE,
            Self::Validity => CommandStatus::INVALID_EXPIRY,
            Self::RegisteredDelivery => CommandStatus::INVALID_REGISTERED_DELIVERY,
            Self::ReplaceIfPresent => CommandStatus::INVALID_REPLACE_FLAG,
            Self::DefaultMessageId => CommandStatus::INVALID_DEFAULT_MESSAGE_ID,
            Self::MessageLength => CommandStatus::INVALID_MESSAGE_LENGTH,
            Self::TlvStream => CommandStatus::INVALID_TLV_STREAM,
            Self::TlvNotAllowed => CommandStatus::TLV_NOT_ALLOWED,
            Self::TlvLength => CommandStatus::INVALID_TLV_LENGTH,
            Self::TlvMissing => CommandStatus::MISSING_TLV,
            Self::TlvValue => CommandStatus::INVALID_TLV_VALUE,
            Self::DestinationCount => CommandStatus::INVALID_DESTINATION_COUNT,
            Self::DestinationFlag => CommandStatus::INVALID_DESTINATION_FLAG,
            Self::DistributionList => CommandStatus::NO_DISTRIBUTION_LISTS,
            Self::ListName => CommandStatus::INVALID_LIST_NAME,
            Self::MessageId => CommandStatus::INVALID_MESSAGE_ID,
            Self::SystemId => CommandStatus::INVALID_SYSTEM_ID,
            Self::Password => CommandStatus::INVALID_PASSWORD,
            Self::SystemType => CommandStatus::INVALID_SYSTEM_TYPE,
            Self::AddressRange => CommandStatus::BIND_FAILED,
            Self::Unreadable => CommandStatus::RECEIVER_PERMANENT,
        }
    }

    /// The word for logs and the `kind` label of `stopgate_pdu_error_total`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Trailing => "trailing_octets",
            Self::ServiceType => "service_type",
            Self::SourceTon => "source_addr_ton",
            Self::SourceNpi => "source_addr_npi",
            Self::Source => "source_addr",
            Self::DestinationTon => "dest_addr_ton",
            Self::DestinationNpi => "dest_addr_npi",
            Self::Destination => "destination_addr",
            Self::EsmClass => "esm_class",
            Self::ProtocolId => "protocol_id",
            Self::Priority => "priority_flag",
            Self::Schedule => "schedule_delivery_time",
            Self::Validity => "validity_period",
            Self::RegisteredDelivery => "registered_delivery",
            Self::ReplaceIfPresent => "replace_if_present_flag",
            Self::DefaultMessageId => "sm_default_msg_id",
            Self::MessageLength => "message_length",
            Self::TlvStream => "tlv_stream",
            Self::TlvNotAllowed => "tlv_not_allowed",
            Self::TlvLength => "tlv_length",
            Self::TlvMissing => "tlv_missing",
            Self::TlvValue => "tlv_value",
            Self::DestinationCount => "number_of_dests",
            Self::DestinationFlag => "dest_flag",
            Self::DistributionList => "distribution_list",
            Self::ListName => "dl_name",
            Self::MessageId => "message_id",
            Self::SystemId => "system_id",
            Self::Password => "password",
            Self::SystemType => "system_type",
            Self::AddressRange => "address_range",
            Self::Unreadable => "unreadable_delivery",
        }
    }
}

/// A body that is not taken: answered by the command's own response with `status`, the session stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub status: CommandStatus,
    /// Why, for the log.
    pub fault: Fault,
}

impl From<Fault> for Rejection {
    fn from(fault: Fault) -> Self {
        Self { status: fault.status(), fault }
    }
}
