//! Owns needles: what must be found nowhere, in every form in which it could be written down, and the search for them.
//! Must never find nothing because it does not look: a control plants each form and has to find it.

use std::collections::BTreeMap;
use std::path::Path;

/// Octets of a form that could not stand there by chance.
const OCTETS_MIN: usize = 5;

/// What is searched for: the name of what it is and of its form, by its octets.
pub struct Needles {
    forms: BTreeMap<Vec<u8>, String>,
    /// The first two octets of any form: most places are passed over at one look.
    begins: Vec<bool>,
    /// The forms by their first four octets.
    heads: BTreeMap<[u8; 4], Vec<Vec<u8>>>,
}

impl Needles {
    pub fn new() -> Self {
        Self { forms: BTreeMap::new(), begins: vec![false; 1 << 16], heads: BTreeMap::new() }
    }

    /// A number, E.164 without its plus: whole and national, in figures, septets, semi-octets and as an integer.
    pub fn number(&mut self, number: &str) {
        let national = &number[2..];
        self.text(&format!("number {number}"), national);
        for (form, digits) in [("international", number.to_owned()), ("national", format!("0{national}"))] {
            let padded = digits.clone() + if digits.len().is_multiple_of(2) { "" } else { "F" };
            let swapped: String =
                padded.as_bytes().chunks(2).flat_map(|two| [two[1] as char, two[0] as char]).collect();
            for (name, hex) in [("semi-octets", swapped), ("packed decimals", padded)] {
                let octets = hex.as_bytes().chunks(2).map(|two| {
                    let digit = |octet: u8| (octet as char).to_digit(16).expect("a digit") as u8;
                    digit(two[0]) << 4 | digit(two[1])
                });
                self.add(octets.collect(), format!("number {number}, {form}, {name}"));
            }
        }
        let value: u64 = number.parse().expect("digits");
        self.add(value.to_be_bytes().to_vec(), format!("number {number}, integer"));
        self.add(value.to_le_bytes().to_vec(), format!("number {number}, integer, little end first"));
    }

    /// A word of a text, or a password: in ASCII, both orders of UTF-16, septets packed from each bit on, hex and base64.
    pub fn text(&mut self, name: &str, word: &str) {
        assert!(word.is_ascii(), "{word}");
        let ascii = word.as_bytes();
        self.add(ascii.to_vec(), format!("{name}, plain"));
        self.add(ascii.iter().flat_map(|octet| [0, *octet]).collect(), format!("{name}, UCS-2"));
        self.add(ascii.iter().flat_map(|octet| [*octet, 0]).collect(), format!("{name}, UCS-2, little end first"));
        for shift in 0..8 {
            self.add(packed(ascii, shift), format!("{name}, septets from bit {shift}"));
        }
        let hex: String = ascii.iter().map(|octet| format!("{octet:02x}")).collect();
        self.add(hex.to_uppercase().into_bytes(), format!("{name}, hex"));
        self.add(hex.into_bytes(), format!("{name}, hex"));
        for before in 0..3 {
            self.add(base64_inside(ascii, before), format!("{name}, base64 behind {before} octets"));
        }
    }

    fn add(&mut self, octets: Vec<u8>, name: String) {
        assert!(octets.len() >= OCTETS_MIN, "{name} is too short to mean anything");
        self.begins[usize::from(u16::from_be_bytes([octets[0], octets[1]]))] = true;
        self.heads.entry([octets[0], octets[1], octets[2], octets[3]]).or_default().push(octets.clone());
        self.forms.entry(octets).or_insert(name);
    }

    /// What of it stands in these octets.
    pub fn found_in(&self, octets: &[u8]) -> Vec<&str> {
        const ZEROS: [u8; 256] = [0; 256];
        let mut found = Vec::new();
        let mut at = 0;
        while at + OCTETS_MIN <= octets.len() {
            // Segments are mostly zeros; no form begins with more than seven of them.
            if octets[at] == 0 && octets[at..].starts_with(&ZEROS) {
                at += ZEROS.len() - 8;
                continue;
            }
            if self.begins[usize::from(u16::from_be_bytes([octets[at], octets[at + 1]]))] {
                let head = [octets[at], octets[at + 1], octets[at + 2], octets[at + 3]];
                let forms = self.heads.get(&head).into_iter().flatten();
                let here = forms.filter(|form| octets[at..].starts_with(form));
                found.extend(here.map(|form| self.forms[form].as_str()));
            }
            at += 1;
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What stands in the files under `dir`, and how many octets were looked at.
    pub fn found_under(&self, dir: &Path) -> (Vec<String>, u64) {
        let (mut found, mut looked) = (Vec::new(), 0);
        let mut left = vec![dir.to_owned()];
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(&folder).expect("a directory") {
                let path = entry.expect("a listed entry").path();
                if path.is_dir() {
                    left.push(path);
                    continue;
                }
                // What is renamed away meanwhile is found under its new name.
                let Ok(octets) = std::fs::read(&path) else { continue };
                looked += octets.len() as u64;
                found.extend(self.found_in(&octets).iter().map(|name| format!("{}: {name}", path.display())));
            }
        }
        (found, looked)
    }

    /// Writes every form into files under `dir`, among other octets.
    pub fn plant(&self, dir: &Path) {
        for (place, form) in self.forms.keys().enumerate() {
            let mut octets = vec![0; 9000];
            octets.extend_from_slice(b"before");
            octets.extend_from_slice(form);
            octets.extend_from_slice(b"behind");
            std::fs::write(dir.join(format!("planted-{place}")), octets).expect("planted");
        }
    }

    /// How many forms there are.
    pub fn len(&self) -> usize {
        self.forms.len()
    }
}

/// Septets as octets (GSM 03.38, which agrees with ASCII here), from this bit on; the octets that others share left out.
fn packed(text: &[u8], shift: usize) -> Vec<u8> {
    let mut bits = vec![false; shift];
    text.iter().for_each(|septet| bits.extend((0..7).map(|bit| septet >> bit & 1 == 1)));
    let whole = bits.chunks_exact(8).skip(usize::from(shift > 0));
    whole.map(|eight| eight.iter().rev().fold(0, |octet, bit| octet << 1 | u8::from(*bit))).collect()
}

/// The characters of base64 that these octets alone decide, behind so many others.
fn base64_inside(text: &[u8], before: usize) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let octets = [&vec![0; before][..], text].concat();
    let bits: Vec<bool> = octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1)).collect();
    let whole = bits.chunks_exact(6).skip((before * 8).div_ceil(6));
    whole.map(|six| ALPHABET[six.iter().fold(0, |value, bit| value << 1 | usize::from(*bit))]).collect()
}
