//! Text of people and agents on its way to a terminal, which obeys control characters.

use std::fmt::Write as _;

use ratatui::text::Span;

/// Returns the text with everything a terminal might obey, or that hides or reorders what stands
/// there, written out: `\u{1b}`.
pub fn visible(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            let _ = write!(clean, "{}", c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// The same for texts of many lines: line feeds and tabs stay.
pub fn paragraph(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\t').map(visible).collect::<Vec<_>>().join("\t")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A line of a log: escape sequences for colours and titles are left out, the rest is made visible.
pub fn log_line(text: &str) -> String {
    paragraph(&without_sequences(text))
}

/// Writes characters that a terminal might obey as JSON escapes. They occur in strings only, so
/// the document means the same.
pub fn json_safe(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    for c in document.chars() {
        if c != '\n' && is_unsafe(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Columns of a terminal that the text takes.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// Returns at most so many columns of the text; what was cut is an ellipsis.
pub fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut taken = 1;
    for c in text.chars() {
        taken += width(c.encode_utf8(&mut [0; 4]));
        if taken > columns {
            break;
        }
        cut.push(c);
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// Control characters, bidirectional overrides, line separators, invisible tags.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Leaves out CSI, OSC and the other escape sequences of ECMA-48.
fn without_sequences(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            clean.push(c);
            continue;
        }
        match rest.next() {
            Some('[') => while rest.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {},
            Some(']' | 'P' | 'X' | '^' | '_') => {
                while let Some(c) = rest.next() {
                    if c == '\u{7}' || (c == '\u{1b}' && rest.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(visible("Ada\u{1b}[2J"), "Ada\\u{1b}[2J");
        assert_eq!(visible("a\nb\u{9b}31m"), "a\\u{a}b\\u{9b}31m");
        assert_eq!(visible("x\u{202e}exe.txt"), "x\\u{202e}exe.txt");
        assert_eq!(visible("Zoë 🦀 家"), "Zoë 🦀 家");
    }

    #[test]
    fn logs_lose_their_colours_only() {
        let line = "\u{1b}[1;31mERROR\u{1b}[0m\tdisk\u{1b}]0;title\u{7} full\u{1b}]8;;x\u{1b}\\!";
        assert_eq!(log_line(line), "ERROR\tdisk full!");
        assert_eq!(log_line("\u{1b}[31"), "");
        assert_eq!(log_line("bell\u{7}"), "bell\\u{7}");
    }

    #[test]
    fn texts_are_cut_by_columns() {
        assert_eq!(fit("workspace", 9), "workspace");
        assert_eq!(fit("workspace", 5), "work…");
        assert_eq!(fit("家家家", 4), "家…");
        assert_eq!(fit("abc", 0), "");
    }

    proptest! {
        #[test]
        fn nothing_unsafe_passes(text in any::<String>(), columns in 0_usize..20) {
            prop_assert!(!visible(&text).chars().any(is_unsafe));
            let unsafe_left = |c: char| is_unsafe(c) && c != '\n' && c != '\t';
            prop_assert!(!log_line(&text).chars().any(unsafe_left));
            prop_assert!(width(&fit(&visible(&text), columns)) <= columns);
        }

        #[test]
        fn json_means_the_same(text in any::<String>()) {
            let document = serde_json::to_string_pretty(&[&text]).unwrap();
            let safe = json_safe(&document);
            prop_assert!(!safe.chars().any(|c| is_unsafe(c) && c != '\n'));
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&safe).unwrap(), vec![text]);
        }
    }
}
