//! Owns signed notes (C2SP signed-note, Ed25519): text, blank line, signatures with name and key id.
//! Must never read two texts out of one note, nor take a signature for another name's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// The octet that says Ed25519 before a public key.
const ED25519: u8 = 1;
/// What a signature line begins with.
const DASH: &str = "\u{2014} ";
/// Notes are short: whatever is longer is none.
const NOTE_MAX: usize = 64 << 10;
/// A proof of ten thousand records in a deep tree.
const LONG_NOTE_MAX: usize = 64 << 20;

/// Standard base64 with padding.
pub fn base64(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// Reads base64; `None` unless it is the one way to write these octets.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A public key under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    pub name: String,
    key: VerifyingKey,
}

impl NoteKey {
    /// A public key of 32 octets. `None` when it is no point of the curve.
    pub fn new(name: &str, public: &[u8; 32]) -> Option<Self> {
        Some(Self { name: name.to_owned(), key: VerifyingKey::from_bytes(public).ok()? })
    }

    /// The 32 octets of the key.
    pub fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The first 32 bits of SHA-256(name ‖ newline ‖ 0x01 ‖ key).
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.public())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// `name+id+base64(0x01 ‖ key)`, the form other tools read.
    pub fn text(&self) -> String {
        let octets = [&[ED25519][..], self.public()].concat();
        format!("{}+{}+{}", self.name, super::keys::hex(&self.id()), base64(&octets))
    }

    /// Reads that form. `None` when it is not, or when name and id do not belong together.
    pub fn read(text: &str) -> Option<Self> {
        let (name, rest) = text.trim().split_once('+')?;
        let (id, encoded) = rest.split_once('+')?;
        let octets = unbase64(encoded)?;
        let (kind, public) = octets.split_first()?;
        let key = Self::new(name, public.try_into().ok()?)?;
        (*kind == ED25519 && super::keys::hex(&key.id()) == id).then_some(key)
    }

    /// The same key under another name.
    pub fn renamed(&self, name: &str) -> Self {
        Self { name: name.to_owned(), key: self.key }
    }

    /// Whether the note bears a signature of this key that holds.
    pub fn has_signed(&self, note: &Note<'_>) -> bool {
        note.signatures.iter().any(|line| {
            let signature = line.octets.strip_prefix(&self.id()).and_then(|octets| Signature::from_slice(octets).ok());
            line.name == self.name
                && signature.is_some_and(|signature| self.key.verify_strict(note.text.as_bytes(), &signature).is_ok())
        })
    }
}

/// Signs under a name.
pub struct NoteSigner {
    name: String,
    key: SigningKey,
    id: [u8; 4],
}

impl NoteSigner {
    /// Signs with the Ed25519 key made from `seed`.
    pub fn new(name: &str, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let id = NoteKey { name: name.to_owned(), key: key.verifying_key() }.id();
        Self { name: name.to_owned(), key, id }
    }

    /// What others check with.
    pub fn key(&self) -> NoteKey {
        NoteKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The note of a text, which must end with a newline.
    pub fn sign(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let octets = [&self.id[..], &signature].concat();
        format!("{text}\n{DASH}{} {}\n", self.name, base64(&octets))
    }
}

impl std::fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NoteSigner({})", self.name)
    }
}

/// One line under a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine<'n> {
    pub name: &'n str,
    /// Key id and signature.
    pub octets: Vec<u8>,
}

/// A note that was taken apart; nothing is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'n> {
    /// With its last newline: what is signed.
    pub text: &'n str,
    pub signatures: Vec<SignatureLine<'n>>,
}

impl<'n> Note<'n> {
    /// Takes a note apart. `None` when it is none.
    pub fn read(octets: &'n [u8]) -> Option<Self> {
        Self::read_within(octets, NOTE_MAX)
    }

    /// The same for a note as long as a proof.
    pub fn read_long(octets: &'n [u8]) -> Option<Self> {
        Self::read_within(octets, LONG_NOTE_MAX)
    }

    fn read_within(octets: &'n [u8], octets_max: usize) -> Option<Self> {
        let note = std::str::from_utf8(octets.get(..octets.len().min(octets_max + 1))?).ok()?;
        let plain = |letter: char| letter == '\n' || !letter.is_ascii_control();
        if note.len() > octets_max || !note.chars().all(plain) {
            return None;
        }
        let at = note.rfind("\n\n")?;
        let (text, lines) = (&note[..=at], &note[at + 2..]);
        let mut signatures = Vec::new();
        for line in lines.strip_suffix('\n')?.split('\n') {
            let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
            let octets = unbase64(encoded)?;
            if name.is_empty() || name.contains(['+', ' ']) || octets.len() < 5 {
                return None;
            }
            signatures.push(SignatureLine { name, octets });
        }
        Some(Self { text, signatures })
    }

    /// The notes of a file that holds one behind the other, each with where it begins; then where the first that is none begins.
    pub fn each(octets: &'n [u8]) -> (Vec<(usize, &'n [u8])>, usize) {
        let mut found = Vec::new();
        let mut at = 0;
        while at < octets.len() {
            let rest = &octets[at..];
            // A note's signatures end with the first line that is no signature.
            let Some(blank) = find(rest, b"\n\n") else { break };
            let mut end = blank + 2;
            while rest[end..].starts_with(DASH.as_bytes()) {
                match rest[end..].iter().position(|octet| *octet == b'\n') {
                    Some(line) => end += line + 1,
                    None => break,
                }
            }
            if Note::read(&rest[..end]).is_none() {
                break;
            }
            found.push((at, &rest[..end]));
            at += end;
        }
        (found, at)
    }

    /// Whether what stands in a file from `end` on is what a power cut leaves of a note that was not on the disk yet: zeros, at
    /// most behind sectors that were written, or the first sectors of it and no more of the file.
    pub fn is_torn(octets: &[u8], end: usize) -> bool {
        const SECTOR: usize = 512;
        let written = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        let zeros = written < octets.len();
        // A whole note ends its line: one that was changed and stands at the end of a sector is not taken for half a one.
        let half = !octets.ends_with(b"\n");
        (zeros && written <= end) || (written.is_multiple_of(SECTOR) && (zeros || half))
    }
}

fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "stopgate/gw-1/events\n1\nAAAA\n";

    #[test]
    fn zeros_behind_whole_notes_or_whole_sectors_are_torn_and_nothing_else_is() {
        let mut octets = vec![7; 700];
        assert!(!Note::is_torn(&octets, 700) && !Note::is_torn(&octets, 400), "nothing is missing");
        octets.resize(1000, 0);
        assert!(Note::is_torn(&octets, 700), "nothing of it was written");
        assert!(!Note::is_torn(&octets, 400), "no disk writes a part of a sector");
        octets[512..].fill(0);
        assert!(Note::is_torn(&octets, 400), "its first sector was written");
        octets[999] = 1;
        assert!(!Note::is_torn(&octets, 400), "something follows");
    }

    #[test]
    fn a_note_reads_back_and_a_flip_of_any_octet_is_seen() {
        let signer = NoteSigner::new("stopgate/gw-1/events", &[7; 32]);
        let whole = signer.sign(TEXT);
        let note = Note::read(whole.as_bytes()).expect("a note");
        assert_eq!(note.text, TEXT);
        assert!(signer.key().has_signed(&note));
        assert!(!NoteSigner::new("stopgate/gw-1/events", &[8; 32]).key().has_signed(&note));
        assert!(!NoteSigner::new("another", &[7; 32]).key().has_signed(&note));
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut copy = whole.clone().into_bytes();
                copy[at] ^= 1 << bit;
                let holds = Note::read(&copy).is_some_and(|note| signer.key().has_signed(&note));
                assert!(!holds, "octet {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_public_key_reads_back_and_its_id_binds_name_and_key() {
        let key = NoteSigner::new("stopgate/gw-1/events", &[7; 32]).key();
        assert_eq!(NoteKey::read(&key.text()), Some(key.clone()));
        assert_eq!(NoteKey::read(&key.text().replace("gw-1", "gw-2")), None);
        assert_ne!(key.id(), key.renamed("other").id());
        // The vector of C2SP signed-note.
        let known = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(NoteKey::read(known).map(|key| key.text()).as_deref(), Some(known));
    }

    #[test]
    fn notes_behind_one_another_are_found_and_a_torn_one_ends_them() {
        let signer = NoteSigner::new("stopgate/gw-1/events", &[7; 32]);
        let (one, two) = (signer.sign(TEXT), signer.sign(&TEXT.replace('1', "2")));
        let file = format!("{one}{two}");
        let (found, end) = Note::each(file.as_bytes());
        assert_eq!(found, [(0, one.as_bytes()), (one.len(), two.as_bytes())]);
        assert_eq!(end, file.len());
        let (found, end) = Note::each(&file.as_bytes()[..file.len() - 9]);
        assert_eq!((found.len(), end), (1, one.len()));
    }
}
