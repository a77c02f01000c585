//! Owns what the control plane is told to do: where it listens and where its tokens are. Validated, immutable.
//! Must never hold a token itself.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The control plane's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// Always a loopback address.
    pub listen: SocketAddr,
    /// Lines `name role[,role] sha256-of-the-token`; made at the first start.
    pub tokens: PathBuf,
    /// The first token, for commands on this machine (0600); made with `tokens`.
    pub local_token: PathBuf,
    /// Country of numbers that commands and imports write nationally: ISO 3166 alpha-2.
    pub default_country: String,
    /// Requests answered at once; more wait.
    pub connections: usize,
}
