//! Owns the loop of one connection: wait for what is wanted, read, hand over, write on.
//! Must never look into the octets.

use super::wire::SocketWire;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
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

/// Drives one connection until it ends.
pub async fn drive(mut half: OwnedReadHalf, wire: &SocketWire, side: &impl Side) -> Ended {
    loop {
        let wants = side.wants();
        if wants.close {
            return Ended::Asked;
        }
        tokio::select! {
            () = wire.rung() => {}
            ready = wire.writable(), if wants.write => match ready {
                Ok(()) => side.on_writable(),
                Err(error) => return Ended::Failed(error.kind()),
            },
            read = next_read(&mut half, side), if wants.read => match read {
                Ok(0) => return Ended::PeerClosed,
                Ok(_) => {}
                Err(error) => return Ended::Failed(error.kind()),
            },
        }
    }
}

/// One read, made inside the poll so that all connections of a lane can share one buffer.
/// `poll_read` (unlike `try_read`) forgets readiness after a short read, which saves a system call a batch.
async fn next_read(half: &mut OwnedReadHalf, side: &impl Side) -> io::Result<usize> {
    poll_fn(|context| {
        side.on_readable(&mut |buffer| {
            let mut buffer = ReadBuf::new(buffer);
            match Pin::new(&mut *half).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) => Poll::Ready(Ok(buffer.filled().len())),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            }
        })
    })
    .await
}
