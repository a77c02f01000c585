//! Owns the frame: length, checksum, sequence number, leaf, optional blob.
//! Must never accept a frame whose checksum does not hold.
//!
//! Layout, big-endian: `0..4` octets of the whole frame · `4..8` CRC32C of `0..4` and `8..` · `8..16` sequence number ·
//! `16..18` octets of the leaf · `18..20` zero · leaf · blob (the rest).

/// Octets before the leaf.
pub const HEADER: usize = 20;
/// The longest leaf.
pub const LEAF_MAX: usize = u16::MAX as usize;
/// The longest frame.
pub const FRAME_MAX: usize = 1 << 20;

/// A frame that was read and whose checksum holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub seq: u64,
    pub leaf: &'a [u8],
    pub blob: &'a [u8],
    /// Octets of the whole frame.
    pub octets: usize,
}

/// What stands at a place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look<'a> {
    Whole(Frame<'a>),
    /// A length of zero: pre-written, unused.
    Blank,
    /// The length says more octets than there are here.
    Short(usize),
    /// Impossible length or checksum mismatch.
    Bad,
}

/// Reads what stands at the beginning of `octets`.
pub fn look(octets: &[u8]) -> Look<'_> {
    let Some(head) = octets.first_chunk::<HEADER>() else {
        return if octets.iter().all(|octet| *octet == 0) { Look::Blank } else { Look::Short(HEADER) };
    };
    let length = u32_at(head, 0) as usize;
    if length == 0 {
        return Look::Blank;
    }
    let leaf = u16::from_be_bytes([head[16], head[17]]) as usize;
    if !(HEADER..=FRAME_MAX).contains(&length) || HEADER + leaf > length || head[18] != 0 || head[19] != 0 {
        return Look::Bad;
    }
    let Some(whole) = octets.get(..length) else { return Look::Short(length) };
    if checksum(whole) != u32_at(head, 4) {
        return Look::Bad;
    }
    let seq = seq_of(head);
    Look::Whole(Frame { seq, leaf: &whole[HEADER..HEADER + leaf], blob: &whole[HEADER + leaf..], octets: length })
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}

fn seq_of(head: &[u8; HEADER]) -> u64 {
    u64::from_be_bytes([head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15]])
}

fn checksum(frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..])
}

/// Whether a whole frame with a sequence number of at least `seq` stands anywhere in `octets`.
pub fn any_whole(octets: &[u8], seq: u64) -> bool {
    let mut at = 0;
    while at + HEADER <= octets.len() {
        // Lengths are below 2^20 and the last two header octets are zero: most places are dismissed on one octet.
        if octets[at] == 0
            && let Look::Whole(frame) = look(&octets[at..])
            && frame.seq >= seq
        {
            return true;
        }
        at += 1;
    }
    false
}

/// Frames that wait for their sequence numbers: reused, so that steady traffic allocates nothing.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) octets: Vec<u8>,
    frames: usize,
}

impl Batch {
    /// Adds a frame. Leaves longer than [`LEAF_MAX`] and frames longer than [`FRAME_MAX`] are refused with `false`.
    pub fn push(&mut self, leaf: &[u8], blob: &[u8]) -> bool {
        let length = HEADER + leaf.len() + blob.len();
        if leaf.len() > LEAF_MAX || length > FRAME_MAX {
            return false;
        }
        self.octets.extend_from_slice(&(length as u32).to_be_bytes());
        self.octets.extend_from_slice(&[0; 12]);
        self.octets.extend_from_slice(&(leaf.len() as u16).to_be_bytes());
        self.octets.extend_from_slice(&[0; 2]);
        self.octets.extend_from_slice(leaf);
        self.octets.extend_from_slice(blob);
        self.frames += 1;
        true
    }

    /// How many frames wait.
    pub fn len(&self) -> usize {
        self.frames
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// How many octets they take.
    pub fn octets(&self) -> usize {
        self.octets.len()
    }

    /// Forgets the frames, keeps the memory.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.frames = 0;
    }

    /// Numbers the frames from `first`, in the leaf too when it holds its number at `leaf_seq_at`, and seals them with their checksums.
    pub(super) fn number(&mut self, first: u64, leaf_seq_at: Option<usize>) {
        let (mut at, mut seq) = (0, first);
        while at < self.octets.len() {
            let length = u32_at(&self.octets, at) as usize;
            let frame = &mut self.octets[at..at + length];
            frame[8..16].copy_from_slice(&seq.to_be_bytes());
            if let Some(place) = leaf_seq_at
                && let Some(field) = frame.get_mut(HEADER + place..HEADER + place + 8)
            {
                field.copy_from_slice(&seq.to_be_bytes());
            }
            let sum = checksum(frame);
            frame[4..8].copy_from_slice(&sum.to_be_bytes());
            at += length;
            seq += 1;
        }
    }
}

/// The same frame without its blob's content: the blob's octets become zero, the leaf and the frame's length stay.
pub fn blanked(frame: &[u8]) -> Option<Vec<u8>> {
    let Look::Whole(read) = look(frame) else { return None };
    let mut copy = frame[..read.octets].to_vec();
    let blob_at = HEADER + read.leaf.len();
    copy[blob_at..].fill(0);
    let sum = checksum(&copy);
    copy[4..8].copy_from_slice(&sum.to_be_bytes());
    Some(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(seq: u64, leaf: &[u8], blob: &[u8]) -> Vec<u8> {
        let mut batch = Batch::default();
        assert!(batch.push(leaf, blob));
        batch.number(seq, None);
        batch.octets
    }

    #[test]
    fn a_frame_reads_back_as_it_was_written() {
        let octets = one(7, b"leaf", b"blob");
        let Look::Whole(frame) = look(&octets) else { panic!("not whole") };
        assert_eq!((frame.seq, frame.leaf, frame.blob, frame.octets), (7, &b"leaf"[..], &b"blob"[..], octets.len()));
    }

    #[test]
    fn a_flip_of_any_bit_is_seen() {
        let octets = one(7, b"leaf", b"blob");
        for at in 0..octets.len() {
            for bit in 0..8 {
                let mut copy = octets.clone();
                copy[at] ^= 1 << bit;
                assert!(!matches!(look(&copy), Look::Whole(_)), "octet {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_cut_anywhere_is_not_whole() {
        let octets = one(7, b"leaf", b"blob");
        for length in 0..octets.len() {
            assert!(!matches!(look(&octets[..length]), Look::Whole(_)), "{length}");
        }
    }

    #[test]
    fn a_number_in_the_leaf_is_the_frame_s() {
        let mut batch = Batch::default();
        batch.push(&[0; 12], b"");
        batch.push(&[0; 12], b"");
        batch.number(0x0102, Some(2));
        let Look::Whole(first) = look(&batch.octets) else { panic!("not whole") };
        assert_eq!(first.leaf, [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0]);
        let Look::Whole(second) = look(&batch.octets[first.octets..]) else { panic!("not whole") };
        assert_eq!((second.seq, second.leaf[9]), (0x0103, 3));
    }

    #[test]
    fn a_blanked_frame_keeps_leaf_and_length_and_loses_the_blob() {
        let octets = one(7, b"leaf", b"secret");
        let blank = blanked(&octets).expect("whole");
        let Look::Whole(frame) = look(&blank) else { panic!("not whole") };
        assert_eq!((frame.seq, frame.leaf, frame.blob), (7, &b"leaf"[..], &[0; 6][..]));
        assert_eq!(blank.len(), octets.len());
    }

    #[test]
    fn a_whole_frame_is_found_behind_rubbish_and_rubbish_alone_is_not() {
        let mut octets = vec![0x5a; 33];
        octets.extend_from_slice(&one(9, b"leaf", b""));
        octets.extend_from_slice(&[0; 100]);
        assert!(any_whole(&octets, 9));
        assert!(!any_whole(&octets, 10));
        assert!(!any_whole(&octets[..40], 0));
    }
}
