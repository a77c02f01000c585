//! Owns the comparison with other implementations: `signed_note` for checkpoints, `tlog_tiles` for trees, proofs and tiles.
//! Must never take our own word for a hash.

use super::house::session;
use signed_note::{Note, StandardVerifier, VerifierList};
use std::fs;
use std::path::{Path, PathBuf};
use stopgate::ledger::checkpoint::Stream;
use stopgate::ledger::export::export;
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
    assert_eq!(sizes[1], VERDICTS);
    for (stream, size) in Stream::ALL.into_iter().zip(sizes) {
        let checkpoint = checkpoint(dir.path(), out.path(), stream);
        assert_eq!(checkpoint.size(), size);
        let tiles = Exported(out.path().join(stream.word()));
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

/// The exported tiles of one log.
struct Exported(PathBuf);

impl Exported {
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

impl TileReader for Exported {
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
