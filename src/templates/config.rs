//! `config.yaml` of a template or workspace: what of it the platform reads (contract 06 §2, §6).

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::yaml;

/// The file.
pub const FILE: &str = "config.yaml";
/// What a workspace is told to be.
pub const PROMPT: &str = "system-prompt.md";

/// What a template says of itself. Keys of runtimes are theirs to read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct TemplateConfig {
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    #[serde(deserialize_with = "nullable")]
    pub description: String,
    #[serde(deserialize_with = "nullable")]
    pub tier: i32,
    #[serde(deserialize_with = "nullable")]
    pub runtime: String,
    #[serde(deserialize_with = "nullable")]
    pub model: String,
    pub skills: Option<Vec<String>>,
    #[serde(deserialize_with = "nullable")]
    pub runtime_config: RuntimeConfig,
    #[serde(deserialize_with = "nullable")]
    pub sub_workspaces: Vec<SubWorkspace>,
}

/// What concerns the runtime.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RuntimeConfig {
    #[serde(deserialize_with = "nullable")]
    pub model: String,
    pub models: Option<Vec<Model>>,
    pub required_env: Option<Vec<String>>,
    /// Seconds.
    pub provision_timeout_seconds: Option<u64>,
}

/// A model that a runtime can use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TemplateModel)]
pub struct Model {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// Secrets that it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub required_env: Option<Vec<String>>,
}

/// A workspace that a team has below its lead.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SubWorkspace {
    /// A template.
    #[serde(deserialize_with = "nullable")]
    pub config: String,
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    #[serde(deserialize_with = "nullable")]
    pub role: String,
}

impl SubWorkspace {
    /// Returns what it is called.
    pub fn name(&self) -> &str {
        if self.name.is_empty() { &self.config } else { &self.name }
    }
}

impl TemplateConfig {
    /// Parses the file.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        yaml::parse(text)
    }

    /// Returns the model, wherever it is said.
    pub fn model(&self) -> &str {
        if self.model.is_empty() { &self.runtime_config.model } else { &self.model }
    }
}

/// A key without a value counts as absent.
fn nullable<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Returns the runtime that a `config.yaml` names in its first line beginning with `runtime:`
/// (contract 06 §3.3).
pub fn runtime_of(text: &str) -> Option<&str> {
    let line = text.lines().find_map(|line| line.strip_prefix("runtime:"))?;
    let value = line.split(" #").next().unwrap_or(line).trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_say_what_they_are() {
        let text = "name: Lead\ntier: 2\nruntime: isomer\nskills:\nextra: {a: 1}\n\
            runtime_config: {model: m, required_env: [KEY]}\n\
            sub_workspaces:\n  - {config: writer, role: Writes}\n  - {name: R, config: r}\n";
        let config = TemplateConfig::parse(text).unwrap();
        assert_eq!((config.name.as_str(), config.tier, config.model()), ("Lead", 2, "m"));
        assert_eq!(config.skills, None);
        let names: Vec<_> = config.sub_workspaces.iter().map(SubWorkspace::name).collect();
        assert_eq!(names, ["writer", "R"]);
        assert!(TemplateConfig::parse("sub_workspaces: 7").is_err());
    }

    #[test]
    fn the_runtime_is_found_by_its_line() {
        for (text, runtime) in [
            ("name: x\nruntime: isomer\n", Some("isomer")),
            ("runtime:  \"claude-code\"  # ours\n", Some("claude-code")),
            ("  runtime: nested\n", None),
            ("runtime:\n", None),
        ] {
            assert_eq!(runtime_of(text), runtime, "{text}");
        }
    }
}
