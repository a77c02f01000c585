//! Owns the packs that are part of the binary.
//! Must never be the only way to a pack: each can be replaced by a file.

use super::Pack;
use std::sync::{Arc, OnceLock};

/// Id, file name and text of each embedded pack. Bases only exist to be extended.
struct Embedded {
    id: &'static str,
    file: &'static str,
    text: &'static str,
    base: bool,
}

const fn pack(id: &'static str, file: &'static str, text: &'static str) -> Embedded {
    Embedded { id, file, text, base: false }
}

const PACKS: [Embedded; 6] = [
    Embedded { base: true, ..pack("fr-base", "fr-base.toml", include_str!("../../../config/packs/fr-base.toml")) },
    pack("fr-strict", "fr-strict.toml", include_str!("../../../config/packs/fr-strict.toml")),
    pack("fr-8-20", "fr-8-20.toml", include_str!("../../../config/packs/fr-8-20.toml")),
    pack("fr-af2m-2024", "fr-af2m-2024.toml", include_str!("../../../config/packs/fr-af2m-2024.toml")),
    pack("fr-af2m-2026", "fr-af2m-2026.toml", include_str!("../../../config/packs/fr-af2m-2026.toml")),
    pack("us-ctia", "us-ctia.toml", include_str!("../../../config/packs/us-ctia.toml")),
];

static COMPILED: [OnceLock<Arc<Pack>>; PACKS.len()] = [const { OnceLock::new() }; PACKS.len()];

/// Text and file name of an embedded pack or base.
pub(super) fn text(id: &str) -> Option<(&'static str, &'static str)> {
    PACKS.iter().find(|pack| pack.id == id).map(|pack| (pack.text, pack.file))
}

/// The ids that an account may name.
pub(super) fn ids() -> impl Iterator<Item = &'static str> {
    PACKS.iter().filter(|pack| !pack.base).map(|pack| pack.id)
}

/// A compiled embedded pack.
pub(super) fn compiled(id: &str) -> Option<Arc<Pack>> {
    let at = PACKS.iter().position(|pack| pack.id == id && !pack.base)?;
    let pack = COMPILED[at].get_or_init(|| {
        Arc::new(Pack::parse(PACKS[at].text, PACKS[at].file).expect("a test compiles every embedded pack"))
    });
    Some(Arc::clone(pack))
}
