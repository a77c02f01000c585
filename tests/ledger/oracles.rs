//! Owns the comparison with other implementations: `signed_note` for checkpoints, `tlog_tiles` for trees, proofs and tiles.
//! Must never take our own word for a hash.

use super::house::{forget_two_segments, session};
use signed_note::{Note, StandardVerifier, VerifierList};
use std::fs;
use std::path::{Path, PathBuf};
use stopgate::ledger::checkpoint::Stream;
use stopgate::ledger::export::{ExportError, Exported, export};
use stopgate::ledger::merkle::{Nodes, consistency, inclusion, leaf_hash, root_at};
use stopgate::ledger::note::NoteKey;
use stopgate::ledger::tiles::Tiles;
use tlog_tiles::{Checkpoint, Hash, Tile, TileHashReader, TileReader};

const VERDICTS: u64 = 700;

fn checkpoint(dir: &Path, out: &Path, stream: Stream) -> Checkpoint {
    let key = fs::read_to_string(dir.join("checkpoints/key")).expect("the key");
    let key = NoteKey::read(&key).expect("a key");
    let name = key.name.replace("/events", &format!("/{}", stream.word()));
    let verifier = StandardVerifier::new(&key.renamed(&name).text()).expect("a key as others read it");
    let octets = fs::read(out.join(stream.word()).join("checkpoint")).expect("a checkpoint");
    let note = Note::from_bytes(&octets).expect("a note as others read it");
    let (signed, _) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).expect("a signature that holds");
    assert_eq!(signed.len(), 1);
    let checkpoint = Checkpoint::from_bytes(note.text()).expect("a checkpoint as others read it");
    assert_eq!(checkpoint.origin(), name);
    assert!(checkpoint.extension().contains(stream.other().word()), "{}", checkpoint.extension());
    checkpoint
}

#[test]
fn checkpoints_and_exported_tiles_are_read_by_others_and_their_proofs_agree_with_ours() {
    let dir = tempfile::tempdir().expect("tempdir");
    session(dir.path(), VERDICTS);
    let out = tempfile::tempdir().expect("tempdir");
    let sizes = export(dir.path(), out.path()).expect("exported");
    assert_eq!(sizes[1].size, VERDICTS);
    for (stream, Exported { size, .. }) in Stream::ALL.into_iter().zip(sizes) {
        let checkpoint = checkpoint(dir.path(), out.path(), stream);
        assert_eq!(checkpoint.size(), size);
        let tiles = Published(out.path().join(stream.word()));
        let theirs = TileHashReader::new(size, *checkpoint.hash(), &tiles);
        assert_eq!(tlog_tiles::tree_hash(size, &theirs).expect("every tile is there"), *checkpoint.hash());
        let ours = Tiles::new(&dir.path().join("tree").join(stream.word()));
        assert_eq!(root_at(&ours, size), Some(checkpoint.hash().0));
        let entries = tiles.entries(size);
        assert_eq!(entries.len() as u64, size);
        for index in (0..size).step_by(11) {
            let leaf = leaf_hash(&entries[index as usize]);
            assert_eq!(ours.node(0, index), Some(leaf), "entry {index}");
            let path: Vec<Hash> = inclusion(&ours, index, size).expect("known").into_iter().map(Hash).collect();
            tlog_tiles::check_record(&path, size, *checkpoint.hash(), index, Hash(leaf)).expect("our proof");
            assert_eq!(tlog_tiles::prove_record(size, index, &theirs).expect("their proof"), path);
            let old = index + 1;
            let root = Hash(root_at(&ours, old).expect("known"));
            let proof: Vec<Hash> = consistency(&ours, old, size).expect("known").into_iter().map(Hash).collect();
            tlog_tiles::check_tree(&proof, size, *checkpoint.hash(), old, root).expect("our proof");
            assert_eq!(tlog_tiles::prove_tree(size, old, &theirs).expect("their proof"), proof);
        }
    }
}

/// Whether whoever holds this checkpoint finds every tile it needs, and proves each record from `from` on.
fn proves(room: &Path, held: &Checkpoint, from: u64) {
    let (tiles, size) = (Published(room.to_owned()), held.size());
    let reader = TileHashReader::new(size, *held.hash(), &tiles);
    assert_eq!(tlog_tiles::tree_hash(size, &reader).expect("every tile is there"), *held.hash());
    for index in (from..size).step_by(37).chain([size - 1]) {
        let path = tlog_tiles::prove_record(size, index, &reader).expect("their proof");
        let entry = tiles.entry(index, size);
        tlog_tiles::check_record(&path, size, *held.hash(), index, Hash(leaf_hash(&entry))).expect("it holds");
    }
}

#[test]
fn an_export_that_grows_serves_old_checkpoints_and_new_ones_and_proves_that_one_is_a_prefix_of_the_other() {
    let (dir, out) = (tempfile::tempdir().expect("tempdir"), tempfile::tempdir().expect("tempdir"));
    let mut held = Vec::new();
    // Partial tiles, a whole tile, one more than a whole one, several.
    for verdicts in [100, 156, 1, 400] {
        session(dir.path(), verdicts);
        let sizes = export(dir.path(), out.path()).expect("exported");
        let now = checkpoint(dir.path(), out.path(), Stream::Verdicts);
        assert_eq!((now.size(), sizes[1].entries_from), (sizes[1].size, 0));
        held.push(now);
    }
    assert_eq!(held.iter().map(Checkpoint::size).collect::<Vec<_>>(), [100, 256, 257, 657]);
    let room = out.path().join("verdicts");
    for (nth, old) in held.iter().enumerate() {
        proves(&room, old, 0);
        for new in &held[nth..] {
            let tiles = Published(room.clone());
            let reader = TileHashReader::new(new.size(), *new.hash(), &tiles);
            let proof = tlog_tiles::prove_tree(new.size(), old.size(), &reader).expect("their proof");
            tlog_tiles::check_tree(&proof, new.size(), *new.hash(), old.size(), *old.hash()).expect("it is a prefix");
        }
    }
    // An older ledger, and another one, do not write over it.
    let other = tempfile::tempdir().expect("tempdir");
    session(other.path(), 50);
    assert!(matches!(export(other.path(), out.path()), Err(ExportError::Older { .. })));
    (0..4).for_each(|_| session(other.path(), 300));
    assert!(matches!(export(other.path(), out.path()), Err(ExportError::Foreign { .. })));
    proves(&room, &held[3], 0);
}

#[test]
fn after_retention_hashes_and_proofs_are_exported_and_entries_from_the_first_whole_bundle_on() {
    let (dir, early) = (tempfile::tempdir().expect("tempdir"), tempfile::tempdir().expect("tempdir"));
    session(dir.path(), 700);
    export(dir.path(), early.path()).expect("exported");
    forget_two_segments(dir.path());
    session(dir.path(), 100);
    let fresh = tempfile::tempdir().expect("tempdir");
    for (out, from) in [(fresh.path(), 256), (early.path(), 0)] {
        let sizes = export(dir.path(), out).expect("exported");
        assert_eq!(sizes[1], Exported { size: 800, entries_from: 256 });
        let held = checkpoint(dir.path(), out, Stream::Verdicts);
        proves(&out.join("verdicts"), &held, from);
        assert_eq!(out.join("verdicts/tile/entries/000").exists(), from == 0, "what an earlier export holds stays");
    }
}

/// The exported tiles of one log.
struct Published(PathBuf);

impl Published {
    fn entry(&self, index: u64, size: u64) -> Vec<u8> {
        let (bundle, at) = (index / 256, index % 256);
        let width = (size - bundle * 256).min(256);
        let part = if width == 256 { String::new() } else { format!(".p/{width}") };
        let octets = fs::read(self.0.join(format!("tile/entries/{bundle:03}{part}"))).expect("a bundle");
        let mut rest = &octets[..];
        for _ in 0..at {
            let (length, after) = rest.split_first_chunk::<2>().expect("an entry");
            rest = &after[u16::from_be_bytes(*length).into()..];
        }
        let (length, after) = rest.split_first_chunk::<2>().expect("an entry");
        after[..u16::from_be_bytes(*length).into()].to_vec()
    }

    fn entries(&self, size: u64) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for bundle in 0..size.div_ceil(256) {
            let width = (size - bundle * 256).min(256);
            let part = if width == 256 { String::new() } else { format!(".p/{width}") };
            let octets = fs::read(self.0.join(format!("tile/entries/{bundle:03}{part}"))).expect("a bundle");
            let mut rest = &octets[..];
            while let Some((length, after)) = rest.split_first_chunk::<2>() {
                let (entry, after) = after.split_at(u16::from_be_bytes(*length).into());
                found.push(entry.to_vec());
                rest = after;
            }
        }
        found
    }
}

impl TileReader for Published {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        // They name the height, the specification does not.
        let path = |tile: &Tile| self.0.join(tile.path().replacen("tile/8/", "tile/", 1));
        Ok(tiles
            .iter()
            .map(|tile| fs::read(path(tile)).unwrap_or_else(|why| panic!("{}: {why}", tile.path())))
            .collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}
