//! Cutting texts without breaking a character.

/// Marks that something was cut.
const ELLIPSIS: char = '…';

/// Returns the longest beginning of `text` that has at most `max_bytes` bytes and ends at a
/// character boundary.
pub fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

/// Returns the beginning of `text`, with `…` after it if anything was cut.
pub fn preview(text: &str, max_bytes: usize) -> String {
    let beginning = cut(text, max_bytes);
    let mut shown = beginning.to_owned();
    if beginning.len() < text.len() {
        shown.push(ELLIPSIS);
    }
    shown
}

/// Returns what a person reads of a text that a program wrote: without control characters other than
/// line ends and tabs, without sequences that colour terminals; the last `max_bytes` bytes at most.
pub fn printable(text: &str, max_bytes: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' if characters.peek() == Some(&'[') => {
                characters.next();
                // The sequence ends at its first letter or sign.
                while characters.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {}
            }
            '\n' | '\t' => shown.push(character),
            _ if character.is_control() => {}
            _ => shown.push(character),
        }
    }
    let from = shown.ceil_char_boundary(shown.len().saturating_sub(max_bytes));
    shown.split_off(from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_is_whole_or_absent() {
        for (max, beginning) in [(0, ""), (1, "a"), (2, "a"), (3, "aé"), (6, "aé"), (7, "aé🦀")]
        {
            assert_eq!(cut("aé🦀", max), beginning, "{max}");
        }
        assert_eq!(preview("aé🦀", 6), "aé…");
        assert_eq!(preview("aé🦀", 7), "aé🦀");
    }

    #[test]
    fn output_of_programs_is_made_readable() {
        let colourful = "\u{1b}[1;31merror\u{1b}[0m:\ta\r\n\0b\u{7}";
        assert_eq!(printable(colourful, 100), "error:\ta\nb");
        assert_eq!(printable("aé🦀", 5), "🦀");
        assert_eq!(printable("\u{1b}[", 5), "");
    }

    proptest! {
        #[test]
        fn printable_texts_can_be_stored(text in any::<String>(), max in 0_usize..200) {
            let shown = printable(&text, max);
            prop_assert!(shown.len() <= max);
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }

        #[test]
        fn a_cut_is_the_longest_beginning_that_fits(text in any::<String>(), max in 0_usize..200) {
            let beginning = cut(&text, max);
            prop_assert!(text.starts_with(beginning));
            prop_assert!(beginning.len() <= max);
            let next = text[beginning.len()..].chars().next();
            prop_assert!(next.is_none_or(|next| beginning.len() + next.len_utf8() > max));
        }

        #[test]
        fn a_preview_says_whether_it_is_whole(text in "[^…]*", max in 0_usize..200) {
            let shown = preview(&text, max);
            prop_assert_eq!(shown.ends_with('…'), text.len() > max);
            prop_assert_eq!(shown.trim_end_matches('…'), cut(&text, max));
        }

        #[test]
        fn cutting_twice_is_cutting_to_the_smaller(
            text in any::<String>(), a in 0_usize..100, b in 0_usize..100,
        ) {
            prop_assert_eq!(cut(cut(&text, a), b), cut(&text, a.min(b)));
        }
    }
}
