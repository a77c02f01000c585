//! Owns a simulated sender: it binds, submits any octets, collects answers by sequence, takes deliver_sm.
//! Must never hide what it got: every PDU is kept as it came.

use crate::sim::message::Message;
use crate::sim::wire::*;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::{Instant, timeout};

/// How many PDUs of each kind wait to be looked at before the oldest goes.
const KEPT_MAX: usize = 200_000;

/// A bind as the simulator sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// [`BIND_TRANSMITTER`], [`BIND_RECEIVER`] or [`BIND_TRANSCEIVER`].
    pub kind: u32,
    pub system_id: String,
    pub password: String,
    pub system_type: String,
    pub interface_version: u8,
}

impl Bind {
    /// A transceiver of version 3.4.
    pub fn transceiver(system_id: &str, password: &str) -> Self {
        Self {
            kind: BIND_TRANSCEIVER,
            system_id: system_id.into(),
            password: password.into(),
            system_type: String::new(),
            interface_version: 0x34,
        }
    }

    /// The same login as another kind of bind.
    pub fn of_kind(mut self, kind: u32) -> Self {
        self.kind = kind;
        self
    }

    /// The PDU.
    pub fn pdu(&self, sequence: u32) -> Pdu {
        let mut body = Vec::new();
        for text in [&self.system_id, &self.password, &self.system_type] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        body.extend_from_slice(&[self.interface_version, 0, 0, 0]);
        Pdu::new(self.kind, 0, sequence, &body)
    }
}

/// What a deliver_sm (or data_sm) from the other side is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    /// With this status.
    Answer(u32),
    /// Not at all.
    Silent,
}

/// What goes wrong for a simulated sender.
#[derive(Debug, thiserror::Error)]
pub enum EsmeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("bind refused with status {0:#010x}")]
    Refused(u32),
    #[error("nothing came in time")]
    Timeout,
    #[error("the connection was closed")]
    Closed,
}

#[derive(Default)]
struct Inbox {
    /// Responses, in the order they came, with when.
    responses: VecDeque<(Instant, Pdu)>,
    /// deliver_sm and data_sm.
    deliveries: VecDeque<Pdu>,
    /// Every other request.
    requests: VecDeque<Pdu>,
    closed: bool,
}

struct Shared {
    inbox: Mutex<Inbox>,
    changed: watch::Sender<u64>,
    taking: Mutex<Taking>,
    answering: Mutex<bool>,
    write: AsyncMutex<OwnedWriteHalf>,
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection of a simulated sender. Closed when dropped.
pub struct Esme {
    shared: Arc<Shared>,
    sequence: Mutex<u32>,
    reading: tokio::task::AbortHandle,
}

impl Drop for Esme {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Esme {
    /// Connects, without binding.
    ///
    /// # Errors
    /// When the other side does not listen.
    pub async fn connect(address: SocketAddr) -> Result<Self, EsmeError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let shared = Arc::new(Shared {
            inbox: Mutex::default(),
            changed: watch::Sender::new(0),
            taking: Mutex::new(Taking::Answer(0)),
            answering: Mutex::new(true),
            write: AsyncMutex::new(write),
        });
        let reading = tokio::spawn(read_on(shared.clone(), read)).abort_handle();
        Ok(Self { shared, sequence: Mutex::new(0), reading })
    }

    /// Connects and binds.
    ///
    /// # Errors
    /// [`EsmeError::Refused`] with the status of the bind response; else as it happened.
    pub async fn bind(address: SocketAddr, bind: &Bind) -> Result<Self, EsmeError> {
        let esme = Self::connect(address).await?;
        let sequence = esme.next_sequence();
        esme.send(bind.pdu(sequence).octets()).await?;
        match esme.answer(sequence, Duration::from_secs(10)).await?.status() {
            0 => Ok(esme),
            status => Err(EsmeError::Refused(status)),
        }
    }

    /// The next of its own sequence numbers.
    pub fn next_sequence(&self) -> u32 {
        let mut sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        *sequence += 1;
        *sequence
    }

    /// Writes octets as they are.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn send(&self, octets: &[u8]) -> Result<(), EsmeError> {
        Ok(self.shared.write.lock().await.write_all(octets).await?)
    }

    /// Closes the writing side only.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn finish(&self) -> Result<(), EsmeError> {
        Ok(self.shared.write.lock().await.shutdown().await?)
    }

    /// Writes a request with its next sequence number and gives that number.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn request(&self, command: u32, body: &[u8]) -> Result<u32, EsmeError> {
        let sequence = self.next_sequence();
        self.send(Pdu::new(command, 0, sequence, body).octets()).await?;
        Ok(sequence)
    }

    /// Writes a message and gives its sequence number, without waiting: windows are the caller's.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn submit(&self, message: &Message) -> Result<u32, EsmeError> {
        let sequence = self.next_sequence();
        self.send(message.pdu(sequence).octets()).await?;
        Ok(sequence)
    }

    /// Writes a message and waits for its answer, at most 40 s (longer than any answer may take).
    ///
    /// # Errors
    /// When nothing comes, or the connection's own.
    pub async fn submit_and_wait(&self, message: &Message) -> Result<Pdu, EsmeError> {
        let sequence = self.submit(message).await?;
        self.answer(sequence, Duration::from_secs(40)).await
    }

    /// The first response with this sequence number, taken out.
    ///
    /// # Errors
    /// When it does not come within `within` or the connection closes first.
    pub async fn answer(&self, sequence: u32, within: Duration) -> Result<Pdu, EsmeError> {
        self.take(within, |inbox| {
            let at = inbox.responses.iter().position(|(_, pdu)| pdu.sequence() == sequence)?;
            inbox.responses.remove(at).map(|(_, pdu)| pdu)
        })
        .await
    }

    /// The next response, whatever its sequence number, with the instant it was read.
    ///
    /// # Errors
    /// As [`Esme::answer`].
    pub async fn next_answer(&self, within: Duration) -> Result<(Instant, Pdu), EsmeError> {
        self.take(within, |inbox| inbox.responses.pop_front()).await
    }

    /// The next deliver_sm or data_sm.
    ///
    /// # Errors
    /// As [`Esme::answer`].
    pub async fn next_delivery(&self, within: Duration) -> Result<Pdu, EsmeError> {
        self.take(within, |inbox| inbox.deliveries.pop_front()).await
    }

    /// The next request that is neither deliver_sm nor data_sm.
    ///
    /// # Errors
    /// As [`Esme::answer`].
    pub async fn next_request(&self, within: Duration) -> Result<Pdu, EsmeError> {
        self.take(within, |inbox| inbox.requests.pop_front()).await
    }

    /// Waits until the other side closes; whether it did within `within`.
    pub async fn closed(&self, within: Duration) -> bool {
        self.take(within, |inbox| inbox.closed.then_some(())).await.is_ok()
    }

    /// Everything not taken yet: responses, then deliveries, then other requests.
    pub fn drain(&self) -> Vec<Pdu> {
        let mut inbox = self.shared.inbox();
        let mut all: Vec<Pdu> = inbox.responses.drain(..).map(|(_, pdu)| pdu).collect();
        all.extend(inbox.deliveries.drain(..));
        all.extend(inbox.requests.drain(..));
        all
    }

    /// What deliver_sm are answered from now on.
    pub fn taking(&self, taking: Taking) {
        *self.shared.taking.lock().unwrap_or_else(PoisonError::into_inner) = taking;
    }

    /// Whether enquire_link and unbind are answered from now on.
    pub fn answering(&self, answering: bool) {
        *self.shared.answering.lock().unwrap_or_else(PoisonError::into_inner) = answering;
    }

    /// Unbinds and waits for the answer.
    ///
    /// # Errors
    /// As [`Esme::answer`].
    pub async fn unbind(&self, within: Duration) -> Result<Pdu, EsmeError> {
        let sequence = self.request(UNBIND, b"").await?;
        self.answer(sequence, within).await
    }

    async fn take<T>(&self, within: Duration, mut found: impl FnMut(&mut Inbox) -> Option<T>) -> Result<T, EsmeError> {
        let mut changed = self.shared.changed.subscribe();
        let waiting = async {
            loop {
                {
                    let mut inbox = self.shared.inbox();
                    if let Some(value) = found(&mut inbox) {
                        return Ok(value);
                    }
                    if inbox.closed {
                        return Err(EsmeError::Closed);
                    }
                }
                // The sender lives in `self`, so this cannot fail.
                let _ = changed.changed().await;
            }
        };
        timeout(within, waiting).await.unwrap_or(Err(EsmeError::Timeout))
    }
}

async fn read_on(shared: Arc<Shared>, read: OwnedReadHalf) {
    let mut reader = FrameReader::new(read);
    while let Ok(Some(pdu)) = reader.next().await {
        if let Some(answer) = answer_to(&shared, &pdu) {
            // A failed write shows as the end of reading.
            let _ = shared.write.lock().await.write_all(answer.octets()).await;
        }
        let mut inbox = shared.inbox();
        if pdu.is_response() {
            keep(&mut inbox.responses, (Instant::now(), pdu));
        } else if matches!(pdu.command(), DELIVER_SM | DATA_SM) {
            keep(&mut inbox.deliveries, pdu);
        } else {
            keep(&mut inbox.requests, pdu);
        }
        drop(inbox);
        shared.changed.send_modify(|version| *version += 1);
    }
    shared.inbox().closed = true;
    shared.changed.send_modify(|version| *version += 1);
}

fn answer_to(shared: &Shared, pdu: &Pdu) -> Option<Pdu> {
    match pdu.command() {
        DELIVER_SM | DATA_SM => match *shared.taking.lock().unwrap_or_else(PoisonError::into_inner) {
            Taking::Answer(status) => Some(Pdu::new(pdu.command() | RESPONSE, status, pdu.sequence(), b"\0")),
            Taking::Silent => None,
        },
        ENQUIRE_LINK | UNBIND if *shared.answering.lock().unwrap_or_else(PoisonError::into_inner) => {
            Some(Pdu::new(pdu.command() | RESPONSE, 0, pdu.sequence(), b""))
        }
        _ => None,
    }
}

fn keep<T>(list: &mut VecDeque<T>, value: T) {
    if list.len() == KEPT_MAX {
        list.pop_front();
    }
    list.push_back(value);
}
