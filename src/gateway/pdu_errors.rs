//! Owns whose PDU it was that was answered with an error, dropped, or never answered: one metric and one line for each.
//! Must never say what stood in it.

use super::lane::Lane;
use crate::telemetry::events::PduRejected;
use crate::telemetry::labels::{PduError, Side};

impl Lane {
    /// A PDU of a client.
    pub fn esme_error(&self, slot: usize, kind: PduError) {
        let who = self.esmes.get(slot).map_or("-", |esme| &*esme.contract.settings.policy.system_id);
        PduRejected { side: Side::Esme, who, kind }.emit(&self.kit.shared.metrics);
    }

    /// A PDU on a link to an operator.
    pub fn link_error(&self, slot: usize, kind: PduError) {
        self.smsc_error(self.links[slot].smsc, kind);
    }

    /// A PDU of an operator.
    pub fn smsc_error(&self, smsc: usize, kind: PduError) {
        let who = &*self.smscs[smsc].settings.name;
        PduRejected { side: Side::Smsc, who, kind }.emit(&self.kit.shared.metrics);
    }
}
