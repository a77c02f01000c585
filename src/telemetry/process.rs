//! Owns the process figures of `/metrics`, read from /proc at the moment of the scrape.
//! Must never fail a scrape: a figure that cannot be read is left out.

use super::names::{self, Metric};
use std::fmt::Write;

/// Ticks a second in /proc/self/stat: USER_HZ, fixed at 100 in Linux's interface to user space.
const TICKS: f64 = 100.0;

/// Appends the process figures in the text format of Prometheus.
pub fn render(out: &mut String) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let boot = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let fields = Fields::of(&stat);
    let cpu = fields.number(14).zip(fields.number(15)).map(|(user, system)| (user + system) / TICKS);
    let start = fields.number(22).zip(line_number(&boot, "btime")).map(|(ticks, boot)| boot + ticks / TICKS);
    let figures: [(&Metric, Option<f64>); 7] = [
        (&names::PROCESS_CPU_SECONDS_TOTAL, cpu),
        (&names::PROCESS_RESIDENT_MEMORY_BYTES, line_number(&status, "VmRSS:").map(|kib| kib * 1024.0)),
        (&names::PROCESS_VIRTUAL_MEMORY_BYTES, line_number(&status, "VmSize:").map(|kib| kib * 1024.0)),
        (&names::PROCESS_OPEN_FDS, std::fs::read_dir("/proc/self/fd").ok().map(|open| open.count() as f64)),
        (&names::PROCESS_MAX_FDS, line_number(&limits, "Max open files")),
        (&names::PROCESS_THREADS, line_number(&status, "Threads:")),
        (&names::PROCESS_START_TIME_SECONDS, start),
    ];
    for (metric, value) in figures {
        if let Some(value) = value {
            let (name, kind, help) = (metric.name, metric.kind.word(), metric.help);
            writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n")
                .expect("writing to a string cannot fail");
        }
    }
}

/// The fields of /proc/PID/stat, numbered from 1 as in proc(5).
struct Fields<'a>(Vec<&'a str>);

impl<'a> Fields<'a> {
    /// Behind the command's closing parenthesis: a command may hold spaces.
    fn of(stat: &'a str) -> Self {
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        Self(rest.split_ascii_whitespace().collect())
    }

    fn number(&self, field: usize) -> Option<f64> {
        self.0.get(field.checked_sub(3)?)?.parse().ok()
    }
}

/// The first number of the line that begins with `name`.
fn line_number(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 120 34 0 0 20 0 4 0 999 8 9";
        let fields = Fields::of(stat);
        assert_eq!(fields.number(14), Some(120.0));
        assert_eq!(fields.number(15), Some(34.0));
        assert_eq!(fields.number(22), Some(999.0));
        assert_eq!(fields.number(2), None);
    }

    #[test]
    fn every_figure_is_there_on_linux() {
        let mut text = String::new();
        render(&mut text);
        let described = names::ALL.iter().filter(|metric| metric.name.starts_with("process_")).count();
        assert_eq!(text.matches("# TYPE").count(), described, "{text}");
    }
}
