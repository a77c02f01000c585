//! Owns the second thought about a reply that nothing follows from: counted and kept for an officer where it may be an opt-out.
//! Must never change what becomes of the reply.

use super::lane::Lane;
use super::optout::{DELIVERY_ACKNOWLEDGEMENT, MESSAGE_TYPE};
use super::route::Owners;
use crate::clock::Now;
use crate::compliance::optout::Joined;
use crate::message::inbound::Inbound;
use crate::message::msisdn::Msisdn;
use crate::message::text::decode;

impl Lane {
    /// Keeps a reply that nothing follows from, where it may be an opt-out after all, for an officer to see.
    pub fn note_doubt(
        &self,
        smsc: usize,
        number: Msisdn,
        inbound: &Inbound<'_>,
        joined: Option<&Joined>,
        owners: &Owners,
        now: Now,
    ) {
        if inbound.esm_class & MESSAGE_TYPE == DELIVERY_ACKNOWLEDGEMENT {
            return;
        }
        let alphabet = self.smscs[smsc].settings.alphabet;
        let text = match joined {
            Some(joined) => joined.text(alphabet),
            None => {
                let mut text = String::new();
                let octets = inbound.slice(inbound.text);
                decode(inbound.data_coding, octets, alphabet, &mut text).ok().map(|()| text)
            }
        };
        let Some(text) = text else { return };
        let short_code = owners.code.unwrap_or(0);
        if let Some(doubt) = self.kit.engine.doubt(&text, owners.code.as_slice()) {
            self.smscs[smsc].metrics.doubtful.increment(1);
            self.kit.shared.review().note(number, short_code, doubt, &text, now.civil);
        }
    }
}
