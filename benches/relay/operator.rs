//! Owns the operator of the storm: one link, STOPs in a window, every message looked at for a number that has said STOP.
//! Must never be asked by two loops at once: what it reads is in the order of the link, and the order is the proof.

use crate::stage::gateway::now;
use bytes::{Buf, BytesMut};
use std::collections::HashSet;
use std::ops::Range;
use std::time::Duration;
use stopgate::sim::message::Message;
use stopgate::sim::wire::{BIND_RECEIVER, BIND_TRANSCEIVER, BIND_TRANSMITTER, DELIVER_SM, Pdu, RESPONSE, SUBMIT_SM};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};

/// How long the next answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
const READ_OCTETS: usize = 256 * 1024;

/// What a row of STOPs took.
pub struct Stopped {
    pub rate: f64,
    /// Of each, from deliver_sm to deliver_sm_resp.
    pub millis: Vec<f64>,
}

/// The row of STOPs that is on its way.
#[derive(Default)]
struct Row {
    /// The number whose STOP has sequence 1.
    first: u64,
    sent_at: Vec<Instant>,
    millis: Vec<f64>,
}

/// The operator's end of the gateway's link.
pub struct Operator {
    stream: TcpStream,
    input: BytesMut,
    output: Vec<u8>,
    row: Row,
    /// The numbers whose STOP was acknowledged.
    stopped: HashSet<u64>,
    /// Messages of a sender to one of these.
    pub leaked: u64,
    /// Messages from the short code.
    pub confirmations: u64,
    /// STOPs answered otherwise than ROK.
    pub refused: u64,
}

impl Operator {
    /// A port to be told to the gateway.
    pub async fn listen() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").await.expect("a free port")
    }

    /// Takes the gateway's link and answers its bind.
    pub async fn accept(listener: TcpListener) -> Self {
        let (stream, _) = listener.accept().await.expect("the gateway connects");
        stream.set_nodelay(true).expect("a TCP stream");
        let mut operator = Self {
            stream,
            input: BytesMut::with_capacity(READ_OCTETS),
            output: Vec::new(),
            row: Row::default(),
            stopped: HashSet::new(),
            leaked: 0,
            confirmations: 0,
            refused: 0,
        };
        operator.serve(Duration::from_millis(300)).await;
        operator
    }

    /// Answers what comes for a while.
    pub async fn serve(&mut self, span: Duration) {
        let until = now() + span;
        while now() < until && self.turn(until).await {}
    }

    /// Brings a STOP of each number, at most `window` unanswered, and waits for the last answer.
    pub async fn stops(&mut self, numbers: Range<u64>, window: usize) -> Stopped {
        let digits = numbers.start.to_string();
        let template = Message::mo(&digits, "36111", "STOP").pdu(0).octets().to_vec();
        let at =
            template.windows(digits.len()).position(|part| part == digits.as_bytes()).expect("the number is in it");
        let (began, count) = (now(), (numbers.end - numbers.start) as usize);
        self.row = Row { first: numbers.start, sent_at: Vec::with_capacity(count), millis: Vec::with_capacity(count) };
        while self.row.millis.len() < count {
            while self.row.sent_at.len() < count && self.row.sent_at.len() - self.row.millis.len() < window {
                let sent = self.row.sent_at.len() as u64;
                let from = self.output.len();
                self.output.extend_from_slice(&template);
                self.output[from + 12..from + 16].copy_from_slice(&(sent as u32 + 1).to_be_bytes());
                self.output[from + at..from + at + digits.len()]
                    .copy_from_slice((numbers.start + sent).to_string().as_bytes());
                self.row.sent_at.push(now());
            }
            assert!(self.turn(now() + PATIENCE).await, "no answer to a STOP for {PATIENCE:?}");
        }
        let millis = std::mem::take(&mut self.row).millis;
        Stopped { rate: count as f64 / began.elapsed().as_secs_f64(), millis }
    }

    /// The same, and then answers what comes until the span is over.
    pub async fn stops_for(&mut self, numbers: Range<u64>, window: usize, span: Duration) -> Stopped {
        let until = now() + span;
        let stopped = self.stops(numbers, window).await;
        self.serve(until.saturating_duration_since(now())).await;
        stopped
    }

    /// Writes what waits, reads once, handles every whole frame. `false` when nothing came in time.
    async fn turn(&mut self, until: Instant) -> bool {
        self.stream.write_all(&self.output).await.expect("the link holds");
        self.output.clear();
        self.input.reserve(READ_OCTETS);
        let Ok(read) = timeout_at(until, self.stream.read_buf(&mut self.input)).await else { return false };
        assert!(read.expect("the link holds") > 0, "the gateway closed its link");
        while let Some(pdu) = cut(&mut self.input) {
            self.take(&pdu);
        }
        true
    }

    fn take(&mut self, pdu: &Pdu) {
        const STOPPED: u32 = DELIVER_SM | RESPONSE;
        match pdu.command() {
            STOPPED => self.acknowledged(pdu.sequence(), pdu.status()),
            SUBMIT_SM => {
                self.look_at(pdu);
                self.answer(pdu, b"12345678\0");
            }
            BIND_RECEIVER | BIND_TRANSMITTER | BIND_TRANSCEIVER => self.answer(pdu, b"operator\0"),
            command if command & RESPONSE == 0 => self.answer(pdu, b""),
            _ => {}
        }
    }

    fn acknowledged(&mut self, sequence: u32, status: u32) {
        let at = sequence as usize - 1;
        self.row.millis.push((now() - self.row.sent_at[at]).as_secs_f64() * 1e3);
        match status {
            0 => drop(self.stopped.insert(self.row.first + at as u64)),
            _ => self.refused += 1,
        }
    }

    fn look_at(&mut self, pdu: &Pdu) {
        let message = Message::parse(pdu).expect("the gateway writes whole messages");
        let number: u64 = message.destination.as_text().parse().expect("digits");
        match message.source.as_text() == "36111" {
            true => self.confirmations += 1,
            false => self.leaked += u64::from(self.stopped.contains(&number)),
        }
    }

    fn answer(&mut self, pdu: &Pdu, body: &[u8]) {
        self.output.extend_from_slice(Pdu::new(pdu.command() | RESPONSE, 0, pdu.sequence(), body).octets());
    }
}

fn cut(input: &mut BytesMut) -> Option<Pdu> {
    let length = u32::from_be_bytes(*input.first_chunk::<4>()?) as usize;
    if input.len() < length {
        return None;
    }
    let pdu = Pdu::from_octets(&input[..length]);
    input.advance(length);
    pdu
}
