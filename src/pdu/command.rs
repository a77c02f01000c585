//! Owns the names of the SMPP operations (SMPP 3.4 §5.1.2.1, SMPP 5.0 §4.7.5).
//! Must never say what happens to one: that is the gateway's work.

/// A command_id. Everything that is neither 3.4 nor a broadcast operation of 5.0 is `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandId {
    BindReceiver,
    BindTransmitter,
    QuerySm,
    SubmitSm,
    DeliverSm,
    Unbind,
    ReplaceSm,
    CancelSm,
    BindTransceiver,
    Outbind,
    EnquireLink,
    SubmitMulti,
    AlertNotification,
    DataSm,
    BroadcastSm,
    QueryBroadcastSm,
    CancelBroadcastSm,
    GenericNack,
    BindReceiverResp,
    BindTransmitterResp,
    QuerySmResp,
    SubmitSmResp,
    DeliverSmResp,
    UnbindResp,
    ReplaceSmResp,
    CancelSmResp,
    BindTransceiverResp,
    EnquireLinkResp,
    SubmitMultiResp,
    DataSmResp,
    BroadcastSmResp,
    QueryBroadcastSmResp,
    CancelBroadcastSmResp,
    /// Reserved, vendor and unknown ids, requests and responses alike.
    Other(u32),
}

/// Bit 31 makes a response of a request's id.
const RESPONSE: u32 = 0x8000_0000;

impl CommandId {
    /// From the value of the wire.
    pub const fn from_wire(value: u32) -> Self {
        match value {
            0x0000_0001 => Self::BindReceiver,
            0x0000_0002 => Self::BindTransmitter,
            0x0000_0003 => Self::QuerySm,
            0x0000_0004 => Self::SubmitSm,
            0x0000_0005 => Self::DeliverSm,
            0x0000_0006 => Self::Unbind,
            0x0000_0007 => Self::ReplaceSm,
            0x0000_0008 => Self::CancelSm,
            0x0000_0009 => Self::BindTransceiver,
            0x0000_000B => Self::Outbind,
            0x0000_0015 => Self::EnquireLink,
            0x0000_0021 => Self::SubmitMulti,
            0x0000_0102 => Self::AlertNotification,
            0x0000_0103 => Self::DataSm,
            0x0000_0111 => Self::BroadcastSm,
            0x0000_0112 => Self::QueryBroadcastSm,
            0x0000_0113 => Self::CancelBroadcastSm,
            0x8000_0000 => Self::GenericNack,
            0x8000_0001 => Self::BindReceiverResp,
            0x8000_0002 => Self::BindTransmitterResp,
            0x8000_0003 => Self::QuerySmResp,
            0x8000_0004 => Self::SubmitSmResp,
            0x8000_0005 => Self::DeliverSmResp,
            0x8000_0006 => Self::UnbindResp,
            0x8000_0007 => Self::ReplaceSmResp,
            0x8000_0008 => Self::CancelSmResp,
            0x8000_0009 => Self::BindTransceiverResp,
            0x8000_0015 => Self::EnquireLinkResp,
            0x8000_0021 => Self::SubmitMultiResp,
            0x8000_0103 => Self::DataSmResp,
            0x8000_0111 => Self::BroadcastSmResp,
            0x8000_0112 => Self::QueryBroadcastSmResp,
            0x8000_0113 => Self::CancelBroadcastSmResp,
            other => Self::Other(other),
        }
    }

    /// The value of the wire.
    pub const fn to_wire(self) -> u32 {
        match self {
            Self::BindReceiver => 0x0000_0001,
            Self::BindTransmitter => 0x0000_0002,
            Self::QuerySm => 0x0000_0003,
            Self::SubmitSm => 0x0000_0004,
            Self::DeliverSm => 0x0000_0005,
            Self::Unbind => 0x0000_0006,
            Self::ReplaceSm => 0x0000_0007,
            Self::CancelSm => 0x0000_0008,
            Self::BindTransceiver => 0x0000_0009,
            Self::Outbind => 0x0000_000B,
            Self::EnquireLink => 0x0000_0015,
            Self::SubmitMulti => 0x0000_0021,
            Self::AlertNotification => 0x0000_0102,
            Self::DataSm => 0x0000_0103,
            Self::BroadcastSm => 0x0000_0111,
            Self::QueryBroadcastSm => 0x0000_0112,
            Self::CancelBroadcastSm => 0x0000_0113,
            Self::GenericNack => RESPONSE,
            Self::BindReceiverResp => 0x8000_0001,
            Self::BindTransmitterResp => 0x8000_0002,
            Self::QuerySmResp => 0x8000_0003,
            Self::SubmitSmResp => 0x8000_0004,
            Self::DeliverSmResp => 0x8000_0005,
            Self::UnbindResp => 0x8000_0006,
            Self::ReplaceSmResp => 0x8000_0007,
            Self::CancelSmResp => 0x8000_0008,
            Self::BindTransceiverResp => 0x8000_0009,
            Self::EnquireLinkResp => 0x8000_0015,
            Self::SubmitMultiResp => 0x8000_0021,
            Self::DataSmResp => 0x8000_0103,
            Self::BroadcastSmResp => 0x8000_0111,
            Self::QueryBroadcastSmResp => 0x8000_0112,
            Self::CancelBroadcastSmResp => 0x8000_0113,
            Self::Other(value) => value,
        }
    }

    /// Whether bit 31 is set: an answer, known or not, never to be answered itself.
    pub const fn is_response(self) -> bool {
        self.to_wire() & RESPONSE != 0
    }

    /// The id that answers this one: its own response, or generic_nack where the operation has none
    /// (outbind, alert_notification, unknown ids, responses).
    pub const fn response(self) -> Self {
        match self {
            Self::BindReceiver => Self::BindReceiverResp,
            Self::BindTransmitter => Self::BindTransmitterResp,
            Self::QuerySm => Self::QuerySmResp,
            Self::SubmitSm => Self::SubmitSmResp,
            Self::DeliverSm => Self::DeliverSmResp,
            Self::Unbind => Self::UnbindResp,
            Self::ReplaceSm => Self::ReplaceSmResp,
            Self::CancelSm => Self::CancelSmResp,
            Self::BindTransceiver => Self::BindTransceiverResp,
            Self::EnquireLink => Self::EnquireLinkResp,
            Self::SubmitMulti => Self::SubmitMultiResp,
            Self::DataSm => Self::DataSmResp,
            Self::BroadcastSm => Self::BroadcastSmResp,
            Self::QueryBroadcastSm => Self::QueryBroadcastSmResp,
            Self::CancelBroadcastSm => Self::CancelBroadcastSmResp,
            Self::Outbind
            | Self::AlertNotification
            | Self::GenericNack
            | Self::BindReceiverResp
            | Self::BindTransmitterResp
            | Self::QuerySmResp
            | Self::SubmitSmResp
            | Self::DeliverSmResp
            | Self::UnbindResp
            | Self::ReplaceSmResp
            | Self::CancelSmResp
            | Self::BindTransceiverResp
            | Self::EnquireLinkResp
            | Self::SubmitMultiResp
            | Self::DataSmResp
            | Self::BroadcastSmResp
            | Self::QueryBroadcastSmResp
            | Self::CancelBroadcastSmResp
            | Self::Other(_) => Self::GenericNack,
        }
    }

    /// The word for metrics and logs; every unknown id shares one, so that labels stay bounded.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BindReceiver => "bind_receiver",
            Self::BindTransmitter => "bind_transmitter",
            Self::QuerySm => "query_sm",
            Self::SubmitSm => "submit_sm",
            Self::DeliverSm => "deliver_sm",
            Self::Unbind => "unbind",
            Self::ReplaceSm => "replace_sm",
            Self::CancelSm => "cancel_sm",
            Self::BindTransceiver => "bind_transceiver",
            Self::Outbind => "outbind",
            Self::EnquireLink => "enquire_link",
            Self::SubmitMulti => "submit_multi",
            Self::AlertNotification => "alert_notification",
            Self::DataSm => "data_sm",
            Self::BroadcastSm => "broadcast_sm",
            Self::QueryBroadcastSm => "query_broadcast_sm",
            Self::CancelBroadcastSm => "cancel_broadcast_sm",
            Self::GenericNack => "generic_nack",
            Self::BindReceiverResp => "bind_receiver_resp",
            Self::BindTransmitterResp => "bind_transmitter_resp",
            Self::QuerySmResp => "query_sm_resp",
            Self::SubmitSmResp => "submit_sm_resp",
            Self::DeliverSmResp => "deliver_sm_resp",
            Self::UnbindResp => "unbind_resp",
            Self::ReplaceSmResp => "replace_sm_resp",
            Self::CancelSmResp => "cancel_sm_resp",
            Self::BindTransceiverResp => "bind_transceiver_resp",
            Self::EnquireLinkResp => "enquire_link_resp",
            Self::SubmitMultiResp => "submit_multi_resp",
            Self::DataSmResp => "data_sm_resp",
            Self::BroadcastSmResp => "broadcast_sm_resp",
            Self::QueryBroadcastSmResp => "query_broadcast_sm_resp",
            Self::CancelBroadcastSmResp => "cancel_broadcast_sm_resp",
            Self::Other(_) => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_survives_the_wire_and_agrees_with_rusmpp() {
        let mut named = 0;
        for value in (0..0x400).chain(RESPONSE..RESPONSE + 0x400) {
            let id = CommandId::from_wire(value);
            assert_eq!(id.to_wire(), value);
            let theirs = rusmpp::CommandId::from(value);
            assert_eq!(matches!(id, CommandId::Other(_)), matches!(theirs, rusmpp::CommandId::Other(_)), "{value:#x}");
            if !matches!(id, CommandId::Other(_)) {
                named += 1;
            }
        }
        assert_eq!(named, 33);
    }

    #[test]
    fn only_requests_with_a_response_are_answered_by_it() {
        for value in (0..0x400).chain(RESPONSE..RESPONSE + 0x400) {
            let id = CommandId::from_wire(value);
            let answer = id.response();
            assert!(answer.is_response());
            assert!(answer == CommandId::GenericNack || answer.to_wire() == value | RESPONSE);
            assert_eq!(id.is_response(), value & RESPONSE != 0);
        }
        assert_eq!(CommandId::Outbind.response(), CommandId::GenericNack);
        assert_eq!(CommandId::AlertNotification.response(), CommandId::GenericNack);
    }
}
