//! Owns the writing end of a connection as the data plane sees it.
//! Must never block: what the socket does not take stays with the caller.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::net::tcp::OwnedWriteHalf;

/// Where octets go. A socket in the daemon; anything else in a simulation.
pub trait Wire {
    /// Hands over as many octets as are taken now; `WouldBlock` when none.
    fn try_write(&self, octets: &[u8]) -> io::Result<usize>;
    /// Tells the driver that what it should wait for has changed (writing, reading, closing).
    fn wake(&self);
}

/// A TCP socket's writing half, and who drives the connection.
#[derive(Debug)]
pub struct SocketWire {
    half: OwnedWriteHalf,
    driver: RefCell<Option<Waker>>,
}

impl SocketWire {
    /// Wraps the writing half.
    pub fn new(half: OwnedWriteHalf) -> Rc<Self> {
        Rc::new(Self { half, driver: RefCell::new(None) })
    }

    /// Whom `wake` wakes from now on.
    pub fn listen(&self, driver: &Waker) {
        let mut known = self.driver.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(driver)) {
            *known = Some(driver.clone());
        }
    }

    /// Whether the socket takes octets again; the driver is woken when it does.
    pub fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half.as_ref().poll_write_ready(context)
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
        if let Some(driver) = &*self.driver.borrow() {
            driver.wake_by_ref();
        }
    }
}
