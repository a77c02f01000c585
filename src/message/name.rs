//! Owns the small handle that stands for a configured name (account, SMSC, pack, sender).
//! Must never give two names one handle: handles are assigned by the ledger, once, for ever.

/// A name interned by the ledger's `config` records; stable across restarts and reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NameId(pub u32);

impl NameId {
    /// Stands for "no name": never assigned to one.
    pub const NONE: Self = Self(0);
}
