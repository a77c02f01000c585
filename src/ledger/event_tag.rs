//! Owns where the tag of a number stands in an event's leaf: found without reading the rest.
//! Must never find one in a kind of record that has none.

use super::event_code::{ADMIN, CONSENT, ERASE, LIFT, STOP, kind_of};
use super::leaf::{FLAG_SEALED, HEAD};
use crate::message::tag::NumberTag;

/// The number tag of a stop's or lift's leaf, without reading the rest.
pub fn suppression_tag(leaf: &[u8]) -> Option<NumberTag> {
    tag_at(leaf, 12)
}

/// The number that an event is about, without reading the rest.
pub fn tag(leaf: &[u8]) -> Option<NumberTag> {
    match kind_of(leaf)? {
        STOP | LIFT => tag_at(leaf, 12),
        CONSENT => tag_at(leaf, 13),
        ERASE => tag_at(leaf, 0),
        ADMIN => {
            let has_tag = leaf.get(fields_at(leaf)? + 8)?;
            tag_at(leaf, 9).filter(|_| *has_tag == 1)
        }
        // Kinds of records, not an enum of ours: no other holds a tag.
        _ => None,
    }
}

/// Where an event's own fields begin.
fn fields_at(leaf: &[u8]) -> Option<usize> {
    let sealed = leaf.get(2)? & FLAG_SEALED != 0;
    Some(HEAD + if sealed { 32 } else { 0 })
}

fn tag_at(leaf: &[u8], field: usize) -> Option<NumberTag> {
    let at = fields_at(leaf)? + field;
    leaf.get(at..at + 16)?.try_into().ok().map(NumberTag)
}
