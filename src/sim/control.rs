//! Owns the control port of a simulated operator that runs on its own: one JSON object a line, one answer a line.
//! Must never listen anywhere but where it is told, nor take a line longer than its bound.

use super::message::Message;
use super::smsc::Smsc;
use super::wire::{hex, unhex};
use serde::{Deserialize, Serialize};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The longest line taken.
const LINE_OCTETS_MAX: u64 = 64 * 1024;
/// How long an MO waits for its answer.
const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// A person writes.
    Mo(Mo),
    /// Switches, as `word=value`.
    Set(Vec<String>),
    /// The last so many submits.
    Received(usize),
    /// Unbind every link.
    Unbind,
    /// Close every connection.
    Close,
}

/// A message from a handset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mo {
    pub from: String,
    pub to: String,
    pub text: String,
    /// Hexadecimal octets instead of `text`, read by the other side as `data_coding` says.
    pub octets: Option<String>,
    pub data_coding: u8,
    pub esm_class: u8,
    /// By data_sm instead of deliver_sm.
    pub data_sm: bool,
}

impl Mo {
    /// The message it stands for.
    ///
    /// # Errors
    /// When the octets are no hexadecimal.
    pub fn message(&self) -> Result<Message, String> {
        let mut message = match self.data_sm {
            true => Message::data(&self.from, &self.to, &self.text),
            false => Message::mo(&self.from, &self.to, &self.text),
        };
        if let Some(octets) = &self.octets {
            let octets = unhex(octets).ok_or("`octets` is not hexadecimal")?;
            message = message.with_octets(self.data_coding, octets);
        }
        message.esm_class = self.esm_class;
        Ok(message)
    }
}

/// A submit, as it is told over the control port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub order: u64,
    pub source: String,
    pub destination: String,
    pub text: String,
    pub message_id: String,
    pub octets: String,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The command_status of the deliver_sm_resp, and how many milliseconds it took.
    Answered {
        status: u32,
        millis: u64,
    },
    Received(Vec<Seen>),
    Done,
    Error(String),
}

/// Listens and serves until dropped.
///
/// # Errors
/// When the port cannot be had.
pub async fn serve(listen: SocketAddr, smsc: Smsc) -> io::Result<(SocketAddr, tokio::task::AbortHandle)> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, smsc.clone()));
        }
    });
    Ok((address, task.abort_handle()))
}

async fn converse(stream: TcpStream, smsc: Smsc) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = String::new();
        if (&mut lines).take(LINE_OCTETS_MAX).read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let told = match serde_json::from_str::<Ask>(&line) {
            Ok(ask) => answer(&smsc, ask).await,
            Err(error) => Told::Error(error.to_string()),
        };
        let mut answer = serde_json::to_vec(&told)?;
        answer.push(b'\n');
        write.write_all(&answer).await?;
    }
}

async fn answer(smsc: &Smsc, ask: Ask) -> Told {
    match ask {
        Ask::Mo(mo) => match mo.message() {
            Err(error) => Told::Error(error),
            Ok(message) => match smsc.deliver(message, ANSWER_WAIT).await {
                Ok(got) => {
                    Told::Answered { status: got.status, millis: got.at.saturating_sub(got.sent_at).as_millis() as u64 }
                }
                Err(error) => Told::Error(error.to_string()),
            },
        },
        Ask::Set(words) => {
            let mut result = Ok(());
            smsc.switch(|switches| {
                let mut changed = switches.clone();
                result = words.iter().try_for_each(|word| changed.set(word));
                if result.is_ok() {
                    *switches = changed;
                }
            });
            result.map_or_else(Told::Error, |()| Told::Done)
        }
        Ask::Received(count) => Told::Received(smsc.records(|records| {
            let skip = records.submitted.len().saturating_sub(count);
            let last = records.submitted.iter().skip(skip);
            let seen = last.map(|one| Seen {
                order: one.order,
                source: one.source(),
                destination: one.destination(),
                text: one.text(),
                message_id: one.message_id.clone(),
                octets: hex(one.pdu.octets()),
            });
            seen.collect()
        })),
        Ask::Unbind => {
            smsc.unbind(None);
            Told::Done
        }
        Ask::Close => {
            smsc.close(None);
            Told::Done
        }
    }
}

/// Asks a running simulator one thing.
///
/// # Errors
/// When nothing answers there, or what it answers cannot be read.
pub async fn ask(address: SocketAddr, ask: &Ask) -> io::Result<Told> {
    let (read, mut write) = TcpStream::connect(address).await?.into_split();
    let mut line = serde_json::to_vec(ask)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    let mut answer = String::new();
    BufReader::new(read).read_line(&mut answer).await?;
    Ok(serde_json::from_str(&answer)?)
}

#[cfg(test)]
mod tests {
    use super::super::esme::{Bind, Esme};
    use super::super::smsc::switches::Switches;
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_person_writes_and_switches_change_over_the_control_port() {
        let any = "127.0.0.1:0".parse().unwrap();
        let smsc = Smsc::start(any, Switches::default()).await.unwrap();
        let (address, _task) = serve(any, smsc.clone()).await.unwrap();
        let mo = Mo { from: "33639980012".into(), to: "36111".into(), text: "STOP".into(), ..Mo::default() };
        let told = ask(address, &Ask::Mo(mo.clone())).await.unwrap();
        assert_eq!(told, Told::Error("no client that can receive is bound".into()));
        let esme = Esme::bind(smsc.address(), &Bind::transceiver("acme", "secret")).await.unwrap();
        let told = ask(address, &Ask::Mo(mo)).await.unwrap();
        assert!(matches!(told, Told::Answered { status: 0, .. }), "{told:?}");
        let words = vec!["status=0x58@always".to_owned()];
        assert_eq!(ask(address, &Ask::Set(words)).await.unwrap(), Told::Done);
        let promo = Message::submit("ACME", "33639980013", "hello");
        assert_eq!(esme.submit_and_wait(&promo).await.unwrap().status(), 0x58);
        let words = vec!["status=0".to_owned(), "colour=red".to_owned()];
        assert!(matches!(ask(address, &Ask::Set(words)).await.unwrap(), Told::Error(_)));
        assert_eq!(esme.submit_and_wait(&promo).await.unwrap().status(), 0x58, "nothing half-applied");
        let Told::Received(seen) = ask(address, &Ask::Received(1)).await.unwrap() else { panic!("not a list") };
        assert_eq!((seen.len(), seen[0].text.as_str()), (1, "hello"));
    }
}
