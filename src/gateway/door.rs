//! Owns the door: connections that have not bound yet, and the question who they are.
//! Must never tell a wrong id from a wrong password, nor hand a stranger to a lane.

use super::order::{Arrival, Introduction, Order};
use super::settings::{AccountSettings, SmppSettings};
use super::shared::Shared;
use crate::message::name::NameId;
use crate::pdu::answer;
use crate::pdu::bind::{self, Bind};
use crate::pdu::command::CommandId;
use crate::pdu::frame::{self, Framing};
use crate::pdu::header::Header;
use crate::pdu::status::CommandStatus;
use crate::session::bind_guard::{BindGuard, Gate, WRONG_LOGIN_DELAY};
use crate::session::esme::{Admission, Answer, EsmeSession, Request};
use crate::session::prebind::PrebindSockets;
use crate::telemetry::events::{BindRefused, PduRejected};
use crate::telemetry::labels::{BindRefusal, PduError, Side};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, LocalSet, spawn_local};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// The door of one process.
pub struct Door {
    shared: Arc<Shared>,
    settings: SmppSettings,
    guard: RefCell<BindGuard>,
    sockets: RefCell<PrebindSockets<u64>>,
    tasks: RefCell<std::collections::HashMap<u64, AbortHandle>>,
    next: AtomicU64,
}

/// What became of a connection before its bind.
enum Outcome {
    /// It proved who it is.
    Arrived(Introduction),
    Over,
}

/// A bind request and what came behind it.
struct Asked {
    pdu: Vec<u8>,
    header: Header,
    rest: Vec<u8>,
}

impl Door {
    /// A door for these settings.
    pub fn new(shared: Arc<Shared>, settings: SmppSettings) -> Rc<Self> {
        let sockets = RefCell::new(PrebindSockets::new(settings.prebind_sockets));
        Rc::new(Self {
            shared,
            settings,
            guard: RefCell::default(),
            sockets,
            tasks: RefCell::default(),
            next: AtomicU64::new(0),
        })
    }

    /// Accepts until the gateway drains.
    pub async fn accept(self: Rc<Self>, listener: TcpListener) {
        LocalSet::new()
            .run_until(async move {
                while !self.shared.draining.load(Ordering::Relaxed) {
                    match timeout(Duration::from_millis(200), listener.accept()).await {
                        Ok(Ok((stream, peer))) => self.enter(stream, peer),
                        // Out of descriptors or the like: the connections there are go on; try again shortly.
                        Ok(Err(error)) => {
                            tracing::warn!(event = "door.accept_failed", %error);
                            sleep(Duration::from_millis(50)).await;
                        }
                        Err(_) => {}
                    }
                }
            })
            .await;
    }

    fn enter(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        if self.shared.connections.load(Ordering::Relaxed) + self.sockets.borrow().len() >= self.settings.connections {
            return self.shared.metrics.bind_refusals.one(BindRefusal::TooManySockets);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (place, evicted) = self.sockets.borrow_mut().enter(id);
        if let Some(task) = evicted.and_then(|evicted| self.tasks.borrow_mut().remove(&evicted)) {
            task.abort();
            self.shared.metrics.bind_refusals.one(BindRefusal::TooManySockets);
        }
        let door = Rc::clone(self);
        let task = spawn_local(async move {
            door.receive(stream, peer).await;
            door.sockets.borrow_mut().leave(place);
            door.tasks.borrow_mut().remove(&id);
        });
        if !task.is_finished() {
            self.tasks.borrow_mut().insert(id, task.abort_handle());
        }
    }

    async fn receive(&self, mut stream: TcpStream, peer: SocketAddr) {
        // A lost setsockopt only costs latency.
        stream.set_nodelay(true).ok();
        let Outcome::Arrived(introduction) = self.identify(&mut stream, peer).await else {
            stream.shutdown().await.ok();
            return;
        };
        let Ok(stream) = stream.into_std() else { return };
        let lane = self.shared.placement.load().lane(introduction.account);
        let arrival = Arrival { stream, introduction };
        self.shared.lanes[lane].orders.send(Order::Adopt(Box::new(arrival))).await.ok();
    }

    /// Reads until a bind, and finds out who it is.
    async fn identify(&self, stream: &mut TcpStream, peer: SocketAddr) -> Outcome {
        let deadline = Instant::now() + self.settings.session_init;
        let asked = match timeout_at(deadline, self.read_bind(stream)).await {
            Ok(Some(asked)) => asked,
            Ok(None) => return Outcome::Over,
            Err(_) => {
                self.shared.metrics.bind_refusals.one(BindRefusal::SessionInitTimeout);
                return Outcome::Over;
            }
        };
        let Asked { pdu, header, rest } = asked;
        let bind = match bind::parse(&pdu) {
            Ok(bind) => bind,
            Err(rejection) => {
                self.shared.metrics.bind_refusals.one(BindRefusal::Malformed);
                reply(stream, |out| answer::error(header.id, rejection.status, header.sequence, out)).await;
                return Outcome::Over;
            }
        };
        let now = self.shared.clock.monotonic();
        let gate = self.guard.borrow_mut().gate(peer.ip(), bind.system_id, now);
        match gate {
            Gate::CloseSilently { hold } => {
                sleep(hold).await;
                self.refused(&bind, peer, BindRefusal::Throttled);
                Outcome::Over
            }
            Gate::Check { hold } => {
                sleep(hold).await;
                self.check(stream, peer, &bind, &header, rest).await
            }
        }
    }

    /// Right login: the lane goes on. Wrong id, wrong password, wrong network: one answer, one delay.
    async fn check(
        &self,
        stream: &mut TcpStream,
        peer: SocketAddr,
        bind: &Bind<'_>,
        header: &Header,
        rest: Vec<u8>,
    ) -> Outcome {
        let settings = self.shared.settings.load();
        let draining = self.shared.draining.load(Ordering::Relaxed);
        let (reason, status) = match authenticate(&settings.accounts, bind, peer) {
            Ok(_) if draining => (BindRefusal::Draining, CommandStatus::BIND_FAILED),
            Ok(account) => {
                let now = self.shared.clock.monotonic();
                self.guard.borrow_mut().admitted(peer.ip(), bind.system_id, now);
                return Outcome::Arrived(Introduction {
                    peer,
                    account,
                    system_id: String::from_utf8_lossy(bind.system_id).into_owned(),
                    kind: bind.kind,
                    interface_version: bind.interface_version,
                    sequence: header.sequence,
                    rest,
                });
            }
            Err(reason) => {
                sleep(WRONG_LOGIN_DELAY).await;
                (reason, CommandStatus::INVALID_PASSWORD)
            }
        };
        self.refused(bind, peer, reason);
        reply(stream, |out| answer::error(header.id, status, header.sequence, out)).await;
        Outcome::Over
    }

    fn refused(&self, bind: &Bind<'_>, peer: SocketAddr, reason: BindRefusal) {
        BindRefused { system_id: &String::from_utf8_lossy(bind.system_id), peer, reason }.emit(&self.shared.metrics);
    }

    /// A PDU of who has not bound.
    fn stranger_error(&self, kind: PduError) {
        PduRejected { side: Side::Esme, who: "-", kind }.emit(&self.shared.metrics);
    }

    /// Answers what may come before a bind; gives the bind, or nothing when the connection is to be closed.
    async fn read_bind(&self, stream: &mut TcpStream) -> Option<Asked> {
        let session = EsmeSession::open(self.shared.clock.monotonic());
        let mut buffer = Vec::with_capacity(256);
        loop {
            let length = match frame::next(&buffer) {
                Framing::Whole(length) => length,
                Framing::Incomplete => {
                    if stream.read_buf(&mut buffer).await.ok()? == 0 {
                        return None;
                    }
                    continue;
                }
                Framing::Impossible { looks_like } => {
                    tracing::info!(event = "pdu.impossible", side = "esme", reason = looks_like.word());
                    self.stranger_error(PduError::Framing);
                    reply(stream, |out| answer::generic_nack(CommandStatus::INVALID_COMMAND_LENGTH, 0, out)).await;
                    return None;
                }
            };
            let rest = buffer.split_off(length);
            let pdu = std::mem::replace(&mut buffer, rest);
            let header = Header::parse(&pdu)?;
            match session.admit(header.id.to_wire()) {
                Admission::Take(Request::Bind(_)) => return Some(Asked { pdu, header, rest: buffer }),
                Admission::Take(_) => {
                    debug_assert_eq!(header.id, CommandId::EnquireLink);
                    reply(stream, |out| answer::enquire_link_resp(header.sequence, out)).await;
                }
                Admission::Refuse { answer, close } => {
                    self.stranger_error(PduError::State);
                    reply(stream, |out| match answer {
                        Answer::Own(status) => answer::error(header.id, CommandStatus(status), header.sequence, out),
                        Answer::Nack(status) => answer::generic_nack(CommandStatus(status), header.sequence, out),
                    })
                    .await;
                    if close {
                        return None;
                    }
                }
                Admission::Response | Admission::Drop => {}
            }
        }
    }
}

/// Writes one answer before the bind. A peer that does not take it is closed by the session_init timer.
async fn reply(stream: &mut TcpStream, encode: impl FnOnce(&mut Vec<u8>)) {
    let mut octets = Vec::new();
    encode(&mut octets);
    stream.write_all(&octets).await.ok();
}

/// Who a bind is from. Every comparison runs its full length, and an unknown id is compared too.
fn authenticate(accounts: &[AccountSettings], bind: &Bind<'_>, peer: SocketAddr) -> Result<NameId, BindRefusal> {
    let found = accounts.iter().find(|account| account.policy.system_id.as_bytes() == bind.system_id);
    let expected = found.map_or(&b"\0no-such-id"[..], |account| account.password.expose());
    let right = bool::from(expected.ct_eq(bind.password));
    match found {
        None => Err(BindRefusal::UnknownId),
        Some(_) if !right => Err(BindRefusal::WrongPassword),
        Some(account)
            if account.allow_from.is_empty() || account.allow_from.iter().any(|from| from.contains(peer.ip())) =>
        {
            Ok(account.id)
        }
        Some(_) => Err(BindRefusal::Network),
    }
}
