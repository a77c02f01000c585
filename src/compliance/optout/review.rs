//! Owns which replies that were read as nothing deserve a person's eyes, and how much of them is shown.
//! Must never make a STOP of a doubt: an officer does, by hand.

/// Why a reply that nothing follows from may still be an opt-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Words of an opt-out stand in it, and others explain them away: a negation, a question, another matter.
    ExplainedAway,
    /// A word is, or nearly is, one of the keywords.
    NearKeyword,
}

impl Doubt {
    /// The word used in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ExplainedAway => "explained_away",
            Self::NearKeyword => "near_keyword",
        }
    }
}

/// Characters of a reply that are shown, at most.
pub const SHOWN_CHARACTERS_MAX: usize = 160;

/// The beginning of a reply on one line, every digit hidden: a number, a code or a date says who wrote it.
pub fn shown(text: &str) -> String {
    let hidden = |character: char| match character {
        digit if digit.is_numeric() => '•',
        control if control.is_control() => ' ',
        other => other,
    };
    text.chars().take(SHOWN_CHARACTERS_MAX).map(hidden).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Engine;
    use super::*;
    use crate::compliance::pack::Pack;

    #[test]
    fn what_nearly_was_a_stop_is_told_from_ordinary_answers() {
        let engine = Engine::new(&[Pack::embedded("fr-strict").expect("embedded")]);
        for (text, expected) in [
            ("Je ne veux pas me désabonner", Some(Doubt::ExplainedAway)),
            ("Que veut dire STOP au 36111 ?", Some(Doubt::ExplainedAway)),
            ("don't stop sending these", Some(Doubt::ExplainedAway)),
            ("Le bouton STPO est rouge", Some(Doubt::NearKeyword)),
            ("Oui, à 15h", None),
            ("Mon fils est malade", None),
            ("", None),
        ] {
            assert_eq!(engine.read_text(text, &[36111]), super::super::Reply::None, "{text}");
            assert_eq!(engine.doubt(text, &[36111]), expected, "{text}");
        }
    }

    #[test]
    fn no_digit_and_no_line_end_is_shown_and_never_more_than_the_bound() {
        assert_eq!(shown("Appelez\nle 06 39 98 00 12 svp"), "Appelez le •• •• •• •• •• svp");
        assert_eq!(shown("٣ ３ x"), "• • x");
        assert_eq!(shown(&"é".repeat(500)).chars().count(), SHOWN_CHARACTERS_MAX);
    }
}
