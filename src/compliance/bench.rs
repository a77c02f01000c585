//! Owns a lane's scratch memory for judging: the text buffer and the known edges of sending hours.
//! Must never carry a fact from one message to the next that could change a verdict: what it remembers only saves work.

use super::hours::Opening;
use super::pack::Pack;
use crate::message::instant::CivilInstant;
use std::cell::Cell;

/// Edges remembered: pack and territory, direct-mapped. More territories than this only cost time.
const EDGES: usize = 64;

/// Octets of text that need no new memory: more than any single SMS, less than a page.
const TEXT_CAPACITY: usize = 2048;

/// Since when and for which hours a remembered state holds.
#[derive(Clone, Copy)]
struct Known {
    pack: u64,
    territory: u16,
    from: CivilInstant,
    opening: Opening,
}

/// A lane's workbench. Owned by one lane: it is not `Sync`, and judging takes no lock.
pub struct Bench {
    text: Cell<String>,
    edges: [Cell<Option<Known>>; EDGES],
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bench")
    }
}

impl Bench {
    /// An empty bench, with its buffer already made.
    pub fn new() -> Self {
        Self { text: Cell::new(String::with_capacity(TEXT_CAPACITY)), edges: [const { Cell::new(None) }; EDGES] }
    }

    /// Lends the text buffer, emptied, to `work`.
    pub(in crate::compliance) fn with_text<T>(&self, work: impl FnOnce(&mut String) -> T) -> T {
        let mut text = self.text.take();
        text.clear();
        let result = work(&mut text);
        self.text.set(text);
        result
    }

    /// The state of the sending hours, as `Pack::opening` says it, remembered until it changes.
    pub fn opening(&self, pack: &Pack, territory: u16, at: CivilInstant) -> Opening {
        let fingerprint = pack.fingerprint();
        let slot = &self.edges[(fingerprint as usize ^ usize::from(territory)) % EDGES];
        if let Some(known) = slot.get()
            && known.pack == fingerprint
            && known.territory == territory
            && known.from <= at
            && match known.opening {
                Opening::Open { until, .. } => at < until,
                Opening::Closed { next } => next.is_some_and(|next| at < next),
            }
        {
            return known.opening;
        }
        let opening = pack.opening(territory, at);
        slot.set(Some(Known { pack: fingerprint, territory, from: at, opening }));
        opening
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_remembered_state_is_the_one_that_would_be_computed() {
        let packs: Vec<_> = Pack::embedded_ids().filter_map(Pack::embedded).collect();
        let bench = Bench::new();
        let mut at = CivilInstant::from_secs(1_774_000_000);
        // Steps of all sizes, also back: a virtual clock may be set.
        for step in 0u64..4_000 {
            let by = Duration::from_secs(step * 7_919 % 9_973);
            at = if step % 5 == 4 { at.minus(by) } else { at.plus(by) };
            for pack in &packs {
                for territory in 0..pack.territories().len() as u16 {
                    let fresh = pack.opening(territory, at);
                    assert_eq!(bench.opening(pack, territory, at), fresh, "{} {territory} {at}", pack.id);
                }
            }
        }
    }
}
