//! Names and labels of what is made in the cluster. Pure.

use std::collections::BTreeMap;

use isomer_actors::domain::ids::WorkspaceId;
use uuid::Uuid;

/// The owner of every field that is applied, and the value of [`MANAGED_BY`].
pub const MANAGER: &str = "isomer";
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Whose it is: nothing without this installation's id is ever touched.
pub const INSTALLATION: &str = "isomer.installation";
pub const WORKSPACE: &str = "isomer.workspace";
/// The annotation by which an agent that runs as it should is told from one that does not.
pub const SPEC_HASH: &str = "isomer.spec-hash";
/// The only container of a pod.
pub const CONTAINER: &str = "agent";
/// Where agents listen (contract 01 §7.2).
pub const PORT: u16 = 8_000;

/// Returns the name of a workspace's Deployment, Service and Secret.
pub fn of(id: WorkspaceId) -> String {
    let mut name = format!("ws-{id}");
    name.truncate(3 + 12);
    name
}

/// Returns the name of the Secret with the files of `/configs`: templates hold keys, too.
pub fn configs_of(id: WorkspaceId) -> String {
    format!("{}-configs", of(id))
}

/// Returns the labels of everything that is made for a workspace.
pub fn labels(installation: Uuid, id: WorkspaceId) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        (MANAGED_BY, MANAGER.to_owned()),
        (INSTALLATION, installation.to_string()),
        (WORKSPACE, id.to_string()),
    ])
}

/// Returns what selects everything of an installation.
pub fn ours(installation: Uuid) -> String {
    format!("{MANAGED_BY}={MANAGER},{INSTALLATION}={installation}")
}

/// Returns what selects everything of one workspace of an installation.
pub fn only(installation: Uuid, id: WorkspaceId) -> String {
    format!("{},{WORKSPACE}={id}", ours(installation))
}

/// Returns the workspace that labels name.
pub fn workspace(labels: Option<&BTreeMap<String, String>>) -> Option<WorkspaceId> {
    labels?.get(WORKSPACE)?.parse().ok().map(WorkspaceId)
}
