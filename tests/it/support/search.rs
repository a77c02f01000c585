//! Owns the search through every file of a data_dir for what must not stand there.
//! Must never ask the gateway: files are read octet by octet.

use super::phone;
use std::path::{Path, PathBuf};
use stopgate::journal::offline::Offline;
use stopgate::ledger::Keys;
use stopgate::message::msisdn::Msisdn;
use stopgate::message::tag::NumberTag;

/// Every file under a directory, with its octets.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else if let Ok(octets) = std::fs::read(&entry) {
            // A file that is being replaced may be gone: its successor is listed, or comes to stand beside.
            found.push((entry, octets));
        }
    }
    found
}

/// What a file holds, without its pages of zeros: most of a segment is. Some zeros stay where there were any.
fn written(octets: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for page in octets.chunks(4096) {
        let zeros = page == &[0; 4096][..page.len()];
        kept.extend_from_slice(if zeros { &page[..page.len().min(16)] } else { page });
    }
    kept
}

/// The files that hold any of these octets.
pub fn holding(dir: &Path, needles: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, octets) in files(dir) {
        let octets = written(&octets);
        for needle in needles.iter().filter(|needle| octets.windows(needle.len()).any(|part| part == &needle[..])) {
            found.push(format!("{}: {}", path.display(), String::from_utf8_lossy(needle)));
        }
    }
    found
}

fn tag(home: &Path, number: u32) -> NumberTag {
    let keys = Keys::open(&home.join("keys"), &home.join("data")).expect("the daemon's keys");
    keys.tag_key().tag(Msisdn::from_canonical(phone(number).parse().expect("digits")).expect("a number"))
}

/// The streams that seal something beside a leaf with a number's tag.
const STREAMS: [(&str, &str); 5] = [
    ("events", "events"),
    ("spool/items", "spool"),
    ("spool/duties", "duties"),
    ("spool/scheduled", "sched"),
    ("spool/reply_parts", "parts"),
];

/// What is sealed beside the records about a number: the whole, its salt or nonce, its end. And how many records of each stream.
pub fn sealed(home: &Path, number: u32) -> (Vec<Vec<u8>>, [usize; 5]) {
    let tag = tag(home, number);
    let mut found = Vec::new();
    let counts = STREAMS.map(|(dir, stream)| {
        let before = found.len();
        let files = Offline::open(&home.join("data").join(dir), stream).expect("readable");
        let mut walk = files.walk();
        while let Some(placed) = walk.next_record().expect("readable") {
            let (leaf, blob) = (placed.frame.leaf, placed.frame.blob);
            if leaf.windows(16).any(|part| part == tag.0) && blob.iter().any(|octet| *octet != 0) {
                // The salt of an event; the nonce of the spool, whose head is the same for all that a process seals.
                let head = if stream == "events" { 16 } else { 24 };
                found.extend([blob.to_vec(), blob[..head].to_vec(), blob[blob.len() - 16..].to_vec()]);
            }
        }
        (found.len() - before) / 3
    });
    (found, counts)
}
