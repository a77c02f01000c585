//! Owns what a lane knows of an account while it runs: its contract, its binds, its rate.
//! Must never hold a message: those wait at the links or in the spool.

use super::settings::AccountSettings;
use crate::session::rate::TokenBucket;
use crate::telemetry::metrics::{AccountMetrics, ShortCodeMetrics};
use std::rc::Rc;

/// What is fixed about an account until the next reload; shared by its connections.
pub struct Contract {
    pub settings: AccountSettings,
    /// Slots of its operators in the lane, in order of preference.
    pub smscs: Vec<usize>,
    pub metrics: AccountMetrics,
    /// Series of the short codes that its mentions may name.
    pub codes: Vec<(u32, ShortCodeMetrics)>,
}

/// An account on its lane.
pub struct Account {
    pub contract: Rc<Contract>,
    /// Slots of its connections.
    pub binds: Vec<usize>,
    /// Messages a second it may submit.
    pub bucket: TokenBucket,
    /// Which receiver is next, so that several share the load.
    pub next_receiver: usize,
    /// Receipts and MOs that wait in the spool.
    pub spooled: usize,
    /// A reload has taken it away: no bind is taken any more.
    pub retired: bool,
}

impl Account {
    /// An account with no bind yet.
    pub fn new(contract: Rc<Contract>) -> Self {
        let bucket = TokenBucket::for_account(contract.settings.throughput);
        Self { contract, binds: Vec::new(), bucket, next_receiver: 0, spooled: 0, retired: false }
    }

    /// Takes over a reloaded contract; a changed rate starts a new bucket.
    pub fn renew(&mut self, contract: Rc<Contract>) {
        if contract.settings.throughput != self.contract.settings.throughput {
            self.bucket = TokenBucket::for_account(contract.settings.throughput);
        }
        self.contract = contract;
        self.retired = false;
    }
}
