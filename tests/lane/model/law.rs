//! Owns the law as a reader of rules.md would check it by hand: what may stand in an operator's hands, octet by octet.
//! Must never use the gateway's scanner, judge, packs or numbers: both would then share the same mistakes.

use super::octets::{read, schedule, segmentation, split_header};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use stopgate::message::instant::CivilInstant;
use stopgate::sim::wire::{DATA_SM, Pdu, SUBMIT_MULTI, SUBMIT_SM};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What a contract is, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Commercial,
    Transactional,
    /// Transactional under the service type `OTP`.
    Mixed,
}

/// An account as the law sees it.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub source: &'static str,
    pub class: Class,
    /// Codes that its mentions may name.
    pub codes: &'static [&'static str],
    pub multi: bool,
}

/// The accounts of the world, in the order of its configuration.
pub const ACCOUNTS: [Account; 4] = [
    Account { source: "ACME", class: Class::Commercial, codes: &["36111"], multi: false },
    Account { source: "OTHER", class: Class::Commercial, codes: &["36222"], multi: true },
    Account { source: "MIX", class: Class::Mixed, codes: &["36111"], multi: false },
    Account { source: "BANK", class: Class::Transactional, codes: &[], multi: false },
];

/// Words that make a text advertising whatever the contract says.
const ADVERTISING: &str = "SOLDES: -20%";

/// What holds at an instant.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub now: CivilInstant,
    /// Numbers that said STOP, and the accounts for which a START has lifted it since.
    pub stopped: BTreeMap<String, Vec<usize>>,
    /// Whether Saturday is open from 8 to 20 (`fr-8-20`) rather than from 10 to 19 (`fr-strict`).
    pub wide_hours: bool,
}

impl View {
    fn is_stopped(&self, number: &str, account: usize) -> bool {
        self.stopped.get(number).is_some_and(|lifted| !lifted.contains(&account))
    }

    /// Whether promotions may be delivered to a number at an instant. Winter time; the dates the test plays.
    fn is_open(&self, number: &str, at: CivilInstant) -> bool {
        let hours_ahead = match number {
            _ if number.starts_with("33") => 1,
            _ if number.starts_with("262692") || number.starts_with("262693") => 4,
            // Which clock it has is not this table's to know.
            _ => return true,
        };
        let local = at.plus(Duration::from_secs(hours_ahead * 3600)).as_secs();
        let (day, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        // 1 January 1970 was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        let armistice = day == 20_768;
        let (from, to) = match weekday {
            0..=4 => (8, 20),
            5 if self.wide_hours => (8, 20),
            5 => (10, 19),
            _ => return false,
        };
        !armistice && (from * 3600..to * 3600).contains(&second)
    }
}

/// A set of parts as the operator has it.
#[derive(Clone, Debug)]
struct Set {
    began: CivilInstant,
    /// The pack is pinned with the first part.
    began_under: bool,
    parts: BTreeMap<u8, (u8, Vec<u8>)>,
}

/// The law, and what it remembers of messages in parts.
#[derive(Default)]
pub struct Law {
    pub view: View,
    sets: HashMap<(String, String, u16, u8), Set>,
    /// Which account submitted under a user_message_reference.
    pub submitted_by: HashMap<u16, usize>,
    /// What has passed.
    pub passed: Passed,
}

/// What reached the operator, by kind: a test that lets nothing pass proves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passed {
    pub commercial: u64,
    pub transactional: u64,
    pub parts: u64,
    pub completed: u64,
    pub scheduled: u64,
    pub several: u64,
    pub overseas: u64,
    /// Messages of any kind, each destination by itself.
    pub left: u64,
    /// Messages that the gateway's own audit has looked at.
    pub audited: u64,
}

impl Passed {
    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        self.commercial += other.commercial;
        self.transactional += other.transactional;
        self.parts += other.parts;
        self.completed += other.completed;
        self.scheduled += other.scheduled;
        self.several += other.several;
        self.overseas += other.overseas;
        self.left += other.left;
        self.audited += other.audited;
    }
}

/// What is right, or what is wrong with it.
pub type Checked<T> = Result<T, String>;

impl Law {
    /// Judges a PDU that reached the operator, whose first octet left when `view` held.
    ///
    /// # Errors
    /// Why it should not have.
    pub fn check(&mut self, pdu: &Pdu, view: &View) -> Checked<()> {
        if ![SUBMIT_SM, DATA_SM, SUBMIT_MULTI].contains(&pdu.command()) {
            return Err(format!("command 0x{:x}", pdu.command()));
        }
        let fields = read(pdu).ok_or("fields that cannot be read to the last octet")?;
        let tlv = |tag| fields.tlvs.iter().find(|(own, _)| *own == tag).map(|(_, value)| *value);
        let account = ACCOUNTS.iter().position(|account| account.source == fields.source);
        let account = account.ok_or_else(|| format!("the source {:?} of nobody", fields.source))?;
        let reference = tlv(0x0204).and_then(|value| value.first_chunk()).map(|value| u16::from_be_bytes(*value));
        if let Some(by) = reference.and_then(|reference| self.submitted_by.get(&reference))
            && *by != account
        {
            return Err(format!("account {by} in the name of {}", fields.source));
        }
        refuse(pdu.command() == SUBMIT_MULTI && !ACCOUNTS[account].multi, "submit_multi")?;
        refuse(fields.esm_class & 0x3c != 0 && ![0x08, 0x10].contains(&(fields.esm_class & 0x3c)), "esm_class")?;
        refuse((0x40..=0x47).contains(&fields.protocol_id), "protocol_id")?;
        refuse(fields.default_message_id != 0, "a default message")?;
        refuse(fields.tlvs.iter().any(|(tag, _)| (0x1400..=0x3fff).contains(tag)), "a vendor's TLV")?;
        let payloads = fields.tlvs.iter().filter(|(tag, value)| *tag == 0x0424 && !value.is_empty()).count();
        refuse(payloads + usize::from(!fields.short_message.is_empty()) > 1, "two texts")?;
        let user_data = if fields.short_message.is_empty() { tlv(0x0424).unwrap_or(&[]) } else { fields.short_message };
        let (header, text) = match fields.esm_class & 0x40 {
            0 => (&[][..], user_data),
            _ => split_header(user_data).ok_or("a user data header that runs past the text")?,
        };
        let (segment, ports) = segmentation(header, &tlv)?;
        let ports = ports || tlv(0x020a).is_some() || tlv(0x020b).is_some();
        let at = schedule(fields.schedule, view.now).ok_or("a schedule that cannot be read")?;
        if pdu.command() == SUBMIT_MULTI {
            self.passed.several += 1;
        }
        for number in &fields.destinations {
            self.passed.left += 1;
            refuse(!number.bytes().all(|octet| octet.is_ascii_digit()), "a destination that is not canonical")?;
            refuse(number.starts_with("330") || number.starts_with("0"), "a destination that is not canonical")?;
            let message = Message { account, number, data_coding: fields.data_coding, text, ports, at };
            let one_time = fields.service_type == b"OTP";
            match segment.filter(|_| !ports) {
                None => self.whole(&message, one_time, view, readable(&[(fields.data_coding, text)]), None)?,
                Some(segment) => self.part(&message, one_time, view, segment)?,
            }
            self.passed.scheduled += u64::from(at > view.now);
            self.passed.overseas += u64::from(number.starts_with("262"));
        }
        Ok(())
    }

    fn part(
        &mut self,
        message: &Message<'_>,
        one_time: bool,
        view: &View,
        (reference, total, at): (u16, u8, u8),
    ) -> Checked<()> {
        self.passed.parts += 1;
        let key = (ACCOUNTS[message.account].source.to_owned(), message.number.to_owned(), reference, total);
        let fresh = Set { began: view.now, began_under: view.wide_hours, parts: BTreeMap::new() };
        let set = self.sets.entry(key).or_insert(fresh);
        let part = (message.data_coding, message.text.to_vec());
        let before = set.parts.insert(at, part.clone());
        let promotional = ACCOUNTS[message.account].class == Class::Commercial;
        let again = before.as_ref() == Some(&part);
        refuse(promotional && before.is_some() && !again, "another text for a part that left")?;
        // Parts have twenty seconds after the first one, which came before closing.
        let pinned = View { wide_hours: set.began_under, ..view.clone() };
        let moments = [message.at, message.at.minus(Duration::from_secs(20))];
        let follows = moments.iter().any(|at| view.is_open(message.number, *at) || pinned.is_open(message.number, *at));
        // The same part again has the verdict it had.
        let complete = set.parts.len() == usize::from(total) && !again;
        let parts = set.parts.clone();
        let texts: Vec<(u8, &[u8])> = parts.values().map(|(coding, text)| (*coding, &text[..])).collect();
        let began = set.began;
        // What it says is not known before it is whole: until then only what holds for every part can be asked.
        let whole = if complete { readable(&texts) } else { Reading::Unknown };
        self.passed.completed += u64::from(complete);
        // Texts are kept for ten minutes. Of an older set a promotion must say by itself how to stop it; what a transactional
        // message said may be forgotten, and what is left of it is judged alone.
        let forgotten = !promotional && view.now.since(began) >= Duration::from_secs(600);
        let checked = self.whole(message, one_time, view, whole, Some(follows));
        match checked {
            Err(_) if forgotten => {
                let alone = readable(&[(message.data_coding, message.text)]);
                self.whole(message, one_time, view, alone, Some(follows))
            }
            checked => checked,
        }
    }

    /// A message, or as much of it as is known. `follows`: whether a part may follow the hours of its set's first.
    fn whole(
        &mut self,
        message: &Message<'_>,
        one_time: bool,
        view: &View,
        reading: Reading,
        follows: Option<bool>,
    ) -> Checked<()> {
        let account = ACCOUNTS[message.account];
        let text = match &reading {
            Reading::Text(text) => Some(plain(text)),
            Reading::Binary | Reading::Unknown | Reading::Odd => None,
        };
        let tightened = text.as_deref().is_some_and(|text| any_mention(text) || text.contains(ADVERTISING));
        let promotional = match account.class {
            Class::Commercial => true,
            Class::Mixed => !one_time || tightened,
            Class::Transactional => tightened,
        };
        if !promotional {
            self.passed.transactional += 1;
            return Ok(());
        }
        self.passed.commercial += 1;
        refuse(message.ports, "a promotion to an application port")?;
        refuse(view.is_stopped(message.number, message.account), "a promotion to a number that said STOP")?;
        refuse(matches!(reading, Reading::Binary), "a promotion nobody can read")?;
        refuse(message.at > view.now.plus(Duration::from_secs(86_400)), "a promotion for more than a day ahead")?;
        let open = view.is_open(message.number, message.at) || follows == Some(true);
        refuse(!open, "a promotion in closed hours")?;
        refuse(!is_mobile(message.number), "a promotion to what is no mobile number")?;
        if let Some(text) = text {
            refuse(text.trim().is_empty(), "an empty promotion")?;
            refuse(!account.codes.iter().any(|code| mentions(&text, code)), "a promotion without a STOP mention")?;
        }
        Ok(())
    }
}

/// What is looked at of a message to one number.
struct Message<'p> {
    account: usize,
    number: &'p str,
    data_coding: u8,
    text: &'p [u8],
    ports: bool,
    /// When it is to be delivered.
    at: CivilInstant,
}

/// Wrong for this reason.
pub fn refuse(wrong: bool, what: &str) -> Checked<()> {
    if wrong { Err(what.to_owned()) } else { Ok(()) }
}

/// What can be read of a text.
enum Reading {
    Text(String),
    /// Of a part: the rest is missing.
    Unknown,
    /// Octets that are said to be no text.
    Binary,
    /// In a coding this reader does not know.
    Odd,
}

fn readable(parts: &[(u8, &[u8])]) -> Reading {
    let mut text = String::new();
    let same = parts.windows(2).all(|pair| pair[0].0 == pair[1].0);
    let joined: Vec<u8> = parts.iter().flat_map(|(_, octets)| octets.iter().copied()).collect();
    let pieces: Vec<(u8, &[u8])> = match parts {
        [(coding, _), ..] if same => vec![(*coding, &joined)],
        parts => parts.to_vec(),
    };
    for (coding, octets) in pieces {
        match coding {
            0 | 1 | 3 => text.extend(octets.iter().map(|octet| char::from(*octet))),
            8 => {
                let units = octets.chunks(2).map(|pair| u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
                text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
            }
            2 | 4 => return Reading::Binary,
            _ => return Reading::Odd,
        }
    }
    Reading::Text(text)
}

/// In upper case and without accents, as rules.md reads mentions.
fn plain(text: &str) -> String {
    text.nfd().filter(|sign| !is_combining_mark(*sign)).collect::<String>().to_uppercase()
}

/// `STOP [SMS|PUB] [AU|A|=|:] code`, not behind NON.
fn mentions(text: &str, code: &str) -> bool {
    text.match_indices("STOP").any(|(at, _)| {
        let negated = text[..at].trim_end().ends_with("NON") || text[..at].ends_with(char::is_alphanumeric);
        let rest = skip_one(text[at + 4..].trim_start(), &["SMS", "PUB"]);
        let rest = skip_one(rest.trim_start(), &["AU", "A", "=", ":"]).trim_start();
        let named =
            rest.strip_prefix(code).is_some_and(|behind| !behind.starts_with(|sign: char| sign.is_ascii_digit()));
        named && !negated
    })
}

fn skip_one<'t>(text: &'t str, words: &[&str]) -> &'t str {
    words.iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text)
}

fn any_mention(text: &str) -> bool {
    ["36111", "36222"].iter().any(|code| mentions(text, code))
}

/// The mobile ranges of rules.md, machine numbers aside.
fn is_mobile(number: &str) -> bool {
    let prefixes = ["336", "337", "262639", "262692", "262693", "262709", "590690", "590691", "590709", "594694"];
    let more = ["594709", "596696", "596697", "596709", "508", "687", "689", "681"];
    prefixes.iter().chain(&more).any(|prefix| number.starts_with(prefix)) && !number.starts_with("33700")
}

#[test]
fn the_law_knows_its_days_and_its_mentions() {
    let at = super::super::rig::at;
    let view = View::default();
    let wide = View { wide_hours: true, ..View::default() };
    for (instant, number, narrow_open, wide_open) in [
        ("2026-11-24T09:00:00Z", "33639980001", true, true),
        ("2026-11-24T06:59:59Z", "33639980001", false, false),
        ("2026-11-24T18:59:59Z", "33639980001", true, true),
        ("2026-11-24T19:00:00Z", "33639980001", false, false),
        ("2026-11-28T07:30:00Z", "33639980001", false, true),
        ("2026-11-28T18:30:00Z", "33639980001", false, true),
        ("2026-11-29T09:00:00Z", "33639980001", false, false),
        ("2026-11-11T09:00:00Z", "33639980001", false, false),
        ("2026-11-24T04:30:00Z", "262692000001", true, true),
        ("2026-11-24T16:30:00Z", "262692000001", false, false),
    ] {
        let open = |view: &View| view.is_open(number, at(instant));
        assert_eq!((open(&view), open(&wide)), (narrow_open, wide_open), "{instant} {number}");
    }
    for (text, found) in [
        ("SOLDES. STOP 36111", true),
        ("STOP AU 36111 ET PLUS", true),
        ("STOPSMS 36111", true),
        ("STOP 361112", false),
        ("NON STOP 36111", false),
        ("ST0P 36111", false),
        ("STOP 36222", false),
    ] {
        assert_eq!(mentions(text, "36111"), found, "{text}");
    }
}
