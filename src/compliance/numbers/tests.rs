//! Owns the tests of the number plan: tables, and the property that every spelling of a number leads to one key.
//! Must never hold a real subscriber's number beyond those carried over from the sample data.

use super::*;
use crate::compliance::pack::Pack;
use proptest::prelude::*;

fn plan() -> NumberPlan {
    let packs: Vec<_> = Pack::embedded_ids().filter_map(Pack::embedded).collect();
    NumberPlan::new(&packs)
}

#[test]
fn what_people_write_becomes_one_number() {
    let plan = plan();
    let fiction = Ok(33_639_981_234);
    for (text, country, expected) in [
        // The fiction block: metropolitan, never rewritten, in every spelling of protocol.md.
        ("33639981234", "FR", fiction),
        ("+33639981234", "FR", fiction),
        ("0033639981234", "FR", fiction),
        ("0639981234", "FR", fiction),
        ("639981234", "FR", fiction),
        ("33 6 39 98 12 34", "FR", fiction),
        ("06.39.98.12.34", "FR", fiction),
        ("06-39-98-12-34", "FR", fiction),
        ("+33(0)639981234", "FR", fiction),
        ("+33 (0) 6 39 98 12 34", "FR", fiction),
        ("330639981234", "FR", fiction),
        ("00330639981234", "FR", fiction),
        ("033639981234", "FR", fiction),
        ("000033639981234", "FR", fiction),
        ("+0033639981234", "FR", fiction),
        ("+0639981234", "FR", fiction),
        ("+330033639981234", "FR", fiction),
        ("000639981234", "FR", fiction),
        ("33639981234\0", "FR", fiction),
        ("33639981234 \0\0", "FR", fiction),
        (" 0639981234 ", "FR", fiction),
        // Nationally dialled from overseas: the same plan, the same number.
        ("0639981234", "RE", fiction),
        ("0639981234", "MQ", fiction),
        ("0692123456", "FR", Ok(262_692_123_456)),
        ("0692123456", "RE", Ok(262_692_123_456)),
        ("0692123456", "GP", Ok(262_692_123_456)),
        // Overseas numbers misspelt with +33.
        ("33692123456", "FR", Ok(262_692_123_456)),
        ("+33 6 93 12 34 56", "FR", Ok(262_693_123_456)),
        ("33639012345", "FR", Ok(262_639_012_345)),
        ("33690001234", "FR", Ok(590_690_001_234)),
        ("33691001234", "FR", Ok(590_691_001_234)),
        ("33694201234", "FR", Ok(594_694_201_234)),
        ("33696201234", "FR", Ok(596_696_201_234)),
        ("33697201234", "FR", Ok(596_697_201_234)),
        ("33695201234", "FR", Ok(33_695_201_234)),
        ("33698201234", "FR", Ok(33_698_201_234)),
        ("33709001234", "FR", Ok(590_709_001_234)),
        ("33709041234", "FR", Ok(590_709_041_234)),
        ("33709051234", "FR", Ok(33_709_051_234)),
        ("33709131234", "FR", Ok(596_709_131_234)),
        ("33709231234", "FR", Ok(262_709_231_234)),
        ("33709331234", "FR", Ok(594_709_331_234)),
        ("33709371234", "FR", Ok(262_709_371_234)),
        ("33709341234", "FR", Ok(33_709_341_234)),
        ("+262 (0)692 12 34 56", "FR", Ok(262_692_123_456)),
        ("2620692123456", "FR", Ok(262_692_123_456)),
        // The Pacific and Saint-Pierre: no trunk prefix, short numbers.
        ("687751234", "FR", Ok(687_751_234)),
        ("+687 75 12 34", "FR", Ok(687_751_234)),
        ("00687751234", "FR", Ok(687_751_234)),
        ("0687751234", "FR", Ok(33_687_751_234)),
        ("68987123456", "FR", Ok(68_987_123_456)),
        ("87123456", "PF", Ok(68_987_123_456)),
        ("0068987123456", "PF", Ok(68_987_123_456)),
        ("681821234", "FR", Ok(681_821_234)),
        ("508551234", "FR", Ok(508_551_234)),
        // Abroad.
        ("+49 1512 3456789", "FR", Ok(4_915_123_456_789)),
        ("004915123456789", "FR", Ok(4_915_123_456_789)),
        ("4915123456789", "FR", Ok(4_915_123_456_789)),
        ("+4915123456789", "DE", Ok(4_915_123_456_789)),
        ("+33639981234", "DE", fiction),
        // Machines have longer numbers.
        ("33700123456789", "FR", Err(NumberError::Length)),
        ("337001234567890", "FR", Ok(337_001_234_567_890)),
        // A plan without a trunk prefix and with another international prefix.
        ("2125550123", "US", Ok(12_125_550_123)),
        ("(212) 555-0123", "US", Ok(12_125_550_123)),
        ("1-212-555-0123", "US", Ok(12_125_550_123)),
        ("+1 212 555 0123", "FR", Ok(12_125_550_123)),
        ("0012125550123", "FR", Ok(12_125_550_123)),
        ("01133639981234", "US", fiction),
        ("011 33 6 39 98 12 34", "US", fiction),
        ("2625550123", "US", Ok(12_625_550_123)),
        ("5085550123", "US", Ok(15_085_550_123)),
        // No number, or no single one.
        ("", "FR", Err(NumberError::Empty)),
        ("000", "FR", Err(NumberError::Empty)),
        ("ACME", "FR", Err(NumberError::NotDigits)),
        ("06 39 98 12 3O", "FR", Err(NumberError::NotDigits)),
        ("٠٦٣٩٩٨١٢٣٤", "FR", Err(NumberError::NotDigits)),
        ("36111", "FR", Err(NumberError::TooShort)),
        ("06399812345", "FR", Err(NumberError::Length)),
        ("063998123", "FR", Err(NumberError::Length)),
        ("3363998123", "FR", Err(NumberError::Length)),
        ("0639981234", "DE", Err(NumberError::NationalUnknown)),
        ("9912345678901234", "FR", Err(NumberError::TooLong)),
        ("99123456789012345678", "FR", Err(NumberError::TooLong)),
    ] {
        assert_eq!(plan.read(text, country).map(Msisdn::as_u64), expected, "{text:?} in {country}");
    }
}

#[test]
fn the_type_of_number_is_heard_but_not_believed_blindly() {
    let plan = plan();
    let fiction = Ok(33_639_981_234);
    for (ton, text, country, expected) in [
        (Ton::International, "33639981234", "FR", fiction),
        (Ton::International, "0639981234", "FR", fiction),
        (Ton::International, "0033639981234", "FR", fiction),
        (Ton::International, "+33639981234", "FR", fiction),
        (Ton::International, "687751234", "FR", Ok(687_751_234)),
        (Ton::National, "639981234", "FR", fiction),
        (Ton::National, "0639981234", "FR", fiction),
        (Ton::National, "33639981234", "FR", fiction),
        (Ton::National, "+33639981234", "FR", fiction),
        (Ton::National, "687751234", "FR", Ok(33_687_751_234)),
        (Ton::National, "692123456", "RE", Ok(262_692_123_456)),
        (Ton::National, "12345678", "FR", Err(NumberError::Length)),
        (Ton::Unknown, "639981234", "FR", fiction),
        (Ton::NetworkSpecific, "0639981234", "FR", fiction),
        (Ton::SubscriberNumber, "0639981234", "FR", fiction),
        (Ton::Alphanumeric, "33639981234", "FR", Err(NumberError::NotANumberType)),
        (Ton::Abbreviated, "33639981234", "FR", Err(NumberError::NotANumberType)),
    ] {
        let number = plan.canonical(ton, Npi(1), text.as_bytes(), country).map(Msisdn::as_u64);
        assert_eq!(number, expected, "{ton:?} {text:?} in {country}");
    }
}

#[test]
fn each_prefix_has_its_territory() {
    let plan = plan();
    for (number, expected) in [
        (33_639_981_234, Some("FR")),
        (33_612_345_678, Some("FR")),
        (33_756_789_012, Some("FR")),
        (262_639_012_345, Some("YT")),
        (262_709_351_234, Some("YT")),
        (262_709_371_234, Some("YT")),
        (262_692_123_456, Some("RE")),
        (262_693_123_456, Some("RE")),
        (262_709_201_234, Some("RE")),
        (262_709_231_234, Some("RE")),
        (262_709_241_234, None),
        (262_262_123_456, None),
        (590_690_001_234, Some("GP")),
        (590_709_041_234, Some("GP")),
        (594_694_201_234, Some("GF")),
        (596_697_201_234, Some("MQ")),
        (508_551_234, Some("PM")),
        (687_751_234, Some("NC")),
        (68_987_123_456, Some("PF")),
        (68_940_123_456, None),
        (681_821_234, Some("WF")),
        (337_001_234_567_890, None),
        (33_142_345_678, None),
        (12_125_550_123, Some("US-ET")),
        (18_505_550_123, Some("US-ET-CT")),
        (14_165_550_123, None),
        (4_915_123_456_789, None),
    ] {
        let number = Msisdn::from_canonical(number).unwrap();
        assert_eq!(plan.territory(number).map(|territory| territory.id.as_str()), expected, "{}", number.as_u64());
    }
    let pack = Pack::embedded("fr-strict").unwrap();
    assert!(pack.exclusion(Msisdn::from_canonical(337_001_234_567_890).unwrap()).is_some());
}

#[test]
fn the_national_form_has_the_trunk_prefix_and_reads_back() {
    let plan = plan();
    for (number, country, expected) in [
        (33_639_981_234, "FR", Some("0639981234")),
        (262_692_123_456, "RE", Some("0692123456")),
        (508_551_234, "PM", Some("0551234")),
        (687_751_234, "NC", None),
        (4_915_123_456_789, "FR", None),
    ] {
        let number = Msisdn::from_canonical(number).unwrap();
        let mut buffer = [0; 20];
        let national = plan.national(number, &mut buffer).map(|len| std::str::from_utf8(&buffer[..len]).unwrap());
        assert_eq!(national, expected);
        if let Some(national) = national {
            assert_eq!(plan.canonical(Ton::National, Npi(1), national.as_bytes(), country), Ok(number));
        }
    }
}

/// Country code and national part of any mobile number of the plan, made from a territory's own prefixes.
fn any_mobile() -> impl Strategy<Value = (u16, String, String)> {
    let cases = [
        (33u16, "639980", 9usize),
        (33, "612", 9),
        (33, "756", 9),
        (262, "639", 9),
        (262, "70935", 9),
        (262, "692", 9),
        (262, "693", 9),
        (262, "70921", 9),
        (590, "690", 9),
        (590, "691", 9),
        (590, "70903", 9),
        (594, "694", 9),
        (594, "70932", 9),
        (596, "696", 9),
        (596, "697", 9),
        (596, "70912", 9),
    ];
    let number = (0..cases.len(), 0u64..1_000_000).prop_map(move |(case, tail)| {
        let (code, head, len) = cases[case];
        let tail = format!("{tail:06}");
        let national = format!("{head}{}", &tail[6 - (len - head.len())..]);
        (code, format!("{code}{national}"), national)
    });
    // Written nationally, these are the block reserved for fiction, which is metropolitan and never rewritten.
    number.prop_filter("not the block reserved for fiction", |(code, _, national)| {
        *code == 33 || !national.starts_with("63998")
    })
}

/// Writes digits with marks between them.
fn with_marks(digits: &str, marks: &[usize]) -> String {
    const MARKS: [&str; 7] = ["", " ", ".", "-", "/", "\u{a0}", " - "];
    digits
        .chars()
        .enumerate()
        .map(|(at, digit)| format!("{digit}{}", MARKS[marks[at % marks.len()] % MARKS.len()]))
        .collect()
}

proptest! {
    #[test]
    fn every_spelling_of_a_mobile_number_leads_to_one_key(
        (code, canonical, national) in any_mobile(),
        marks in proptest::collection::vec(0usize..7, 1..12),
        country in proptest::sample::select(vec!["FR", "RE", "YT", "GP", "GF", "MQ"]),
    ) {
        let plan = plan();
        let expected = Msisdn::from_canonical(canonical.parse().unwrap()).unwrap();
        let spellings = [
            canonical.clone(),
            format!("+{canonical}"),
            format!("00{canonical}"),
            format!("0{national}"),
            format!("{code}0{national}"),
            format!("+{code}(0){national}"),
            format!("33{national}"),
            format!("0033{national}"),
            format!("+33 (0){national}"),
            format!("330{national}"),
        ];
        for spelling in spellings {
            for text in [spelling.clone(), with_marks(&spelling, &marks), format!("{spelling}\0"), format!(" {spelling} ")] {
                for ton in [Ton::Unknown, Ton::International] {
                    let read = plan.canonical(ton, Npi(1), text.as_bytes(), country);
                    prop_assert_eq!(read, Ok(expected), "{:?} {:?} in {}", ton, text, country);
                }
            }
        }
        prop_assert_eq!(plan.canonical(Ton::National, Npi(1), national.as_bytes(), country), Ok(expected));
    }

    #[test]
    fn a_canonical_number_reads_as_itself(text in "[+0-9 ().-]{0,24}") {
        let plan = plan();
        for ton in [Ton::Unknown, Ton::International, Ton::National] {
            if let Ok(number) = plan.canonical(ton, Npi(0), text.as_bytes(), "FR") {
                let digits = number.as_u64().to_string();
                prop_assert_eq!(plan.canonical(Ton::International, Npi(1), digits.as_bytes(), "FR"), Ok(number));
            }
        }
    }

    #[test]
    fn any_octets_are_a_number_or_an_error(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
        let plan = plan();
        for ton in [Ton::Unknown, Ton::International, Ton::National, Ton::Alphanumeric] {
            let _ = plan.canonical(ton, Npi(0), &octets, "FR");
        }
    }
}
