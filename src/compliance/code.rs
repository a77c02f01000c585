//! Owns the closed list of reasons for which a submission is refused.
//! Must never hold what the wire says: `pdu::status` maps each code to its command_status.

/// Why a submission was refused. Names and numbers are contracts: never reused, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RefusalCode {
    OptedOut = 101,
    NoConsent = 102,
    OutOfHours = 111,
    MissingStopMention = 121,
    UndecodableText = 122,
    SenderNotAllowed = 131,
    BadDestination = 132,
    FrequencyCap = 133,
    RateLimited = 141,
    SmscUnavailable = 151,
    QueueFull = 152,
    EvidenceUnavailable = 153,
    FateUnknown = 154,
}

impl RefusalCode {
    /// Every code, in order.
    pub const ALL: [Self; 13] = [
        Self::OptedOut,
        Self::NoConsent,
        Self::OutOfHours,
        Self::MissingStopMention,
        Self::UndecodableText,
        Self::SenderNotAllowed,
        Self::BadDestination,
        Self::FrequencyCap,
        Self::RateLimited,
        Self::SmscUnavailable,
        Self::QueueFull,
        Self::EvidenceUnavailable,
        Self::FateUnknown,
    ];

    /// The number after `SG`.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// `SG101` … `SG154`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::OptedOut => "SG101",
            Self::NoConsent => "SG102",
            Self::OutOfHours => "SG111",
            Self::MissingStopMention => "SG121",
            Self::UndecodableText => "SG122",
            Self::SenderNotAllowed => "SG131",
            Self::BadDestination => "SG132",
            Self::FrequencyCap => "SG133",
            Self::RateLimited => "SG141",
            Self::SmscUnavailable => "SG151",
            Self::QueueFull => "SG152",
            Self::EvidenceUnavailable => "SG153",
            Self::FateUnknown => "SG154",
        }
    }

    /// The stable word used in metrics, logs and JSON.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::NoConsent => "no_consent",
            Self::OutOfHours => "out_of_hours",
            Self::MissingStopMention => "missing_stop_mention",
            Self::UndecodableText => "undecodable_text",
            Self::SenderNotAllowed => "sender_not_allowed",
            Self::BadDestination => "bad_destination",
            Self::FrequencyCap => "frequency_cap",
            Self::RateLimited => "rate_limited",
            Self::SmscUnavailable => "smsc_unavailable",
            Self::QueueFull => "queue_full",
            Self::EvidenceUnavailable => "evidence_unavailable",
            Self::FateUnknown => "fate_unknown",
        }
    }

    /// Whether a sender may try the same message again as it is.
    pub const fn is_temporary(self, class: super::class::TrafficClass) -> bool {
        match self {
            Self::RateLimited | Self::SmscUnavailable | Self::QueueFull | Self::EvidenceUnavailable => true,
            Self::FateUnknown => matches!(class, super::class::TrafficClass::Transactional),
            Self::OptedOut
            | Self::NoConsent
            | Self::OutOfHours
            | Self::MissingStopMention
            | Self::UndecodableText
            | Self::SenderNotAllowed
            | Self::BadDestination
            | Self::FrequencyCap => false,
        }
    }
}
