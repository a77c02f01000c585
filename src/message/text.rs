//! Owns what the octets of a message say: decoding by data_coding (SMPP 3.4 §5.2.19), and every other plausible reading.
//! Must never drop or replace what it cannot read: such a text is `Undecodable`, and the caller fails closed.

use super::gsm7;

/// What an SMSC means by "default alphabet" (data_coding 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Alphabet {
    /// GSM 03.38, one septet an octet: what most do.
    #[default]
    Gsm,
    /// GSM 03.38, septets packed.
    GsmPacked,
    /// ISO 8859-1.
    Latin1,
}

/// The octets are no text under their data_coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the octets are no text under data_coding {data_coding:#04x}")]
pub struct Undecodable {
    /// The data_coding they came with.
    pub data_coding: u8,
}

/// The alphabets a data_coding can name, as far as they are read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Default,
    Gsm,
    Ia5,
    Latin1,
    Ucs2,
}

impl Coding {
    /// From a data_coding. `None` for binary (0x02, 0x04, class with 8-bit data), reserved and unread alphabets.
    const fn of(data_coding: u8) -> Option<Self> {
        match data_coding {
            0x00 => Some(Self::Default),
            0x01 => Some(Self::Ia5),
            0x03 => Some(Self::Latin1),
            0x08 => Some(Self::Ucs2),
            // GSM message class control: bit 2 says 8-bit data, bit 3 is reserved.
            0xF0..=0xF3 => Some(Self::Gsm),
            _ => None,
        }
    }
}

/// Decodes `octets` into `out`, which is cleared first; nothing is allocated when its capacity is
/// at least three times `octets.len()`. A tail of NULs is cut.
///
/// Where the octets cannot be what data_coding says, the one reading that whole stacks are known to send is taken:
/// UTF-8 under data_coding 0 and 1, Windows-1252 in place of Latin-1, GSM octets under data_coding 1.
///
/// # Errors
/// `Undecodable` for binary and reserved codings, UCS-2 of odd length or with a lone surrogate, octets of no alphabet.
pub fn decode(data_coding: u8, octets: &[u8], alphabet: Alphabet, out: &mut String) -> Result<(), Undecodable> {
    out.clear();
    let coding = Coding::of(data_coding).ok_or(Undecodable { data_coding })?;
    let read = match (coding, alphabet) {
        (Coding::Default, Alphabet::Latin1) => eight_bit(without_nul_tail(octets), out),
        (Coding::Default | Coding::Gsm, Alphabet::GsmPacked) => {
            gsm7::decode(gsm7::unpack(octets), out);
            cut_tail(out, '@');
            Some(())
        }
        (Coding::Default, Alphabet::Gsm) | (Coding::Gsm, Alphabet::Gsm | Alphabet::Latin1) => {
            gsm(without_nul_tail(octets), out)
        }
        (Coding::Ia5, _) => ia5(without_nul_tail(octets), out),
        (Coding::Latin1, _) => eight_bit(without_nul_tail(octets), out),
        (Coding::Ucs2, _) => utf16(octets, u16::from_be_bytes, out),
    };
    if read.is_none() {
        out.clear();
    }
    read.ok_or(Undecodable { data_coding })
}

/// Every plausible reading of a reply, the one data_coding names first: gateways mislabel, and a STOP must not be missed
/// for it. Readings with control characters are dropped, as are repeated ones; the list may be empty.
pub fn readings(data_coding: u8, octets: &[u8], alphabet: Alphabet) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut out = String::new();
    let mut keep = |read: Option<()>, out: &mut String| {
        if read.is_some() && plausible(out) && !found.contains(out) {
            found.push(std::mem::take(out));
        }
        out.clear();
    };
    let read = decode(data_coding, octets, alphabet, &mut out).ok();
    keep(read, &mut out);
    let trimmed = without_nul_tail(octets);
    let ways: [Way; 7] = [
        gsm,
        eight_bit,
        |octets, out| {
            gsm7::decode(gsm7::unpack(octets), out);
            cut_tail(out, '@');
            Some(())
        },
        |octets, out| utf16(octets, u16::from_be_bytes, out),
        |octets, out| utf16(octets, u16::from_le_bytes, out),
        utf8,
        utf8_twice,
    ];
    for (index, way) in ways.into_iter().enumerate() {
        // Cutting NULs would halve a UTF-16 unit or lose a packed septet.
        let read = way(if matches!(index, 2..=4) { octets } else { trimmed }, &mut out);
        keep(read, &mut out);
    }
    found
}

/// One way to read octets; `None` when they are no text that way.
type Way = fn(&[u8], &mut String) -> Option<()>;

/// Whether a text looks like one that a person typed: no control characters but white space, at least one visible one.
fn plausible(text: &str) -> bool {
    let odd = |character: char| (character.is_control() && !character.is_whitespace()) || character == '\u{fffe}';
    !text.chars().any(odd) && text.chars().any(|character| !character.is_whitespace())
}

/// GSM 03.38 unpacked; octets above 0x7F make it UTF-8, or else Latin-1.
fn gsm(octets: &[u8], out: &mut String) -> Option<()> {
    if !octets.is_ascii() {
        return utf8(octets, out).or_else(|| eight_bit(octets, out));
    }
    gsm7::decode_unpacked(octets, out);
    Some(())
}

/// IA5; control octets betray GSM octets (node-smpp), high ones UTF-8 or Latin-1.
fn ia5(octets: &[u8], out: &mut String) -> Option<()> {
    if !octets.is_ascii() {
        return utf8(octets, out).or_else(|| eight_bit(octets, out));
    }
    if octets.iter().any(|octet| octet.is_ascii_control() && !matches!(octet, b'\n' | b'\r' | b'\t')) {
        gsm7::decode_unpacked(octets, out);
    } else {
        out.extend(octets.iter().map(|octet| char::from(*octet)));
    }
    Some(())
}

/// UTF-8, without a byte order mark.
fn utf8(octets: &[u8], out: &mut String) -> Option<()> {
    let text = std::str::from_utf8(octets).ok()?;
    out.push_str(text.trim_start_matches('\u{feff}'));
    Some(())
}

/// UTF-8 that somebody on the way took for Latin-1 and encoded again.
fn utf8_twice(octets: &[u8], out: &mut String) -> Option<()> {
    let once = std::str::from_utf8(octets).ok()?;
    let octets: Option<Vec<u8>> = once.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
    utf8(&octets.filter(|octets| !octets.is_ascii())?, out)
}

/// What Windows-1252 puts at 0x80..=0x9F, where ISO 8859-1 has control characters nobody types; NUL where it has nothing.
const WINDOWS: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', //
    '\0', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// ISO 8859-1, as Windows-1252 extends it; UTF-8 of several octets is told apart.
fn eight_bit(octets: &[u8], out: &mut String) -> Option<()> {
    if !octets.is_ascii() && utf8(octets, out).is_some() {
        return Some(());
    }
    for octet in octets {
        match octet {
            0x80..=0x9F => match WINDOWS[usize::from(octet - 0x80)] {
                '\0' => return None,
                known => out.push(known),
            },
            other => out.push(char::from(*other)),
        }
    }
    Some(())
}

/// UTF-16 in the given octet order, without byte order mark and NUL tail. `None` on an odd length or a lone surrogate.
fn utf16(octets: &[u8], unit: fn([u8; 2]) -> u16, out: &mut String) -> Option<()> {
    let (pairs, rest) = octets.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    for (index, character) in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).enumerate() {
        match character.ok()? {
            '\u{feff}' if index == 0 => {}
            character => out.push(character),
        }
    }
    cut_tail(out, '\0');
    Some(())
}

/// The octets without the NULs behind them: terminators, or the `@` of a naive unpacker.
fn without_nul_tail(octets: &[u8]) -> &[u8] {
    let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    &octets[..end]
}

/// Cuts a repeated character from the end of a text.
fn cut_tail(text: &mut String, tail: char) {
    let end = text.trim_end_matches(tail).len();
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(data_coding: u8, octets: &[u8], alphabet: Alphabet) -> Option<String> {
        let mut out = String::from("before");
        decode(data_coding, octets, alphabet, &mut out).ok().map(|()| out)
    }

    #[test]
    fn each_coding_is_read_by_its_own_table() {
        use Alphabet::{Gsm, GsmPacked, Latin1};
        let cases: [(u8, &[u8], Alphabet, Option<&str>); 27] = [
            (0x00, b"STOP", Gsm, Some("STOP")),
            (0x00, b"", Gsm, Some("")),
            (0x00, b"D\x1fSABONNER", Gsm, Some("DÉSABONNER")),
            (0x00, b"ARR\xc3\x8aT", Gsm, Some("ARRÊT")),
            (0x00, b"d\xe9sabonner", Gsm, Some("désabonner")),
            (0x00, b"n\x92envoyez", Latin1, Some("n’envoyez")),
            (0x00, b"\x81\x8d", Gsm, None),
            (0x00, b"STOP\0\0", Gsm, Some("STOP")),
            (0x00, b"\x1b\x65", Gsm, Some("€")),
            (0x00, &[0x53, 0xea, 0x13, 0x0a], GsmPacked, Some("STOP")),
            (0x00, &[0x53, 0xea, 0x13, 0x0a, 0x82, 0x56, 0x01], GsmPacked, Some("STOP PU")),
            (0x01, b"a@b [c]", Gsm, Some("a@b [c]")),
            (0x01, b"caf\x05", Gsm, Some("café")),
            (0x01, b"caf\xc3\xa9", Gsm, Some("café")),
            (0x03, b"\xa0STOP\xa0", Gsm, Some("\u{a0}STOP\u{a0}")),
            (0x03, b"\xc9t\xe9", Gsm, Some("Été")),
            (0x08, b"\0S\0T\0O\0P", Gsm, Some("STOP")),
            (0x08, b"\xfe\xff\0S", Gsm, Some("S")),
            (0x08, b"\xd8\x3c\xdf\x89", Gsm, Some("🎉")),
            (0x08, b"\xd8\x3c", Gsm, None),
            (0x08, b"\0S\0", Gsm, None),
            (0xF0, b"STOP", Gsm, Some("STOP")),
            (0xF3, b"\x05", Latin1, Some("é")),
            (0xF5, b"STOP", Gsm, None),
            (0x02, b"STOP", Gsm, None),
            (0x04, b"STOP", Gsm, None),
            (0x0C, b"STOP", Gsm, None),
        ];
        for (data_coding, octets, alphabet, expected) in cases {
            assert_eq!(read(data_coding, octets, alphabet).as_deref(), expected, "{data_coding:#04x} {octets:02x?}");
        }
    }

    #[test]
    fn a_reply_is_read_in_every_way_that_makes_sense() {
        let cases: [(u8, &[u8], &str); 7] = [
            (0x00, &[0x53, 0xea, 0x13, 0x0a], "STOP"),
            (0x00, b"\0S\0T\0O\0P", "STOP"),
            (0x08, b"S\0T\0O\0P\0", "STOP"),
            (0x08, b"STOP", "STOP"),
            (0x08, b"STOP!", "STOP!"),
            (0x04, b"D\xc9SABONNER", "DÉSABONNER"),
            (0x0C, b"D\x1fSABONNER", "DÉSABONNER"),
        ];
        for (data_coding, octets, expected) in cases {
            let all = readings(data_coding, octets, Alphabet::Gsm);
            assert!(all.iter().any(|reading| reading == expected), "{data_coding:#04x} {octets:02x?}: {all:?}");
        }
        assert_eq!(readings(0, b"STOP", Alphabet::Gsm)[0], "STOP");
        assert!(readings(0, b"", Alphabet::Gsm).is_empty());
    }

    #[test]
    fn decoding_into_a_buffer_with_room_allocates_nothing() {
        let mut out = String::with_capacity(480);
        let before = (out.as_ptr(), out.capacity());
        for (data_coding, octets) in [(0u8, [0x05u8; 160]), (0, [0x1B; 160]), (3, [0x80; 160]), (8, [0x4E; 160])] {
            decode(data_coding, &octets, Alphabet::Gsm, &mut out).expect("readable");
            assert_eq!((out.as_ptr(), out.capacity()), before);
        }
    }

    proptest! {
        #[test]
        fn any_octets_under_any_coding_are_read_or_refused(
            data_coding in any::<u8>(),
            octets in prop::collection::vec(any::<u8>(), 0..200),
            alphabet in prop::sample::select(vec![Alphabet::Gsm, Alphabet::GsmPacked, Alphabet::Latin1]),
        ) {
            let mut out = String::with_capacity(octets.len() * 3);
            let before = out.as_ptr();
            if decode(data_coding, &octets, alphabet, &mut out).is_err() {
                prop_assert!(out.is_empty());
            }
            prop_assert_eq!(out.as_ptr(), before);
            readings(data_coding, &octets, alphabet);
        }

        #[test]
        fn a_text_of_the_alphabet_survives_the_way_through_octets(septets in prop::collection::vec(1u8..128, 0..160)) {
            let mut text = String::new();
            gsm7::decode(septets.iter().copied(), &mut text);
            let mut octets = Vec::new();
            gsm7::encode(&text, &mut octets).expect("of the alphabet");
            let mut back = String::new();
            prop_assert_eq!(decode(0, &octets, Alphabet::Gsm, &mut back), Ok(()));
            prop_assert_eq!(back, text);
        }
    }
}
