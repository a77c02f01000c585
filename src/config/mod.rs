//! Owns the way from the file to the settings: read whole, every fault told at once with its line, then resolved.
//! Must never be asked at run time: it gives immutable settings and is gone.

mod account;
pub mod checkpoints;
mod cross;
mod document;
pub mod duration;
mod frequency;
pub mod error;
mod observe;
mod packs;
mod refusal;
mod retention;
pub mod resolve;
pub mod schema;
mod secret;
mod section;
mod short_code;
pub mod show;
mod smsc;
mod value;

use crate::admin::settings::AdminSettings;
use crate::compliance::numbers::NumberPlan;
use crate::compliance::pack::Pack;
use document::Document;
pub use error::ConfigError;
use error::Findings;
use secret::Surroundings;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::DeTable;

/// Where the file is looked for when nobody says: beside the working directory, then for the system.
pub const DEFAULT_FILES: [&str; 2] = ["config/stopgate.toml", "/etc/stopgate/stopgate.toml"];

/// A configuration that is good, its names not yet handles.
pub struct Loaded {
    document: Document,
    packs_in_use: Vec<Arc<Pack>>,
    numbers: Arc<NumberPlan>,
    rehearsal: bool,
    /// Worth knowing, but no fault.
    pub warnings: Vec<ConfigError>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Loaded({})", self.document.node)
    }
}

/// The file to read: the one named, else the first default that exists.
pub fn locate(named: Option<&Path>) -> Result<PathBuf, ConfigError> {
    let missing = |file: &str, message: String| ConfigError { file: file.to_owned(), line: 0, message };
    match named {
        Some(path) => Ok(path.to_owned()),
        None => DEFAULT_FILES.iter().map(PathBuf::from).find(|path| path.is_file()).ok_or_else(|| {
            missing(
                DEFAULT_FILES[0],
                format!("no configuration here nor at {}: name one with --config FILE", DEFAULT_FILES[1]),
            )
        }),
    }
}

/// Reads a file. On failure: every fault, in the order of lines.
pub fn load(path: &Path) -> Result<Loaded, Vec<ConfigError>> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        vec![ConfigError {
            file: file.clone(),
            line: 0,
            message: format!("cannot read it: {error}; name another with --config FILE"),
        }]
    })?;
    let directory = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    parse(&text, &file, directory, &|name| std::env::var(name).ok())
}

/// Where a key of a section stands: `file:line`, or the file alone when the default holds. For faults that show only at the start.
pub fn place_of(path: &Path, section: &str, key: &str) -> String {
    let file = path.display().to_string();
    let Ok(text) = std::fs::read_to_string(path) else { return file };
    let (root, _) = DeTable::parse_recoverable(&text);
    let table = root.get_ref().get(section).and_then(|table| table.get_ref().as_table());
    match table.and_then(|table| table.get(key)) {
        Some(value) => format!("{file}:{}", Findings::new(&file, &text).line_of(value.span().start)),
        None => file,
    }
}

/// Reads a text as if it were the file `file` in `directory`, with this environment.
pub fn parse(
    text: &str,
    file: &str,
    directory: PathBuf,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Vec<ConfigError>> {
    let findings = Findings::new(file, text);
    let surroundings = Surroundings { directory, environment };
    let (root, faults) = DeTable::parse_recoverable(text);
    for fault in &faults {
        let line = fault.span().map_or(0, |span| findings.line_of(span.start));
        findings.error(line, format!("this is no TOML: {}", fault.message().replace('\n', "; ")));
    }
    if !faults.is_empty() {
        return Err(findings.finish().expect_err("a text that is no TOML has faults"));
    }
    let document = document::read(root.get_ref(), &findings, &surroundings);
    let packs_in_use = document.packs.in_use(document.accounts.iter().map(|account| account.pack.as_str()));
    let numbers = Arc::new(NumberPlan::new(&packs_in_use));
    cross::check(&document, &numbers, &findings);
    let warnings = findings.finish()?;
    Ok(Loaded { document, packs_in_use, numbers, rehearsal: false, warnings })
}

impl Loaded {
    /// The control plane's settings: all that a command needs to find the daemon.
    pub fn admin(&self) -> &AdminSettings {
        &self.document.admin
    }

    /// The node's name.
    pub fn node(&self) -> &str {
        &self.document.node
    }

    /// Where checkpoints leave the house.
    pub fn checkpoints(&self) -> &checkpoints::CheckpointSettings {
        &self.document.checkpoints
    }

    /// Where the data and the keys are.
    pub fn directories(&self) -> (&Path, &Path) {
        (&self.document.data_dir, &self.document.keys_dir)
    }

    /// The packs in use, each once.
    pub fn packs(&self) -> &[Arc<Pack>] {
        &self.packs_in_use
    }

    /// The plan of numbers over all packs in use.
    pub fn numbers(&self) -> &Arc<NumberPlan> {
        &self.numbers
    }

    /// For `run --clock`: operators must be on loopback, because time is not what they think it is.
    pub fn for_rehearsal(mut self, file: &Path) -> Result<Self, Vec<ConfigError>> {
        let far = self.document.smscs.iter().filter(|smsc| !is_loopback(&smsc.settings.address));
        let errors: Vec<_> = far
            .map(|smsc| ConfigError {
                file: file.display().to_string(),
                line: smsc.address_line,
                message: format!(
                    "[[smsc]] {:?}: a rehearsal clock must not reach a real operator: {} is not on loopback; point it at `stopgate sim smsc`",
                    smsc.settings.name, smsc.settings.address
                ),
            })
            .collect();
        if errors.is_empty() {
            self.rehearsal = true;
            Ok(self)
        } else {
            Err(errors)
        }
    }
}

/// What a command beside the daemon needs of the file: where the daemon is, and where its directories are.
#[derive(Clone, Debug)]
pub struct Door {
    pub admin: AdminSettings,
    pub data_dir: PathBuf,
    pub keys_dir: PathBuf,
}

/// Reads a file for its door only: passwords that this user may not read, or accounts with faults, do not matter.
pub fn door(path: &Path) -> Result<Door, Vec<ConfigError>> {
    let file = path.display().to_string();
    let whole = |message: String| vec![ConfigError { file: file.clone(), line: 0, message }];
    let text = std::fs::read_to_string(path)
        .map_err(|error| whole(format!("cannot read it: {error}; name another with --config FILE")))?;
    let findings = Findings::new(&file, &text);
    let directory = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let surroundings = Surroundings { directory, environment: &|_| None };
    let root = DeTable::parse(&text).map_err(|fault| whole(format!("this is no TOML: {}", fault.message())))?;
    let document = document::read(root.get_ref(), &findings, &surroundings);
    if document.admin.tokens.as_os_str().is_empty() {
        return Err(findings.finish().expect_err("a door that could not be read has told why"));
    }
    Ok(Door { admin: document.admin, data_dir: document.data_dir, keys_dir: document.keys_dir })
}

/// Whether `host:port` can only be this machine.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
