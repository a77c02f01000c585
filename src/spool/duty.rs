//! Owns when a STOP, START or CONTACT is answered by a message of our own, and when it is not any more.
//! Must never answer twice what may have been sent, nor feed a loop between two machines.

use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Answers to one number in 24 hours.
const DAILY_MAX: usize = 3;
/// Waits between attempts after a definite temporary refusal.
const RETRY_MIN: Duration = Duration::from_secs(60);
const RETRY_MAX: Duration = Duration::from_secs(3600);
/// The first wait of an answer that found no link, doubled up to `RETRY_MIN`.
const UNWRITTEN_MIN: Duration = Duration::from_secs(1);
/// Numbers remembered; each is forgotten 24 hours after its last answer.
const NUMBERS_MAX: usize = 1_000_000;

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DutyKind {
    /// The confirmation of a STOP.
    Stop = 1,
    /// The confirmation of a START.
    Start = 2,
    /// The answer to CONTACT.
    Contact = 3,
    /// The question that a START raises where it is asked about first.
    StartQuestion = 4,
}

impl DutyKind {
    /// The word used in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Contact => "contact",
            Self::StartQuestion => "start_question",
        }
    }

    /// From its octet on disk.
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Stop),
            2 => Some(Self::Start),
            3 => Some(Self::Contact),
            4 => Some(Self::StartQuestion),
            _ => None,
        }
    }
}

/// An answer that is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty {
    pub kind: DutyKind,
    pub number: Msisdn,
    pub tag: NumberTag,
    /// The short code that received the message and sends the answer.
    pub short_code: u32,
    /// Whom CONTACT names; `NONE`: the code's own identity.
    pub account: NameId,
}

/// Names a duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DutyId(pub u64);

/// Why nothing is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// The number was suppressed already, and its STOP was confirmed less than 24 hours ago.
    RepeatedStop,
    /// Three answers in 24 hours.
    DailyLimit,
    /// The same answer is under way.
    UnderWay,
    /// A million numbers have been answered in 24 hours.
    Full,
}

/// What became of an answer that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fate {
    /// The operator took it.
    Accepted = 1,
    /// A definite temporary refusal: 0x08, 0x14, 0x58, 0x64.
    Temporary = 2,
    /// A definite final refusal.
    Final = 3,
    /// No answer, or the link died after the write: it may have been sent.
    Unknown = 4,
    /// It was certainly not written.
    NotWritten = 5,
}

impl Fate {
    /// From the operator's command_status.
    pub const fn of_status(status: u32) -> Self {
        match status {
            0 => Self::Accepted,
            0x08 | 0x14 | 0x58 | 0x64 => Self::Temporary,
            _ => Self::Final,
        }
    }

    /// From its octet on disk.
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Accepted),
            2 => Some(Self::Temporary),
            3 => Some(Self::Final),
            4 => Some(Self::Unknown),
            5 => Some(Self::NotWritten),
            _ => None,
        }
    }
}

/// What follows from a fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing more is done.
    Over(Fate),
    /// It is tried again at this instant.
    Again(CivilInstant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was written; to be tried from this instant.
    Owed { from: CivilInstant },
    /// The intent stands on record: it may have been written.
    Intended,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    duty: Duty,
    since: CivilInstant,
    attempts: u32,
    stage: Stage,
}

/// What one number was answered in the last 24 hours, and what is under way.
#[derive(Clone, Debug, Default)]
struct Answered {
    open: Vec<DutyId>,
    /// Instants of the last answers that were or may have been sent, newest last.
    sent: [Option<CivilInstant>; DAILY_MAX],
    last_stop: Option<CivilInstant>,
    /// When the last question left, or may have left.
    last_question: Option<CivilInstant>,
}

impl Answered {
    fn within_day(&self, now: CivilInstant) -> usize {
        self.sent.iter().flatten().filter(|at| now.since(**at) < DAY).count()
    }

    fn add(&mut self, kind: DutyKind, at: CivilInstant) {
        self.sent.rotate_left(1);
        self.sent[DAILY_MAX - 1] = Some(at);
        match kind {
            DutyKind::Stop => self.last_stop = Some(at),
            DutyKind::StartQuestion => self.last_question = Some(at),
            DutyKind::Start | DutyKind::Contact => {}
        }
    }

    /// Takes back an answer that was certainly not sent.
    fn remove(&mut self, kind: DutyKind, at: CivilInstant, earlier_stop: Option<CivilInstant>) {
        if let Some(place) = self.sent.iter().rposition(|sent| *sent == Some(at)) {
            self.sent[..=place].rotate_right(1);
            self.sent[0] = None;
        }
        if kind == DutyKind::Stop && self.last_stop == Some(at) {
            self.last_stop = earlier_stop;
        }
        // An earlier question counts no more: who is asked again answers the later one.
        if kind == DutyKind::StartQuestion && self.last_question == Some(at) {
            self.last_question = None;
        }
    }
}

/// The duties: pure, the journal keeps it across restarts by doing the same steps again.
#[derive(Default)]
pub struct Duties {
    open: BTreeMap<DutyId, Open>,
    /// The duties that are owed, by the instant from which they may be tried.
    owed: BTreeSet<(CivilInstant, DutyId)>,
    numbers: HashMap<NumberTag, Answered>,
    /// When the intent of a duty was recorded, and the STOP answer before it.
    intents: HashMap<DutyId, (CivilInstant, Option<CivilInstant>)>,
}

impl Duties {
    /// Whether a message is to be answered. `transition`: the STOP or START changed something (CONTACT never does).
    pub fn decide(&self, duty: &Duty, transition: bool, now: CivilInstant) -> Result<(), Quiet> {
        let Some(answered) = self.numbers.get(&duty.tag) else {
            return if self.numbers.len() >= NUMBERS_MAX { Err(Quiet::Full) } else { Ok(()) };
        };
        let under_way = || answered.open.iter().filter_map(|id| self.open.get(id));
        if !transition && under_way().any(|open| open.duty.kind == duty.kind) {
            return Err(Quiet::UnderWay);
        }
        // What is intended counts as sent already.
        let waiting = under_way().filter(|open| open.stage != Stage::Intended).count();
        if answered.within_day(now) + waiting >= DAILY_MAX {
            return Err(Quiet::DailyLimit);
        }
        match (duty.kind, answered.last_stop) {
            (DutyKind::Stop, Some(last)) if !transition && now.since(last) < DAY => Err(Quiet::RepeatedStop),
            (DutyKind::Stop | DutyKind::Start | DutyKind::StartQuestion | DutyKind::Contact, _) => Ok(()),
        }
    }

    /// The duty is owed from now on.
    pub fn owe(&mut self, id: DutyId, duty: Duty, now: CivilInstant) {
        self.numbers.entry(duty.tag).or_default().open.push(id);
        self.owed.insert((now, id));
        self.open.insert(id, Open { duty, since: now, attempts: 0, stage: Stage::Owed { from: now } });
    }

    /// The intent to write it is on record: whatever happens now, it is not written again without a definite refusal.
    /// `None` when the duty is not owed (any more) or not due yet.
    pub fn intend(&mut self, id: DutyId, now: CivilInstant) -> Option<Duty> {
        let open = self.open.get_mut(&id)?;
        match open.stage {
            Stage::Owed { from } if from <= now => self.owed.remove(&(from, id)),
            Stage::Owed { .. } | Stage::Intended => return None,
        };
        open.stage = Stage::Intended;
        open.attempts += 1;
        let answered = self.numbers.entry(open.duty.tag).or_default();
        self.intents.insert(id, (now, answered.last_stop));
        answered.add(open.duty.kind, now);
        Some(open.duty)
    }

    /// The fate of what was intended. `None` when nothing was.
    pub fn settle(&mut self, id: DutyId, fate: Fate, now: CivilInstant) -> Option<Next> {
        let open = self.open.get_mut(&id)?;
        if open.stage != Stage::Intended {
            return None;
        }
        let (intended, earlier_stop) = self.intents.remove(&id)?;
        let unsent = match fate {
            Fate::Temporary | Fate::Final | Fate::NotWritten => true,
            Fate::Accepted | Fate::Unknown => false,
        };
        if let Some(answered) = self.numbers.get_mut(&open.duty.tag).filter(|_| unsent) {
            answered.remove(open.duty.kind, intended, earlier_stop);
        }
        let (first, most) = if fate == Fate::NotWritten { (UNWRITTEN_MIN, RETRY_MIN) } else { (RETRY_MIN, RETRY_MAX) };
        let again = now.plus(first.saturating_mul(1 << (open.attempts.clamp(1, 8) - 1)).min(most));
        match fate {
            Fate::Temporary | Fate::NotWritten if again.since(open.since) < DAY => {
                open.stage = Stage::Owed { from: again };
                self.owed.insert((again, id));
                Some(Next::Again(again))
            }
            Fate::Temporary | Fate::NotWritten | Fate::Accepted | Fate::Final | Fate::Unknown => {
                self.drop_duty(id);
                Some(Next::Over(fate))
            }
        }
    }

    /// After a restart: what was intended and not settled may have been sent. It is over; the ids are returned, to be recorded so.
    pub fn restarted(&mut self, now: CivilInstant) -> Vec<DutyId> {
        let unknown: Vec<_> =
            self.open.iter().filter(|(_, open)| open.stage == Stage::Intended).map(|(id, _)| *id).collect();
        for id in &unknown {
            self.settle(*id, Fate::Unknown, now);
        }
        unknown
    }

    /// The duties that may be intended now, longest due first, at most `limit`.
    pub fn due(&self, now: CivilInstant, limit: usize) -> Vec<(DutyId, Duty)> {
        let due = self.owed.iter().take_while(|(from, _)| *from <= now).take(limit);
        due.filter_map(|(_, id)| Some((*id, self.open.get(id)?.duty))).collect()
    }

    /// When the next duty is due.
    pub fn next_due(&self) -> Option<CivilInstant> {
        self.owed.first().map(|(from, _)| *from)
    }

    /// Gives up what is owed for 24 hours, and forgets numbers that were not answered in that time. Returns what was given up.
    pub fn expire(&mut self, now: CivilInstant) -> Vec<DutyId> {
        let old = |open: &Open| open.stage != Stage::Intended && now.since(open.since) >= DAY;
        let given_up: Vec<_> = self.open.iter().filter(|(_, open)| old(open)).map(|(id, _)| *id).collect();
        for id in &given_up {
            self.drop_duty(*id);
        }
        self.numbers.retain(|_, answered| answered.within_day(now) > 0 || !answered.open.is_empty());
        given_up
    }

    /// Ends a duty, whatever its stage. What was intended still counts as sent.
    pub fn drop_duty(&mut self, id: DutyId) {
        let Some(open) = self.open.remove(&id) else { return };
        self.intents.remove(&id);
        if let Stage::Owed { from } = open.stage {
            self.owed.remove(&(from, id));
        }
        if let Some(answered) = self.numbers.get_mut(&open.duty.tag) {
            answered.open.retain(|other| *other != id);
        }
    }

    /// An answer that was or may have been sent: what a rewritten journal says of duties that are over.
    pub fn remember(&mut self, tag: NumberTag, kind: DutyKind, at: CivilInstant) {
        let answered = self.numbers.entry(tag).or_default();
        // A crash may leave both the steps and their summary.
        if !answered.sent.contains(&Some(at)) {
            answered.add(kind, at);
        }
    }

    /// The answers of the last 24 hours that `remember` is to be told again, oldest first for each number; those of open duties excepted.
    pub fn remembered(&self, now: CivilInstant) -> Vec<(NumberTag, DutyKind, CivilInstant)> {
        let mut all = Vec::new();
        for (tag, answered) in &self.numbers {
            let open: Vec<_> = answered.open.iter().filter_map(|id| self.intents.get(id)).collect();
            for at in answered.sent.iter().flatten().filter(|at| now.since(**at) < DAY) {
                if open.iter().all(|(intended, _)| intended != at) {
                    let stop = answered.last_stop == Some(*at) || open.iter().any(|(_, stop)| *stop == Some(*at));
                    // Only a STOP's confirmation and a question are asked for by their kind.
                    let kind = match (stop, answered.last_question == Some(*at)) {
                        (true, _) => DutyKind::Stop,
                        (false, true) => DutyKind::StartQuestion,
                        (false, false) => DutyKind::Contact,
                    };
                    all.push((*tag, kind, *at));
                }
            }
        }
        all
    }

    /// The open duties, oldest first: since when each is owed, and when it was intended.
    pub fn opened(&self) -> impl Iterator<Item = (DutyId, Duty, CivilInstant, Option<CivilInstant>)> {
        self.open.iter().map(|(id, open)| (*id, open.duty, open.since, self.intents.get(id).map(|(at, _)| *at)))
    }

    /// When the last question left towards a number, or may have left; `None` when none did in the last 24 hours or so.
    pub fn last_question(&self, tag: &NumberTag) -> Option<CivilInstant> {
        self.numbers.get(tag)?.last_question
    }

    /// Whether a duty is owed or under way.
    pub fn is_open(&self, id: DutyId) -> bool {
        self.open.contains_key(&id)
    }

    /// How many duties are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Forgets what concerns a number, except that it was answered (the tag alone, for 24 hours). Returns the open duties that end.
    pub fn erase(&mut self, tag: &NumberTag) -> Vec<DutyId> {
        let ids = self.numbers.get(tag).map(|answered| answered.open.clone()).unwrap_or_default();
        for id in &ids {
            self.drop_duty(*id);
        }
        ids
    }
}

#[cfg(test)]
mod tests;
