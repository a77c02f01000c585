//! Owns the shape of log lines: text on a terminal, JSON elsewhere, to stderr.
//! Must never decide what is logged: that is `events`' work.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

impl Format {
    /// Text on a terminal, JSON otherwise.
    pub fn of_stderr() -> Self {
        if std::io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only (`-q`).
    Quiet,
    Normal,
    /// Every verdict (`-v`).
    Verbose,
    /// Everything (`-vv`).
    Trace,
}

impl Verbosity {
    const fn filter(self) -> &'static str {
        match self {
            Self::Quiet => "error",
            Self::Normal => "info,sled=warn,hyper=warn",
            Self::Verbose => "stopgate=debug,info,sled=warn,hyper=warn",
            Self::Trace => "stopgate=trace,debug,sled=warn",
        }
    }
}

/// Starts logging to stderr for the whole process. A second call changes nothing.
pub fn start(verbosity: Verbosity) {
    let format = Format::of_stderr();
    let colour = format == Format::Text && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let already =
        tracing::subscriber::set_global_default(subscriber(format, verbosity.filter(), colour, std::io::stderr));
    drop(already);
}

fn subscriber<W>(format: Format, filter: &str, colour: bool, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_target(false)
        .with_ansi(colour)
        .with_writer(writer);
    match format {
        Format::Text => Box::new(builder.finish()),
        Format::Json => Box::new(builder.json().flatten_event(true).finish()),
    }
}

/// What `act` logs, for tests.
#[cfg(test)]
pub(crate) fn captured(format: Format, filter: &str, act: impl FnOnce()) -> String {
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(octets);
            Ok(octets.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let lines = Lines::default();
    let writer = lines.clone();
    tracing::subscriber::with_default(subscriber(format, filter, false, move || writer.clone()), act);
    let octets = lines.0.lock().expect("not poisoned").clone();
    String::from_utf8(octets).expect("UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_lines_are_flat_and_text_lines_carry_no_colour_when_told_so() {
        let json = captured(Format::Json, "info", || tracing::info!(event = "drain", by = "signal"));
        let line: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!((line["event"].as_str(), line["level"].as_str()), (Some("drain"), Some("INFO")));
        let text = captured(Format::Text, "info", || tracing::info!(event = "drain", by = "signal"));
        assert!(text.contains("event=\"drain\"") && !text.contains('\u{1b}'), "{text}");
    }
}
