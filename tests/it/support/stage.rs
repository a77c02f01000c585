//! Owns the usual stage: a simulated operator, the gateway bound to it, senders that bind to the gateway.
//! Must never start anything a scenario did not ask for.

use super::config::Config;
use super::gateway::{Gateway, Home};
use super::{PROMO, SOON, phone};
use std::net::SocketAddr;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::records::Submitted;
use stopgate::sim::smsc::{Smsc, switches::Switches};

/// Any port of this machine.
pub fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A simulated operator with these switches.
pub async fn operator(switches: Switches) -> Smsc {
    Smsc::start(any_port(), switches).await.expect("a free port")
}

/// Operator and gateway.
pub struct Stage {
    pub smsc: Smsc,
    pub config: Config,
    pub gateway: Gateway,
}

impl Stage {
    /// One operator, one account, everything open.
    pub async fn start() -> Self {
        Self::with(Switches::default(), |_| {}).await
    }

    /// The same with other switches and a changed configuration; waits until the gateway is ready.
    pub async fn with(switches: Switches, change: impl FnOnce(&mut Config)) -> Self {
        let smsc = operator(switches).await;
        let mut config = Config::new(smsc.address());
        change(&mut config);
        let mut gateway = Gateway::start(&config).await;
        gateway.ready().await;
        Self { smsc, config, gateway }
    }

    /// Starts the gateway again on its directories.
    pub async fn restart(&mut self) {
        let home: Home = self.gateway.home.clone();
        self.gateway = Gateway::start_in(home, &self.config).await;
        self.gateway.ready().await;
    }

    /// Has the running gateway take the configuration as it stands now.
    pub async fn reload(&mut self) {
        let home = self.gateway.home.path();
        std::fs::write(home.join("stopgate.toml"), self.config.write(home)).expect("the configuration is written");
        let (out, error, code) = self.gateway.command(&["reload"]).await;
        assert_eq!(code, 0, "{out}{error}");
    }

    /// acme, bound as a transceiver.
    pub async fn acme(&self) -> Esme {
        self.bound(&Bind::transceiver("acme", "secret")).await
    }

    /// A promotion to this number by the account every configuration has: the status it is answered with.
    pub async fn promo(&self, number: u32) -> u32 {
        let acme = self.acme().await;
        let promo = Message::submit("ACME", &phone(number), PROMO);
        let status = acme.submit_and_wait(&promo).await.expect("answered").status();
        acme.unbind(SOON).await.expect("unbound");
        status
    }

    /// Waits until it is so: for what no peer is told.
    pub async fn until(&self, what: &str, so: impl Fn() -> bool) {
        let waiting = async {
            while !so() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        assert!(tokio::time::timeout(SOON, waiting).await.is_ok(), "{what}\n{}", self.gateway.log());
    }

    /// A sender bound like this.
    pub async fn bound(&self, bind: &Bind) -> Esme {
        Esme::bind(self.gateway.smpp, bind).await.unwrap_or_else(|error| panic!("{bind:?}: {error}"))
    }

    /// The next submit to this number that the operator has, waiting for it.
    pub async fn forwarded(&self, number: &str) -> Submitted {
        let found = self.smsc.wait_for(SOON, |records| records.to(number).next().cloned()).await;
        found.unwrap_or_else(|| panic!("nothing to {number} reached the operator\n{}", self.gateway.log()))
    }

    /// How many submits to this number the operator has.
    pub fn count_to(&self, number: &str) -> usize {
        self.smsc.records(|records| records.to(number).count())
    }

    /// A person writes; the status the gateway answered with.
    pub async fn mo(&self, from: &str, to: &str, text: &str) -> u32 {
        let answer = self.smsc.deliver(Message::mo(from, to, text), SOON).await;
        answer.unwrap_or_else(|error| panic!("{text} from {from}: {error}\n{}", self.gateway.log())).status
    }
}
