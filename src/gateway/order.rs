//! Owns what a lane can be asked from outside.
//! Must never carry octets towards a link: those come from the lane's own judge.

use super::settings::Settings;
use crate::message::name::NameId;
use crate::pdu::bind::BindKind;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A connection whose ESME has proved who it is.
pub struct Arrival {
    pub stream: std::net::TcpStream,
    pub introduction: Introduction,
}

/// Who a connection is, as its bind said and its password proved.
pub struct Introduction {
    pub peer: SocketAddr,
    pub account: NameId,
    pub system_id: String,
    pub kind: BindKind,
    /// As its bind said it.
    pub interface_version: u8,
    /// Sequence number of its bind request.
    pub sequence: u32,
    /// What it sent behind the bind.
    pub rest: Vec<u8>,
}

/// How a link stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct SmscFigures {
    pub id: NameId,
    pub links: usize,
    pub bound: usize,
    pub window_used: usize,
    pub window_size: usize,
    pub waiting: usize,
}

/// How an account stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccountFigures {
    pub id: NameId,
    pub transmitters: usize,
    pub receivers: usize,
    pub transceivers: usize,
    pub spooled: usize,
}

/// How a lane stands.
#[derive(Clone, Debug, Default)]
pub struct LaneFigures {
    pub smscs: Vec<SmscFigures>,
    pub accounts: Vec<AccountFigures>,
}

/// What a lane is asked.
pub enum Order {
    Adopt(Box<Arrival>),
    Reload(Arc<Settings>),
    Figures(oneshot::Sender<LaneFigures>),
    /// Stop taking work, finish what is under way, unbind.
    Drain(oneshot::Sender<()>),
}
