//! Owns what the engine promises of every reply, whatever it says: what leaves no trace on a screen changes nothing, and what
//! is only polite or copied from the mention never hides a STOP.
//! Must never be content with sentences of its own: every labelled reply is tried.

use super::labelled::{engine, label, rows, unescaped};
use super::{Engine, Reply};
use proptest::prelude::*;
use std::sync::LazyLock;

static ENGINE: LazyLock<Engine> = LazyLock::new(engine);

/// Every labelled reply on one line that is not told by its marks, and whether it is a STOP.
static REPLIES: LazyLock<Vec<(String, bool)>> = LazyLock::new(|| {
    let tables = [
        include_str!("../../../tests/compliance/replies.tsv"),
        include_str!("../../../tests/compliance/replies_more.tsv"),
        include_str!("../../../tests/compliance/replies_blind.tsv"),
        include_str!("../../../tests/compliance/replies_unseen_a.tsv"),
        include_str!("../../../tests/compliance/replies_unseen_b.tsv"),
        include_str!("../../../tests/compliance/replies_unseen_c.tsv"),
    ];
    let rows = tables.into_iter().flat_map(rows).map(|(_, fields)| (unescaped(&fields[0]), fields[1] == "STOP"));
    // Quotations, links and look-alikes of them are told by where their marks stand.
    let plain = |text: &String| !text.contains(['\n', '\r', '"', '«', '>', '/', '@', '-', '*']) && text.trim() != "sto";
    rows.filter(|(text, _)| plain(text)).collect()
});

fn is_stop(text: &str) -> bool {
    matches!(ENGINE.read_text(text, &[36111]), Reply::Stop(_))
}

/// Characters that leave no trace: soft hyphen, zero-width space and joiners, direction marks, word joiner, byte order mark.
const TRACELESS: [char; 8] =
    ['\u{AD}', '\u{200B}', '\u{200C}', '\u{200D}', '\u{200E}', '\u{202C}', '\u{2060}', '\u{FEFF}'];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_leaves_no_trace_on_a_screen_changes_no_meaning(
        reply in any::<prop::sample::Index>(),
        inserted in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&TRACELESS[..])), 1..6),
    ) {
        let (text, _) = &REPLIES[reply.index(REPLIES.len())];
        let mut changed: Vec<char> = text.chars().collect();
        for (place, character) in inserted {
            let at = place.index(changed.len() + 1);
            changed.insert(at, character);
        }
        let changed: String = changed.into_iter().collect();
        prop_assert_eq!(label(&ENGINE.read_text(&changed, &[36111])), label(&ENGINE.read_text(text, &[36111])), "{}", text);
    }

    #[test]
    fn any_mixture_of_cases_is_the_same_reply(
        reply in any::<prop::sample::Index>(),
        upper in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let (text, _) = &REPLIES[reply.index(REPLIES.len())];
        let mut upper = upper.into_iter().cycle();
        let mut changed = String::new();
        for character in text.chars() {
            match upper.next() {
                Some(true) => changed.extend(character.to_uppercase()),
                Some(false) | None => changed.extend(character.to_lowercase()),
            }
        }
        prop_assert_eq!(label(&ENGINE.read_text(&changed, &[36111])), label(&ENGINE.read_text(text, &[36111])), "{}", changed);
    }
}

#[test]
fn politeness_and_the_copied_code_never_hide_a_stop() {
    let before = ["Bonjour ", "Bonjour, ", "Hello, ", "merci, "];
    let behind = [" merci", " svp", ", merci d'avance", " thanks", " 36111", " au 36111", " !!!", " 🙏"];
    let (mut cases, mut hidden) = (0, Vec::new());
    for (text, _) in REPLIES.iter().filter(|(_, stop)| *stop) {
        let around = before.map(|before| format!("{before}{text}")).into_iter();
        for changed in around.chain(behind.map(|behind| format!("{text}{behind}"))) {
            cases += 1;
            if !is_stop(&changed) {
                hidden.push(changed);
            }
        }
    }
    assert!(cases > 20_000, "{cases}");
    assert!(hidden.is_empty(), "{} of {cases}\n{}", hidden.len(), hidden.join("\n"));
}

#[test]
fn a_flood_of_words_and_a_word_without_end_are_read_once_and_not_mended() {
    let endless = "jenevauxplus".repeat(4_000);
    let flood = "nachichten ".repeat(4_000);
    for text in [endless, flood] {
        assert_eq!(ENGINE.read_text(&text, &[]), Reply::None);
        assert_eq!(ENGINE.doubt(&text, &[]), None);
    }
    assert!(is_stop("bitte keine nachichten mehr"), "a short one is");
}
