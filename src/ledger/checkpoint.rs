//! Owns a checkpoint's text (C2SP tlog-checkpoint): one stream's size and root, and beside them the other stream's.
//! Must never be written in two ways: a text that does not read back to itself is none.
//!
//! Lines: origin · size · root in base64 · `time` · `epoch` · the other stream's name, size and root.

use super::merkle::Hash;
use super::note::{base64, unbase64};
use crate::message::instant::CivilInstant;
use chrono::{DateTime, SecondsFormat};

/// The two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    Events,
    Verdicts,
}

impl Stream {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Events, Self::Verdicts];

    /// The stream's directory and the last part of its log's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Verdicts => "verdicts",
        }
    }

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Events => Self::Verdicts,
            Self::Verdicts => Self::Events,
        }
    }
}

/// How far a stream goes, and the root over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub size: u64,
    pub root: Hash,
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// `stopgate/NODE`; a log's name is this, a slash and the stream.
    pub origin: String,
    pub at: CivilInstant,
    /// Counts the restores from a backup.
    pub epoch: u32,
    pub events: Head,
    pub verdicts: Head,
}

/// `stopgate/NODE`, with what a key's name may not hold replaced. A rehearsal's logs have names of their own.
pub fn origin(node: &str, rehearsal: bool) -> String {
    let plain = |letter: char| if letter.is_whitespace() || letter == '+' { '-' } else { letter };
    let node: String = node.chars().map(plain).collect();
    if rehearsal { format!("stopgate/{node}/rehearsal") } else { format!("stopgate/{node}") }
}

/// The name of a stream's log, and of the key that signs its checkpoints.
pub fn log_name(origin: &str, stream: Stream) -> String {
    format!("{origin}/{}", stream.word())
}

impl Checkpoint {
    /// A stream's head.
    pub const fn head(&self, stream: Stream) -> Head {
        match stream {
            Stream::Events => self.events,
            Stream::Verdicts => self.verdicts,
        }
    }

    /// The text that is signed for the log of `stream`.
    pub fn text(&self, stream: Stream) -> String {
        let (own, other) = (self.head(stream), self.head(stream.other()));
        format!(
            "{}\n{}\n{}\ntime {}\nepoch {}\n{} {} {}\n",
            log_name(&self.origin, stream),
            own.size,
            base64(&own.root),
            self.at.to_utc().to_rfc3339_opts(SecondsFormat::Micros, true),
            self.epoch,
            stream.other().word(),
            other.size,
            base64(&other.root)
        )
    }

    /// Reads a text, and which stream's log it is of. `None` unless it is exactly what [`Checkpoint::text`] writes.
    pub fn read(text: &str) -> Option<(Stream, Self)> {
        let mut lines = text.lines();
        let (origin, word) = lines.next()?.rsplit_once('/')?;
        let stream = Stream::ALL.into_iter().find(|stream| stream.word() == word)?;
        let own = read_head(lines.next()?, lines.next()?)?;
        let at = DateTime::parse_from_rfc3339(lines.next()?.strip_prefix("time ")?).ok()?;
        let epoch = lines.next()?.strip_prefix("epoch ")?.parse().ok()?;
        let mut last = lines.next()?.split(' ');
        last.next().filter(|word| *word == stream.other().word())?;
        let other = read_head(last.next()?, last.next()?)?;
        let (events, verdicts) = match stream {
            Stream::Events => (own, other),
            Stream::Verdicts => (other, own),
        };
        let at = CivilInstant::from_micros(at.timestamp_micros());
        let read = Self { origin: origin.to_owned(), at, epoch, events, verdicts };
        (read.text(stream) == text).then_some((stream, read))
    }
}

fn read_head(size: &str, root: &str) -> Option<Head> {
    Some(Head { size: size.parse().ok()?, root: unbase64(root)?.try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_has_one_form() {
        let checkpoint = Checkpoint {
            origin: origin("gw 1+a", false),
            at: CivilInstant::from_micros(1_795_000_000_123_456),
            epoch: 0,
            events: Head { size: 12, root: [1; 32] },
            verdicts: Head { size: 0, root: [2; 32] },
        };
        let expected = "stopgate/gw-1-a/events\n12\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\
                        time 2026-11-18T11:06:40.123456Z\nepoch 0\n\
                        verdicts 0 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n";
        assert_eq!(checkpoint.text(Stream::Events), expected);
        for stream in Stream::ALL {
            assert_eq!(Checkpoint::read(&checkpoint.text(stream)), Some((stream, checkpoint.clone())));
        }
        for other in ["012\n", "+12\n", "12 \n"] {
            assert_eq!(Checkpoint::read(&expected.replace("12\n", other)), None, "{other}");
        }
        assert_eq!(Checkpoint::read(&expected.replace("123456Z", "123456+00:00")), None);
        assert_eq!(Checkpoint::read(&format!("{expected}more\n")), None);
    }
}
