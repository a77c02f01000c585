//! Owns an operator that answers every submit at once and remembers nothing but counts: the far end of benches and loads.
//! Must never be used where what arrived matters: it reads no field.

use super::wire::{BIND_RECEIVER, BIND_TRANSCEIVER, BIND_TRANSMITTER, ENQUIRE_LINK, RESPONSE, SUBMIT_SM, UNBIND};
use bytes::{Buf, BytesMut};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How much one read may bring.
const READ_OCTETS: usize = 256 * 1024;

/// A running operator of this kind. Stops when dropped.
pub struct QuickSmsc {
    address: SocketAddr,
    submits: Arc<AtomicU64>,
    accepting: tokio::task::AbortHandle,
}

impl Drop for QuickSmsc {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl QuickSmsc {
    /// Listens on `listen` on the runtime it is called from.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let submits = Arc::new(AtomicU64::new(0));
        let counter = submits.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, counter.clone()));
            }
        });
        Ok(Self { address, submits, accepting: accepting.abort_handle() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many submits it has answered.
    pub fn submits(&self) -> u64 {
        self.submits.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, submits: Arc<AtomicU64>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BytesMut::with_capacity(READ_OCTETS);
    let mut output: Vec<u8> = Vec::with_capacity(READ_OCTETS);
    loop {
        input.reserve(READ_OCTETS);
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        let mut answered = 0;
        while let Some((command, sequence)) = cut(&mut input)? {
            answered += u64::from(command == SUBMIT_SM);
            answer(command, sequence, &mut output);
        }
        submits.fetch_add(answered, Ordering::Relaxed);
        stream.write_all(&output).await?;
        output.clear();
    }
}

/// Takes one whole frame out of `input` and gives its command and sequence.
pub(super) fn cut(input: &mut BytesMut) -> io::Result<Option<(u32, u32)>> {
    let Some(header) = input.first_chunk::<16>() else { return Ok(None) };
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (length, command, sequence) = (word(0) as usize, word(4), word(12));
    if !(16..=READ_OCTETS).contains(&length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("command_length {length}")));
    }
    if input.len() < length {
        return Ok(None);
    }
    input.advance(length);
    Ok(Some((command, sequence)))
}

fn answer(command: u32, sequence: u32, output: &mut Vec<u8>) {
    let body: &[u8] = match command {
        SUBMIT_SM => b"12345678\0",
        BIND_RECEIVER | BIND_TRANSMITTER | BIND_TRANSCEIVER => b"quick\0",
        ENQUIRE_LINK | UNBIND => b"",
        _ => return,
    };
    for word in [16 + body.len() as u32, command | RESPONSE, 0, sequence] {
        output.extend_from_slice(&word.to_be_bytes());
    }
    output.extend_from_slice(body);
}
