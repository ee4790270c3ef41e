//! The variables of contract 01 §7.2 that are no secrets. Pure.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::super::Wanted;

/// Where containers find the configuration and the plugins. Processes are told otherwise.
const CONFIGS: &str = "/configs";
const PLUGINS: &str = "/plugins";
const MAIL_DOMAIN: &str = "agents.moleculesai.app";

/// Returns the variables of an agent. They win over secrets, so those that may be overridden are
/// left out where there is a secret of that name.
pub(super) fn variables(
    agent: &Wanted,
    platform_url: &str,
    secrets: &BTreeMap<String, SecretString>,
    model: Option<&str>,
) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut put = |name: &str, value: String| _ = all.insert(name.to_owned(), value);
    put("WORKSPACE_ID", agent.id.to_string());
    put("WORKSPACE_CONFIG_PATH", CONFIGS.to_owned());
    put("PLUGINS_DIR", PLUGINS.to_owned());
    put("PLATFORM_URL", platform_url.to_owned());
    put("MOLECULE_URL", platform_url.to_owned());
    put("TIER", agent.tier.to_string());
    put("ISOMER_AGENT_NAME", agent.name.clone());
    if let Some(parent) = agent.parent_id {
        put("PARENT_ID", parent.to_string());
    }
    if let Some(role) = &agent.role {
        put("MOLECULE_AGENT_ROLE", role.clone());
        put("ISOMER_AGENT_ROLE", role.clone());
    }
    if let Some(model) = model.filter(|_| agent.runtime == "hermes") {
        put("HERMES_DEFAULT_MODEL", model.to_owned());
    }
    let author = format!("Molecule AI {}", agent.name);
    let mail = format!("{}@{MAIL_DOMAIN}", slug(&agent.name));
    for role in ["AUTHOR", "COMMITTER"] {
        for (part, value) in [("NAME", &author), ("EMAIL", &mail)] {
            let name = format!("GIT_{role}_{part}");
            if !secrets.contains_key(&name) {
                put(&name, value.clone());
            }
        }
    }
    // No variable can hold a NUL.
    all.values_mut().for_each(|value| value.retain(|c| c != '\0'));
    all
}

/// Letters and digits in lower case, with single dashes between them.
fn slug(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-");
    if slug.is_empty() { "agent".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use isomer_actors::domain::ids::WorkspaceId;
    use proptest::prelude::*;

    use super::super::super::fixtures::wanted;
    use super::*;

    #[test]
    fn they_are_those_of_the_contract() {
        let parent = WorkspaceId::random();
        let agent = Wanted { parent_id: Some(parent), ..wanted("hermes") };
        let url = "http://127.0.0.1:8080";
        let secrets = BTreeMap::from([("GIT_AUTHOR_NAME".to_owned(), SecretString::from("me"))]);
        let all = variables(&agent, url, &secrets, Some("gpt"));
        let expected = BTreeMap::from([
            ("GIT_AUTHOR_EMAIL", "ada@agents.moleculesai.app".to_owned()),
            ("GIT_COMMITTER_EMAIL", "ada@agents.moleculesai.app".to_owned()),
            ("GIT_COMMITTER_NAME", "Molecule AI Ada".to_owned()),
            ("HERMES_DEFAULT_MODEL", "gpt".to_owned()),
            ("ISOMER_AGENT_NAME", "Ada".to_owned()),
            ("ISOMER_AGENT_ROLE", "Listens".to_owned()),
            ("MOLECULE_AGENT_ROLE", "Listens".to_owned()),
            ("MOLECULE_URL", url.to_owned()),
            ("PARENT_ID", parent.to_string()),
            ("PLATFORM_URL", url.to_owned()),
            ("PLUGINS_DIR", "/plugins".to_owned()),
            ("TIER", "2".to_owned()),
            ("WORKSPACE_CONFIG_PATH", "/configs".to_owned()),
            ("WORKSPACE_ID", agent.id.to_string()),
        ]);
        let all: BTreeMap<_, _> = all.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
        assert_eq!(all, expected);
        let isomer = variables(&wanted("isomer"), url, &BTreeMap::new(), Some("gpt"));
        assert!(!isomer.contains_key("HERMES_DEFAULT_MODEL") && !isomer.contains_key("PARENT_ID"));
    }

    proptest! {
        #[test]
        fn a_slug_is_the_local_part_of_a_mail_address(name in "\\PC{0,30}") {
            let slug = slug(&name);
            prop_assert!(!slug.is_empty() && !slug.starts_with('-') && !slug.ends_with('-'));
            prop_assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            prop_assert!(!slug.contains("--"));
        }
    }
}
