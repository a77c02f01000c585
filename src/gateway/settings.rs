//! Owns what the data plane is told to do: listeners, operators, accounts, short codes. Validated, immutable.
//! Must never hold a raw configuration key, nor print a secret.

use crate::compliance::code::RefusalCode;
use crate::compliance::frequency::Cap;
use crate::compliance::policy::AccountPolicy;
use crate::message::name::NameId;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A secret that prints as `***` and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(zeroize::Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the octets of a secret.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(zeroize::Zeroizing::new(octets.into()))
    }
    /// The octets; never for a log.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A network that may connect: address and prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub address: IpAddr,
    pub prefix: u8,
}

impl Network {
    /// Whether `peer` is in it (IPv4-mapped IPv6 peers count as IPv4).
    pub fn contains(&self, peer: IpAddr) -> bool {
        fn bits(ip: IpAddr) -> (u128, u8) {
            match ip {
                IpAddr::V4(v4) => (u32::from(v4) as u128, 32),
                IpAddr::V6(v6) => (u128::from(v6), 128),
            }
        }
        let ((own, width), (theirs, other)) = (bits(self.address), bits(peer.to_canonical()));
        if width != other {
            return false;
        }
        let shift = width.saturating_sub(self.prefix) as u32;
        shift >= 128 || own >> shift == theirs >> shift
    }
}

/// How a data_coding of 0 is read and written on an operator's link.
pub use crate::message::text::Alphabet as DefaultAlphabet;
/// How destinations are written towards an operator.
pub use crate::pdu::dialect::DestinationFormat;
/// How far a STOP from the handset reaches.
pub use crate::suppression::reach::StopScope;

/// How message ids of submit responses and receipts of one operator are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MessageIdMatch {
    #[default]
    Exact,
    /// The response has hexadecimal, the receipt decimal.
    HexToDec,
    /// The response has decimal, the receipt hexadecimal.
    DecToHex,
}

/// The binds we open towards an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SmscBind {
    #[default]
    Transceiver,
    /// One transmitter and one receiver for each link.
    TransmitterReceiver,
}

/// An operator we bind to.
#[derive(Clone, Debug)]
pub struct SmscSettings {
    pub id: NameId,
    pub name: String,
    /// `host:port`, resolved at each connection attempt.
    pub address: String,
    pub system_id: String,
    pub password: Secret,
    pub system_type: String,
    /// interface_version octet sent in our bind: 0x33, 0x34 or 0x50.
    pub interface_version: u8,
    pub bind: SmscBind,
    pub links: usize,
    pub window: usize,
    /// Messages a second on each link; 0 = none.
    pub throughput: u32,
    pub alphabet: DefaultAlphabet,
    pub destination_format: DestinationFormat,
    pub message_id_match: MessageIdMatch,
    /// command_status towards the SMSC for a deliver_sm we cannot take now (default 0x08) / ever (default 0x65).
    pub deliver_temporary: u32,
    pub deliver_final: u32,
    /// Statuses of this SMSC that are replaced before they reach a sender.
    pub status_map: BTreeMap<u32, u32>,
    /// Receipt error codes (the `err:` text, upper-case, without leading zeros) that mean "the recipient opted out".
    pub optout_errors: Vec<String>,
    /// How long submits wait for an SMSC that blinks before SG151.
    pub grace: Duration,
    pub enquire_link: Duration,
    pub response_timeout: Duration,
    pub reconnect_min: Duration,
    pub reconnect_max: Duration,
}

/// How refusals reach the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RefusalStyle {
    #[default]
    Status,
    Receipt,
}

/// Whether a refusal carries TLV 0x001D with code and next opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RefusalDetail {
    #[default]
    None,
    Tlv,
}

/// What submit_multi does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SubmitMulti {
    #[default]
    Refuse,
    Filter,
}

/// A sender that binds to us.
#[derive(Clone, Debug)]
pub struct AccountSettings {
    pub id: NameId,
    pub policy: Arc<AccountPolicy>,
    pub password: Secret,
    /// Operators in order of preference; never empty.
    pub smsc: Vec<NameId>,
    /// In-flight submits per bind.
    pub window: usize,
    /// Messages a second over all binds; 0 = none.
    pub throughput: u32,
    /// Binds at once, of any type.
    pub binds: usize,
    /// Networks it may come from; empty = any.
    pub allow_from: Vec<Network>,
    pub submit_multi: SubmitMulti,
    /// How far a STOP reaches that is said to it on an address without settings of its own.
    pub stop_scope: StopScope,
    pub refusal_style: RefusalStyle,
    pub refusal_detail: RefusalDetail,
    /// Statuses that replace the table's, by reason.
    pub refusal_status: BTreeMap<RefusalCode, u32>,
    pub enquire_link: Duration,
    /// Zero = off.
    pub inactivity: Duration,
}

/// Whether stopgate confirms a STOP or the operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Confirmation {
    #[default]
    Send,
    Operator,
}

/// How a START from the handset lifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StartByMo {
    #[default]
    On,
    Confirm,
    Off,
}

/// A short code where MOs arrive. Codes listed only in `stop_codes` are made into one of these too.
#[derive(Clone, Debug)]
pub struct ShortCodeSettings {
    pub number: u32,
    /// Where its MOs arrive and its confirmations leave; empty = the SMSCs of its accounts.
    pub smsc: Vec<NameId>,
    pub accounts: Vec<NameId>,
    pub identity: String,
    pub confirmation: Confirmation,
    pub start_by_mo: StartByMo,
    /// How far a STOP sent to it reaches.
    pub stop_scope: StopScope,
}

/// The ESME side.
#[derive(Clone, Debug)]
pub struct SmppSettings {
    pub listen: SocketAddr,
    /// system_id in our bind responses.
    pub system_id: String,
    pub session_init: Duration,
    pub pdu_read: Duration,
    pub prebind_sockets: usize,
    pub connections: usize,
}

/// Everything the data plane runs on. A reload makes a new one.
#[derive(Clone, Debug)]
pub struct Settings {
    pub node: String,
    pub data_dir: PathBuf,
    pub keys_dir: PathBuf,
    pub lanes: usize,
    pub smpp: SmppSettings,
    pub smscs: Vec<SmscSettings>,
    pub accounts: Vec<AccountSettings>,
    pub short_codes: Vec<ShortCodeSettings>,
    /// The plan of every loaded pack: one canonical form of a number for all accounts.
    pub numbers: Arc<crate::compliance::numbers::NumberPlan>,
    /// Whether the civil clock is virtual.
    pub rehearsal: bool,
    /// For how long verdicts are kept.
    pub verdicts_kept: Duration,
}

impl Settings {
    /// The accounts with a cap on what they write to one number.
    pub fn caps(&self) -> Vec<(NameId, Cap)> {
        self.accounts.iter().filter_map(|account| Some((account.id, account.policy.frequency?))).collect()
    }

    /// The packs in use, each once.
    pub fn packs(&self) -> Vec<Arc<crate::compliance::pack::Pack>> {
        let mut packs: Vec<Arc<crate::compliance::pack::Pack>> = Vec::new();
        for account in &self.accounts {
            if !packs.iter().any(|pack| pack.full_name() == account.policy.pack.full_name()) {
                packs.push(Arc::clone(&account.policy.pack));
            }
        }
        packs
    }

    /// What a START from the handset to this short code does.
    pub fn start_by_mo(&self, code: u32) -> StartByMo {
        self.short_codes.iter().find(|entry| entry.number == code).map_or(StartByMo::Off, |entry| entry.start_by_mo)
    }
}
