//! Owns how a command says whom stops are directed at.
//! Must never narrow one that says nothing: that is directed at everybody.

/// The scope of stops that do not say one themselves.
#[derive(Clone, Debug, clap::Args)]
pub struct Whom {
    /// Whom it is directed at: global, account or sender [default: global]
    #[arg(long)]
    pub scope: Option<String>,
    /// The account of `--scope account`
    #[arg(long, requires = "scope")]
    pub account: Option<String>,
    /// The source address of `--scope sender`
    #[arg(long, requires = "scope")]
    pub sender: Option<String>,
}
