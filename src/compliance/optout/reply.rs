//! Owns the closed list of what a reply can mean, with what it was understood by, for the record.
//! Must never hold the reply's text: that is personal data.

use std::sync::Arc;

/// What a reply means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The person wants no more commercial messages.
    Stop(Matched),
    /// The person takes a STOP back.
    Start(Matched),
    /// The person asks who writes, or for help (labelled HELP by CTIA).
    Contact(Matched),
    /// Nothing that is acted on: forwarded, counted for review.
    None,
}

impl Reply {
    /// The word used in metrics and JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Stop(_) => "stop",
            Self::Start(_) => "start",
            Self::Contact(_) => "contact",
            Self::None => "none",
        }
    }
}

/// What a reply was understood by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The language's code, such as `fr`.
    pub language: Arc<str>,
    /// The keyword or pattern, as the pack writes it.
    pub id: Arc<str>,
    pub how: How,
}

/// By which step it was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A keyword, alone but for politeness and codes.
    Keyword,
    /// A keyword with a slip of the finger, alone.
    Typo,
    /// A keyword alone in its clause.
    Clause,
    /// A pattern of words.
    Phrase,
}
