//! Owns which lane each account and each operator lives on: all that exchange messages live on one lane.
//! Must never move what has a lane already: a reload leaves everything where it is.

use super::settings::Settings;
use crate::message::name::NameId;
use std::collections::{BTreeMap, HashMap};

/// The lane of every account and operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    lanes: HashMap<NameId, usize>,
}

impl Placement {
    /// Places everything `settings` names. What `before` has placed stays, and draws what is tied to it.
    pub fn new(settings: &Settings, before: &Placement) -> Self {
        let mut ties = Ties::default();
        for smsc in &settings.smscs {
            ties.root(smsc.id);
        }
        for account in &settings.accounts {
            for smsc in &account.smsc {
                ties.join(account.id, *smsc);
            }
        }
        for code in &settings.short_codes {
            for pair in code.smsc.iter().chain(&code.accounts).collect::<Vec<_>>().windows(2) {
                ties.join(*pair[0], *pair[1]);
            }
        }
        let mut groups: BTreeMap<NameId, Vec<NameId>> = BTreeMap::new();
        for name in ties.parents.keys().copied().collect::<Vec<_>>() {
            groups.entry(ties.root(name)).or_default().push(name);
        }
        let mut load = vec![0usize; settings.lanes.max(1)];
        let mut lanes = HashMap::new();
        // Groups that have a lane first, so that new ones go where there is least.
        let mut groups: Vec<Vec<NameId>> = groups.into_values().collect();
        groups
            .sort_by_key(|group| (!group.iter().any(|name| before.lanes.contains_key(name)), usize::MAX - group.len()));
        for group in groups {
            let kept = group.iter().find_map(|name| before.lanes.get(name).copied()).filter(|lane| *lane < load.len());
            let lane = kept.unwrap_or_else(|| (0..load.len()).min_by_key(|lane| load[*lane]).unwrap_or(0));
            load[lane] += group.len();
            lanes.extend(group.into_iter().map(|name| (name, lane)));
        }
        Self { lanes }
    }

    /// The lane of an account or operator; lane 0 for a name that is not placed.
    pub fn lane(&self, name: NameId) -> usize {
        self.lanes.get(&name).copied().unwrap_or(0)
    }
}

/// Union-find over names.
#[derive(Default)]
struct Ties {
    parents: HashMap<NameId, NameId>,
}

impl Ties {
    fn root(&mut self, name: NameId) -> NameId {
        let mut at = *self.parents.entry(name).or_insert(name);
        while self.parents[&at] != at {
            at = self.parents[&at];
        }
        self.parents.insert(name, at);
        at
    }

    fn join(&mut self, one: NameId, other: NameId) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents.insert(one.max(other), one.min(other));
    }
}
