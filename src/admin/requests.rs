//! Owns what the control plane asks of the data plane.
//! Must never canonicalise a number: the plan of the data plane does, the same for everybody.

use crate::message::instant::CivilInstant;

/// A number as somebody wrote it, and the country it is national to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenNumber {
    pub text: String,
    /// ISO 3166 alpha-2, upper-case.
    pub country: String,
}

/// A dry run of the judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRequest {
    pub account: String,
    pub to: WrittenNumber,
    pub text: String,
    /// The source address; `None` = the account's first sender.
    pub from: Option<String>,
    /// The instant judged; `None` = now.
    pub at: Option<CivilInstant>,
    /// Whether the answer says how the class came about.
    pub explain: bool,
}

/// Where an opt-out given by hand came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopOrigin {
    /// A person at the keyboard, for instance after a telephone call.
    Manual,
    /// A list from elsewhere.
    Import,
    /// A letter or an e-mail.
    Mail,
    Phone,
    Web,
    /// A 33700 report or another complaint.
    Complaint,
    /// An objection under GDPR article 21.
    Gdpr,
    /// The operator said so.
    Operator,
}

impl StopOrigin {
    /// The stable word of API, CSV and ledger.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Import => "import",
            Self::Mail => "mail",
            Self::Phone => "phone",
            Self::Web => "web",
            Self::Complaint => "complaint",
            Self::Gdpr => "gdpr",
            Self::Operator => "operator",
        }
    }

    /// From its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.word() == word)
    }

    /// Every origin.
    pub const ALL: [Self; 8] =
        [Self::Manual, Self::Import, Self::Mail, Self::Phone, Self::Web, Self::Complaint, Self::Gdpr, Self::Operator];
}

/// Whom a stop given by hand is directed at, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    #[default]
    Everybody,
    /// One account, by its system_id.
    Account(String),
    /// One source address.
    Sender(String),
}

/// One number to suppress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopRow {
    /// The caller's own reference: the line of its file.
    pub line: u64,
    pub number: WrittenNumber,
    /// When the person opted out; `None` = now.
    pub at: Option<CivilInstant>,
    /// What proves it: a reference; never empty (a row without its own takes the batch's).
    pub evidence: String,
    /// What the person said or wrote, where it is known.
    pub text: Option<String>,
    pub reach: Reach,
}

/// Numbers to suppress in one durable act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopBatch {
    pub rows: Vec<StopRow>,
    pub origin: StopOrigin,
    /// Name of the token that asked.
    pub by: String,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// A lift that one person proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiftRequest {
    pub number: WrittenNumber,
    /// The accounts that may write again, by system_id; never empty.
    pub accounts: Vec<String>,
    /// What proves that the person wants it: a reference, never empty.
    pub evidence: String,
    /// Why, in words; never empty.
    pub reason: String,
    /// Name of the token that asked.
    pub by: String,
}

/// What a second person decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiftDecision {
    pub id: u64,
    /// `None` = approved; else why not.
    pub refused: Option<String>,
    /// Name of the token that decides.
    pub by: String,
}

/// A page of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Where the last page ended, as that page said it.
    pub after: Option<String>,
    /// At most this many entries.
    pub limit: usize,
}

/// Somebody read personal data: recorded durably before the answer goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminRead {
    /// Name of the token.
    pub by: String,
    /// The stable word of what was read: `why`, `stop.show`, `stop.list`, `stop.export`.
    pub action: &'static str,
    /// The number asked about; `None` for lists.
    pub number: Option<WrittenNumber>,
}

/// A report of unsubscribes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRequest {
    /// Its system_id; `None` = all.
    pub account: Option<String>,
    /// Inclusive; `None` = 30 days before `until`.
    pub since: Option<CivilInstant>,
    /// Exclusive; `None` = now.
    pub until: Option<CivilInstant>,
    /// Rows at most.
    pub limit: usize,
}
