//! What callers may ask of the runtime, and what they get.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::change::{Draft, Effect, LayoutPatch, NewSecrets};
use crate::domain::dialect::Dialect;
use crate::domain::hierarchy::ParentRefused;
use crate::domain::ids::{Seq, WorkspaceId};
use crate::domain::record::{Access, DeliveryMode, Record};
use crate::domain::status::Status;
use crate::domain::token::NewToken;
use crate::ports::{AgentRow, StoreError};

/// A workspace to be created (contract 01 §2). Already validated.
#[derive(Clone, Debug)]
pub struct NewWorkspace {
    pub id: WorkspaceId,
    pub name: String,
    pub role: Option<String>,
    pub tier: i32,
    pub runtime: String,
    pub parent_id: Option<WorkspaceId>,
    pub workspace_dir: Option<String>,
    pub workspace_access: Access,
    /// US cents.
    pub budget_limit: Option<i64>,
    pub max_concurrent_tasks: i32,
    pub delivery_mode: DeliveryMode,
    /// Canvas units.
    pub position: (f64, f64),
    pub start: Start,
    /// Stored together with the row.
    pub secrets: Option<NewSecrets>,
}

/// How a new workspace begins.
#[derive(Clone, Debug)]
pub enum Start {
    /// `provisioning`: an agent is expected within the provision limit.
    Provision,
    /// External with a known URL: `online` at once.
    External { url: String },
    /// External without one: `awaiting_agent`, with a token for it.
    Awaited { token: NewToken },
}

/// A registration (contract 02 §1). The URL was vetted, the caller may speak for `id`.
#[derive(Clone, Debug)]
pub struct Registration {
    pub id: WorkspaceId,
    /// Needed unless its messages are collected.
    pub url: Option<String>,
    /// `None` leaves it as it is.
    pub delivery_mode: Option<DeliveryMode>,
    pub agent_card: Value,
    /// Issued only if the workspace has no live token.
    pub token: NewToken,
    /// The caller may bring workspaces into being by registering them.
    pub may_create: bool,
    /// The caller may register a workspace that had tokens and has none that lives.
    pub may_reclaim: bool,
}

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The offered token was stored and is now the workspace's.
    pub token_issued: bool,
    /// How messages reach the agent from now on.
    pub delivery_mode: DeliveryMode,
}

/// What of a workspace changes (contract 01 §4). `None` leaves a field alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    pub name: Option<String>,
    pub role: Option<Option<String>>,
    pub tier: Option<i32>,
    pub parent_id: Option<Option<WorkspaceId>>,
    pub runtime: Option<String>,
    pub workspace_dir: Option<Option<String>>,
    pub delivery_mode: Option<DeliveryMode>,
    pub hibernation_idle_minutes: Option<Option<i32>>,
    pub layout: LayoutPatch,
}

/// What of an assignment of agents to do (contract 06 §1).
#[derive(Clone, Debug)]
pub enum AgentCommand {
    Assign { model: String },
    Replace { model: String },
    Remove,
}

/// What became of an agent command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentChanged {
    /// The agent now, or the one that was removed.
    pub agent: AgentRow,
    /// The model before, after a replacement.
    pub old_model: Option<String>,
}

/// What whoever runs a workspace's agent says of it (contract 01 §9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunReport {
    /// It is about to be started, again or after a failure, and why, where that is known. Changes
    /// nothing of what rests.
    Starting(Option<Cause>),
    /// Somebody wants it started anew, whatever its status.
    Wanted(Cause),
    /// It ended.
    Ended,
    /// It has ended for hibernation.
    Asleep,
    /// It is not started again: it ended too often, or cannot be started. Said after `Ended`.
    GivenUp(GivenUp),
    /// Whoever watched over its start from outside says that it failed (contract 01 §8).
    BootstrapFailed { error: String, log_tail: String },
}

/// Why an agent is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A secret that it is given has changed.
    SecretChanged,
    /// Somebody asked for it.
    Restart,
    /// It ended by itself, or could not start.
    Crashed,
    /// A message came while it hibernated.
    Woken,
    /// It was paused.
    Resumed,
}

impl Cause {
    /// Returns its spelling in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecretChanged => "secret_changed",
            Self::Restart => "restart",
            Self::Crashed => "crashed",
            Self::Woken => "woken",
            Self::Resumed => "resumed",
        }
    }
}

/// Why an agent is not started again. The texts are shown to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    pub error: String,
    /// The variables that it needs and nobody set.
    pub missing: Vec<String>,
    /// The last lines that it wrote, less its secrets.
    pub log_tail: String,
}

/// What a deletion should do besides removing.
#[derive(Clone, Copy, Debug, Default)]
pub struct RemoveOptions {
    /// Also remove what is below.
    pub confirm: bool,
    /// Also delete the rows.
    pub purge: bool,
}

/// What became of a deletion.
#[derive(Clone, Debug)]
pub enum Removal {
    /// Done, together with this many descendants.
    Removed { cascade_deleted: usize },
    /// There are children, and the caller did not confirm.
    ConfirmationRequired { children: Vec<WorkspaceId> },
}

/// What became of a hibernation that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hibernation {
    /// It is claimed: `hibernating`.
    Claimed,
    /// It is neither online nor degraded.
    NotAwake,
    /// It works on so many tasks.
    Working { active_tasks: i32 },
}

/// What is known of a workspace without asking its actor or the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glimpse {
    pub status: Status,
    pub external: bool,
    /// Its agent is run by this server.
    pub hosted: bool,
    pub forwarded_to: Option<WorkspaceId>,
    pub delivery_mode: DeliveryMode,
    /// How many live tokens it has.
    pub live_tokens: u32,
    pub had_tokens: bool,
}

/// What a message to a workspace needs to know, without asking its actor or the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub name: Arc<str>,
    pub status: Status,
    /// Its agent is run by this server.
    pub hosted: bool,
    /// Where its agent is.
    pub url: Option<Arc<str>>,
    /// Which generations of A2A its agent speaks.
    pub dialect: Dialect,
    /// Whether messages are sent there, or collected.
    pub delivery_mode: DeliveryMode,
    /// What it spent this month has reached its limit.
    pub budget_exceeded: bool,
    /// Its agent's own idle limit.
    pub idle_limit: Option<Duration>,
    /// Its agent keeps messages that come while it is busy (capability `session`).
    pub keeps_session: bool,
}

/// Where following forwards from a workspace ends (design §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// At this workspace, not forwarded further.
    At(WorkspaceId),
    /// Unknown id, or more hops than are followed.
    Lost,
}

/// Forwards are followed this far (design §7).
pub const MAX_HOPS: usize = 5;

/// Why the runtime did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("workspace not found")]
    NotFound,
    /// Removed; the wire says 410 or hides it, by route.
    #[error("workspace is removed")]
    Removed,
    #[error("{0}")]
    Parent(#[from] ParentRefused),
    #[error("the workspace's tokens were all revoked; registering again needs an administrator")]
    TokensRevoked,
    #[error("unknown workspaces may not register themselves")]
    MayNotCreate,
    /// Its agent was ended on purpose, and this server runs it: a stray one may not revive it.
    #[error("the workspace is {}", .0.as_str())]
    Resting(Status),
    /// It has a paused ancestor, of this name.
    #[error("parent workspace \"{0}\" is paused — resume it first")]
    PausedAbove(String),
    /// Its messages are pushed, so its agent must say where to.
    #[error("it is required")]
    UrlRequired,
    #[error("the workspace already has an active agent")]
    AgentActive,
    #[error("the workspace has no active agent")]
    NoAgent,
    #[error("the target workspace already has an active agent")]
    TargetAgentActive,
    #[error("the target workspace does not exist")]
    TargetNotFound,
    #[error("forwarding would go in a circle or too far")]
    ForwardCycle,
    /// Its actor failed too often. Others are not concerned.
    #[error("workspace_quarantined")]
    Quarantined { retry_after: Duration },
    /// Too much is in flight; try again after this long.
    #[error("overloaded")]
    Overloaded { retry_after: Duration },
    /// The store cannot be reached; nothing was changed.
    #[error("the store is unavailable")]
    Unavailable(#[source] Option<StoreError>),
    /// It may have been done. Read before trying again.
    #[error("the outcome is unknown")]
    Unknown,
    /// A row beside the workspace has moved on: read it and decide again. Nothing was written.
    #[error("a row that was to change along has moved on")]
    Superseded,
    /// The workspace has as many of these as it may. Nothing was written.
    #[error("the workspace has as many {0} as it may")]
    Full(&'static str),
    /// The store holds a rule against it; nothing was changed.
    #[error("refused")]
    Refused(#[source] StoreError),
}

/// The row and chain of a workspace after a change, for answers.
#[derive(Clone, Debug)]
pub struct Applied {
    pub record: Record,
    pub at: DateTime<Utc>,
    pub seq: Seq,
}

/// Events to be recorded on a workspace, and the rows that are written with them.
#[derive(Clone, Debug)]
pub struct Note {
    pub workspace: WorkspaceId,
    /// At least one: what happens beside a workspace's row happens in its history.
    pub drafts: Vec<Draft>,
    pub effects: Vec<Effect>,
}

/// When events were recorded, and where they are in the global order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The time of all of them and of the rows beside them.
    pub at: DateTime<Utc>,
    /// The sequence of the first.
    pub seq: Seq,
}

/// The supervision tree: `GET /admin/supervision`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Supervision)]
pub struct TreeReport {
    pub children: Vec<ChildReport>,
    pub workspaces: WorkspacesReport,
}

/// One child of the tree.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SupervisedChild)]
pub struct ChildReport {
    /// Path from the root, such as `journal` or `shards/17`.
    pub child: String,
    pub state: ChildState,
    pub restarts: u64,
    #[schema(required)]
    pub last_failure: Option<FailureReport>,
    /// Messages waiting.
    pub mailbox_depth: u64,
    /// Direct children, for supervisors.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub children: Option<u64>,
}

/// The workspace actors as a whole, and each one that failed lately.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = WorkspaceActors)]
pub struct WorkspacesReport {
    /// Actors running now.
    pub resident: u64,
    /// Failures of actors since the start.
    pub restarts: u64,
    pub quarantined: u64,
    /// Failed within the last hour or quarantined; at most a thousand.
    pub failing: Vec<ChildReport>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SupervisedState)]
pub enum ChildState {
    Running,
    Restarting,
    Quarantined,
    Stopped,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub struct FailureReport {
    pub at: DateTime<Utc>,
    /// What failed; never contains payloads.
    pub error: String,
}

/// A person or node that acts, for events and audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentMoved {
    pub agent_id: Uuid,
    pub model: String,
}
