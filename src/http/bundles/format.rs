//! The document (contract 06 §3.1).

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;

/// A workspace and everything below it. Unknown keys are ignored; every key is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Bundle {
    /// `1.0`.
    #[serde(deserialize_with = "nullable")]
    pub schema: String,
    /// Of the workspace that was exported.
    #[serde(deserialize_with = "nullable")]
    pub id: String,
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// Its role.
    #[serde(deserialize_with = "nullable")]
    pub description: String,
    #[serde(deserialize_with = "nullable")]
    pub tier: i32,
    /// Always empty.
    #[serde(deserialize_with = "nullable")]
    pub model: String,
    /// `system-prompt.md`.
    #[serde(deserialize_with = "nullable")]
    pub system_prompt: String,
    #[serde(deserialize_with = "nullable")]
    pub skills: Vec<Skill>,
    /// Always empty.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Vec<Object>)]
    pub tools: Vec<Value>,
    /// Texts by path: `config.yaml`, and the Markdown files beside it.
    #[serde(deserialize_with = "nullable")]
    pub prompts: Texts,
    #[serde(deserialize_with = "nullable")]
    #[schema(no_recursion)]
    pub sub_workspaces: Vec<Bundle>,
    /// Not read on import.
    #[schema(required)]
    pub agent_card: Option<Value>,
    /// Always empty.
    #[serde(deserialize_with = "nullable")]
    pub author: String,
    /// `1.0.0`.
    #[serde(deserialize_with = "nullable")]
    pub version: String,
    /// Names of secrets whose values stood in it: each is `[REDACTED:<name>]` now.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub redacted: Vec<String>,
}

/// A folder below `skills`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Skill {
    /// The folder.
    #[serde(deserialize_with = "nullable")]
    pub id: String,
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// The first line of its `SKILL.md` that says something.
    #[serde(deserialize_with = "nullable")]
    pub description: String,
    /// Texts by path below the folder.
    #[serde(deserialize_with = "nullable")]
    pub files: Texts,
}

/// Texts by path, in the order in which they came; a path that came twice is there twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Texts(pub Vec<(String, String)>);

impl utoipa::PartialSchema for Texts {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        <std::collections::BTreeMap<String, String>>::schema()
    }
}

impl ToSchema for Texts {}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(path, text)| (path, text)))
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Texts(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

fn nullable<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Returns what a skill says of itself: the first line of its `SKILL.md` that is outside the front
/// matter, not empty and no heading.
pub fn described(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).peekable();
    if lines.peek() == Some(&"---") {
        lines.next();
        lines.find(|line| *line == "---");
    }
    lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skills_are_described_by_their_first_line() {
        for (text, line) in [
            ("---\nname: x\n---\n# Title\n\nDoes it.\nMore.", "Does it."),
            ("# Title\n", ""),
            ("Plain", "Plain"),
            ("---\nnever closed", ""),
        ] {
            assert_eq!(described(text), line, "{text}");
        }
    }

    #[test]
    fn every_key_is_written_and_none_is_needed() {
        let bundle: Bundle = serde_json::from_str(r#"{"name":null,"more":1}"#).unwrap();
        assert_eq!(bundle, Bundle::default());
        let written = serde_json::to_value(&bundle).unwrap();
        assert_eq!(written.as_object().unwrap().len(), 14);
    }

    #[test]
    fn a_path_that_comes_twice_is_seen() {
        let texts: Texts = serde_json::from_str(r#"{"a":"1","a":"2"}"#).unwrap();
        assert_eq!(texts.0.len(), 2);
    }
}
