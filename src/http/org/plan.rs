//! From the description of an organisation to its workspaces, with their files and secrets. Blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use isomer_actors::api::Start;
use isomer_actors::directory::Planned;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::indexes::EXTERNAL;
use secrecy::ExposeSecret;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Builder;

use super::env::{self, Variables};
use super::layout;
use super::template::{Node, Org, Settings};
use crate::http::creation::{self, DEFAULT_RUNTIME, Newcomer};
use crate::http::json::BadInput;
use crate::http::secrets::refused_value;
use crate::http::workspaces::{check_access, check_directory, check_texts};
use crate::keys::names;
use crate::templates::config::{FILE, PROMPT, runtime_of};
use crate::templates::generate::Subject;
use crate::templates::{Files, Folder, FolderError, Templates, check_path, workspace_files};

/// The tier of workspaces that name none (contract 06 §4.4).
const DEFAULT_TIER: i32 = 2;
/// Seconds, where there is a prompt and no interval (contract 06 §4.4).
const IDLE_INTERVAL: u64 = 600;
/// Longest file with a prompt, in bytes.
const MAX_PROMPT: usize = 256 << 10;
/// Between two roots that say nothing of their places, in canvas units.
const BETWEEN_ROOTS: f64 = 60.0;

/// A workspace that is to be, with the secrets that come with it.
#[derive(Debug)]
pub struct Drafted {
    pub newcomer: Newcomer,
    pub secrets: Variables,
}

/// What of a description this server does not do yet, or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Skipped {
    /// Empty for the organisation itself.
    pub workspace: String,
    /// The key, such as `schedules`.
    pub key: String,
    pub reason: String,
}

/// Where ids come from.
#[derive(Clone, Debug)]
pub enum Ids {
    /// New ones.
    Fresh,
    /// Always the same for the same key, description and place: a repeated import finds what an
    /// earlier one created.
    Of([u8; 32]),
}

impl Ids {
    /// Returns those of an import that may be repeated.
    pub fn keyed(key: &str, org: &Org) -> Self {
        let described = serde_json::to_vec(org).unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update(b"isomer org import\0");
        hash.update(key.len().to_be_bytes());
        hash.update(key);
        hash.update(described);
        Self::Of(hash.finalize().into())
    }

    fn at(&self, place: &str) -> WorkspaceId {
        match self {
            Self::Fresh => WorkspaceId::random(),
            Self::Of(seed) => {
                let hash = Sha256::new().chain_update(seed).chain_update(place).finalize();
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&hash[..16]);
                WorkspaceId(Builder::from_random_bytes(bytes).into_uuid())
            }
        }
    }
}

/// Plans an organisation.
#[derive(Debug)]
pub struct Planner<'a> {
    pub org: &'a Org,
    /// Its folder; none for one that came in a request.
    pub folder: Option<&'a Folder>,
    pub templates: &'a Templates,
    pub ids: &'a Ids,
    pub drafted: Vec<Drafted>,
    pub skipped: Vec<Skipped>,
    /// What the files of all drafted have together.
    pub bytes: usize,
}

/// Why there is no plan: a field, or the disk.
#[derive(Debug)]
pub enum NoPlan {
    Refused(BadInput),
    Disk(FolderError),
}

impl From<BadInput> for NoPlan {
    fn from(bad: BadInput) -> Self {
        Self::Refused(bad)
    }
}

impl Planner<'_> {
    /// Plans all workspaces, parents before their children.
    ///
    /// # Errors
    /// The first field that is refused.
    pub fn plan(&mut self) -> Result<(), NoPlan> {
        let root = match self.folder {
            Some(folder) => env::read(folder).map_err(NoPlan::Disk)?,
            None => Variables::new(),
        };
        self.skip_some("", "global_memories", self.org.global_memories.len());
        let mut x = 0.0;
        for (number, node) in self.org.workspaces.iter().enumerate() {
            let at = node.canvas.map_or((x, 0.0), |point| (point.x, point.y));
            if !at.0.is_finite() || !at.1.is_finite() {
                let field = format!("workspaces[{number}].canvas");
                return Err(BadInput::new(&field, "x and y must be finite numbers").into());
            }
            self.add(node, &format!("workspaces[{number}]"), None, at, &root)?;
            x = at.0 + layout::size(node).0 + BETWEEN_ROOTS;
        }
        Ok(())
    }

    fn add(
        &mut self,
        node: &Node,
        field: &str,
        above: Option<WorkspaceId>,
        place: (f64, f64),
        root: &Variables,
    ) -> Result<(), NoPlan> {
        let id = self.ids.at(field);
        let named = |bad: BadInput| BadInput::new(&format!("{field}.{}", bad.field), bad.reason);
        let dir = self.files_dir(node).map_err(|error| at_field(error, field, "files_dir"))?;
        let mut variables = root.clone();
        if let Some(dir) = &dir {
            variables.extend(env::read(dir).map_err(NoPlan::Disk)?);
        }
        let runtime = self.runtime(node, dir.as_ref());
        check_texts(&node.name, &node.role, &runtime).map_err(named)?;
        let tier = first([node.tier, self.org.defaults.tier, DEFAULT_TIER]);
        let mut new = creation::plain(&node.name, &node.role, tier, &runtime);
        (new.id, new.parent_id, new.position) = (id, above, place);
        new.max_concurrent_tasks = node.max_concurrent_tasks.max(1);
        if !node.workspace_dir.is_empty() {
            let refused = |why: String| BadInput::new("workspace_dir", why);
            let expanded = env::expanded(&node.workspace_dir, &variables).map_err(refused);
            let dir = expanded.map_err(named)?;
            check_directory(&dir).map_err(named)?;
            new.workspace_dir = Some(dir);
        }
        let access = Some(node.workspace_access.as_str());
        new.workspace_access = check_access(access, new.workspace_dir.as_deref()).map_err(named)?;
        let mut files = Files::default();
        let mut secrets = Variables::new();
        if node.external {
            if node.url.is_empty() {
                return Err(named(BadInput::new("url", "an external agent's is required")).into());
            }
            new.start = Start::External { url: node.url.clone() };
            EXTERNAL.clone_into(&mut new.runtime);
        } else {
            files = self.files(node, dir.as_ref(), &runtime, tier, field)?;
            self.bytes += files.bytes();
            if self.bytes > creation::MAX_BYTES {
                let why = "the files of all workspaces would have more than 256 MiB";
                return Err(BadInput::new(field, why).into());
            }
            secrets = self.secrets(node, variables);
        }
        self.skip(node);
        let planned = Planned { new, source_bundle_id: None, place: Some(place) };
        let newcomer = Newcomer { planned, files: Arc::new(files) };
        self.drafted.push(Drafted { newcomer, secrets });
        for (number, (child, place)) in
            node.children.iter().zip(layout::places(&node.children)).enumerate()
        {
            let field = format!("{field}.children[{number}]");
            self.add(child, &field, Some(id), place, root)?;
        }
        Ok(())
    }

    /// A workspace's own word, else the default's, else what its files say.
    fn runtime(&self, node: &Node, dir: Option<&Folder>) -> String {
        let given = [&node.runtime, &self.org.defaults.runtime];
        if let Some(given) = given.into_iter().find(|given| !given.is_empty()) {
            return given.clone();
        }
        let config = match dir {
            Some(dir) => dir.read_text(FILE, MAX_PROMPT).ok(),
            None if node.template.is_empty() => None,
            None => self.templates.files(&node.template).ok().flatten().and_then(|f| f.text(FILE)),
        };
        config.as_deref().and_then(runtime_of).unwrap_or(DEFAULT_RUNTIME).to_owned()
    }

    fn files_dir(&self, node: &Node) -> Result<Option<Folder>, FolderError> {
        match self.folder.filter(|_| !node.files_dir.is_empty()) {
            Some(folder) => folder.beneath(node.files_dir.trim_end_matches('/')).map(Some),
            None if node.files_dir.is_empty() => Ok(None),
            None => Err(FolderError::Missing),
        }
    }

    fn files(
        &mut self,
        node: &Node,
        dir: Option<&Folder>,
        runtime: &str,
        tier: i32,
        field: &str,
    ) -> Result<Files, NoPlan> {
        let own = match dir {
            Some(dir) => Some(workspace_files(dir).map_err(|e| at_field(e, field, "files_dir"))?),
            None if node.template.is_empty() => None,
            None => {
                let found = self.templates.files(&node.template);
                let found = found.and_then(|found| found.ok_or(FolderError::Missing));
                Some(found.map_err(|error| at_field(error, field, "template"))?)
            }
        };
        let defaults = &self.org.defaults.more;
        let model = first_text([&node.more.model, &defaults.model]);
        let subject = Subject { name: &node.name, role: &node.role, tier, runtime, model };
        // A folder without a config gets one beside what it has.
        let extra = own.clone().unwrap_or_default();
        let mut files = creation::files_for(self.templates, own, &subject).map_err(NoPlan::Disk)?;
        for (path, content) in extra.iter().filter(|(path, _)| *path != FILE) {
            files.put(path, content);
        }
        if !node.system_prompt.is_empty() {
            files.put(PROMPT, node.system_prompt.as_str());
        }
        let blocks = self.blocks(node, dir, field)?;
        self.append(node, &mut files, blocks);
        Ok(files)
    }

    /// Returns what is added to `config.yaml`, by key.
    fn blocks(
        &self,
        node: &Node,
        dir: Option<&Folder>,
        field: &str,
    ) -> Result<Vec<(&'static str, serde_json::Value)>, NoPlan> {
        let defaults = &self.org.defaults.more;
        let mut blocks = Vec::new();
        let routing = routing(defaults, &node.more);
        if !routing.is_empty() {
            blocks.push(("category_routing", serde_json::json!(routing)));
        }
        let own = |text: &str, file: &str| self.prompt(text, file, dir.or(self.folder), field);
        let usual = |text: &str, file: &str| self.prompt(text, file, self.folder, "defaults");
        let initial = match own(&node.more.initial_prompt, &node.more.initial_prompt_file)? {
            Some(prompt) => Some(prompt),
            None => usual(&defaults.initial_prompt, &defaults.initial_prompt_file)?,
        };
        if let Some(prompt) = initial {
            blocks.push(("initial_prompt", prompt.into()));
        }
        let idle = match own(&node.more.idle_prompt, &node.more.idle_prompt_file)? {
            Some(prompt) => Some(prompt),
            None => usual(&defaults.idle_prompt, &defaults.idle_prompt_file)?,
        };
        if let Some(prompt) = idle {
            let given = [node.more.idle_interval_seconds, defaults.idle_interval_seconds];
            let seconds = given.into_iter().find(|s| *s > 0).unwrap_or(IDLE_INTERVAL);
            blocks.push(("idle_interval_seconds", seconds.into()));
            blocks.push(("idle_prompt", prompt.into()));
        }
        Ok(blocks)
    }

    fn prompt(
        &self,
        text: &str,
        file: &str,
        folder: Option<&Folder>,
        field: &str,
    ) -> Result<Option<String>, NoPlan> {
        match (text.is_empty(), file.is_empty(), folder) {
            (false, ..) => Ok(Some(text.to_owned())),
            (true, true, _) => Ok(None),
            (true, false, None) => {
                let why = "a description that came in a request has no files";
                Err(BadInput::new(&format!("{field}.prompt_file"), why).into())
            }
            (true, false, Some(folder)) => folder
                .read_text(file, MAX_PROMPT)
                .map(Some)
                .map_err(|error| at_field(error, field, file)),
        }
    }

    fn append(
        &mut self,
        node: &Node,
        files: &mut Files,
        blocks: Vec<(&'static str, serde_json::Value)>,
    ) {
        let mut text = files.text(FILE).unwrap_or_default();
        for (key, value) in blocks {
            if text.lines().any(|line| line.starts_with(&format!("{key}:"))) {
                self.skipped.push(skipped(node, key, "its config.yaml says it already"));
                continue;
            }
            let block = BTreeMap::from([(key, value)]);
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&serde_saphyr::to_string(&block).unwrap_or_default());
        }
        files.put(FILE, text);
    }

    /// What no agent may be given as a variable is left out, and said to be.
    fn secrets(&mut self, node: &Node, variables: Variables) -> Variables {
        let mut kept = Variables::new();
        for (name, value) in variables {
            let reason = names::refused(&name).or(refused_value(value.expose_secret()));
            match reason {
                Some(reason) => {
                    self.skipped.push(skipped(node, &format!(".env: {name}"), reason));
                }
                None if kept.len() >= names::MAX_SECRETS => {
                    self.skipped.push(skipped(
                        node,
                        &format!(".env: {name}"),
                        "there are too many",
                    ));
                }
                None => _ = kept.insert(name, value),
            }
        }
        kept
    }

    fn skip(&mut self, node: &Node) {
        let defaults = &self.org.defaults.more;
        let memories = node.more.initial_memories.len() + defaults.initial_memories.len();
        let plugins = node.more.plugins.len() + defaults.plugins.len();
        for (key, count) in [
            ("initial_memories", memories),
            ("plugins", plugins),
            ("schedules", node.schedules.len()),
            ("channels", node.channels.len()),
        ] {
            self.skip_some(&node.name, key, count);
        }
    }

    fn skip_some(&mut self, workspace: &str, key: &str, count: usize) {
        if count > 0 {
            self.skipped.push(Skipped {
                workspace: workspace.to_owned(),
                key: key.to_owned(),
                reason: format!("this server does not have them yet; {count} left out"),
            });
        }
    }
}

fn skipped(node: &Node, key: &str, reason: &str) -> Skipped {
    Skipped { workspace: node.name.clone(), key: key.to_owned(), reason: reason.to_owned() }
}

/// A folder or file that a description names is its author's business; the disk is not.
fn at_field(error: FolderError, field: &str, key: &str) -> NoPlan {
    match error {
        FolderError::Disk(_) => NoPlan::Disk(error),
        error => BadInput::new(&format!("{field}.{key}"), error.to_string()).into(),
    }
}

/// Merges per key; an empty list takes a default away.
fn routing(defaults: &Settings, own: &Settings) -> BTreeMap<String, Vec<String>> {
    let mut merged = defaults.category_routing.clone();
    merged.extend(own.category_routing.clone());
    merged.retain(|_, list| !list.is_empty());
    merged
}

fn first(tiers: [i32; 3]) -> i32 {
    tiers.into_iter().find(|tier| *tier != 0).unwrap_or(DEFAULT_TIER)
}

fn first_text(texts: [&String; 2]) -> &str {
    texts.into_iter().find(|text| !text.is_empty()).map_or("", String::as_str)
}

/// Checks a folder of an organisation.
///
/// # Errors
/// When it could lead elsewhere.
pub fn check_dir(dir: &str) -> Result<(), BadInput> {
    check_path(dir).map_err(|bad| BadInput::new("dir", bad.to_string()))
}

/// Returns the id that a place has in a repeated import.
#[cfg(test)]
fn id_at(ids: &Ids, place: &str) -> uuid::Uuid {
    ids.at(place).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::yaml;

    #[test]
    fn a_repeated_import_has_the_same_ids_and_others_do_not() {
        let org: Org = yaml::parse("name: x\nworkspaces: [{name: a}]").unwrap();
        let other: Org = yaml::parse("name: x\nworkspaces: [{name: b}]").unwrap();
        let ids = Ids::keyed("k", &org);
        assert_eq!(id_at(&ids, "workspaces[0]"), id_at(&Ids::keyed("k", &org), "workspaces[0]"));
        let different = [
            id_at(&ids, "workspaces[1]"),
            id_at(&Ids::keyed("l", &org), "workspaces[0]"),
            id_at(&Ids::keyed("k", &other), "workspaces[0]"),
            id_at(&Ids::Fresh, "workspaces[0]"),
        ];
        assert!(different.iter().all(|id| *id != id_at(&ids, "workspaces[0]")));
    }

    #[test]
    fn routing_merges_by_key() {
        let settings = |text: &str| yaml::parse::<Settings>(text).unwrap();
        let defaults = settings("category_routing: {a: [x], b: [y]}");
        let own = settings("category_routing: {a: [], c: [z]}");
        let keys: Vec<_> = routing(&defaults, &own).into_keys().collect();
        assert_eq!(keys, ["b", "c"]);
    }
}
