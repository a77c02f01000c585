//! Owns the closed sets of label values: what a series may be split by.
//! Must never hold an open set: names of accounts, operators and codes come from the configuration, never from a peer.

/// A closed set of label values, each with its word and its place in an array of handles.
pub trait LabelSet: Copy + 'static {
    /// Every value, in the order of `index`.
    const ALL: &'static [Self];
    /// The label's value.
    fn word(self) -> &'static str;
    /// The place of its handle.
    fn index(self) -> usize;
}

macro_rules! label_set {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident => $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl LabelSet for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label_set! {
    /// What happened to a submission at the judge.
    SubmitVerdict { Permitted => "permitted", Refused => "refused" }
}
label_set! {
    /// Where a checkpoint leaves the house.
    Outlet { File => "file", Post => "post" }
}
label_set! {
    /// Whether it was taken there.
    OutResult { Taken => "taken", Failed => "failed" }
}
label_set! {
    /// Which of our two doors.
    Side { Esme => "esme", Smsc => "smsc" }
}
label_set! {
    /// Read by us or written by us.
    Direction { In => "in", Out => "out" }
}
label_set! {
    /// What became of a message written to an operator.
    SubmitResult {
        Accepted => "accepted",
        /// The operator answered with an error.
        Rejected => "rejected",
        /// No answer in time, or the link died after the write: SG154.
        Unresolved => "unresolved",
        /// An answer that came after SG154 was given.
        Late => "late",
    }
}
label_set! {
    /// What an operator's deliver_sm or data_sm was.
    DeliverKind { Receipt => "receipt", Message => "message", Alert => "alert", Invalid => "invalid" }
}
label_set! {
    /// How a receipt found its account.
    ReceiptRoute {
        /// By the link it came over (mirrored).
        Link => "link",
        /// By the map of message ids.
        Map => "map",
        /// Waits for its submit's answer.
        Parked => "parked",
        /// More than one account could own it: never guessed.
        Ambiguous => "ambiguous",
        /// No account owns it.
        Unmatched => "unmatched",
    }
}
label_set! {
    /// Whether it is known who had written to a person that writes.
    ReplyAttribution {
        Known => "known",
        /// Nobody has in 90 days: every account of the code is told.
        Unknown => "unknown",
        /// It cannot be said now: every account of the code is told.
        Unavailable => "unavailable",
    }
}
label_set! {
    /// What was done about a transactional message whose text looks promotional (`promotional_text`).
    PromotionalOutcome { Reclassified => "reclassified", Logged => "logged", Refused => "refused" }
}
label_set! {
    /// What was understood from a person's message.
    OptOutKind { Stop => "stop", Start => "start", Contact => "contact", None => "none" }
}
label_set! {
    /// What became of a confirmation or a CONTACT answer.
    ConfirmationResult {
        Sent => "sent",
        /// The operator took it.
        Accepted => "accepted",
        /// The operator refused it for good.
        Rejected => "rejected",
        /// To be tried again within 24 h.
        Deferred => "deferred",
        /// Not sent: once in 24 h for a repeated STOP, three a day for a number.
        LoopGuard => "loop_guard",
        /// Not sent: the operator confirms, or the source is no number one may write to.
        NotDue => "not_due",
        /// Given up after 24 h or an unknown fate.
        GivenUp => "given_up",
    }
}
label_set! {
    /// What became of the recall of a scheduled promotion.
    RecallResult {
        /// The operator has cancelled it.
        Recalled => "recalled",
        /// The operator refused to cancel it.
        Refused => "refused",
        /// The operator could not say: asked again.
        Deferred => "deferred",
        /// Its instant came before the operator had answered.
        GivenUp => "given_up",
    }
}
label_set! {
    /// Type of a sender's bind.
    BindType { Transmitter => "transmitter", Receiver => "receiver", Transceiver => "transceiver" }
}
label_set! {
    /// Why a bind was refused. Unknown ids, wrong passwords and foreign networks answer alike on the wire.
    BindRefusal {
        UnknownId => "unknown_id",
        WrongPassword => "wrong_password",
        Network => "network",
        TooManyBinds => "too_many_binds",
        Throttled => "throttled",
        Draining => "draining",
        TooManySockets => "too_many_sockets",
        SessionInitTimeout => "session_init_timeout",
        Malformed => "malformed",
    }
}
label_set! {
    /// How an attempt to bind to an operator ended.
    ConnectResult { Bound => "bound", Refused => "refused", Unreachable => "unreachable", Timeout => "timeout", Lost => "lost" }
}
label_set! {
    /// What was wrong with a PDU.
    PduError {
        /// A length outside 16..=65536: the link is closed.
        Framing => "framing",
        /// Fields that do not fit or hold what they may not.
        Field => "field",
        /// The TLV stream.
        Tlv => "tlv",
        /// Not allowed in this state or direction.
        State => "state",
        /// A command nobody knows.
        UnknownCommand => "unknown_command",
        /// A response that answers nothing of ours.
        UnmatchedResponse => "unmatched_response",
        /// A response that came late.
        LateResponse => "late_response",
        /// The peer did not answer in time.
        Timeout => "timeout",
        /// The peer sent an error of its own: generic_nack.
        Nack => "nack",
    }
}
label_set! {
    /// Kind of a ledger record.
    RecordKind {
        Begin => "begin",
        Verdict => "verdict",
        /// Answered, unresolved, withdrawn: what followed a verdict.
        Outcome => "outcome",
        Stop => "stop",
        Start => "start",
        Lift => "lift",
        Import => "import",
        Consent => "consent",
        Erase => "erase",
        Admin => "admin",
        Config => "config",
        Clock => "clock",
        Gap => "gap",
        Counter => "counter",
        Contact => "contact",
        Confirmation => "confirmation",
    }
}
label_set! {
    /// Why the spool gave something up.
    SpoolLoss { Expired => "expired", Full => "full", Erased => "erased" }
}
label_set! {
    /// How a reload ended.
    ReloadResult { Ok => "ok", Invalid => "invalid", Failed => "failed" }
}
label_set! {
    /// How an admin request ended.
    AdminResult { Ok => "ok", Denied => "denied", Invalid => "invalid", Failed => "failed" }
}
label_set! {
    /// The commands worth a series; all others count as `other`.
    PduCommand {
        BindTransmitter => "bind_transmitter",
        BindReceiver => "bind_receiver",
        BindTransceiver => "bind_transceiver",
        BindResp => "bind_resp",
        Unbind => "unbind",
        UnbindResp => "unbind_resp",
        EnquireLink => "enquire_link",
        EnquireLinkResp => "enquire_link_resp",
        SubmitSm => "submit_sm",
        SubmitSmResp => "submit_sm_resp",
        SubmitMulti => "submit_multi",
        SubmitMultiResp => "submit_multi_resp",
        DataSm => "data_sm",
        DataSmResp => "data_sm_resp",
        DeliverSm => "deliver_sm",
        DeliverSmResp => "deliver_sm_resp",
        QuerySm => "query_sm",
        QuerySmResp => "query_sm_resp",
        CancelSm => "cancel_sm",
        CancelSmResp => "cancel_sm_resp",
        ReplaceSm => "replace_sm",
        ReplaceSmResp => "replace_sm_resp",
        AlertNotification => "alert_notification",
        GenericNack => "generic_nack",
        Other => "other",
    }
}

impl PduCommand {
    /// From the command_id of the wire (SMPP 3.4 §5.1.2.1).
    pub const fn of(command_id: u32) -> Self {
        match command_id {
            0x0000_0002 => Self::BindTransmitter,
            0x0000_0001 => Self::BindReceiver,
            0x0000_0009 => Self::BindTransceiver,
            0x8000_0001 | 0x8000_0002 | 0x8000_0009 => Self::BindResp,
            0x0000_0006 => Self::Unbind,
            0x8000_0006 => Self::UnbindResp,
            0x0000_0015 => Self::EnquireLink,
            0x8000_0015 => Self::EnquireLinkResp,
            0x0000_0004 => Self::SubmitSm,
            0x8000_0004 => Self::SubmitSmResp,
            0x0000_0021 => Self::SubmitMulti,
            0x8000_0021 => Self::SubmitMultiResp,
            0x0000_0103 => Self::DataSm,
            0x8000_0103 => Self::DataSmResp,
            0x0000_0005 => Self::DeliverSm,
            0x8000_0005 => Self::DeliverSmResp,
            0x0000_0003 => Self::QuerySm,
            0x8000_0003 => Self::QuerySmResp,
            0x0000_0008 => Self::CancelSm,
            0x8000_0008 => Self::CancelSmResp,
            0x0000_0007 => Self::ReplaceSm,
            0x8000_0007 => Self::ReplaceSmResp,
            0x0000_0102 => Self::AlertNotification,
            0x8000_0000 => Self::GenericNack,
            _ => Self::Other,
        }
    }
}

label_set! {
    /// The two classes, as labels.
    ClassLabel { Commercial => "commercial", Transactional => "transactional" }
}

impl From<crate::compliance::class::TrafficClass> for ClassLabel {
    fn from(class: crate::compliance::class::TrafficClass) -> Self {
        use crate::compliance::class::TrafficClass;
        match class {
            TrafficClass::Commercial => Self::Commercial,
            TrafficClass::Transactional => Self::Transactional,
        }
    }
}

/// The place of a reason's handle.
pub const fn reason_index(code: crate::compliance::code::RefusalCode) -> usize {
    use crate::compliance::code::RefusalCode;
    match code {
        RefusalCode::OptedOut => 0,
        RefusalCode::NoConsent => 1,
        RefusalCode::OutOfHours => 2,
        RefusalCode::MissingStopMention => 3,
        RefusalCode::UndecodableText => 4,
        RefusalCode::SenderNotAllowed => 5,
        RefusalCode::BadDestination => 6,
        RefusalCode::FrequencyCap => 7,
        RefusalCode::RateLimited => 8,
        RefusalCode::SmscUnavailable => 9,
        RefusalCode::QueueFull => 10,
        RefusalCode::EvidenceUnavailable => 11,
        RefusalCode::FateUnknown => 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::code::RefusalCode;

    #[test]
    fn every_reason_has_its_own_place() {
        for (place, code) in RefusalCode::ALL.into_iter().enumerate() {
            assert_eq!(reason_index(code), place, "{}", code.code());
        }
    }

    #[test]
    fn a_label_set_is_indexed_in_its_own_order() {
        for (place, command) in PduCommand::ALL.iter().enumerate() {
            assert_eq!(command.index(), place);
        }
        assert_eq!(PduCommand::of(0x4).word(), "submit_sm");
        assert_eq!(PduCommand::of(0x8000_0103).word(), "data_sm_resp");
        assert_eq!(PduCommand::of(0x1234).word(), "other");
    }
}
