//! What the routes of this folder answer.

use isomer_actors::domain::record::Access;
use isomer_actors::domain::status::Status;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::events::Event;

/// A new workspace: provisioned here, or external.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Created {
    Provisioned(CreatedHere),
    External(CreatedExternal),
}

/// A new workspace that waits for its agent to be provisioned.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedHere {
    pub awareness_namespace: String,
    pub id: Uuid,
    pub status: Status,
    pub workspace_access: Access,
}

/// A new workspace whose agent runs elsewhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedExternal {
    /// What the agent needs to connect; absent when its URL was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub connection: Option<Connection>,
    /// Always true.
    pub external: bool,
    pub id: Uuid,
    /// `awaiting_agent`, or `online` when its URL was given.
    pub status: Status,
}

/// What an external agent needs to connect. The token is shown once.
#[derive(Serialize, ToSchema)]
pub struct Connection {
    pub auth_token: String,
    pub curl_register_template: String,
    pub heartbeat_endpoint: String,
    pub platform_url: String,
    pub python_snippet: String,
    pub registry_endpoint: String,
    pub workspace_id: Uuid,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("workspace_id", &self.workspace_id)
            .finish_non_exhaustive()
    }
}

/// The change was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Patched {
    /// True when `workspace_dir` was given: it counts from the next start on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub needs_restart: Option<bool>,
    pub status: &'static str,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Removed {
    /// How many workspaces went with it.
    pub cascade_deleted: usize,
    pub status: RemovedAs,
}

/// How a workspace was removed.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemovedAs {
    /// Its row and events are kept.
    Removed,
    /// Its row is gone; events are kept.
    Purged,
}

/// Nothing was removed: say yes with `confirm=true`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfirmationRequired {
    pub children: Vec<Child>,
    pub children_count: usize,
    pub message: &'static str,
    /// Always `confirmation_required`.
    pub status: &'static str,
}

/// A workspace that would go along.
#[derive(Debug, Serialize, ToSchema)]
pub struct Child {
    pub id: Uuid,
    pub name: String,
}

/// A workspace that another one took over from.
#[derive(Debug, Serialize, ToSchema)]
pub struct Forwarded {
    pub forwarded_to: Uuid,
    /// Always `removed`.
    pub status: Status,
}

/// Where a forwarded workspace is now.
#[derive(Debug, Serialize, ToSchema)]
pub struct MovedTo {
    pub forwarded_to: Uuid,
    /// Always `removed`.
    pub status: Status,
    /// Where the agent that took over is reached.
    pub url: String,
}

/// A removed workspace.
#[derive(Debug, Serialize, ToSchema)]
pub struct Gone {
    pub error: &'static str,
    /// The last thing that happened to it.
    #[schema(required)]
    pub last_event: Option<Event>,
    /// Always `removed`.
    pub status: Status,
}

/// An agent that comes back by itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stopped {
    pub back_in_seconds: u64,
    pub status: Status,
}

/// An agent that is starting.
#[derive(Debug, Serialize, ToSchema)]
pub struct Restarted {
    /// The template that its configuration began from, or `existing-volume`.
    pub config_dir: String,
    pub reset_session: bool,
    /// Always `provisioning`.
    pub status: Status,
}

/// What was paused.
#[derive(Debug, Serialize, ToSchema)]
pub struct Paused {
    /// With those below it.
    pub paused_count: usize,
    /// Always `paused`.
    pub status: Status,
}

/// What was resumed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resumed {
    /// With those below it.
    pub resumed_count: usize,
    /// Always `provisioning`.
    pub status: Status,
}

/// A workspace that sleeps.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hibernated {
    /// `hibernated`, or `hibernating` while its agent takes long to end.
    pub status: Status,
}

/// What an agent wrote.
#[derive(Debug, Serialize, ToSchema)]
pub struct Console {
    pub output: String,
}

/// What became of a report.
#[derive(Debug, Serialize, ToSchema)]
pub struct BootstrapNoted {
    /// True when it was not being provisioned.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub no_change: bool,
    /// Always true.
    pub ok: bool,
}

/// How a workspace stands, for its agent.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkspaceState {
    pub deleted: bool,
    pub paused: bool,
    pub status: Status,
    pub workspace_id: String,
}

/// There is no such workspace, or no more.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deleted {
    /// Always true.
    pub deleted: bool,
    /// `removed`; absent when it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<Status>,
    pub workspace_id: String,
}
