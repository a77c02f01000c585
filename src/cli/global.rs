//! Owns the options that every command takes.
//! Must never hold an option of one command.

use super::exit::Failure;
use crate::config::{self, Door, Loaded};
use crate::telemetry::logs::Verbosity;
use std::path::PathBuf;

/// Options before or behind any command.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Global {
    /// Configuration [default: config/stopgate.toml, then /etc/stopgate/stopgate.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the daemon's admin API is [default: from the configuration]
    #[arg(long, global = true, value_name = "URL")]
    pub admin: Option<String>,
    /// File with the token for the admin API [default: admin.token in data_dir]
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more (-v: every verdict; -vv: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl Global {
    /// How much is logged.
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Trace,
        }
    }

    /// The configuration file.
    pub fn config_file(&self) -> Result<PathBuf, Failure> {
        Ok(config::locate(self.config.as_deref())?)
    }

    /// Where the daemon and its directories are.
    pub fn door(&self) -> Result<Door, Failure> {
        Ok(config::door(&self.config_file()?)?)
    }

    /// The configuration, whole and good.
    pub fn load(&self) -> Result<(PathBuf, Loaded), Failure> {
        let file = self.config_file()?;
        let loaded = config::load(&file)?;
        Ok((file, loaded))
    }
}
