//! Owns the configuration of a scenario: one account, one operator, open to be changed key by key.
//! Must never hold a default that hides a rule: what is not written here is the gateway's own default.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

/// A table of the configuration: keys and values as TOML writes them.
#[derive(Clone, Default)]
pub struct Table(Vec<(String, String)>);

impl Table {
    /// Sets a key to a value written in TOML; the value it had is replaced.
    pub fn set(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        self.0.retain(|(own, _)| own != key);
        self.0.push((key.to_owned(), value.to_string()));
        self
    }

    /// Sets a key to a text.
    pub fn text(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        self.set(key, format!("\"{value}\""))
    }

    /// Takes a key out again.
    pub fn unset(&mut self, key: &str) -> &mut Self {
        self.0.retain(|(own, _)| own != key);
        self
    }

    fn write(&self, header: &str, out: &mut String) {
        if !header.is_empty() {
            writeln!(out, "\n{header}").expect("a String takes everything");
        }
        for (key, value) in &self.0 {
            writeln!(out, "{key} = {value}").expect("a String takes everything");
        }
    }
}

/// What a scenario runs on.
#[derive(Clone)]
pub struct Config {
    pub top: Table,
    pub smpp: Table,
    pub admin: Table,
    pub checkpoints: Table,
    pub smscs: Vec<Table>,
    pub accounts: Vec<Table>,
    pub short_codes: Vec<Table>,
    /// Where the virtual clock starts, RFC 3339; empty = the system's clock.
    pub clock: String,
    /// Seconds of the virtual clock a real second.
    pub speed: u32,
    /// `-v` or `-vv`; empty = as it is.
    pub verbosity: &'static str,
    /// Beside the surroundings of the test.
    pub environment: Vec<(String, String)>,
    /// MiB of the ledger's segments; small ones turn soon.
    pub segment_mib: u32,
}

impl Config {
    /// Account acme/secret with the sender ACME and the short code 36111, one operator at `smsc`.
    pub fn new(smsc: SocketAddr) -> Self {
        let mut config = Self {
            top: Table::default(),
            smpp: Table::default(),
            admin: Table::default(),
            checkpoints: Table::default(),
            smscs: vec![operator("operator-a", smsc)],
            accounts: vec![account("acme", "secret", "operator-a")],
            short_codes: Vec::new(),
            clock: super::TUESDAY_MORNING.to_owned(),
            speed: 1,
            verbosity: "",
            environment: Vec::new(),
            segment_mib: 4,
        };
        config.top.text("node", "test-1");
        config.smpp.text("listen", "127.0.0.1:0");
        config.admin.text("listen", "127.0.0.1:0");
        config
    }

    /// The first account.
    pub fn acme(&mut self) -> &mut Table {
        &mut self.accounts[0]
    }

    /// The first operator.
    pub fn operator(&mut self) -> &mut Table {
        &mut self.smscs[0]
    }

    /// The file's text, with its directories under `home`.
    pub fn write(&self, home: &Path) -> String {
        let mut top = self.top.clone();
        top.text("data_dir", home.join("data").display());
        top.text("keys_dir", home.join("keys").display());
        let mut out = String::new();
        top.write("", &mut out);
        self.smpp.write("[smpp]", &mut out);
        if !self.checkpoints.0.is_empty() {
            self.checkpoints.write("[checkpoints]", &mut out);
        }
        self.admin.write("[admin]", &mut out);
        for (header, tables) in
            [("[[smsc]]", &self.smscs), ("[[account]]", &self.accounts), ("[[short_code]]", &self.short_codes)]
        {
            tables.iter().for_each(|table| table.write(header, &mut out));
        }
        out
    }
}

/// An operator with one link.
pub fn operator(name: &str, address: SocketAddr) -> Table {
    let mut table = Table::default();
    table.text("name", name).text("address", address).text("system_id", "stopgate").text("password", "operator");
    table.set("links", 1).set("window", 100).text("reconnect_min", "50ms").text("reconnect_max", "1s");
    table
}

/// A commercial account with the sender ACME and the short code 36111.
pub fn account(system_id: &str, password: &str, smsc: &str) -> Table {
    let mut table = Table::default();
    table.text("system_id", system_id).text("password", password).text("smsc", smsc).text("class", "commercial");
    table.set("senders", "[\"ACME\", \"36111\"]").set("stop_codes", "[\"36111\"]");
    table.text("identity", "ACME SAS, 1 rue de la Paix, 75002 Paris, 01 99 00 12 34");
    table.text("consent", "declared").text("consent_statement", "Opt-in by web form, wording v3, signed 2026-10-01");
    table.set("window", 1000).set("throughput", 0).set("binds", 64);
    table
}

/// A transactional account with the sender BANK: bank/pass, at the first operator.
pub fn bank() -> Table {
    let mut table = account("bank", "pass", "operator-a");
    table.text("class", "transactional").set("senders", "[\"BANK\"]").set("stop_codes", "[]");
    table.text("consent", "off").unset("consent_statement");
    table
}

/// A second commercial account, with a sender and a short code of its own: other/pass, OTHER, 36222, at the first operator.
pub fn other() -> Table {
    let mut table = account("other", "pass", "operator-a");
    table.set("senders", "[\"OTHER\"]").set("stop_codes", "[\"36222\"]");
    table
}
