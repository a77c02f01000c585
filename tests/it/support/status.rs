//! Owns the statuses a sender is told, as docs/refusals.md promises them.
//! Must never take one from the code under test: they are written here again.

/// SG101.
pub const OPTED_OUT: u32 = 0x66;
/// SG102.
pub const NO_CONSENT: u32 = 0x45;
/// SG111.
pub const OUT_OF_HOURS: u32 = 0x61;
/// SG121.
pub const MISSING_MENTION: u32 = 0x65;
