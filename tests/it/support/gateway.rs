//! Owns the real binary as a child process: started on free ports, watched, killed by its own id.
//! Must never wait by sleeping a fixed while: it waits for lines, ports and metrics, each with a bound.

use super::SOON;
use super::config::Config;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stopgate::ledger::verify;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How often something is asked again that cannot be waited for.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// Directories that outlive a process: data, keys, configuration.
#[derive(Clone)]
pub struct Home {
    path: PathBuf,
    /// Removed with the last of its users; `None` when somebody else removes it.
    _own: Option<Arc<tempfile::TempDir>>,
}

impl Home {
    pub fn new() -> Self {
        let own = tempfile::tempdir().expect("a temporary directory");
        Self { path: own.path().to_owned(), _own: Some(Arc::new(own)) }
    }

    /// Directories below a path that is somebody else's to remove.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), _own: None }
    }

    /// In memory where the system has room for that: quicker, and as durable as a test needs against kill -9.
    pub fn in_memory() -> Self {
        let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let own = made.expect("a temporary directory");
        Self { path: own.path().to_owned(), _own: Some(Arc::new(own)) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[derive(Default)]
struct Output {
    stdout: Vec<String>,
    stderr: Vec<String>,
}

/// A gateway that runs. Killed when dropped.
pub struct Gateway {
    child: Child,
    output: Arc<Mutex<Output>>,
    lines: watch::Receiver<usize>,
    pub smpp: SocketAddr,
    pub admin: SocketAddr,
    pub home: Home,
}

impl Gateway {
    /// Starts on new directories, and waits until it listens.
    pub async fn start(config: &Config) -> Self {
        Self::start_in(Home::new(), config).await
    }

    /// Starts on directories that may have been used before.
    pub async fn start_in(home: Home, config: &Config) -> Self {
        Self::try_start_in(home, config).await.unwrap_or_else(|failed| panic!("the gateway did not start: {failed}"))
    }

    /// The same; gives what it printed when it does not come to listen.
    pub async fn try_start_in(home: Home, config: &Config) -> Result<Self, String> {
        Self::try_start_as(stopgate(), home, config).await
    }

    /// The same by another command that ends in the binary: `strace -D … stopgate`.
    pub async fn try_start_as(mut command: Command, home: Home, config: &Config) -> Result<Self, String> {
        let file = home.path().join("stopgate.toml");
        std::fs::write(&file, config.write(home.path())).expect("the configuration is written");
        command.arg("--config").arg(&file).arg("run").envs(config.environment.iter().cloned());
        if !config.verbosity.is_empty() {
            command.arg(config.verbosity);
        }
        if !config.clock.is_empty() {
            command.args(["--clock", &config.clock, "--speed", &config.speed.to_string()]);
            command.args(["--segment-mib", &config.segment_mib.to_string()]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let output = Arc::new(Mutex::new(Output::default()));
        let (sender, lines) = watch::channel(0);
        let sender = Arc::new(sender);
        let (stdout, stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        follow(stdout, output.clone(), sender.clone(), |output| &mut output.stdout);
        follow(stderr, output.clone(), sender, |output| &mut output.stderr);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut gateway = Self { child, output, lines, smpp: nowhere, admin: nowhere, home };
        gateway.smpp = gateway.address("listening on smpp ").await?;
        gateway.admin = gateway.address("listening on admin ").await?;
        Ok(gateway)
    }

    async fn address(&mut self, prefix: &str) -> Result<SocketAddr, String> {
        match self.line(|line| line.strip_prefix(prefix).and_then(|address| address.trim().parse().ok())).await {
            Some(address) => Ok(address),
            None => Err(format!("no line `{prefix}…`\n{}", self.log())),
        }
    }

    /// Waits for a line of its standard output; `None` when it does not come, or the process ends.
    async fn line<T>(&mut self, mut found: impl FnMut(&str) -> Option<T>) -> Option<T> {
        let mut lines = self.lines.clone();
        timeout(SOON, async {
            loop {
                let hit = self.output.lock().expect("not poisoned").stdout.iter().find_map(|line| found(line));
                if hit.is_some() || lines.changed().await.is_err() {
                    return hit;
                }
            }
        })
        .await
        .ok()
        .flatten()
    }

    /// Waits until it says that it is ready: an operator is bound.
    pub async fn ready(&mut self) {
        let ready = self.line(|line| (line.trim() == "ready").then_some(())).await;
        assert!(ready.is_some(), "not ready\n{}", self.log());
    }

    /// Everything it printed.
    pub fn log(&self) -> String {
        let output = self.output.lock().expect("not poisoned");
        format!("--- stdout\n{}\n--- stderr\n{}", output.stdout.join("\n"), output.stderr.join("\n"))
    }

    /// kill -9, and waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().expect("the child is ours");
        self.child.wait().expect("the child is ours");
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).expect("the child is ours");
    }

    /// SIGTERM, and waits for the end. What a scenario wrote into the ledger must hold, whatever else it is about.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        let status = self.ended().await;
        if status.success() {
            let report = verify::ledger(&self.home.path().join("data"), &verify::Asked::default());
            assert!(report.holds(), "{:?}\n{}", report.findings, self.log());
        }
        status
    }

    /// Waits for the end.
    pub async fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + SOON;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                return status;
            }
            assert!(Instant::now() < until, "it does not end\n{}", self.log());
            sleep(ASK_AGAIN).await;
        }
    }

    /// GET on the admin port: status and body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.admin);
        let asking = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut answer = agent.get(&url).call().expect("the admin port answers");
            (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
        });
        asking.await.expect("the request is made")
    }

    /// The sum of a metric's series whose labels contain all of `labels` (`account="acme"`); 0 when there is none.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (status, body) = self.get("/metrics").await;
        assert_eq!(status, 200, "{body}");
        let series = body.lines().filter(|line| {
            let head = line.split(['{', ' ']).next();
            head == Some(name) && labels.iter().all(|label| line.contains(label))
        });
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Waits until a metric is what is wanted.
    pub async fn metric_becomes(&self, name: &str, labels: &[&str], wanted: impl Fn(f64) -> bool) -> f64 {
        let until = Instant::now() + SOON;
        loop {
            let value = self.metric(name, labels).await;
            if wanted(value) {
                return value;
            }
            assert!(Instant::now() < until, "{name}{labels:?} stays {value}\n{}", self.log());
            sleep(ASK_AGAIN).await;
        }
    }

    /// Waits until /readyz answers with this status.
    pub async fn readyz_becomes(&self, wanted: u16) {
        let until = Instant::now() + SOON;
        loop {
            let (status, body) = self.get("/readyz?verbose").await;
            if status == wanted {
                return;
            }
            assert!(Instant::now() < until, "/readyz stays {status}: {body}\n{}", self.log());
            sleep(ASK_AGAIN).await;
        }
    }

    /// Begins a command of the same binary against it, whose words nobody needs: its exit code is what counts.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        let file = self.home.path().join("stopgate.toml");
        let mut command = stopgate();
        command.arg("--config").arg(file).arg("--admin").arg(format!("http://{}", self.admin)).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts")
    }

    /// Runs a command of the same binary against it; standard output, standard error, exit code.
    pub async fn command(&self, arguments: &[&str]) -> (String, String, i32) {
        let file = self.home.path().join("stopgate.toml");
        let mut command = stopgate();
        command.arg("--config").arg(file).arg("--admin").arg(format!("http://{}", self.admin)).args(arguments);
        let running = tokio::task::spawn_blocking(move || command.output().expect("the binary starts"));
        let output = running.await.expect("the command ends");
        let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
        (text(output.stdout), text(output.stderr), output.status.code().unwrap_or(-1))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary under test (`STOPGATE_BINARY` names another build of it), without the surroundings' colours and log levels.
pub fn stopgate() -> Command {
    let binary = std::env::var_os("STOPGATE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_stopgate").into());
    let mut command = Command::new(PathBuf::from(binary));
    command.env_remove("RUST_LOG").env("NO_COLOR", "1");
    command
}

fn follow(
    stream: impl Read + Send + 'static,
    output: Arc<Mutex<Output>>,
    lines: Arc<watch::Sender<usize>>,
    part: fn(&mut Output) -> &mut Vec<String>,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            part(&mut output.lock().expect("not poisoned")).push(line);
            lines.send_modify(|count| *count += 1);
        }
    });
}
