//! Owns a load: many binds, a window each, a rate over all, one text to many numbers, and what came back.
//! Must never be unbounded: a load has a number of messages and a window.

use super::esme::{Bind, EsmeError};
use super::message::Message;
use super::quick::cut;
use super::wire::{DATA_SM, DELIVER_SM, ENQUIRE_LINK, Pdu, RESPONSE};
use bytes::BytesMut;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};

/// How long a load waits for the next answer before it gives up.
const SILENCE_MAX: Duration = Duration::from_secs(40);
/// How much one read may bring.
const READ_OCTETS: usize = 256 * 1024;

/// What to send.
#[derive(Clone, Debug)]
pub struct Load {
    pub bind: Bind,
    pub binds: usize,
    /// Unanswered submits on each bind.
    pub window: usize,
    /// Messages on each bind.
    pub messages: u64,
    /// When it stops even so.
    pub at_most: Duration,
    /// Messages a second on each bind; 0 = as fast as the window allows.
    pub rate: u32,
    pub source: String,
    pub text: String,
    /// The first destination, eleven digits; the last six are scattered over `numbers`.
    pub first_number: u64,
    pub numbers: u64,
    /// Whether the time from submit to answer is kept for each message.
    pub latencies: bool,
    /// The address that it comes from; nothing = whichever the system takes.
    pub from: Option<Ipv4Addr>,
}

impl Load {
    /// A commercial text of about 100 octets on the wire, window 10, one bind.
    pub fn promo(bind: Bind, messages: u64) -> Self {
        Self {
            bind,
            binds: 1,
            window: 10,
            messages,
            at_most: Duration::from_secs(3600),
            rate: 0,
            source: "ACME".into(),
            text: "Soldes: -20% sur tout le magasin samedi. STOP 36111".into(),
            first_number: 33_639_980_000,
            numbers: 10_000,
            latencies: false,
            from: None,
        }
    }
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    pub answered: BTreeMap<u32, u64>,
    /// From the first submit to the last answer.
    pub elapsed: Duration,
    /// Sorted; empty unless asked for.
    pub latencies: Vec<Duration>,
}

impl LoadReport {
    /// Answers of every status.
    pub fn total(&self) -> u64 {
        self.answered.values().sum()
    }

    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.total() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The latency that `share` (0 to 1) of the messages did not exceed.
    pub fn latency(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }
}

/// Binds, sends, waits for the last answer. Binds run beside each other on the runtime it is called from.
///
/// # Errors
/// The first bind's error, or the first connection's.
pub async fn run(address: SocketAddr, load: &Load) -> Result<LoadReport, EsmeError> {
    let mut lines = Vec::new();
    for number in 0..load.binds {
        lines.push(Line::open(address, load, number as u64).await?);
    }
    let started = Instant::now();
    let running: Vec<_> = lines.into_iter().map(|line| tokio::spawn(line.run())).collect();
    let mut report = LoadReport::default();
    for line in running {
        let part = line.await.map_err(|_| EsmeError::Closed)??;
        for (status, count) in part.answered {
            *report.answered.entry(status).or_default() += count;
        }
        report.latencies.extend(part.latencies);
    }
    report.elapsed = started.elapsed();
    report.latencies.sort_unstable();
    Ok(report)
}

/// One bind of a load.
struct Line {
    stream: TcpStream,
    load: Load,
    template: Vec<u8>,
    digits_at: usize,
    sent_at: Vec<Instant>,
    seed: u64,
}

impl Line {
    async fn open(address: SocketAddr, load: &Load, seed: u64) -> Result<Self, EsmeError> {
        let mut stream = match load.from {
            None => TcpStream::connect(address).await?,
            Some(from) => {
                let socket = TcpSocket::new_v4()?;
                socket.bind((from, 0).into())?;
                socket.connect(address).await?
            }
        };
        stream.set_nodelay(true)?;
        stream.write_all(load.bind.pdu(1).octets()).await?;
        let mut header = [0u8; 16];
        stream.read_exact(&mut header).await?;
        let answer = Pdu::from_octets(header).ok_or(EsmeError::Closed)?;
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let mut body = vec![0u8; length.clamp(16, READ_OCTETS) - 16];
        stream.read_exact(&mut body).await?;
        if answer.status() != 0 {
            return Err(EsmeError::Refused(answer.status()));
        }
        let digits = load.first_number.to_string();
        let template = Message::submit(&load.source, &digits, &load.text).pdu(0).octets().to_vec();
        let digits_at = find(&template, digits.as_bytes()).ok_or(EsmeError::Closed)?;
        let slots = load.window.next_power_of_two();
        let sent_at = if load.latencies { vec![Instant::now(); slots] } else { Vec::new() };
        Ok(Self { stream, load: load.clone(), template, digits_at, sent_at, seed })
    }

    fn append(&mut self, sequence: u64, output: &mut Vec<u8>) {
        let at = output.len();
        output.extend_from_slice(&self.template);
        output[at + 12..at + 16].copy_from_slice(&(sequence as u32).to_be_bytes());
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut number = self.load.first_number + (self.seed >> 33) % self.load.numbers.max(1);
        for digit in output[at + self.digits_at..at + self.digits_at + 11].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }

    async fn run(mut self) -> Result<LoadReport, EsmeError> {
        let mut report = LoadReport::default();
        let mut input = BytesMut::with_capacity(READ_OCTETS);
        let mut output = Vec::with_capacity(READ_OCTETS);
        let (started, mut sent, mut answered) = (Instant::now(), 0u64, 0u64);
        while answered < self.load.messages {
            if started.elapsed() >= self.load.at_most {
                if answered == sent {
                    break;
                }
                self.load.messages = sent;
            }
            let window = answered + self.load.window as u64;
            let paced = match self.load.rate {
                0 => u64::MAX,
                rate => 1 + (started.elapsed().as_secs_f64() * f64::from(rate)) as u64,
            };
            let until = self.load.messages.min(window).min(paced);
            let first = sent;
            while sent < until {
                sent += 1;
                self.append(sent, &mut output);
            }
            if !output.is_empty() {
                if self.load.latencies {
                    let (now, mask) = (Instant::now(), self.sent_at.len() - 1);
                    (first + 1..=sent).for_each(|sequence| self.sent_at[sequence as usize & mask] = now);
                }
                self.stream.write_all(&output).await?;
                output.clear();
            }
            input.reserve(READ_OCTETS);
            let due = started + Duration::from_secs_f64(sent as f64 / f64::from(self.load.rate.max(1)));
            let pacing = self.load.rate > 0 && sent < self.load.messages.min(window);
            let read = tokio::select! {
                read = timeout(SILENCE_MAX, self.stream.read_buf(&mut input)) => read.map_err(|_| EsmeError::Timeout)??,
                () = sleep_until(due), if pacing => continue,
            };
            if read == 0 {
                return Err(EsmeError::Closed);
            }
            answered += self.take(&mut input, &mut output, &mut report)?;
        }
        Ok(report)
    }

    /// Takes what has arrived: counts answers, answers what asks for it.
    fn take(&self, input: &mut BytesMut, output: &mut Vec<u8>, report: &mut LoadReport) -> Result<u64, EsmeError> {
        let (mut count, mut now) = (0, None);
        loop {
            let status = input.get(8..12).map_or(0, |word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
            let Some((command, sequence)) = cut(input)? else { return Ok(count) };
            if command & RESPONSE != 0 {
                count += 1;
                *report.answered.entry(status).or_default() += 1;
                if self.load.latencies {
                    let sent_at = self.sent_at[sequence as usize & (self.sent_at.len() - 1)];
                    report.latencies.push(*now.get_or_insert_with(Instant::now) - sent_at);
                }
            } else if matches!(command, DELIVER_SM | DATA_SM) {
                output.extend_from_slice(Pdu::new(command | RESPONSE, 0, sequence, b"\0").octets());
            } else if command == ENQUIRE_LINK {
                output.extend_from_slice(Pdu::new(command | RESPONSE, 0, sequence, b"").octets());
            }
        }
    }
}

fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::super::quick::QuickSmsc;
    use super::super::smsc::{Smsc, switches::Switches};
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_load_gets_an_answer_for_every_message_on_every_bind() {
        let smsc = QuickSmsc::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let load =
            Load { binds: 3, window: 100, latencies: true, ..Load::promo(Bind::transceiver("acme", "secret"), 2_000) };
        let report = run(smsc.address(), &load).await.unwrap();
        assert_eq!((report.total(), report.answered[&0], smsc.submits()), (6_000, 6_000, 6_000));
        assert_eq!(report.latencies.len(), 6_000);
        assert!(report.latency(0.5) <= report.latency(0.99));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_a_load_sends_is_a_whole_message_to_one_of_its_numbers() {
        let smsc = Smsc::start("127.0.0.1:0".parse().unwrap(), Switches::default()).await.unwrap();
        let load = Load { rate: 2_000, numbers: 5, ..Load::promo(Bind::transceiver("acme", "secret"), 50) };
        assert_eq!(run(smsc.address(), &load).await.unwrap().answered[&0], 50);
        let mut numbers: Vec<String> = smsc.records(|all| all.submitted.iter().map(|one| one.destination()).collect());
        assert!(smsc.records(|all| all.submitted.iter().all(|one| one.text() == load.text)));
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers, ["33639980000", "33639980001", "33639980002", "33639980003", "33639980004"]);
    }
}
