//! Owns the writing end of a connection as the data plane sees it.
//! Must never block: what the socket does not take stays with the caller.

use std::io;
use std::rc::Rc;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;

/// Where octets go. A socket in the daemon; anything else in a simulation.
pub trait Wire {
    /// Hands over as many octets as are taken now; `WouldBlock` when none.
    fn try_write(&self, octets: &[u8]) -> io::Result<usize>;
    /// Tells the driver that what it should wait for has changed (writing, reading, closing).
    fn wake(&self);
}

/// A TCP socket's writing half and the bell of its driver.
#[derive(Debug)]
pub struct SocketWire {
    half: OwnedWriteHalf,
    bell: Notify,
}

impl SocketWire {
    /// Wraps the writing half.
    pub fn new(half: OwnedWriteHalf) -> Rc<Self> {
        Rc::new(Self { half, bell: Notify::new() })
    }

    /// Waits until somebody rings.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Waits until the socket takes octets again.
    pub async fn writable(&self) -> io::Result<()> {
        self.half.writable().await
    }
}

impl Wire for SocketWire {
    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        self.half.try_write(octets)
    }

    fn wake(&self) {
        self.bell.notify_one();
    }
}
