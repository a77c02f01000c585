//! Owns folding characters so that look-alikes compare equal: compatibility forms, accents, case, homoglyphs.
//! Must never serve the mention finder: a sender gets no such leniency.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// Hands every character of `text` on: compatibility forms replaced (NFKD), accents and format characters dropped,
/// upper-case, enclosed and small letters opened, Greek and Cyrillic capitals that look Latin made Latin.
pub fn fold(text: &str, mut emit: impl FnMut(char)) {
    for character in text.chars() {
        if character.is_ascii() {
            emit(character.to_ascii_uppercase());
        } else {
            // Marks are dropped, so their order does not matter: one character at a time will do.
            decompose_compatible(open_enclosed(character), |part| fold_part(part, &mut emit));
        }
    }
}

/// Folds one part of a decomposed character.
fn fold_part(part: char, emit: &mut impl FnMut(char)) {
    if is_combining_mark(part) || is_format(part) {
        return;
    }
    for upper in part.to_uppercase() {
        match upper {
            'Æ' => "AE".chars().for_each(&mut *emit),
            'Œ' => "OE".chars().for_each(&mut *emit),
            'ẞ' => "SS".chars().for_each(&mut *emit),
            other => emit(latin(other)),
        }
    }
}

/// The folded text as a string.
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold(text, |character| out.push(character));
    out
}

/// Letters in white on black, regional indicators and small capitals: NFKD leaves them alone.
fn open_enclosed(character: char) -> char {
    let letter = |first: u32| char::from(b'A' + (character as u32 - first) as u8);
    match character {
        '\u{1F150}'..='\u{1F169}' => letter(0x1F150),
        '\u{1F170}'..='\u{1F189}' => letter(0x1F170),
        '\u{1F1E6}'..='\u{1F1FF}' => letter(0x1F1E6),
        'ᴀ' => 'A',
        'ᴇ' => 'E',
        'ɴ' => 'N',
        'ᴏ' => 'O',
        'ᴘ' => 'P',
        'ʀ' => 'R',
        'ꜱ' => 'S',
        'ᴛ' => 'T',
        'ᴜ' => 'U',
        other => other,
    }
}

/// Characters that leave no trace on a screen: soft hyphen, zero-width and direction marks, selectors, tags.
fn is_format(character: char) -> bool {
    matches!(
        character,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{20E3}' | '\u{E0000}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}'
    )
}

/// The Latin capital that a capital of another script looks like, or that a stroke hides.
fn latin(upper: char) -> char {
    match upper {
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'С' | 'Ϲ' => 'C',
        'Đ' | 'Ð' => 'D',
        'Е' | 'Ε' => 'E',
        'Н' | 'Η' => 'H',
        'І' | 'Ι' => 'I',
        'Ј' => 'J',
        'К' | 'Κ' => 'K',
        'Ł' => 'L',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'О' | 'Ο' | 'Ø' => 'O',
        'Р' | 'Ρ' => 'P',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'У' | 'Υ' => 'Y',
        'Х' | 'Χ' => 'X',
        'Ζ' => 'Z',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_fold_to_the_plain_letters() {
        for text in [
            "stop",
            "ＳＴＯＰ",
            "🅢🅣🅞🅟",
            "🆂🆃🅾🅿",
            "🄢🄣🄞🄟",
            "🅂🅃🄾🄿",
            "ⓢⓣⓞⓟ",
            "𝐒𝐓𝐎𝐏",
            "🇸🇹🇴🇵",
            "ꜱᴛᴏᴘ",
            "S\u{200b}TOP",
            "\u{feff}STOP",
            "STО\u{301}P",
            "ЅТОР",
            "støp",
            "S\u{20e3}T\u{fe0f}OP",
        ] {
            assert!(matches!(folded(text).as_str(), "STOP" | "(S)(T)(O)(P)"), "{text}: {}", folded(text));
        }
        assert_eq!(folded("Désinscrivez-moi, œuf, Straße, łódź"), "DESINSCRIVEZ-MOI, OEUF, STRASSE, LODZ");
    }
}
