//! One run of an agent, ready to start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Access;
use isomer_actors::domain::status::Status;
use secrecy::SecretString;

use super::backend::Failure;
use crate::config::RuntimeSpec;

/// An agent that is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub id: WorkspaceId,
    pub name: String,
    pub role: Option<String>,
    /// 1 to 4; anything else counts as 2 (contract 01 §7.2).
    pub tier: i32,
    pub runtime: String,
    pub parent_id: Option<WorkspaceId>,
    /// A folder of the host, used as [`Access`] allows.
    pub workspace_dir: Option<String>,
    pub workspace_access: Access,
    /// What the runtime knows before it is started.
    pub status: Status,
}

/// Where the files of a workspace lie on the server. The folders are private to its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// `/configs` of the agent.
    pub configs: PathBuf,
    /// `/workspace` of the agent, unless it uses a folder of the host.
    pub workspace: PathBuf,
}

impl Folders {
    /// Returns the folders of a workspace below the data folder of the server.
    pub fn of(data_dir: &Path, id: WorkspaceId) -> Self {
        let root = Self::root(data_dir, id);
        Self { configs: root.join("configs"), workspace: root.join("workspace") }
    }

    /// Returns what goes with the workspace.
    pub fn root(data_dir: &Path, id: WorkspaceId) -> PathBuf {
        data_dir.join("workspaces").join(id.to_string())
    }
}

/// One run, with everything that the agent is given.
#[derive(Clone, Debug)]
pub struct Launch {
    pub agent: Wanted,
    pub spec: RuntimeSpec,
    /// They exist.
    pub folders: Folders,
    /// Variables that are no secrets, the reserved ones among them. They win over secrets.
    pub variables: BTreeMap<String, String>,
    /// Secrets by name, workspace over global; no reserved name is among them.
    pub secrets: BTreeMap<String, SecretString>,
    /// The workspace's own token. It is also in `<configs>/.auth_token`.
    pub token: SecretString,
}

/// The variable, and the name in the file of secrets, of [`Launch::token`].
pub const TOKEN: &str = "WORKSPACE_AUTH_TOKEN";

impl Launch {
    /// Returns what only the agent may see, by name: its secrets and its token, which is no secret's name.
    pub fn confidential(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        let secrets = self.secrets.iter().map(|(name, value)| (name.as_str(), value));
        secrets.chain([(TOKEN, &self.token)])
    }

    /// Returns the names of all that the agent is given.
    pub fn names(&self) -> BTreeSet<&str> {
        self.variables.keys().chain(self.secrets.keys()).map(String::as_str).collect()
    }
}

/// Makes everything ready that an agent needs before it starts.
#[async_trait]
pub trait Prepare: Send + Sync + 'static {
    /// Returns the run; its folders, token and secrets are there.
    ///
    /// # Errors
    /// [`Failure`]: it must not start. A secret that cannot be opened is one.
    ///
    /// # Cancel safety
    /// Cancel safe: preparing again finds what is there.
    async fn prepare(&self, agent: &Wanted) -> Result<Launch, Failure>;
}
