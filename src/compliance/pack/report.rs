//! Owns what is said about a faulty pack: file, line, key and what to write instead, all faults at once.
//! Must never stop at the first fault, nor read a file.

use std::ops::Range;

/// One fault of a pack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {key}: {message}")]
pub struct PackError {
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// The key as one would write it with dots; empty when the file as a whole is meant.
    pub key: String,
    pub message: String,
}

/// A pack's text with its name, and the faults found in all texts so far.
pub struct Report<'t> {
    pub file: &'t str,
    pub text: &'t str,
    pub errors: &'t mut Vec<PackError>,
}

impl Report<'_> {
    /// Records a fault at a span of the text.
    pub fn at(&mut self, span: Range<usize>, key: impl Into<String>, message: impl Into<String>) {
        self.errors.push(PackError {
            file: self.file.to_owned(),
            line: line_of(self.text, span.start),
            key: key.into(),
            message: message.into(),
        });
    }
}

/// The line (from 1) on which an octet of `text` stands.
pub(super) fn line_of(text: &str, octet: usize) -> usize {
    text.as_bytes().iter().take(octet).filter(|b| **b == b'\n').count() + 1
}
