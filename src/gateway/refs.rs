//! Owns references to connections that may be gone by the time they are used.
//! Must never reach a successor in the same slot.

/// A connection of an ESME, by slot and generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EsmeRef {
    pub slot: usize,
    pub generation: u32,
}

/// A session of a link to an SMSC, by slot and generation: a new connection is a new generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkRef {
    pub slot: usize,
    pub generation: u32,
}
