//! Owns the loop of one connection: wait for what is wanted, read, hand over, write on.
//! Must never look into the octets.

use super::wire::SocketWire;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

/// What the driver should wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Octets from the peer.
    pub read: bool,
    /// Room in the socket for octets that wait.
    pub write: bool,
    /// The connection is over: the driver returns.
    pub close: bool,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The side asked for it.
    Asked,
    /// The peer closed its end.
    PeerClosed,
    /// The socket failed.
    Failed(io::ErrorKind),
}

/// The owner of a connection.
pub trait Side {
    /// What to wait for now.
    fn wants(&self) -> Wants;
    /// Lends the buffer to read into, and takes what was read. `read` fills the buffer and says how much, or nothing yet.
    fn on_readable(&self, read: &mut dyn FnMut(&mut [u8]) -> Poll<io::Result<usize>>) -> Poll<io::Result<usize>>;
    /// The socket takes octets again.
    fn on_writable(&self);
}

/// Drives one connection until it ends. `wants` is looked at anew whenever the wire is woken or the socket is ready.
pub async fn drive(mut half: OwnedReadHalf, wire: &SocketWire, side: &impl Side) -> Ended {
    poll_fn(|context| {
        wire.listen(context.waker());
        // Bounded: tokio lets a socket be asked so many times a poll, and then says that it is pending.
        loop {
            let wants = side.wants();
            if wants.close {
                return Poll::Ready(Ended::Asked);
            }
            if wants.write {
                match wire.poll_writable(context) {
                    Poll::Ready(Ok(())) => side.on_writable(),
                    Poll::Ready(Err(error)) => return Poll::Ready(Ended::Failed(error.kind())),
                    Poll::Pending => {}
                }
            }
            if !wants.read {
                return Poll::Pending;
            }
            match poll_read(&mut half, side, context) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ended::PeerClosed),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Ended::Failed(error.kind())),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

/// One read, made inside the poll so that all connections of a lane can share one buffer.
/// `poll_read` (unlike `try_read`) forgets readiness after a short read, which saves a system call a batch.
fn poll_read(half: &mut OwnedReadHalf, side: &impl Side, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
    side.on_readable(&mut |buffer| {
        let mut buffer = ReadBuf::new(buffer);
        Pin::new(&mut *half).poll_read(context, &mut buffer).map_ok(|()| buffer.filled().len())
    })
}
