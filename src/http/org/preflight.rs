//! Which secrets an organisation needs, and which of them are missing (contract 06 §4.3).

use std::collections::BTreeSet;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::template::Org;

/// Longest name, in bytes.
const MAX_NAME: usize = 128;

/// One name, or several of which any will do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement(BTreeSet<String>);

impl Requirement {
    fn is_group(&self) -> bool {
        self.0.len() > 1
    }

    /// Keeps the names that can be variables; `None` when there are none.
    fn valid(&self) -> Option<Self> {
        let names: BTreeSet<_> = self.0.iter().filter(|name| is_name(name)).cloned().collect();
        (!names.is_empty()).then_some(Self(names))
    }

    fn is_met(&self, there: &BTreeSet<String>) -> bool {
        self.0.iter().any(|name| there.contains(name))
    }
}

impl Serialize for Requirement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.first().filter(|_| !self.is_group()) {
            Some(name) => serializer.serialize_str(name),
            None => json!({"any_of": self.0}).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Requirement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Name(String),
            Group { any_of: Vec<String> },
        }
        match Written::deserialize(deserializer)? {
            Written::Name(name) => Ok(Self(BTreeSet::from([name]))),
            Written::Group { any_of } if any_of.is_empty() => {
                Err(D::Error::custom("any_of names nothing"))
            }
            Written::Group { any_of } => Ok(Self(any_of.into_iter().collect())),
        }
    }
}

impl utoipa::PartialSchema for Requirement {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        Value::schema()
    }
}

impl utoipa::ToSchema for Requirement {}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_uppercase())
        && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && name.len() <= MAX_NAME
}

/// What an organisation needs, sorted: single names, then groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub required: Vec<Requirement>,
    pub recommended: Vec<Requirement>,
}

impl Needs {
    /// Gathers them from the whole organisation.
    pub fn of(org: &Org) -> Self {
        let nodes = org.nodes();
        let required = org.required_env.iter().chain(nodes.iter().flat_map(|n| &n.required_env));
        let recommended =
            org.recommended_env.iter().chain(nodes.iter().flat_map(|n| &n.recommended_env));
        let required = pruned(required);
        let strict: BTreeSet<&String> =
            required.iter().filter(|need| !need.is_group()).flat_map(|need| &need.0).collect();
        let recommended = pruned(recommended)
            .into_iter()
            .filter(|need| !need.0.iter().any(|name| strict.contains(name)))
            .collect();
        Self { required, recommended }
    }

    /// Returns what is required and not there.
    pub fn missing(&self, there: &BTreeSet<String>) -> Vec<Requirement> {
        self.required.iter().filter(|need| !need.is_met(there)).cloned().collect()
    }
}

/// Drops what is there twice, and groups that a single name makes needless.
fn pruned<'a>(needs: impl Iterator<Item = &'a Requirement>) -> Vec<Requirement> {
    let all: BTreeSet<Requirement> = needs.filter_map(Requirement::valid).collect();
    let (groups, singles): (Vec<_>, Vec<_>) = all.into_iter().partition(Requirement::is_group);
    let covered = |group: &Requirement| singles.iter().any(|single| single.0.is_subset(&group.0));
    let groups: Vec<_> = groups.into_iter().filter(|group| !covered(group)).collect();
    singles.into_iter().chain(groups).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn org(text: &str) -> Org {
        crate::templates::yaml::parse(text).unwrap()
    }

    fn shown(needs: &[Requirement]) -> Value {
        serde_json::to_value(needs).unwrap()
    }

    #[test]
    fn needs_are_gathered_pruned_and_sorted() {
        let org = org("
name: x
required_env: [B_KEY, {any_of: [A_KEY, C_KEY]}, {any_of: [X, Y]}, lower, {any_of: [bad-name]}]
recommended_env: [B_KEY, Z, {any_of: [A_KEY, Q]}]
workspaces:
  - {name: a, required_env: [A_KEY, {any_of: [Y, X]}], children: [{name: b, recommended_env: [R]}]}
");
        let needs = Needs::of(&org);
        assert_eq!(shown(&needs.required), json!(["A_KEY", "B_KEY", {"any_of": ["X", "Y"]}]));
        assert_eq!(shown(&needs.recommended), json!(["R", "Z"]));
        let there = BTreeSet::from(["A_KEY".to_owned(), "Y".to_owned()]);
        assert_eq!(shown(&needs.missing(&there)), json!(["B_KEY"]));
    }

    #[test]
    fn an_empty_group_is_an_error() {
        assert!(crate::templates::yaml::parse::<Org>("required_env: [{any_of: []}]").is_err());
    }
}
