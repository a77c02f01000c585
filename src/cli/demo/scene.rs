//! Owns the demo's scene: directories, ports, configuration, the simulated operator, the gateway, the tally.
//! Must never listen off loopback, nor leave its directory behind unless asked to keep it.

use super::Args;
use super::daemon::Daemon;
use super::words::{day, time};
use crate::cli::print::line;
use crate::message::instant::CivilInstant;
use crate::sim::clock::VirtualClock;
use crate::sim::control;
use crate::sim::esme::{Bind, Esme};
use crate::sim::smsc::Smsc;
use crate::sim::smsc::switches::{Receipts, Switches};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

/// A Saturday afternoon: the hours of every pack are open.
pub const SATURDAY: CivilInstant = CivilInstant::from_secs(1_795_269_600);

/// What happened, for the summary.
#[derive(Debug, Default)]
pub struct Tally {
    /// Outcomes of submits in words, with their counts.
    pub outcomes: BTreeMap<String, u64>,
    pub stops: u64,
    pub confirmations: u64,
}

/// Everything that runs.
pub struct Scene {
    home: PathBuf,
    pub smpp: SocketAddr,
    admin: SocketAddr,
    control: SocketAddr,
    pub smsc: Smsc,
    daemon: Option<Daemon>,
    clock: VirtualClock,
    speed: u32,
    pub tally: Tally,
}

impl Scene {
    /// Chooses ports, writes the configuration, starts operator and gateway, and says where everything is.
    pub async fn new(args: &Args) -> Result<Self, String> {
        let home = std::env::temp_dir().join(format!("stopgate-demo-{}", std::process::id()));
        std::fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let receipts = Some(Receipts { after: Duration::from_millis(300), ..Receipts::default() });
        let smsc =
            Smsc::start(any, Switches { receipts, ..Switches::default() }).await.map_err(|error| error.to_string())?;
        let (control, _) = control::serve(any, smsc.clone()).await.map_err(|error| error.to_string())?;
        let [smpp, admin] = [free_port()?, free_port()?];
        let clock = args.clock.unwrap_or(SATURDAY);
        let scene = Self {
            home,
            smpp,
            admin,
            control,
            smsc,
            daemon: None,
            clock: VirtualClock::new(clock, args.speed),
            speed: args.speed,
            tally: Tally::default(),
        };
        std::fs::write(scene.config(), scene.configuration()).map_err(|error| error.to_string())?;
        scene.say_where();
        Ok(scene)
    }

    /// Starts the gateway with its clock at `clock`; one that runs is ended first.
    pub async fn begin(&mut self, clock: CivilInstant) -> Result<(), String> {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop().await?;
        }
        line(format!("\n-- {} in Paris --", day(clock)));
        self.clock = VirtualClock::new(clock, self.speed);
        self.daemon = Some(Daemon::start(&self.config(), clock, self.speed).await?);
        Ok(())
    }

    /// Prints a line with the virtual time of day.
    pub fn line(&self, text: &str) {
        line(format!("{}  {text}", time(self.clock.now())));
    }

    /// A sender's transceiver.
    pub async fn bind(&self, system_id: &str) -> Result<Esme, String> {
        let bound = Esme::bind(self.smpp, &Bind::transceiver(system_id, "secret")).await;
        bound.map_err(|error| format!("{system_id}: {error}"))
    }

    /// An error when the gateway has ended.
    pub fn alive(&mut self) -> Result<(), String> {
        self.daemon.as_mut().map_or(Ok(()), Daemon::alive)
    }

    /// Where the configuration is: what every command needs.
    pub fn config(&self) -> PathBuf {
        self.home.join("stopgate.toml")
    }

    /// Ends the gateway, sums up, tidies.
    pub async fn end(&mut self, keep: bool) -> Result<(), String> {
        let stopped = match self.daemon.take() {
            Some(daemon) => daemon.stop().await,
            None => Ok(()),
        };
        line("\n-- summary --");
        for (outcome, count) in &self.tally.outcomes {
            line(format!("{count:>7}  {outcome}"));
        }
        line(format!("{:>7}  STOPs acknowledged, {} confirmed", self.tally.stops, self.tally.confirmations));
        if keep {
            line(format!("kept: {}", self.home.display()));
        } else if let Err(error) = std::fs::remove_dir_all(&self.home) {
            eprintln!("stopgate demo: {} stays: {error}", self.home.display());
        }
        stopped
    }

    fn say_where(&self) {
        line("stopgate demo: all of it on this machine, all numbers fictional, the clock virtual");
        line(format!(
            "  senders bind to      {}   acme/secret (promos as ACME), bank/secret (OTPs as BANK)",
            self.smpp
        ));
        line(format!("  admin and /metrics   http://{}", self.admin));
        line(format!("  simulated operator   {}   its control port {}", self.smsc.address(), self.control));
        line(format!("  configuration        {}", self.config().display()));
    }

    /// What a newcomer may try while it runs.
    pub fn what_to_try(&self) {
        let config = self.config();
        // As it was called: `cargo run` leaves the binary in target/.
        let program = std::env::args().next().unwrap_or_else(|| "stopgate".into());
        let with = format!("{program} --config {}", config.display());
        line("\nWhat to try now, in another terminal:");
        line(format!("  {with} why +33639980012"));
        line(format!(
            "  {with} check --account acme --to +33639980042 --text 'Soldes. STOP 36111' --at 2026-11-22T11:00:00+01:00"
        ));
        line(format!("  {with} stop list"));
        line(format!("  {with} proof +33639980012 -o demo.proof && {program} verify demo.proof"));
        line(format!(
            "  {program} sim phone --control {} --from 33639980042 --to 36111 --text 'arrêtez svp'",
            self.control
        ));
        line(format!("  curl -s http://{}/metrics | grep stopgate_submit", self.admin));
        line(format!("  bind your own client to {} as acme, password secret\n", self.smpp));
    }

    fn configuration(&self) -> String {
        let account = |system_id: &str, rest: &str| {
            format!(
                "\n[[account]]\nsystem_id = \"{system_id}\"\npassword = \"secret\"\nsmsc = \"operator-a\"\nbinds = 16\n{rest}"
            )
        };
        format!(
            "node = \"demo\"\ndata_dir = \"{home}/data\"\nkeys_dir = \"{home}/keys\"\n\
             \n[smpp]\nlisten = \"{smpp}\"\n\n[admin]\nlisten = \"{admin}\"\n\
             \n[[smsc]]\nname = \"operator-a\"\naddress = \"{operator}\"\nsystem_id = \"stopgate\"\npassword = \"operator\"\nlinks = 2\nwindow = 100\n\
             {acme}{bank}",
            home = self.home.display(),
            smpp = self.smpp,
            admin = self.admin,
            operator = self.smsc.address(),
            acme = account(
                "acme",
                "class = \"commercial\"\nsenders = [\"ACME\", \"36111\"]\nstop_codes = [\"36111\"]\nidentity = \"ACME SAS, 1 rue de la Paix, 75002 Paris, 01 99 00 12 34\"\nconsent = \"declared\"\nconsent_statement = \"Opt-in by web form, wording v3, signed 2026-10-01\"\n",
            ),
            bank = account("bank", "class = \"transactional\"\nsenders = [\"BANK\"]\nconsent = \"off\"\n"),
        )
    }
}

/// A port that is free now; it is named in the configuration, so that commands find the gateway.
fn free_port() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map_err(|error| error.to_string())
}
