//! Owns the simulated operator: it listens, lets clients bind, answers submits by its switches, sends receipts and MOs.
//! Must never know the gateway: it meets it over TCP, as an operator does.

mod later;
mod link;
pub mod records;
pub mod switches;
pub mod words;
#[cfg(test)]
mod tests;

use crate::sim::message::Message;
use crate::sim::phone::Phones;
use crate::sim::wire::{BIND_RECEIVER, BIND_TRANSCEIVER};
use later::{Parcel, WAITING_MAX};
use records::{Answered, Records};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use switches::Switches;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

/// Connections at once.
const LINKS_MAX: usize = 4096;
/// Commands that may wait for one link.
const COMMANDS_MAX: usize = 16_384;

/// Why a deliver_sm got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliverError {
    #[error("no client that can receive is bound")]
    NobodyBound,
    #[error("the link went before the answer came")]
    LinkLost,
    #[error("no answer in time")]
    Timeout,
}

/// What a link is told.
enum Command {
    Write(Vec<u8>),
    Deliver(Message, Option<oneshot::Sender<Result<Answered, DeliverError>>>),
    Unbind,
    Close,
}

/// A client's link as the simulator's user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub link: u64,
    /// command_id of its bind.
    pub kind: u32,
    pub system_id: String,
}

struct LinkEntry {
    commands: mpsc::Sender<Command>,
    kind: u32,
    system_id: String,
}

#[derive(Default)]
struct State {
    switches: Switches,
    phones: Phones,
    records: Records,
    links: BTreeMap<u64, LinkEntry>,
    next_link: u64,
    /// The link the last deliver_sm went to: they take turns.
    last_link: u64,
    submits: u64,
    /// The second being counted for `throughput`, and its count.
    second: (u64, u32),
}

/// What a submit is answered by.
struct Taken {
    switches: Switches,
    /// The how-manieth submit it is, from 1.
    count: u64,
    /// The message id's number.
    id: u32,
    throttled: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    later: mpsc::Sender<(Duration, Parcel)>,
    started: Instant,
    first_id: u32,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn with_switches<T>(&self, read: impl FnOnce(&Switches) -> T) -> T {
        read(&self.state().switches)
    }

    fn with_records<T>(&self, write: impl FnOnce(&mut Records) -> T) -> T {
        let value = write(&mut self.state().records);
        self.touch();
        value
    }

    fn count_overflow(&self) {
        self.with_records(|records| records.overflow_total += 1);
    }

    fn take_submit(&self) -> Taken {
        let mut state = self.state();
        state.submits += 1;
        let count = state.submits;
        let second = self.started.elapsed().as_secs();
        state.second = if state.second.0 == second { (second, state.second.1 + 1) } else { (second, 1) };
        let limit = state.switches.answers.throughput;
        let id = self.first_id.wrapping_add(count as u32);
        Taken { switches: state.switches.clone(), count, id, throttled: limit > 0 && state.second.1 > limit }
    }

    fn phones_answer(&self, message: &Message) {
        let answer = self.state().phones.answer(message);
        if let Some((reply, after)) = answer {
            self.later(after, Parcel { system_id: String::new(), message: reply });
        }
    }

    fn later(&self, after: Duration, parcel: Parcel) {
        if self.later.try_send((after, parcel)).is_err() {
            self.count_overflow();
        }
    }

    /// Gives a message to a link that can receive, each in its turn; gives it back when none can take it.
    fn hand_over(&self, parcel: Parcel) -> Option<Parcel> {
        let mut state = self.state();
        let Some((link, commands)) = state.receiver(&parcel.system_id) else { return Some(parcel) };
        match commands.try_send(Command::Deliver(parcel.message, None)) {
            Ok(()) => {
                state.last_link = link;
                None
            }
            Err(error) => match error.into_inner() {
                Command::Deliver(message, _) => Some(Parcel { system_id: parcel.system_id, message }),
                Command::Write(_) | Command::Unbind | Command::Close => None,
            },
        }
    }

    fn bound(&self, link: u64, kind: u32, system_id: &str) {
        let mut state = self.state();
        if kind != 0 {
            state.records.binds_total += 1;
        }
        if let Some(entry) = state.links.get_mut(&link) {
            entry.kind = kind;
            entry.system_id = system_id.to_owned();
        }
        drop(state);
        self.touch();
    }

    fn unlink(&self, link: u64) {
        self.state().links.remove(&link);
        self.touch();
    }
}

impl State {
    fn receiver(&self, system_id: &str) -> Option<(u64, mpsc::Sender<Command>)> {
        let fits = |entry: &LinkEntry| {
            matches!(entry.kind, BIND_RECEIVER | BIND_TRANSCEIVER)
                && (system_id.is_empty() || entry.system_id == system_id)
        };
        let after = self.links.range(self.last_link + 1..).find(|(_, entry)| fits(entry));
        let found = after.or_else(|| self.links.iter().find(|(_, entry)| fits(entry)))?;
        Some((*found.0, found.1.commands.clone()))
    }
}

/// A running simulated operator. Stops when dropped.
#[derive(Clone)]
pub struct Smsc {
    shared: Arc<Shared>,
    address: SocketAddr,
    _stop: Arc<StopOnDrop>,
}

struct StopOnDrop(Vec<tokio::task::AbortHandle>, Arc<Shared>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
        for entry in self.1.state().links.values() {
            // A full queue ends with its link anyway.
            let _ = entry.commands.try_send(Command::Close);
        }
    }
}

impl Smsc {
    /// Listens on `listen` (port 0 = any) on the runtime it is called from.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(listen: SocketAddr, switches: Switches) -> io::Result<Self> {
        Self::start_from_id(listen, switches, 0x1000_0000).await
    }

    /// The same, whose message ids count from `first_id`.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start_from_id(listen: SocketAddr, switches: Switches, first_id: u32) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let (later, inbox) = mpsc::channel(WAITING_MAX);
        let shared = Arc::new(Shared {
            state: Mutex::new(State { switches, ..State::default() }),
            changed: watch::Sender::new(0),
            later,
            started: Instant::now(),
            first_id,
        });
        let accepting = tokio::spawn(accept(shared.clone(), listener)).abort_handle();
        let sending = tokio::spawn(later::run(shared.clone(), inbox)).abort_handle();
        let stop = Arc::new(StopOnDrop(vec![accepting, sending], shared.clone()));
        Ok(Self { shared, address, _stop: stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes switches while it runs.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.shared.state().switches);
        self.shared.touch();
    }

    /// Changes the phones' script while it runs.
    pub fn phones(&self, change: impl FnOnce(&mut Phones)) {
        change(&mut self.shared.state().phones);
    }

    /// Looks at what was received.
    pub fn records<T>(&self, read: impl FnOnce(&Records) -> T) -> T {
        read(&self.shared.state().records)
    }

    /// Waits until `found` finds something in the records, at most `within`.
    pub async fn wait_for<T>(&self, within: Duration, mut found: impl FnMut(&Records) -> Option<T>) -> Option<T> {
        let mut changed = self.shared.changed();
        timeout(within, async {
            loop {
                if let Some(value) = self.records(&mut found) {
                    return value;
                }
                // The sender lives in `self`, so this cannot fail.
                let _ = changed.changed().await;
            }
        })
        .await
        .ok()
    }

    /// The links that are bound, in the order they came.
    pub fn bound(&self) -> Vec<Bound> {
        let state = self.shared.state();
        let bound = state.links.iter().filter(|(_, entry)| entry.kind != 0);
        bound.map(|(link, entry)| Bound { link: *link, kind: entry.kind, system_id: entry.system_id.clone() }).collect()
    }

    /// Waits until `count` links are bound, at most `within`; whether they are.
    pub async fn wait_bound(&self, count: usize, within: Duration) -> bool {
        let mut changed = self.shared.changed();
        let reached = timeout(within, async {
            while self.bound().len() < count {
                // The sender lives in `self`, so this cannot fail.
                let _ = changed.changed().await;
            }
        });
        reached.await.is_ok()
    }

    /// Sends a deliver_sm or data_sm to a client that can receive, and waits for the answer.
    ///
    /// # Errors
    /// When nobody is bound, the link goes, or no answer comes within `within`.
    pub async fn deliver(&self, message: Message, within: Duration) -> Result<Answered, DeliverError> {
        let link = self.shared.state().receiver("").ok_or(DeliverError::NobodyBound)?.0;
        self.deliver_on(link, message, within).await
    }

    /// The same on one link, whatever it is bound as.
    ///
    /// # Errors
    /// As [`Smsc::deliver`].
    pub async fn deliver_on(&self, link: u64, message: Message, within: Duration) -> Result<Answered, DeliverError> {
        let (report, answer) = oneshot::channel();
        let commands = {
            let mut state = self.shared.state();
            state.last_link = link;
            state.links.get(&link).map(|entry| entry.commands.clone()).ok_or(DeliverError::NobodyBound)?
        };
        commands.send(Command::Deliver(message, Some(report))).await.map_err(|_| DeliverError::LinkLost)?;
        match timeout(within, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(DeliverError::LinkLost),
            Err(_) => Err(DeliverError::Timeout),
        }
    }

    /// Sends a message to any client that can receive, after a while, again and again until it is taken.
    pub fn post(&self, message: Message, after: Duration) {
        self.shared.later(after, Parcel { system_id: String::new(), message });
    }

    /// Writes octets as they are on one link, or on every link.
    pub fn write_raw(&self, link: Option<u64>, octets: &[u8]) {
        self.command(link, || Command::Write(octets.to_vec()));
    }

    /// Sends an unbind on one link, or on every link, and closes it when it is answered.
    pub fn unbind(&self, link: Option<u64>) {
        self.command(link, || Command::Unbind);
    }

    /// Closes one connection, or every one.
    pub fn close(&self, link: Option<u64>) {
        self.command(link, || Command::Close);
    }

    fn command(&self, link: Option<u64>, command: impl Fn() -> Command) {
        let state = self.shared.state();
        for (_, entry) in state.links.iter().filter(|(id, _)| link.is_none_or(|link| link == **id)) {
            if entry.commands.try_send(command()).is_err() {
                tracing::debug!("a simulated link is full or gone");
            }
        }
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let id = {
            let mut state = shared.state();
            if state.links.len() >= LINKS_MAX {
                continue;
            }
            state.next_link += 1;
            let id = state.next_link;
            state.links.insert(id, LinkEntry { commands, kind: 0, system_id: String::new() });
            id
        };
        tokio::spawn(link::serve(shared.clone(), stream, id, inbox));
    }
}
