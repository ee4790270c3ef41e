//! The description of an organisation (contract 06 §4.4).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::preflight::Requirement;

/// Deepest that workspaces may be nested, and how many there may be.
pub const MAX_DEPTH: usize = 32;
pub const MAX_WORKSPACES: usize = 1_000;

/// An organisation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = OrgTemplate)]
pub struct Org {
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    #[serde(deserialize_with = "nullable")]
    pub description: String,
    #[serde(deserialize_with = "nullable")]
    pub defaults: Defaults,
    #[serde(deserialize_with = "nullable")]
    pub workspaces: Vec<Node>,
    /// Not kept yet: named in `skipped`.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Vec<Object>)]
    pub global_memories: Vec<Value>,
    #[serde(deserialize_with = "nullable")]
    pub required_env: Vec<Requirement>,
    #[serde(deserialize_with = "nullable")]
    pub recommended_env: Vec<Requirement>,
}

/// What counts where a workspace says nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = OrgDefaults)]
pub struct Defaults {
    #[serde(deserialize_with = "nullable")]
    pub runtime: String,
    #[serde(deserialize_with = "nullable")]
    pub tier: i32,
    #[serde(flatten)]
    pub more: Settings,
}

/// What defaults and workspaces both say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = OrgSettings)]
pub struct Settings {
    #[serde(deserialize_with = "nullable")]
    pub model: String,
    /// Not installed yet: named in `skipped`.
    #[serde(deserialize_with = "nullable")]
    pub plugins: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub initial_prompt: String,
    #[serde(deserialize_with = "nullable")]
    pub initial_prompt_file: String,
    #[serde(deserialize_with = "nullable")]
    pub idle_prompt: String,
    #[serde(deserialize_with = "nullable")]
    pub idle_prompt_file: String,
    /// 600 when there is a prompt.
    #[serde(deserialize_with = "nullable")]
    pub idle_interval_seconds: u64,
    #[serde(deserialize_with = "nullable")]
    pub category_routing: BTreeMap<String, Vec<String>>,
    /// Not kept yet: named in `skipped`.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Vec<Object>)]
    pub initial_memories: Vec<Value>,
}

/// A workspace of an organisation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = OrgWorkspace)]
pub struct Node {
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    #[serde(deserialize_with = "nullable")]
    pub role: String,
    #[serde(deserialize_with = "nullable")]
    pub runtime: String,
    #[serde(deserialize_with = "nullable")]
    pub tier: i32,
    /// A template of a workspace.
    #[serde(deserialize_with = "nullable")]
    pub template: String,
    /// A folder of the organisation that takes the template's place.
    #[serde(deserialize_with = "nullable")]
    pub files_dir: String,
    #[serde(deserialize_with = "nullable")]
    pub system_prompt: String,
    /// `$NAME` and `${NAME}` stand for what `.env` files say.
    #[serde(deserialize_with = "nullable")]
    pub workspace_dir: String,
    #[serde(deserialize_with = "nullable")]
    pub workspace_access: String,
    #[serde(deserialize_with = "nullable")]
    pub max_concurrent_tasks: i32,
    /// Not run yet: named in `skipped`.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Vec<Object>)]
    pub schedules: Vec<Value>,
    /// Not opened yet: named in `skipped`.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Vec<Object>)]
    pub channels: Vec<Value>,
    #[serde(deserialize_with = "nullable")]
    pub external: bool,
    #[serde(deserialize_with = "nullable")]
    pub url: String,
    /// Of roots alone.
    pub canvas: Option<Point>,
    #[serde(deserialize_with = "nullable")]
    pub required_env: Vec<Requirement>,
    #[serde(deserialize_with = "nullable")]
    pub recommended_env: Vec<Requirement>,
    #[serde(deserialize_with = "nullable")]
    #[schema(no_recursion)]
    pub children: Vec<Node>,
    #[serde(flatten)]
    pub more: Settings,
}

/// A place on the canvas.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = OrgPoint)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

impl Org {
    /// Returns all workspaces, parents before children.
    pub fn nodes(&self) -> Vec<&Node> {
        let mut nodes = Vec::new();
        let mut open: Vec<&Node> = self.workspaces.iter().rev().collect();
        while let Some(node) = open.pop() {
            nodes.push(node);
            open.extend(node.children.iter().rev());
        }
        nodes
    }

    /// Checks how large it is.
    ///
    /// # Errors
    /// What is too much.
    pub fn check_size(&self) -> Result<(), String> {
        let deepest = self.workspaces.iter().map(Node::depth).max().unwrap_or_default();
        if deepest > MAX_DEPTH || self.nodes().len() > MAX_WORKSPACES {
            return Err("at most 1,000 workspaces in 32 levels are accepted".to_owned());
        }
        Ok(())
    }
}

impl Node {
    fn depth(&self) -> usize {
        1 + self.children.iter().map(Self::depth).max().unwrap_or_default()
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
