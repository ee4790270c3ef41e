//! `configs/config.yaml`: the one that is there, else one made from the workspace (contract 01
//! §2.1). Blocks.

use std::io;

use serde::Serialize;

use super::super::Wanted;
use super::super::folder::Folder;

const FILE: &str = "config.yaml";
/// Longest configuration that is read, in bytes.
const LIMIT: u64 = 1 << 20;
/// Longest model that is written, in bytes.
const LONGEST_MODEL: usize = 200;

#[derive(Serialize)]
struct Generated<'a> {
    name: &'a str,
    description: &'a str,
    version: &'static str,
    tier: i32,
    runtime: &'a str,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_config: Option<RuntimeConfig>,
}

#[derive(Serialize)]
struct RuntimeConfig {
    /// Seconds; 0 for none.
    timeout: u32,
}

/// Returns the configuration; writes one when there is nothing of that name.
///
/// `model` is the workspace's model, which `GET /workspaces/:id/model` tells too: the one value
/// among the secrets that is none.
pub(super) fn ensure(folder: &Folder, agent: &Wanted, model: Option<&str>) -> io::Result<Vec<u8>> {
    if let Some(found) = folder.read(FILE, LIMIT)? {
        return Ok(found);
    }
    let text = generated(agent, model)?;
    folder.replace(FILE, text.as_bytes())?;
    Ok(text.into_bytes())
}

fn generated(agent: &Wanted, model: Option<&str>) -> io::Result<String> {
    let usual = match agent.runtime.as_str() {
        "claude-code" => "sonnet",
        _ => "anthropic:claude-opus-4-7",
    };
    let plain = |model: &&str| {
        model.len() <= LONGEST_MODEL && model.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let without_timeout = matches!(agent.runtime.as_str(), "langgraph" | "deepagents");
    let config = Generated {
        name: &agent.name,
        description: agent.role.as_deref().unwrap_or_default(),
        version: "1.0.0",
        tier: agent.tier,
        runtime: &agent.runtime,
        model: model.filter(plain).unwrap_or(usual),
        runtime_config: (!without_timeout).then_some(RuntimeConfig { timeout: 0 }),
    };
    serde_saphyr::to_string(&config).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::super::fixtures::wanted;
    use super::*;

    fn parsed(agent: &Wanted, model: Option<&str>) -> Value {
        serde_saphyr::from_str(&generated(agent, model).unwrap()).unwrap()
    }

    #[test]
    fn it_has_the_keys_of_the_contract() {
        let agent = wanted("claude-code");
        let expected = json!({
            "name": "Ada", "description": "Listens", "version": "1.0.0", "tier": 2,
            "runtime": "claude-code", "model": "sonnet", "runtime_config": {"timeout": 0},
        });
        assert_eq!(parsed(&agent, None), expected);
        let agent = wanted("langgraph");
        assert_eq!(parsed(&agent, None)["model"], "anthropic:claude-opus-4-7");
        assert_eq!(parsed(&agent, Some("openai:gpt"))["model"], "openai:gpt");
        assert!(parsed(&agent, None).get("runtime_config").is_none());
    }

    #[test]
    fn the_one_that_is_there_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let made = ensure(&folder, &wanted("isomer"), None).unwrap();
        assert_eq!(std::fs::read(root.path().join(FILE)).unwrap(), made);
        std::fs::write(root.path().join(FILE), "mine: true").unwrap();
        assert_eq!(ensure(&folder, &wanted("isomer"), None).unwrap(), b"mine: true");
    }

    proptest! {
        #[test]
        fn whatever_the_names_are_it_reads_back(name in "\\PC{1,40}", role in "\\PC{0,40}") {
            let agent = Wanted { name: name.clone(), role: Some(role.clone()), ..wanted("isomer") };
            let read = parsed(&agent, None);
            prop_assert_eq!(&read["name"], &json!(name));
            prop_assert_eq!(&read["description"], &json!(role));
        }
    }
}
