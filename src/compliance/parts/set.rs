//! Owns one set of parts: whose it is, what was settled with its first part, which parts are forwarded and what they say.
//! Must never forget that a part was forwarded while it stands at the SMSC.

use super::{Part, Pinned, Standing};
use crate::compliance::class::TrafficClass;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;

/// What a part costs beside its text, in octets of the table's bound.
pub const PART_COST: usize = 64;

/// A forwarded part.
pub struct Forwarded {
    pub number: u8,
    /// How often it was permitted and not taken back; it stands at the SMSC while this is not 0.
    permits: u32,
    /// `None` for a part forwarded before a restart.
    digest: Option<[u8; 16]>,
    pub data_coding: u8,
    /// Its text, while texts are kept.
    pub octets: Option<Box<[u8]>>,
}

impl Forwarded {
    fn cost(&self) -> usize {
        PART_COST + self.octets.as_ref().map_or(0, |octets| octets.len())
    }
}

/// A set of parts.
pub struct Set {
    pub account: NameId,
    pub pinned: Pinned,
    pub began: CivilInstant,
    total: u8,
    pub parts: Vec<Forwarded>,
}

impl Set {
    /// A set of which no part is forwarded yet.
    pub fn new(account: NameId, total: u8, pinned: Pinned, began: CivilInstant) -> Self {
        Self { account, pinned, began, total, parts: Vec::new() }
    }

    /// Whether no part stands at the SMSC.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether every part stands at the SMSC.
    pub fn is_complete(&self) -> bool {
        self.parts.len() == usize::from(self.total)
    }

    /// What it costs of the table's octets.
    pub fn cost(&self) -> usize {
        self.parts.iter().map(Forwarded::cost).sum()
    }

    /// What a part is to the set.
    pub fn standing(&self, part: &Part<'_>) -> Standing {
        if self.account != part.account {
            return Standing::Foreign;
        }
        let own = self.parts.iter().find(|known| known.number == part.number);
        let mut others = self.parts.iter().filter(|known| known.number != part.number);
        let completes = self.parts.len() + usize::from(own.is_none()) == usize::from(self.total);
        match own.map(|own| own.digest) {
            Some(Some(digest)) if digest == part.digest() => return Standing::Repeats,
            Some(Some(_)) if self.pinned.class == Some(TrafficClass::Commercial) => return Standing::Altered,
            // What a transactional part said before is replaced: the last text stands.
            Some(Some(_)) | None => {}
            Some(None) if completes => return Standing::CompletesBlind,
            Some(None) => return Standing::Continues,
        }
        match completes {
            false => Standing::Continues,
            true if others.all(|known| known.octets.is_some()) => Standing::Completes,
            true => Standing::CompletesBlind,
        }
    }

    /// Counts a part as forwarded. `keep_text`: texts of this set are still kept.
    pub fn permit(&mut self, part: &Part<'_>, keep_text: bool) {
        let octets = keep_text.then(|| part.octets.into());
        match self.parts.iter_mut().find(|known| known.number == part.number) {
            Some(known) => {
                known.permits = known.permits.saturating_add(1);
                let digest = part.digest();
                // What was said before a restart stays unknown, whatever is said now.
                if known.digest.is_some_and(|before| before != digest) {
                    known.digest = Some(digest);
                    known.data_coding = part.data_coding;
                    known.octets = octets;
                }
            }
            None => self.parts.push(Forwarded {
                number: part.number,
                permits: 1,
                digest: Some(part.digest()),
                data_coding: part.data_coding,
                octets,
            }),
        }
    }

    /// Counts a part as forwarded of which only the record is left.
    pub fn restore(&mut self, number: u8) {
        match self.parts.iter_mut().find(|known| known.number == number) {
            Some(known) => known.permits = known.permits.saturating_add(1),
            None => self.parts.push(Forwarded { number, permits: 1, digest: None, data_coding: 0, octets: None }),
        }
    }

    /// A permitted part did not leave after all.
    pub fn take_back(&mut self, number: u8) {
        if let Some(at) = self.parts.iter().position(|known| known.number == number) {
            let known = &mut self.parts[at];
            known.permits -= 1;
            if known.permits == 0 {
                self.parts.swap_remove(at);
            }
        }
    }

    /// Tightens the class.
    pub fn tighten(&mut self, class: Option<TrafficClass>) {
        if class == Some(TrafficClass::Commercial) {
            self.pinned.class = class;
        }
    }
}
