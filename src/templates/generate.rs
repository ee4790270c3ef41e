//! Files of workspaces that bring none (contract 01 §2.1, 06 §6).

use serde::Serialize;

use super::config::{FILE, PROMPT};
use super::files::Files;

/// Runtimes whose own limit counts.
const OWN_TIMEOUT: [&str; 2] = ["langgraph", "deepagents"];
const CLAUDE_CODE: &str = "claude-code";

/// What a generated file is made of.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub name: &'a str,
    pub role: &'a str,
    pub tier: i32,
    pub runtime: &'a str,
    /// Empty for the runtime's usual one.
    pub model: &'a str,
}

#[derive(Serialize)]
struct Config<'a> {
    name: &'a str,
    description: &'a str,
    version: &'a str,
    tier: i32,
    runtime: &'a str,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_config: Option<Timeout>,
}

#[derive(Serialize)]
struct Timeout {
    timeout: u32,
}

/// Returns the `config.yaml` of a workspace without a template.
pub fn config(subject: &Subject<'_>) -> String {
    let usual = match subject.runtime {
        CLAUDE_CODE => "sonnet",
        _ => "anthropic:claude-opus-4-7",
    };
    let own = OWN_TIMEOUT.contains(&subject.runtime);
    written(&Config {
        name: subject.name,
        description: subject.role,
        version: "1.0.0",
        tier: subject.tier,
        runtime: subject.runtime,
        model: if subject.model.is_empty() { usual } else { subject.model },
        runtime_config: (!own).then_some(Timeout { timeout: 0 }),
    })
}

#[derive(Serialize)]
struct Imported<'a> {
    name: &'a str,
    description: &'a str,
    version: &'a str,
    tier: i32,
    model: &'a str,
    prompt_files: Vec<&'a str>,
    skills: Vec<&'a str>,
    tools: [&'a str; 0],
    a2a: A2a,
    env: Env<'a>,
}

#[derive(Serialize)]
struct A2a {
    port: u16,
    streaming: bool,
    push_notifications: bool,
}

#[derive(Serialize)]
struct Env<'a> {
    required: [&'a str; 1],
}

/// Adds a `config.yaml` to the files of an imported template that brings none.
pub fn complete(name: &str, files: &mut Files) {
    if files.get(FILE).is_some() {
        return;
    }
    let is_prompt = |path: &&str| path.ends_with(".md") && !path.contains('/');
    let skill = |path: &'_ str| -> Option<String> {
        let name = path.strip_prefix("skills/")?.strip_suffix("/SKILL.md")?;
        (!name.contains('/')).then(|| name.to_owned())
    };
    let skills: Vec<String> = files.iter().filter_map(|(path, _)| skill(path)).collect();
    let mut prompts: Vec<&str> = files.iter().map(|(path, _)| path).filter(is_prompt).collect();
    if prompts.is_empty() {
        prompts.push(PROMPT);
    }
    let text = written(&Imported {
        name,
        description: "Imported agent",
        version: "1.0.0",
        tier: 3,
        model: "anthropic:claude-haiku-4-5-20251001",
        prompt_files: prompts,
        skills: skills.iter().map(String::as_str).collect(),
        tools: [],
        a2a: A2a { port: 8_000, streaming: true, push_notifications: true },
        env: Env { required: ["ANTHROPIC_API_KEY"] },
    });
    files.put(FILE, text);
}

/// Texts and numbers can always be written; what could not be would be an empty file.
fn written(value: &impl Serialize) -> String {
    serde_saphyr::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::config::TemplateConfig;
    use super::*;

    proptest! {
        #[test]
        fn what_is_generated_reads_back(name in "\\PC{0,40}", role in ".{0,40}") {
            let text = config(&Subject { name: &name, role: &role, tier: 2, runtime: "x", model: "" });
            let read = TemplateConfig::parse(&text).unwrap();
            prop_assert_eq!((read.name, read.description, read.tier), (name, role, 2));
            prop_assert_eq!(read.runtime, "x");
        }
    }

    #[test]
    fn an_imported_template_is_completed_once() {
        let mut files = Files::default();
        files.add("b.md", "").unwrap();
        files.add("skills/s/SKILL.md", "").unwrap();
        files.add("skills/s/deep/SKILL.md", "").unwrap();
        complete("N", &mut files);
        let text = files.text(FILE).unwrap();
        let config = TemplateConfig::parse(&text).unwrap();
        assert_eq!(config.skills, Some(vec!["s".to_owned()]));
        assert!(text.contains("b.md") && !text.contains(PROMPT), "{text}");
        files.put(FILE, "name: mine");
        complete("N", &mut files);
        assert_eq!(files.text(FILE).unwrap(), "name: mine");
    }
}
