//! Owns the reading of the whole file into drafts: every section, every error, nothing resolved yet.
//! Must never check one section against another: `cross` does.

use super::account::{self, AccountDraft};
use super::checkpoints::{self, CheckpointSettings};
use super::error::Findings;
use super::packs::Packs;
use super::retention;
use super::schema;
use super::secret::Surroundings;
use super::section::Table;
use super::short_code::{self, ShortCodeDraft};
use super::smsc::{self, SmscDraft};
use super::value;
use crate::admin::settings::AdminSettings;
use crate::gateway::settings::SmppSettings;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeTable;

/// The file, read section by section. Where `whole` is false, what could not be read is missing or a placeholder:
/// good enough to look for more faults, never to run on.
pub struct Document {
    pub whole: bool,
    /// Names that the file defines, whether or not their section could be read.
    pub smsc_names: Vec<String>,
    pub account_names: Vec<String>,
    pub node: String,
    pub data_dir: PathBuf,
    pub keys_dir: PathBuf,
    pub keys_dir_line: usize,
    pub lanes: usize,
    pub smpp: SmppSettings,
    pub admin: AdminSettings,
    pub admin_line: usize,
    pub packs: Packs,
    pub checkpoints: CheckpointSettings,
    pub verdicts_kept: Duration,
    pub smscs: Vec<SmscDraft>,
    pub accounts: Vec<AccountDraft>,
    pub short_codes: Vec<ShortCodeDraft>,
}

/// Reads a document; everything wrong is told.
pub fn read(root: &DeTable<'_>, findings: &Findings, surroundings: &Surroundings<'_>) -> Document {
    let root = Table::new(findings, &schema::ROOT, Some(root), 1);
    let node = root.get("node", value::ascii(40));
    let data_dir = root.get("data_dir", value::text).map(|written| surroundings.path(&written));
    let keys_dir = root.maybe("keys_dir", value::text).map(|written| written.map(|dir| surroundings.path(&dir)));
    let lanes = root.get("lanes", value::integer(1, 64));
    let limits = root.table("limits").and_then(|table| limits(&table));
    let smpp_table = root.table("smpp");
    let smpp = smpp_table.as_ref().and_then(|table| smpp(table, limits));
    let admin_table = root.table("admin");
    let admin = admin_table.as_ref().and_then(|table| admin(table, data_dir.as_ref(), surroundings));
    let packs = root.table("packs").map(|table| Packs::read(&table, findings, surroundings));
    let outward = root.table("checkpoints").and_then(|table| checkpoints::read(&table, surroundings));
    let verdicts_kept = root.table("retention").and_then(|table| retention::read(&table));
    let (smscs, accounts, short_codes) = (root.tables("smsc"), root.tables("account"), root.tables("short_code"));
    if smscs.is_empty() && !root.is_written("smsc") {
        root.error(0, "no operator to bind to: write [[smsc]] with name, address, system_id and password");
    }
    if accounts.is_empty() && !root.is_written("account") {
        root.error(0, "no account: write [[account]] with system_id, password, smsc, class, senders and the rest");
    }
    let smsc_names = smscs.iter().filter_map(|table| table.peek("name")).collect();
    let account_names = accounts.iter().filter_map(|table| table.peek("system_id")).collect();
    let whole = node.is_some() && keys_dir.is_some() && lanes.is_some() && smpp.is_some() && admin.is_some();
    let (smscs, all_smscs) = read_each(&smscs, |table| smsc::read(table, surroundings));
    let (accounts, all_accounts) = read_each(&accounts, |table| account::read(table, surroundings));
    let (short_codes, all_codes) = read_each(&short_codes, short_code::read);
    let data_dir = data_dir.unwrap_or_else(|| PathBuf::from("data"));
    let beside = || {
        let mut name = data_dir.clone().into_os_string();
        name.push("-keys");
        PathBuf::from(name)
    };
    Document {
        whole: whole
            && packs.is_some()
            && outward.is_some()
            && verdicts_kept.is_some()
            && all_smscs
            && all_accounts
            && all_codes,
        smsc_names,
        account_names,
        node: node.unwrap_or_default(),
        keys_dir: keys_dir.flatten().unwrap_or_else(beside),
        keys_dir_line: root.line_of("keys_dir"),
        data_dir,
        lanes: lanes.unwrap_or(1) as usize,
        smpp: smpp.unwrap_or_else(smpp_placeholder),
        admin: admin.unwrap_or_else(admin_placeholder),
        admin_line: admin_table.map_or(0, |table| table.line_of("listen")),
        packs: packs.unwrap_or_default(),
        checkpoints: outward.unwrap_or_default(),
        verdicts_kept: verdicts_kept.unwrap_or(retention::VERDICTS_KEPT),
        smscs,
        accounts,
        short_codes,
    }
}

/// What could be read, and whether that was all.
fn read_each<T>(tables: &[Table<'_>], read: impl Fn(&Table<'_>) -> Option<T>) -> (Vec<T>, bool) {
    let drafts: Vec<T> = tables.iter().filter_map(read).collect();
    let all = drafts.len() == tables.len();
    (drafts, all)
}

/// On loopback, so that nothing follows from it.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn smpp_placeholder() -> SmppSettings {
    SmppSettings {
        listen: NOWHERE,
        system_id: String::new(),
        session_init: Duration::ZERO,
        pdu_read: Duration::ZERO,
        prebind_sockets: 0,
        connections: 0,
    }
}

fn admin_placeholder() -> AdminSettings {
    AdminSettings {
        listen: NOWHERE,
        tokens: PathBuf::new(),
        local_token: PathBuf::new(),
        default_country: String::new(),
        connections: 0,
    }
}

/// Connections and sockets without a bind.
fn limits(table: &Table<'_>) -> Option<(usize, usize)> {
    let connections = table.get("connections", value::integer(1, 100_000));
    let prebind_sockets = table.get("prebind_sockets", value::integer(1, 100_000));
    Some((connections? as usize, prebind_sockets? as usize))
}

fn smpp(table: &Table<'_>, limits: Option<(usize, usize)>) -> Option<SmppSettings> {
    let timer = value::duration(Duration::from_millis(100), Duration::from_secs(300));
    let listen = table.get("listen", value::socket);
    let system_id = table.get("system_id", value::ascii(15));
    let session_init = table.get("session_init", &timer);
    let pdu_read = table.get("pdu_read", &timer);
    let (connections, prebind_sockets) = limits?;
    Some(SmppSettings {
        listen: listen?,
        system_id: system_id?,
        session_init: session_init?,
        pdu_read: pdu_read?,
        prebind_sockets,
        connections,
    })
}

fn admin(table: &Table<'_>, data_dir: Option<&PathBuf>, surroundings: &Surroundings<'_>) -> Option<AdminSettings> {
    let listen = table.get("listen", value::socket);
    let tokens = table.maybe("tokens", value::text);
    let default_country = table.get("default_country", value::country);
    let connections = table.get("connections", value::integer(1, 1024));
    if listen.is_some_and(|listen| !listen.ip().is_loopback()) {
        table.error(
            table.line_of("listen"),
            "the admin API listens on loopback only: write listen = \"127.0.0.1:9464\" and put a proxy with TLS before it",
        );
    }
    let data_dir = data_dir?;
    Some(AdminSettings {
        listen: listen?,
        tokens: tokens?.map_or_else(|| data_dir.join("admin.tokens"), |written| surroundings.path(&written)),
        local_token: data_dir.join("admin.token"),
        default_country: default_country?,
        connections: connections? as usize,
    })
}
