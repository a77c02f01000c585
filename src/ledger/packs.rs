//! Owns the packs that verdicts name, kept by their hash: an hour that was judged today can be judged again in ten years.
//! Must never give a pack whose octets have another hash than the one asked for.

use super::keys::hex;
use crate::compliance::pack::Pack;
use crate::journal::disk::{self, Disk};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The directory in data_dir.
pub const ROOM: &str = "packs";

/// Keeps a pack, unless it is kept already.
pub fn keep(disk: &dyn Disk, room: &Path, pack: &Pack) -> io::Result<()> {
    let path = room.join(file_name(&hex(&pack.sha256)));
    let kept = fs::read(&path).is_ok_and(|octets| octets == *pack.written);
    if kept { Ok(()) } else { disk::replace(disk, &path, &pack.written) }
}

/// `SHA-256.pack`.
fn file_name(sha256: &str) -> String {
    format!("{sha256}.pack")
}

/// The pack of a full name (`id@version#sha256`), from the kept ones or the embedded ones.
///
/// # Errors
/// Why it is not to be had, in words.
pub fn find(room: &Path, full_name: &str) -> Result<Arc<Pack>, String> {
    let named = full_name.split_once('@').and_then(|(id, rest)| Some((id, rest.split_once('#')?.1)));
    let Some((id, sha256)) = named else { return Err(format!("{full_name:?} names no pack")) };
    if let Some(pack) = Pack::embedded(id).filter(|pack| hex(&pack.sha256) == sha256) {
        return Ok(pack);
    }
    let octets = fs::read(room.join(file_name(sha256))).map_err(|error| format!("it is not kept here: {error}"))?;
    if hex(&Sha256::digest(&octets)) != sha256 {
        return Err("the kept text is not the one of this hash".into());
    }
    match Pack::from_written(&octets) {
        Some(Ok(pack)) => Ok(Arc::new(pack)),
        Some(Err(_)) | None => Err("this version of stopgate cannot compile it".into()),
    }
}

/// The files in `room` whose octets are not those of their name.
pub fn damaged(room: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(room) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let wrong = names.filter(|name| {
        let sound = |octets: Vec<u8>| file_name(&hex(&Sha256::digest(&octets))) == *name;
        !name.ends_with(".tmp") && !fs::read(room.join(name)).is_ok_and(sound)
    });
    let mut wrong: Vec<String> = wrong.collect();
    wrong.sort();
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::disk::RealDisk;

    #[test]
    fn a_pack_of_ones_own_is_kept_by_its_hash_and_a_damaged_one_is_none() {
        let room = tempfile::tempdir().unwrap();
        let text = "id = \"house\"\nversion = \"7\"\nextends = \"fr-strict\"\neffective_from = \"2026-01-01\"\n";
        let pack = Pack::parse(text, "house.toml").unwrap();
        assert!(find(room.path(), &pack.full_name()).is_err());
        keep(&RealDisk, room.path(), &pack).unwrap();
        keep(&RealDisk, room.path(), &pack).unwrap();
        assert_eq!(find(room.path(), &pack.full_name()).unwrap().hours, pack.hours);
        assert_eq!(damaged(room.path()), Vec::<String>::new());
        let path = room.path().join(file_name(&hex(&pack.sha256)));
        let mut octets = fs::read(&path).unwrap();
        octets[20] ^= 1;
        fs::write(&path, &octets).unwrap();
        assert!(find(room.path(), &pack.full_name()).is_err());
        assert_eq!(damaged(room.path()).len(), 1);
    }
}
