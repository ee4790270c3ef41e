//! What people type into a search, as the two stores understand it. Pure.

/// Words of a question at most; further ones are not looked for.
const MAX_WORDS: usize = 16;
/// Shorter words are looked for whole: their beginnings would match nearly everything.
const MIN_PREFIX: usize = 3;

/// A question to a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The words, each of letters and digits alone.
    words: Vec<String>,
    /// There are only words and blanks: what has all the words is an answer, wherever they are.
    pub plain: bool,
    /// A `LIKE` pattern, escaped by `\`, for texts.
    pub text_pattern: String,
    /// The same for JSON, where some characters are escaped.
    pub json_pattern: String,
}

impl Question {
    /// Reads what was typed.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        Self {
            words: words.take(MAX_WORDS).map(str::to_owned).collect(),
            plain: text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace()),
            text_pattern: pattern(text),
            json_pattern: pattern(&json_inside(text)),
        }
    }

    /// Returns the query for PostgreSQL's `to_tsquery`; `None` without a word.
    pub fn tsquery(&self) -> Option<String> {
        self.query(" & ", |word| format!("'{word}'"), ":*")
    }

    /// Returns the query for FTS5; `None` without a word.
    pub fn fts5(&self) -> Option<String> {
        self.query(" ", |word| format!("\"{word}\""), "*")
    }

    fn query(&self, and: &str, quote: impl Fn(&str) -> String, prefix: &str) -> Option<String> {
        let one = |word: &String| {
            let whole = word.is_ascii() && word.len() < MIN_PREFIX;
            quote(word) + if whole { "" } else { prefix }
        };
        let words: Vec<_> = self.words.iter().map(one).collect();
        (!words.is_empty()).then(|| words.join(and))
    }
}

/// Returns the pattern for texts that contain exactly this.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// Returns a text as it stands inside a JSON string.
fn json_inside(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_become_queries_and_marks_patterns() {
        let question = Question::new("  Deploy it ");
        assert!(question.plain);
        assert_eq!(question.tsquery().unwrap(), "'Deploy':* & 'it'");
        assert_eq!(question.fts5().unwrap(), "\"Deploy\"* \"it\"");
        assert_eq!(question.text_pattern, "%Deploy it%");
        let question = Question::new(r#"100%_a\"é"#);
        assert!(!question.plain);
        assert_eq!(question.tsquery().unwrap(), "'100':* & 'a' & 'é':*");
        assert_eq!(question.text_pattern, r#"%100\%\_a\\"é%"#);
        assert_eq!(question.json_pattern, r#"%100\%\_a\\\\\\"é%"#);
        let nothing = Question::new(" %% ");
        assert_eq!((nothing.tsquery(), nothing.fts5()), (None, None));
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_it_was_made_of(text in any::<String>(), before in "[a%_]{0,3}") {
            let question = Question::new(&text);
            let holds = format!("{before}{}x", text.trim());
            prop_assert!(like(&question.text_pattern, &holds));
            if text.trim().contains(['%', '_']) {
                let other = text.trim().replace(['%', '_'], "z");
                prop_assert!(!like(&question.text_pattern, &other));
            }
        }

        #[test]
        fn a_query_has_no_syntax_of_its_own(text in any::<String>()) {
            let question = Question::new(&text);
            if let Some(query) = question.tsquery() {
                let bare: String = query.split(" & ").collect();
                prop_assert!(bare.chars().all(|c| c.is_alphanumeric() || "':*".contains(c)));
            }
        }
    }

    /// `LIKE` with the escape `\`, for patterns that begin and end with `%`.
    fn like(pattern: &str, text: &str) -> bool {
        let mut wanted = String::new();
        let mut characters = pattern[1..pattern.len() - 1].chars();
        while let Some(character) = characters.next() {
            assert!(!matches!(character, '%' | '_'), "not escaped");
            wanted.push(if character == '\\' { characters.next().unwrap() } else { character });
        }
        text.contains(&wanted)
    }
}
