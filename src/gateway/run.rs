//! Owns the start and the end of the data plane: threads, runtimes, lanes and the door.
//! Must never decide anything about a message.

use super::arrival::adopt;
use super::attribution;
use super::door::Door;
use super::drain::DRAIN;
use super::lane::Lane;
use super::leaks;
use super::lifts;
use super::order::Order;
use super::placement::Placement;
use super::scrub;
use super::sets;
use super::shared::{Foundation, Shared};
use super::tick::TICK;
use super::wiring::{Hub, LinkSide};
use crate::net::drive::drive;
use crate::net::wire::{SocketWire, Wire};
use crate::session::smsc::SmscAction;
use crate::telemetry::events::SmscLost;
use crate::telemetry::labels::ConnectResult;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Orders that may wait for a lane.
const ORDERS: usize = 1024;
/// How long a connection to an operator may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// The data plane, running.
pub struct Running {
    /// Where the ESME side listens.
    pub smpp: SocketAddr,
    pub shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Stops taking work, lets what is under way end, and unbinds. Returns when every lane has ended.
    pub async fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
        let mut ends = Vec::new();
        for port in &self.shared.lanes {
            let (done, ended) = oneshot::channel();
            if port.orders.send(Order::Drain(done)).await.is_ok() {
                ends.push(ended);
            }
        }
        for ended in ends {
            // A lane that is gone has nothing left to end.
            ended.await.ok();
        }
    }

    /// Waits for the threads, after a drain.
    pub fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!(event = "lane.panicked");
            }
        }
    }
}

/// Starts the door and the lanes.
///
/// # Errors
/// The address cannot be listened on, the last verdicts cannot be read, or a thread cannot be made.
pub fn start(foundation: Foundation) -> io::Result<Running> {
    let settings = Arc::clone(&foundation.settings);
    let listener = std::net::TcpListener::bind(settings.smpp.listen)?;
    listener.set_nonblocking(true)?;
    let smpp = listener.local_addr()?;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..settings.lanes.max(1)).map(|_| mpsc::channel(ORDERS)).unzip();
    let placement = Placement::new(&settings, &Placement::default());
    let parts = sets::recall(&foundation.ledger, foundation.clock.civil()).map_err(io::Error::other)?;
    let shared = Arc::new(Shared::new(foundation, placement, parts, senders).map_err(io::Error::other)?);
    let mut threads = Vec::new();
    for (number, orders) in receivers.into_iter().enumerate() {
        let shared = Arc::clone(&shared);
        threads.push(spawn(&format!("lane-{number}"), move || lane_main(number, shared, orders))?);
    }
    let door = Arc::clone(&shared);
    threads.push(spawn("door", move || door_main(door, listener))?);
    shared.ring_when_durable();
    attribution::keep(&shared)?;
    leaks::keep(&shared)?;
    scrub::keep(&shared)?;
    lifts::recall(&shared)?;
    Ok(Running { smpp, shared, threads })
}

fn spawn(name: &str, body: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        let _whole = AllOrNothing;
        if let Err(error) = body() {
            tracing::error!(event = "thread.failed", %error);
        }
    })
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Ends the process when a thread of the data plane panics: without it its accounts would wait for ever and STOPs would go
/// unacknowledged, while the rest looked healthy. The supervisor starts it again.
struct AllOrNothing;

impl Drop for AllOrNothing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

fn door_main(shared: Arc<Shared>, listener: std::net::TcpListener) -> io::Result<()> {
    runtime()?.block_on(async move {
        let settings = shared.settings.load().smpp.clone();
        let listener = TcpListener::from_std(listener)?;
        Door::new(shared, settings).accept(listener).await;
        Ok(())
    })
}

fn lane_main(number: usize, shared: Arc<Shared>, orders: mpsc::Receiver<Order>) -> io::Result<()> {
    let hub = Hub::new(Lane::new(number, shared));
    LocalSet::new().block_on(&runtime()?, async move {
        let links = hub.look(|lane| lane.links.len());
        for slot in 0..links {
            spawn_local(keep_link(Rc::clone(&hub), slot));
        }
        spawn_local(hear_bell(Rc::clone(&hub), number));
        spawn_local(keep_time(Rc::clone(&hub)));
        spawn_local(keep_pace(Rc::clone(&hub)));
        follow_orders(hub, orders).await;
    });
    Ok(())
}

/// Something became durable, or another lane waits for this one.
async fn hear_bell(hub: Rc<Hub>, number: usize) {
    let shared = Arc::clone(hub.shared());
    loop {
        shared.lanes[number].bell.notified().await;
        hub.turn(Lane::durable_further);
    }
}

async fn keep_time(hub: Rc<Hub>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        hub.turn(Lane::tick);
    }
}

/// Sends what waits for an operator's pace when it is due: ticks are too coarse to use a contract's whole rate.
async fn keep_pace(hub: Rc<Hub>) {
    loop {
        let clock = &hub.shared().clock;
        let now = clock.monotonic();
        match hub.look(|lane| lane.next_pace(now)) {
            Some(due) => {
                tokio::time::sleep_until(clock.deadline(due)).await;
                hub.turn(Lane::keep_pace);
            }
            None => sleep(TICK).await,
        }
    }
}

/// Serves orders until a drain has ended.
async fn follow_orders(hub: Rc<Hub>, mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        if let Some(done) = serve(&hub, order) {
            drain(&hub, &mut orders).await;
            done.send(()).ok();
            return;
        }
    }
}

/// Serves one order; a drain is given back: it takes a while.
fn serve(hub: &Rc<Hub>, order: Order) -> Option<oneshot::Sender<()>> {
    match order {
        Order::Adopt(arrival) => adopt(hub, *arrival),
        Order::Reload(settings) => hub.turn(|lane, now| lane.reload(settings, now)),
        // Who asked may have gone meanwhile.
        Order::Figures(answer) => drop(answer.send(hub.look(Lane::figures))),
        Order::Drain(done) => return Some(done),
    }
    None
}

async fn drain(hub: &Rc<Hub>, orders: &mut mpsc::Receiver<Order>) {
    hub.turn(Lane::begin_drain);
    let ended = timeout(DRAIN, async {
        while !hub.turn(Lane::drain_step) {
            tokio::select! {
                // A bind that comes now is refused, and whoever asks how it stands is told.
                Some(order) = orders.recv() => drop(serve(hub, order)),
                () = sleep(TICK) => {}
            }
        }
    })
    .await;
    if ended.is_err() {
        tracing::warn!(event = "drain.deadline");
        hub.turn(Lane::give_up);
    }
    hub.turn(|lane, _| lane.close_all());
    hub.turn(|lane, now| lane.record_counts(true, now));
    hub.turn(Lane::end);
}

/// Keeps one link to an operator: connects, drives it until it ends, waits, and again.
async fn keep_link(hub: Rc<Hub>, slot: usize) {
    loop {
        let clock = &hub.shared().clock;
        let due = hub.look(|lane| lane.links[slot].session.next_deadline());
        let Some(due) = due else { return };
        tokio::time::sleep_until(clock.deadline(due)).await;
        let action = hub.turn(|lane, now| lane.links[slot].session.due(now.monotonic));
        if action != Some(SmscAction::Connect) {
            continue;
        }
        let address = hub.look(|lane| lane.smscs[lane.links[slot].smsc].settings.address.clone());
        match timeout(CONNECT, TcpStream::connect(&address)).await {
            Ok(Ok(stream)) => {
                // A lost setsockopt only costs latency.
                stream.set_nodelay(true).ok();
                let (read, write) = stream.into_split();
                let wire = SocketWire::new(write);
                hub.turn(|lane, now| lane.link_connected(slot, Rc::clone(&wire) as Rc<dyn Wire>, now));
                drive(read, &wire, &LinkSide { hub: Rc::clone(&hub), slot }).await;
                hub.turn(|lane, now| lane.link_down(slot, now));
            }
            Ok(Err(error)) => unreachable_smsc(&hub, slot, ConnectResult::Unreachable, &error.to_string()),
            Err(_) => unreachable_smsc(&hub, slot, ConnectResult::Timeout, "no answer to the connection"),
        }
    }
}

fn unreachable_smsc(hub: &Rc<Hub>, slot: usize, result: ConnectResult, why: &str) {
    hub.turn(|lane, now| {
        let link = &mut lane.links[slot];
        let smsc = &lane.smscs[link.smsc];
        link.session.lost(now.monotonic);
        SmscLost { smsc: &smsc.settings.name, link: link.number, result, why }.emit(&smsc.metrics);
    });
}
