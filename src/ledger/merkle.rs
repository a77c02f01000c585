//! Owns the RFC 6962 tree: hashes of leaves and nodes, the frontier that grows with each record, inclusion and consistency proofs.
//! Must never read a file: nodes come from whoever keeps them.

use sha2::{Digest, Sha256};

/// A hash of a leaf, a node or a root.
pub type Hash = [u8; 32];

/// SHA-256(0x00 ‖ leaf).
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

/// SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree without leaves.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The right edge of a growing tree: one hash for each bit of its size, so it never grows beyond 64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree of `size` leaves, from its complete subtrees. `None` when one of them is not known.
    pub fn of(nodes: &impl Nodes, size: u64) -> Option<Self> {
        let mut peaks = Vec::new();
        let mut from = 0;
        for level in (0..64).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(nodes.node(level, from >> level)?);
            from += 1 << level;
        }
        Some(Self { size, peaks })
    }

    /// How many leaves the tree has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash; `complete` is told every complete subtree that ends with it: level, index, hash.
    pub fn push(&mut self, leaf: Hash, mut complete: impl FnMut(u32, u64, &Hash)) {
        complete(0, self.size, &leaf);
        let mut hash = leaf;
        for level in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("a peak for each bit of the size");
            hash = node_hash(&left, &hash);
            complete(level + 1, self.size >> (level + 1), &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return empty_root() };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Complete subtrees by level (leaves are level 0) and index from the left.
pub trait Nodes {
    /// The hash of leaves `index << level .. (index + 1) << level`, when it is known.
    fn node(&self, level: u32, index: u64) -> Option<Hash>;
}

/// The largest power of two smaller than `count`.
const fn split(count: u64) -> u64 {
    1 << (63 - (count - 1).leading_zeros())
}

/// The hash of leaves `from..to` of the tree, as RFC 6962 splits them.
fn subtree(nodes: &impl Nodes, from: u64, to: u64) -> Option<Hash> {
    let count = to - from;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return nodes.node(level, from >> level);
    }
    let middle = from + split(count);
    Some(node_hash(&subtree(nodes, from, middle)?, &subtree(nodes, middle, to)?))
}

/// The root of the first `size` leaves.
pub fn root_at(nodes: &impl Nodes, size: u64) -> Option<Hash> {
    if size == 0 { Some(empty_root()) } else { subtree(nodes, 0, size) }
}

/// The audit path of leaf `index` in the tree of the first `size` leaves, the leaf's sibling first.
pub fn inclusion(nodes: &impl Nodes, index: u64, size: u64) -> Option<Vec<Hash>> {
    let mut path = Vec::new();
    let (mut from, mut to) = (0, size);
    if index >= size {
        return None;
    }
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(subtree(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(subtree(nodes, from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The proof that the tree of the first `old` leaves is a prefix of that of the first `new`. Empty for equal or empty trees.
pub fn consistency(nodes: &impl Nodes, old: u64, new: u64) -> Option<Vec<Hash>> {
    if old > new {
        return None;
    }
    let mut path = Vec::new();
    if old == 0 || old == new {
        return Some(path);
    }
    let (mut from, mut to) = (0, new);
    // Whether the old tree is a complete subtree seen from here: its root is then known to who asks.
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(subtree(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(subtree(nodes, from, middle)?);
            from = middle;
        }
    }
    if from > 0 {
        path.push(subtree(nodes, from, to)?);
    }
    path.reverse();
    Some(path)
}

/// The root that an audit path leads to. `None` when the path has the wrong length (RFC 9162, 2.1.3.2).
pub fn inclusion_root(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

/// Whether a proof shows that the old tree is a prefix of the new one (RFC 9162, 2.1.4.2).
pub fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    if old_size > new_size {
        return false;
    }
    let mut proof = proof.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { proof.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut small, mut large) = (*first, *first);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            small = node_hash(sibling, &small);
            large = node_hash(sibling, &large);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            large = node_hash(&large, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && small == *old_root && large == *new_root
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ledger::keys::hex;
    use std::collections::HashMap;

    /// Every complete subtree, in memory.
    #[derive(Default)]
    pub struct Memory(pub HashMap<(u32, u64), Hash>);

    impl Nodes for Memory {
        fn node(&self, level: u32, index: u64) -> Option<Hash> {
            self.0.get(&(level, index)).copied()
        }
    }

    /// A tree over the leaves `0, 1, 2 …`, each as eight octets, and its root at every size.
    pub fn tree(size: u64) -> (Memory, Vec<Hash>) {
        let mut memory = Memory::default();
        let mut frontier = Frontier::default();
        let mut roots = vec![frontier.root()];
        for at in 0..size {
            frontier.push(leaf_hash(&at.to_be_bytes()), |level, index, hash| {
                memory.0.insert((level, index), *hash);
            });
            roots.push(frontier.root());
        }
        (memory, roots)
    }

    const SIZE: u64 = 70;

    #[test]
    fn roots_are_those_of_the_known_vectors() {
        // The vectors of certificate-transparency: leaves "", 00, 10, 2021, 3031, 40414243, …
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let expected = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::default();
        assert_eq!(hex(&frontier.root()), expected[0]);
        for (leaf, root) in leaves.iter().zip(&expected[1..]) {
            frontier.push(leaf_hash(leaf), |_, _, _| {});
            assert_eq!(hex(&frontier.root()), *root);
        }
    }

    #[test]
    fn every_leaf_is_proved_in_every_size_and_in_no_other_place() {
        let (memory, roots) = tree(SIZE);
        for size in 1..=SIZE {
            assert_eq!(root_at(&memory, size), Some(roots[size as usize]));
            assert_eq!(Frontier::of(&memory, size).map(|frontier| frontier.root()), Some(roots[size as usize]));
            for index in 0..size {
                let path = inclusion(&memory, index, size).expect("known");
                let leaf = leaf_hash(&index.to_be_bytes());
                let root = Some(roots[size as usize]);
                assert_eq!(inclusion_root(&leaf, index, size, &path), root);
                assert_ne!(inclusion_root(&leaf, (index + 1) % size.max(2), size, &path), root);
                assert_ne!(inclusion_root(&leaf_hash(b"other"), index, size, &path), root);
                let longer = [path.clone(), vec![[0; 32]]].concat();
                assert_eq!(inclusion_root(&leaf, index, size, &longer), None);
                if let Some((_, shorter)) = path.split_last() {
                    assert_eq!(inclusion_root(&leaf, index, size, shorter), None);
                }
            }
            assert_eq!(inclusion(&memory, size, size), None);
        }
    }

    #[test]
    fn every_smaller_tree_is_a_prefix_and_no_other_tree_is() {
        let (memory, roots) = tree(SIZE);
        for new in 0..=SIZE {
            for old in 0..=new {
                let proof = consistency(&memory, old, new).expect("known");
                let (before, after) = (&roots[old as usize], &roots[new as usize]);
                assert!(is_consistent((old, before), (new, after), &proof), "{old} {new}");
                assert!(!is_consistent((old, &[7; 32]), (new, after), &proof), "{old} {new}");
                assert!(!is_consistent((old, before), (new, &[7; 32]), &proof) || old == 0, "{old} {new}");
                let longer = [proof.clone(), vec![[0; 32]]].concat();
                assert!(!is_consistent((old, before), (new, after), &longer), "{old} {new}");
                for at in 0..proof.len() {
                    let mut bent = proof.clone();
                    bent[at][0] ^= 1;
                    assert!(!is_consistent((old, before), (new, after), &bent), "{old} {new} {at}");
                }
            }
            assert_eq!(consistency(&memory, new + 1, new), None);
        }
    }
}
