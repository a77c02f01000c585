//! Owns the GSM 7-bit default alphabet and its extension table (3GPP TS 23.038 §6.2.1), both ways, and septet packing.
//! Must never guess an alphabet: which octets are GSM is `text`'s to say.

/// The escape septet: the next one is of the extension table.
pub const ESCAPE: u8 = 0x1B;

/// The default alphabet. 0x1B (escape) stands as the space that an unknown escape is shown as.
const DEFAULT: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', ' ', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// The extension table: the septet after an escape, and its character.
const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// No septet: marks a character outside the default alphabet in `LATIN`.
const NONE: u8 = 0xFF;

/// The default alphabet backwards, for characters below U+0100; `NONE` elsewhere.
const LATIN: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut septet = 0;
    while septet < 128 {
        let character = DEFAULT[septet] as usize;
        if character < 256 && septet != ESCAPE as usize {
            table[character] = septet as u8;
        }
        septet += 1;
    }
    table
};

/// A septet of the default alphabet as its character. Only the low seven bits count.
pub const fn character(septet: u8) -> char {
    DEFAULT[(septet & 0x7F) as usize]
}

/// The character of the extension table at `septet`. `None` where the table is empty.
pub fn extended(septet: u8) -> Option<char> {
    EXTENSION.iter().find(|(at, _)| *at == septet).map(|(_, character)| *character)
}

/// How a character is written: one septet, or an escape and one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Septets {
    One(u8),
    Escaped(u8),
}

/// The septets of a character. `None` when the alphabet lacks it.
pub fn septets(character: char) -> Option<Septets> {
    if let Some(&septet) = LATIN.get(character as usize)
        && septet != NONE
    {
        return Some(Septets::One(septet));
    }
    if let Some((septet, _)) = EXTENSION.iter().find(|(_, extended)| *extended == character) {
        return Some(Septets::Escaped(*septet));
    }
    let greek = DEFAULT[0x10..0x1B].iter().position(|known| *known == character)?;
    (character as usize >= 256).then_some(Septets::One(0x10 + greek as u8))
}

/// Appends the characters of septets to `out`. An escape before a septet the extension table lacks yields that septet's
/// default character (TS 23.038 §6.2.1.1); a trailing escape yields nothing.
pub fn decode(septets: impl Iterator<Item = u8>, out: &mut String) {
    let mut escaped = false;
    for septet in septets {
        match (escaped, septet & 0x7F) {
            (false, ESCAPE) => escaped = true,
            (false, plain) => out.push(character(plain)),
            (true, after) => {
                escaped = false;
                out.push(extended(after).unwrap_or(character(after)));
            }
        }
    }
}

/// Appends the characters of septets that stand one an octet, as `decode` does, a run of plain ASCII at a time.
pub fn decode_unpacked(octets: &[u8], out: &mut String) {
    let mut rest = octets;
    while !rest.is_empty() {
        let plain = rest.iter().position(|octet| !SAME_AS_ASCII[usize::from(*octet)]).unwrap_or(rest.len());
        let (run, after) = rest.split_at(plain);
        out.push_str(std::str::from_utf8(run).expect("ASCII is UTF-8"));
        let odd = if after.first() == Some(&ESCAPE) { 2 } else { 1 };
        let (odd, after) = after.split_at(odd.min(after.len()));
        decode(odd.iter().copied(), out);
        rest = after;
    }
}

/// Whether an octet means the same in the default alphabet and in ASCII.
const SAME_AS_ASCII: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 128 {
        table[octet] = octet != ESCAPE as usize && DEFAULT[octet] as usize == octet;
        octet += 1;
    }
    table
};

/// Appends the unpacked octets of `text` to `out`, one septet an octet.
///
/// # Errors
/// The first character the alphabet lacks; `out` then holds what came before it.
pub fn encode(text: &str, out: &mut Vec<u8>) -> Result<(), char> {
    for character in text.chars() {
        match septets(character).ok_or(character)? {
            Septets::One(septet) => out.push(septet),
            Septets::Escaped(septet) => out.extend([ESCAPE, septet]),
        }
    }
    Ok(())
}

/// The septets packed in `octets` (TS 23.038 §6.1.2.1), without the padding.
///
/// Seven octets hold seven septets and seven spare bits, or eight septets. The last one is taken as padding when it is
/// zero (else a text would end in `@`) or CR (what §6.1.2.3.1 prescribes there).
pub fn unpack(octets: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let whole = octets.len() * 8 / 7;
    let padded = octets.len().is_multiple_of(7) && whole > 0 && matches!(septet_at(octets, whole - 1), 0 | 0x0D);
    (0..whole - usize::from(padded)).map(|index| septet_at(octets, index))
}

/// The septet number `index` of packed octets.
fn septet_at(octets: &[u8], index: usize) -> u8 {
    let (octet, shift) = (index * 7 / 8, index * 7 % 8);
    let low = u16::from(octets[octet]);
    let high = octets.get(octet + 1).copied().map_or(0, u16::from);
    (((high << 8 | low) >> shift) & 0x7F) as u8
}

/// Appends `septets` packed to `out`; seven spare bits at the end are filled with CR (TS 23.038 §6.1.2.3.1).
pub fn pack(septets: &[u8], out: &mut Vec<u8>) {
    let mut held = 0u16;
    let mut bits = 0;
    let padding = if septets.len() % 8 == 7 { Some(&0x0D) } else { None };
    for septet in septets.iter().chain(padding) {
        held |= u16::from(septet & 0x7F) << bits;
        bits += 7;
        if bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(held as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(octets: &[u8]) -> String {
        let mut out = String::new();
        decode(octets.iter().copied(), &mut out);
        out
    }

    #[test]
    fn every_character_of_both_tables_survives_the_way_there_and_back() {
        let table =
            DEFAULT.iter().enumerate().filter(|(at, _)| *at != ESCAPE as usize).map(|(_, character)| *character);
        let all: String = table.chain(EXTENSION.iter().map(|(_, character)| *character)).collect();
        assert_eq!(all.chars().count(), 137);
        let mut octets = Vec::new();
        encode(&all, &mut octets).expect("all are of the alphabet");
        assert_eq!(read(&octets), all);
    }

    #[test]
    fn pinned_characters_stand_where_the_standard_puts_them() {
        for (octets, text) in [
            (&b"\x00\x02\x11\x1f"[..], "@$_É"),
            (b"\x04\x05\x06\x7f\x09", "èéùàÇ"),
            (b"\x1b\x65\x1b\x3d", "€~"),
            (b"\x10\x12\x1a", "ΔΦΞ"),
            (b"\x1b\x41", "A"),
            (b"A\x1b", "A"),
        ] {
            assert_eq!(read(octets), text);
        }
        assert_eq!(encode("ê", &mut Vec::new()), Err('ê'));
    }

    #[test]
    fn eight_septets_fill_seven_octets_and_spare_bits_make_no_at_sign() {
        let unpacked = |hex: &[u8]| read(&unpack(hex).collect::<Vec<_>>());
        assert_eq!(unpacked(&[0x53, 0xea, 0x13, 0x0a]), "STOP");
        assert_eq!(unpacked(&[0x53, 0xea, 0x13, 0x0a, 0x9a, 0x5a, 0xa1]), "STOP SVP");
        assert_eq!(unpacked(&[0x53, 0xea, 0x13, 0x0a, 0x82, 0x56, 0x01]), "STOP PU");
        assert_eq!(unpacked(&[]), "");
    }

    proptest! {
        #[test]
        fn decoding_what_was_encoded_gives_the_same_text(septets in prop::collection::vec(0u8..128, 0..200)) {
            let text = read(&septets);
            let mut octets = Vec::new();
            prop_assert_eq!(encode(&text, &mut octets), Ok(()));
            prop_assert_eq!(read(&octets), text.as_str());
            let mut by_runs = String::new();
            decode_unpacked(&septets, &mut by_runs);
            prop_assert_eq!(by_runs, text);
        }

        #[test]
        fn unpacking_what_was_packed_gives_the_same_septets(septets in prop::collection::vec(1u8..128, 0..200)) {
            let mut octets = Vec::new();
            pack(&septets, &mut octets);
            let back: Vec<u8> = unpack(&octets).collect();
            // A text of 8n septets that ends in CR cannot be told from a padded one.
            if septets.len().is_multiple_of(8) && septets.last() == Some(&0x0D) {
                prop_assert_eq!(&back[..], &septets[..septets.len() - 1]);
            } else {
                prop_assert_eq!(back, septets);
            }
        }
    }
}
