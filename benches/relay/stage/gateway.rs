//! Owns the gateway under a bench: the real binary, its configuration, its admin API, the import of its list.
//! Must never switch a rule off: what is measured is what runs.

use super::child::{Child, dying_with_us};
use super::home::Home;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// How long a list may take to be ready, and a store to follow it.
const PATIENCE: Duration = Duration::from_secs(600);

/// How a gateway is set up.
#[derive(Clone, Debug)]
pub struct Plan {
    pub smsc: SocketAddr,
    /// Accounts `acme0`, `acme1`, … with password `secret`.
    pub accounts: usize,
    /// Binds that each account may have.
    pub binds: usize,
}

impl Plan {
    /// One account and this operator.
    pub fn new(smsc: SocketAddr) -> Self {
        Self { smsc, accounts: 1, binds: 1_000 }
    }
}

/// The gateway as a child process.
pub struct Gateway {
    child: Child,
    admin: SocketAddr,
    /// From its start until it was ready.
    pub ready_after: Duration,
    /// Its configuration, which its client reads too.
    file: std::path::PathBuf,
}

impl Gateway {
    /// Starts it on these directories and waits until it is ready, an operator bound.
    pub async fn start(home: &Home, plan: &Plan) -> Self {
        let file = home.path().join("stopgate.toml");
        std::fs::write(&file, configuration(home.path(), plan)).expect("the configuration is written");
        let mut command = dying_with_us(env!("CARGO_BIN_EXE_stopgate"));
        // What it says beyond its ordinary course is the bench's to show.
        command.arg("--config").arg(&file).args(["-q", "run", "--clock", "2026-11-24T10:00:00+01:00"]);
        // Segments as a real run has them.
        command.args(["--segment-mib", "64"]);
        let began = now();
        let child = Child::listening(command, &["listening on smpp ", "listening on admin "]);
        let admin = child.addresses[1];
        let mut gateway = Self { child, admin, ready_after: Duration::ZERO, file };
        while !gateway.is_ready() {
            assert!(began.elapsed() < PATIENCE, "the gateway is not ready after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gateway.ready_after = began.elapsed();
        gateway
    }

    /// Where senders bind.
    pub fn smpp(&self) -> SocketAddr {
        self.child.addresses[0]
    }

    /// The process.
    pub fn child(&self) -> &Child {
        &self.child
    }

    /// Ends it as an operator would. Whether it ended well.
    pub fn end(self) -> bool {
        self.child.end()
    }

    fn asked(&self, path: &str) -> Option<(u16, String)> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(format!("http://{}{path}", self.admin)).call().ok()?;
        Some((answer.status().as_u16(), answer.body_mut().read_to_string().ok()?))
    }

    fn is_ready(&self) -> bool {
        self.asked("/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// The sum of a metric over its labels; zero when it does not stand there.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.asked("/metrics").map(|(_, text)| text).unwrap_or_default();
        let of = |line: &str| {
            let rest = line.strip_prefix(name)?;
            if !rest.starts_with(['{', ' ']) {
                return None;
            }
            rest.rsplit(' ').next()?.parse::<f64>().ok()
        };
        text.lines().filter_map(of).sum()
    }

    /// Waits until a metric has reached a value: gauges are set twice a second.
    pub async fn wait_for(&self, metric: &str, value: f64) {
        let began = now();
        while self.metric(metric) < value {
            assert!(began.elapsed() < Duration::from_secs(10), "{metric} does not reach {value}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the embedded store has taken every event and the process is idle.
    pub async fn settle(&self) {
        let began = now();
        let mut quiet = 0;
        while quiet < 3 {
            assert!(began.elapsed() < PATIENCE, "the gateway is not idle after {PATIENCE:?}");
            let before = self.child.cpu();
            tokio::time::sleep(Duration::from_millis(500)).await;
            let idle = self.child.cpu().saturating_sub(before) < Duration::from_millis(25);
            quiet = if idle && self.metric("stopgate_suppression_store_lag_events") == 0.0 { quiet + 1 } else { 0 };
        }
    }

    /// Imports a list (see [`Home::list`]) as an operator would. How long it took: durable and effective.
    pub async fn import(&self, list: &Path) -> Duration {
        let mut command = dying_with_us(env!("CARGO_BIN_EXE_stopgate"));
        command.arg("--config").arg(&self.file).arg("--admin").arg(format!("http://{}", self.admin));
        command.args(["stop", "import"]).arg(list).args(["--evidence", "bench"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let began = now();
        // Waited for elsewhere, so that a load may run on this thread meanwhile.
        let good = tokio::task::spawn_blocking(move || run(command)).await.expect("the import is waited for");
        assert!(good, "the import failed");
        began.elapsed()
    }
}

fn run(mut command: Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

/// Monotonic time.
pub fn now() -> Instant {
    Instant::now()
}

fn configuration(home: &Path, plan: &Plan) -> String {
    let (data, keys) = (home.join("data"), home.join("keys"));
    let mut out = format!(
        r#"node = "bench-1"
data_dir = "{}"
keys_dir = "{}"

[smpp]
listen = "127.0.0.1:0"

[admin]
listen = "127.0.0.1:0"

[limits]
prebind_sockets = 2048

[[smsc]]
name = "operator-a"
address = "{}"
system_id = "stopgate"
password = "operator"
links = 1
window = 10000
"#,
        data.display(),
        keys.display(),
        plan.smsc
    );
    for account in 0..plan.accounts {
        write!(
            out,
            r#"
[[account]]
system_id = "acme{account}"
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
binds = {}
"#,
            plan.binds
        )
        .expect("a string takes everything");
    }
    out
}
