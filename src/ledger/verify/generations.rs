//! Owns how a verification follows the keys: which generation each record is of, and what carries its tag past a replacement.
//! Must never take the mark of a segment for what its records say: the marks are not signed, the records are.

use super::super::event::{Begin, Rekey};
use super::super::generations::Secrets;
use super::super::keys::TagLinks;
use super::report::{Report, rfc3339};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::tag::NumberTag;

/// One generation of the tag key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TagGeneration {
    /// From 1; a ledger begun under keys that had been replaced already begins with a later one.
    number: usize,
    /// The record that brought it in.
    seq: u64,
    commitment: [u8; 32],
}

/// The keys as the records bring them in.
#[derive(Clone, Debug, Default)]
pub struct KeysSeen {
    tags: Vec<TagGeneration>,
    /// The newest sealing key, once a record has said which it is.
    sealing: Option<(u32, [u8; 32])>,
    /// From which start on which mark is that of the keys, and the generation of the tag key by its place.
    marks: Vec<(u32, [u8; 16], usize)>,
    /// A replacement stands on record, and the start that made it has not begun yet.
    awaits_begin: bool,
}

impl KeysSeen {
    /// A start: it is made with the keys that are on record. `mark`: that of its segment.
    pub fn begin(
        &mut self,
        begin: &Begin,
        (boot, mark): (u32, &[u8; 16]),
        links: Option<&TagLinks>,
    ) -> Result<(), String> {
        self.awaits_begin = false;
        let commitment = begin.tag_commitment;
        match self.tags.last() {
            Some(known) if known.commitment == commitment => Ok(()),
            Some(_) if self.tags.len() == 1 => Err("this start was made with another tag key than the first".into()),
            Some(_) => Err("this start was made with another tag key than the last one on record".into()),
            None => {
                let found = links.and_then(|links| {
                    links.links.iter().position(|(_, own)| *own == commitment).map(|at| at + links.first)
                });
                self.tags.push(TagGeneration { number: found.unwrap_or(1), seq: 0, commitment });
                if Secrets::Tags.half(mark) != commitment[..8] {
                    return Err(MARK.into());
                }
                self.marks.push((boot, *mark, 0));
                Ok(())
            }
        }
    }

    /// A replacement.
    pub fn rekey(&mut self, seq: u64, boot: u32, rekey: &Rekey) -> Result<(), String> {
        let words = rekey.secret.words();
        let Some((_, mut mark, _)) = self.marks.last().copied() else {
            return Err(format!("a {words} is replaced before there is one"));
        };
        let follows = |known: Option<usize>| match known {
            Some(known) => rekey.generation as usize == known + 1,
            None => rekey.generation >= 2,
        };
        let in_turn = match rekey.secret {
            Secrets::Tags => {
                let first = self.tags.len() == 1;
                let last = self.tags.last_mut().ok_or("a tag key is replaced before there is one")?;
                if first && rekey.generation >= 2 {
                    last.number = rekey.generation as usize - 1;
                }
                last.commitment == rekey.old && follows(Some(last.number))
            }
            Secrets::Sealing => {
                let known = self.sealing.map(|(generation, _)| generation as usize);
                self.sealing.is_none_or(|(_, commitment)| commitment == rekey.old)
                    && Secrets::Sealing.half(&mark) == rekey.old[..8]
                    && follows(known)
            }
        };
        if !in_turn || rekey.old == rekey.new {
            return Err(format!("it replaces another {words} than the one that is on record"));
        }
        match rekey.secret {
            Secrets::Tags => {
                let number = rekey.generation as usize;
                self.tags.push(TagGeneration { number, seq, commitment: rekey.new });
                mark[..8].copy_from_slice(&rekey.new[..8]);
            }
            Secrets::Sealing => {
                self.sealing = Some((rekey.generation, rekey.new));
                mark[8..].copy_from_slice(&rekey.new[..8]);
            }
        }
        self.marks.push((boot, mark, self.tags.len() - 1));
        self.awaits_begin = true;
        Ok(())
    }

    /// Any record but a start and a replacement: it stands where they belong, and in a segment of the keys that are on record.
    pub fn settled(&self, mark: &[u8; 16]) -> Result<(), String> {
        if self.awaits_begin {
            return Err("a key was replaced, and no start follows".into());
        }
        match self.marks.last() {
            Some((_, known, _)) if known != mark => Err(MARK.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a mark is that of keys which are on record.
    pub fn knows(&self, mark: &[u8; 16]) -> bool {
        self.marks.iter().any(|(_, known, _)| known == mark)
    }

    /// The place of the tag key that is in force now.
    pub fn place(&self) -> usize {
        self.tags.len().saturating_sub(1)
    }

    /// The place of the tag key under which a start wrote its verdicts, whose segment bears this mark.
    pub fn place_of(&self, boot: u32, mark: &[u8; 16]) -> Result<usize, String> {
        match self.marks.iter().rev().find(|(since, ..)| *since <= boot) {
            Some((_, known, _)) if known != mark => Err(MARK.into()),
            Some((.., place)) => Ok(*place),
            None => Ok(0),
        }
    }

    /// The place of the tag key under which a start wrote its verdicts.
    pub fn place_at(&self, boot: u32) -> usize {
        self.marks.iter().rev().find(|(since, ..)| *since <= boot).map_or(0, |(.., place)| *place)
    }

    /// The tag of a number under the key that is in force now, when the links from the first one on are at hand.
    pub fn tag(&self, links: &TagLinks, number: Msisdn) -> Option<NumberTag> {
        tag_under(links, number, self.tags.last()?.number)
    }

    /// Its tags under every key that is on record, the oldest first.
    pub fn tags(&self, links: &TagLinks, number: Msisdn) -> Option<Vec<NumberTag>> {
        self.tags.iter().map(|generation| tag_under(links, number, generation.number)).collect()
    }

    /// Whether each tag follows from the one before it, as far as the links at hand tell.
    pub fn follows(&self, links: &TagLinks, tags: &[NumberTag]) -> bool {
        let steps = tags.windows(2).zip(self.tags.iter().skip(1));
        steps
            .into_iter()
            .all(|(pair, later)| links.of(later.number).is_none_or(|(link, _)| link.carry(pair[0]) == pair[1]))
    }

    /// Holds what somebody brings along against what the records commit to. The error names the record.
    pub fn compare(&self, links: &TagLinks) -> Result<(), (u64, String)> {
        let mut any = false;
        for (at, generation) in self.tags.iter().enumerate() {
            let Some((_, given)) = links.of(generation.number) else { continue };
            any = true;
            if *given != generation.commitment {
                let what = match at {
                    0 => "the first record commits to another tag key than the one you gave",
                    _ => "it brings in another tag key than the one you gave",
                };
                return Err((generation.seq, what.into()));
            }
        }
        if any { Ok(()) } else { Err((0, "the first record commits to another tag key than the one you gave".into())) }
    }

    /// Carries a tag from the key at this place to the newest one; as it is when a link is missing.
    pub fn carry(&self, links: Option<&TagLinks>, tag: NumberTag, place: usize) -> NumberTag {
        let Some(links) = links.filter(|links| self.reaches(links)) else { return tag };
        let later = self.tags.get(place + 1..).unwrap_or_default();
        later.iter().fold(tag, |tag, generation| links.of(generation.number).map_or(tag, |(link, _)| link.carry(tag)))
    }

    /// Whether every replacement can be followed.
    fn reaches(&self, links: &TagLinks) -> bool {
        self.tags.iter().skip(1).all(|generation| links.of(generation.number).is_some())
    }

    /// Says how far stops were followed.
    pub fn say(&self, links: Option<&TagLinks>, report: &mut Report) {
        let [_, later @ ..] = &self.tags[..] else { return };
        let Some(first) = later.first() else { return };
        if links.is_some_and(|links| self.reaches(links)) {
            report.note(format!(
                "opt-outs from before record {} were followed past {} of the tag key",
                first.seq,
                if later.len() == 1 { "the replacement".to_owned() } else { format!("{} replacements", later.len()) }
            ));
            return;
        }
        for generation in later {
            report.note(format!(
                "the tag key was replaced by record {}: opt-outs from before it were held against the messages before it only. They \
                 can be followed past it with the tag key: --tag-key KEYS_DIR/{}",
                generation.seq,
                Secrets::Tags.file_of(generation.number)
            ));
        }
    }
}

fn tag_under(links: &TagLinks, number: Msisdn, generation: usize) -> Option<NumberTag> {
    let (first, _) = links.of(1)?;
    (2..=generation).try_fold(first.tag(number), |tag, later| Some(links.of(later)?.0.carry(tag)))
}

const MARK: &str = "the header of its segment says other keys than the records do";

/// A replacement in words.
pub fn words(seq: u64, at: CivilInstant, rekey: &Rekey) -> String {
    format!(
        "the {} was replaced at {} (event {seq}, generation {}): {}",
        rekey.secret.words(),
        rfc3339(at),
        rekey.generation,
        rekey.by
    )
}
