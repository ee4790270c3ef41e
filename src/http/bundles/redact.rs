//! Taking the values of secrets out of what is handed out.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use zeroize::Zeroizing;

use super::format::Bundle;

/// Values from this length on are taken out wherever they stand; shorter ones only where they stand
/// alone, because any text has single letters.
const ANYWHERE: usize = 4;
/// Lines of values that have several are looked for one by one from this length on.
const A_LINE: usize = 8;

/// The values that must not be seen, in every form in which they are written.
pub struct Redactor {
    /// Longest first, so that no part of one is left.
    needles: Vec<(Zeroizing<String>, String)>,
    pub found: BTreeSet<String>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("needles", &self.needles.len()).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Looks for all these secrets, which have names. A value that several have is the first's.
    pub fn new(secrets: &[(String, SecretString)]) -> Self {
        let forms_of = |(name, value): &(String, SecretString)| {
            let forms = forms(value.expose_secret()).into_iter();
            forms.map(|form| (form, name.clone())).collect::<Vec<_>>()
        };
        let mut needles: Vec<_> = secrets.iter().flat_map(forms_of).collect();
        needles.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup_by(|(later, _), (first, _)| later == first);
        Self { needles, found: BTreeSet::new() }
    }

    /// Replaces every value in a bundle and what is below it.
    pub fn clean(&mut self, bundle: &mut Bundle) {
        for text in [&mut bundle.name, &mut bundle.description, &mut bundle.system_prompt] {
            self.text(text);
        }
        for (path, text) in &mut bundle.prompts.0 {
            self.text(path);
            self.text(text);
        }
        for skill in &mut bundle.skills {
            for text in [&mut skill.id, &mut skill.name, &mut skill.description] {
                self.text(text);
            }
            for (path, text) in &mut skill.files.0 {
                self.text(path);
                self.text(text);
            }
        }
        if let Some(card) = &mut bundle.agent_card {
            self.json(card);
        }
        bundle.sub_workspaces.iter_mut().for_each(|below| self.clean(below));
    }

    fn json(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(map) => {
                let entries = std::mem::take(map);
                for (mut key, mut item) in entries {
                    self.text(&mut key);
                    self.json(&mut item);
                    map.insert(key, item);
                }
            }
            Value::Number(number) => {
                let mut text = number.to_string();
                let before = text.clone();
                self.text(&mut text);
                if text != before {
                    *value = Value::String(text);
                }
            }
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn text(&mut self, text: &mut String) {
        for (needle, name) in &self.needles {
            if !text.contains(needle.as_str()) {
                continue;
            }
            let cleaned = replaced(text, needle, &format!("[REDACTED:{name}]"));
            if cleaned != *text {
                *text = cleaned;
                self.found.insert(name.clone());
            }
        }
    }
}

fn replaced(text: &str, needle: &str, mark: &str) -> String {
    if needle.len() >= ANYWHERE {
        return text.replace(needle, mark);
    }
    let (mut cleaned, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(needle) {
        let (before, after) = (&rest[..at], &rest[at + needle.len()..]);
        let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let last = before.chars().next_back().or_else(|| cleaned.chars().next_back());
        cleaned.push_str(before);
        cleaned.push_str(match joined(last) || joined(after.chars().next()) {
            true => needle,
            false => mark,
        });
        rest = after;
    }
    cleaned.push_str(rest);
    cleaned
}

/// Returns the forms in which a value may be written in YAML, JSON or an URL.
fn forms(value: &str) -> Vec<Zeroizing<String>> {
    let trimmed = value.trim();
    if trimmed.is_empty() {
        return Vec::new();
    }
    let mut forms = vec![value.to_owned(), trimmed.to_owned()];
    if trimmed.len() >= ANYWHERE {
        forms.push(trimmed.replace('\'', "''"));
        forms.push(trimmed.replace('\\', "\\\\").replace('"', "\\\""));
        if let Ok(json) = serde_json::to_string(trimmed) {
            forms.push(json.trim_matches('"').to_owned());
        }
        forms.push(STANDARD.encode(value));
        forms.push(STANDARD.encode(trimmed));
        forms.push(percent_encoded(trimmed));
        let lines = trimmed.lines().map(str::trim).filter(|line| line.len() >= A_LINE);
        // Lines of a key say what it is; they hold nothing.
        forms.extend(lines.filter(|line| !line.starts_with("-----")).map(str::to_owned));
    }
    forms.sort_unstable();
    forms.dedup();
    forms.into_iter().map(Zeroizing::new).collect()
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned(secret: &str, text: &str) -> String {
        let mut redactor =
            Redactor::new(&[("KEY".to_owned(), SecretString::from(secret.to_owned()))]);
        let mut text = text.to_owned();
        redactor.text(&mut text);
        text
    }

    #[test]
    fn values_are_found_in_every_form() {
        for (secret, text) in [
            ("sk-12345", "key: sk-12345"),
            ("sk-12345\n", "key: xsk-12345x"),
            ("it's \"q\"", "key: 'it''s \"q\"'"),
            ("it's \"q\"", "key: \"it's \\\"q\\\"\""),
            ("line one long\nline two long", "key: |\n  line one long\n  line two long\n"),
            ("pass word+", "u: http://x?k=pass%20word%2B"),
            ("abc", "key: abc\n"),
        ] {
            let after = cleaned(secret, text);
            assert!(after.contains("[REDACTED:KEY]"), "{after}");
            for line in secret.trim().lines() {
                assert!(!after.contains(line), "{after}");
            }
        }
        let encoded = STANDARD.encode("sk-12345");
        assert!(!cleaned("sk-12345", &encoded).contains(&encoded));
        assert_eq!(cleaned("a", "a banana: a"), "[REDACTED:KEY] banana: [REDACTED:KEY]");
    }

    #[test]
    fn a_value_with_two_names_is_the_firsts() {
        let [first, other] = ["GLOBAL", "OWN"].map(|name| (name.to_owned(), "sk-12345".into()));
        let mut text = "sk-12345".to_owned();
        Redactor::new(&[first, other]).text(&mut text);
        assert_eq!(text, "[REDACTED:GLOBAL]");
    }

    proptest! {
        #[test]
        fn no_value_is_left(secret in "[a-zA-Z0-9!-/]{4,20}", before in "\\PC{0,20}", after in "\\PC{0,20}") {
            let text = format!("{before}{secret}{after}");
            prop_assume!(!"[REDACTED:KEY]".contains(&secret));
            prop_assert!(!cleaned(&secret, &text).contains(&secret));
        }
    }
}
