//! Owns the gateway under the bench: the real binary, its configuration, the list it is loaded with.
//! Must never switch a rule off: what is measured is what runs.

use super::measure::Child;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The gateway as a child process, on directories of its own.
pub struct Gateway {
    child: Child,
    _home: tempfile::TempDir,
}

impl Gateway {
    /// Starts it, imports `suppressed` numbers, waits until an operator is bound.
    pub async fn start(smsc: SocketAddr, suppressed: u64) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let file = home.path().join("stopgate.toml");
        let admin = free_port();
        std::fs::write(&file, configuration(home.path(), smsc, admin)).expect("the configuration is written");
        let mut command = stopgate(&file, admin);
        command.args(["run", "--clock", "2026-11-24T10:00:00+01:00"]).stderr(Stdio::null()).env("RUST_LOG", "warn");
        let child = Child::listening(command, "listening on smpp ");
        let gateway = Self { child, _home: home };
        ready(admin).await;
        if suppressed > 0 {
            import(&file, admin, suppressed);
        }
        println!("stopgate runs with {:.0} MB resident", gateway.child.resident() as f64 / 1e6);
        gateway
    }

    /// Where senders bind.
    pub fn smpp(&self) -> SocketAddr {
        self.child.address
    }

    /// The process.
    pub fn child(&self) -> &Child {
        &self.child
    }
}

fn stopgate(file: &Path, admin: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stopgate"));
    command.arg("--config").arg(file).arg("--admin").arg(format!("http://{admin}")).stdin(Stdio::null());
    command
}

/// A port that was free a moment ago: commands need to know the admin port beforehand.
fn free_port() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound")
}

async fn ready(admin: SocketAddr) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    for _ in 0..1_000 {
        let answer = agent.get(format!("http://{admin}/readyz")).call();
        if answer.is_ok_and(|answer| answer.status() == 200) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the gateway is not ready after 20 s");
}

fn import(file: &Path, admin: SocketAddr, suppressed: u64) {
    let list = file.with_file_name("list.csv");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&list).expect("a file"));
    writeln!(out, "number").expect("disk space");
    for number in 0..suppressed {
        writeln!(out, "+{}", 33_750_000_000 + number).expect("disk space");
    }
    out.into_inner().expect("disk space");
    let mut command = stopgate(file, admin);
    command.args(["-q", "stop", "import"]).arg(&list).args(["--evidence", "bench"]);
    let status = command.status().expect("the import runs");
    assert!(status.success(), "the import failed");
}

fn configuration(home: &Path, smsc: SocketAddr, admin: SocketAddr) -> String {
    let (data, keys) = (home.join("data"), home.join("keys"));
    format!(
        r#"node = "bench-1"
data_dir = "{}"
keys_dir = "{}"

[smpp]
listen = "127.0.0.1:0"

[admin]
listen = "{admin}"

[[smsc]]
name = "operator-a"
address = "{smsc}"
system_id = "stopgate"
password = "operator"
links = 1
window = 1000

[[account]]
system_id = "acme"
password = "secret"
smsc = "operator-a"
class = "commercial"
senders = ["ACME"]
stop_codes = ["36111"]
identity = "ACME SAS, 1 rue de la Paix, 75002 Paris"
consent = "declared"
consent_statement = "Opt-in by web form, wording v3, signed 2026-10-01"
window = 1000
throughput = 0
binds = 100
"#,
        data.display(),
        keys.display()
    )
}
