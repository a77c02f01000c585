//! Owns what is said about a configuration that cannot be used: file, line, what is wrong, what to write instead.
//! Must never print a secret.

use std::cell::RefCell;

/// One thing wrong with a configuration, or worth knowing about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct ConfigError {
    pub file: String,
    /// Counted from 1; 0 = the file as a whole.
    pub line: usize,
    pub message: String,
}

/// Collects everything found while one file is read, so that all of it is told at once.
#[derive(Debug)]
pub struct Findings {
    file: String,
    line_starts: Vec<usize>,
    errors: RefCell<Vec<ConfigError>>,
    warnings: RefCell<Vec<ConfigError>>,
}

impl Findings {
    /// For a file of this name and text.
    pub fn new(file: &str, text: &str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file: file.to_owned(), line_starts, errors: RefCell::default(), warnings: RefCell::default() }
    }

    /// The line of an octet, counted from 1.
    pub fn line_of(&self, octet: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= octet).max(1)
    }

    /// Something that makes the configuration unusable.
    pub fn error(&self, line: usize, message: impl Into<String>) {
        self.errors.borrow_mut().push(ConfigError { file: self.file.clone(), line, message: message.into() });
    }

    /// An error of another file (a rule pack).
    pub fn foreign(&self, error: ConfigError) {
        self.errors.borrow_mut().push(error);
    }

    /// Something worth knowing.
    pub fn warning(&self, line: usize, message: impl Into<String>) {
        self.warnings.borrow_mut().push(ConfigError { file: self.file.clone(), line, message: message.into() });
    }

    /// The warnings in the order of lines, or all the errors.
    pub fn finish(self) -> Result<Vec<ConfigError>, Vec<ConfigError>> {
        let (mut errors, mut warnings) = (self.errors.into_inner(), self.warnings.into_inner());
        errors.sort();
        errors.dedup();
        warnings.sort();
        warnings.dedup();
        if errors.is_empty() { Ok(warnings) } else { Err(errors) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_octet_belongs_to_its_line() {
        let findings = Findings::new("a.toml", "ab\nc\n\nd");
        let lines = [0, 2, 3, 4, 5, 6].map(|octet| findings.line_of(octet));
        assert_eq!(lines, [1, 1, 2, 2, 3, 4]);
    }

    #[test]
    fn errors_come_out_in_the_order_of_lines() {
        let findings = Findings::new("a.toml", "");
        findings.error(7, "later");
        findings.warning(1, "aside");
        findings.error(2, "sooner");
        let errors = findings.finish().expect_err("two errors");
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 7]);
        assert_eq!(errors[0].to_string(), "a.toml:2: sooner");
    }
}
