//! What the runtime asks of the outside. `src/` implements these traits twice:
//! PostgreSQL with Redis, and SQLite with the process itself. One conformance
//! suite runs against both.
//!
//! Every method is bounded in time by its implementation and may be cancelled
//! only where it says so. Times are passed in, never read.

mod activity;
mod approvals;
mod config;
mod delegations;
mod history;
mod messages;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

pub use self::activity::{
    ActivityQuery, ActivityRow, ActivitySearch, ActivityStore, DayUsage, Origin, Place,
    SEARCHED_CLOSELY,
};
pub use self::approvals::{ApprovalQuery, ApprovalStore, DueApproval, NamedApproval, Waiting};
pub use self::config::{ConfigStore, MAX_CONFIG};
pub use self::delegations::{DelegationKey, DelegationStore};
pub use self::history::{Assignment, HistoryStore, OVERTAKEN, Outline, OutlineRow, Step};
pub use self::messages::{Lease, MessageOutcome, MessageQuery, MessageStep, MessageStore, Posted};
use crate::domain::beat::Vitals;
use crate::domain::change::{Group, Head, LayoutPatch};
use crate::domain::dialect::Dialect;
use crate::domain::event::Recorded;
use crate::domain::ids::{Seq, WorkspaceId};
use crate::domain::record::{DeliveryMode, Record};
use crate::domain::status::Status;
use crate::domain::token::{NewOrgToken, NewToken, TokenHash, TokenRow};

/// Any error of an adapter.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store answered and will not do it. Nothing was written.
    #[error("the store refused to {operation}: {refusal}")]
    Refused { operation: &'static str, refusal: Refusal },
    /// The store was not reached, or answered that it is not able to now. Nothing was written.
    #[error("the store cannot be reached to {operation}")]
    Unavailable { operation: &'static str, source: BoxError },
    /// It may have been written: reload before trusting memory.
    #[error("no answer from the store to {operation}")]
    Unknown { operation: &'static str, source: BoxError },
}

/// A rule of the store that a write would break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("parent_id names a workspace that does not exist")]
    ParentUnknown,
    #[error("parent_id would make the workspace its own ancestor")]
    Cycle,
    #[error("the workspace already has an active agent")]
    AgentActive,
    #[error("the workspace does not exist")]
    WorkspaceUnknown,
    /// A row beside the workspace is no longer what the change was decided on.
    #[error("a row that was to change along has moved on")]
    Superseded,
    /// A bound on rows beside the workspace is reached.
    #[error("the workspace has as many {0} as it may")]
    Full(&'static str),
    /// Any other constraint, by name.
    #[error("constraint {0}")]
    Constraint(String),
}

/// A workspace as it is stored, ready for its actor.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// `None` when no row exists: never created, or purged.
    pub record: Option<Record>,
    /// Where its chain stands, also after a purge.
    pub head: Head,
    pub vitals: Vitals,
    /// How many tokens of it are neither revoked nor expired.
    pub live_tokens: u32,
    /// Whether it ever had a token.
    pub had_tokens: bool,
    pub active_agent: Option<AgentRow>,
}

/// What the indexes need of every row at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow {
    pub id: WorkspaceId,
    pub name: String,
    pub parent_id: Option<WorkspaceId>,
    pub forwarded_to: Option<WorkspaceId>,
    pub status: Status,
    pub runtime: Box<str>,
    /// Whether it ever had a token, live or revoked.
    pub had_tokens: bool,
    /// Where its agent is.
    pub url: Option<String>,
    pub delivery_mode: DeliveryMode,
    pub budget_limit: Option<i64>,
    pub max_concurrent_tasks: i32,
    /// Which generations of A2A its agent speaks; `None` for as it was.
    pub dialect: Option<Dialect>,
}

/// What became of a group of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed. Its events have the sequences from `first_seq` on, in the order
    /// of the changes and of the events in each.
    Committed { first_seq: Seq },
    /// Some workspace's head is not the expected one; nothing of the group was written.
    Conflict,
}

/// Structure: workspaces and their events, in one transaction.
#[async_trait]
pub trait StructureStore: Send + Sync {
    /// Loads one workspace. An unknown id gives a `Loaded` without a record.
    async fn load(&self, id: WorkspaceId) -> Result<Loaded, StoreError>;

    /// Loads a page of the workspaces whose status is live, by id, after `after`.
    async fn load_live(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<Loaded>, StoreError>;

    /// Returns a page of all rows, removed ones included, by id, after `after`.
    async fn index(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<IndexRow>, StoreError>;

    /// Writes all groups in one transaction, each whole or not at all.
    ///
    /// Returns one outcome per group, in order. Sequences are given inside the
    /// transaction, under a lock held to its end: readers never see a hole.
    ///
    /// # Errors
    /// On `Refused` and `Unavailable` nothing was written at all; the caller retries the
    /// groups one by one to find the refused one. On `Unknown` anything may be true.
    async fn commit(&self, groups: &[Group]) -> Result<Vec<Outcome>, StoreError>;

    /// Returns recorded events by `query`.
    async fn events(&self, query: &EventQuery) -> Result<Vec<Recorded>, StoreError>;

    /// Returns the highest sequence; 0 when there are no events.
    async fn last_seq(&self) -> Result<Seq, StoreError>;
}

/// Which events to return. All conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    pub workspace: Option<WorkspaceId>,
    /// Only these kinds; empty means all.
    pub kinds: Vec<String>,
    /// Only sequences above this.
    pub after_seq: Option<Seq>,
    /// Only sequences up to this.
    pub up_to_seq: Option<Seq>,
    /// Only events at or after this time.
    pub since: Option<DateTime<Utc>>,
    /// Only events at or before this time.
    pub until: Option<DateTime<Utc>>,
    /// Oldest first instead of newest first.
    pub ascending: bool,
    /// At most this many.
    pub limit: usize,
}

/// One row of heartbeat columns to be written.
#[derive(Clone, Debug)]
pub struct VitalsRow {
    pub id: WorkspaceId,
    pub vitals: Vitals,
}

/// Heartbeat columns: written behind the replies, by batches.
#[async_trait]
pub trait VitalsStore: Send + Sync {
    /// Writes the heartbeat columns of `rows`, which are sorted by id. Never sets
    /// `last_heartbeat_at` back; skips unknown and removed rows. Need not survive a crash of
    /// the store's host (`synchronous_commit = off`).
    async fn write_vitals(&self, rows: &[VitalsRow]) -> Result<(), StoreError>;
}

/// Access tokens. Hashes only.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Returns a page of the live tokens (workspace and organisation), by id, after `after`.
    async fn live_tokens(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<TokenRow>, StoreError>;

    /// Returns every token created or revoked at or after `since`.
    async fn tokens_changed(&self, since: DateTime<Utc>) -> Result<Vec<TokenRow>, StoreError>;

    /// Finds a token by its hash, live or revoked.
    async fn find_token(&self, hash: TokenHash) -> Result<Option<TokenRow>, StoreError>;

    /// Adds a token of a workspace unless it already has `max_live` live ones; the count and
    /// the insert are one step. Returns whether it was added. Unknown workspace: `Refused`.
    async fn add_token(
        &self,
        workspace: WorkspaceId,
        token: &NewToken,
        max_live: u32,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Revokes a live token of a workspace; returns its row.
    async fn revoke_token(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        at: DateTime<Utc>,
    ) -> Result<Option<TokenRow>, StoreError>;

    /// Returns the live tokens of a workspace, newest first.
    async fn workspace_tokens(
        &self,
        workspace: WorkspaceId,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<TokenRow>, StoreError>;

    /// Adds an organisation token.
    async fn add_org_token(&self, token: &NewOrgToken, at: DateTime<Utc>)
    -> Result<(), StoreError>;

    /// Revokes a live organisation token; returns its row.
    async fn revoke_org_token(
        &self,
        id: Uuid,
        at: DateTime<Utc>,
    ) -> Result<Option<TokenRow>, StoreError>;

    /// Returns the live organisation tokens, newest first, at most `limit`.
    async fn org_tokens(&self, limit: usize) -> Result<Vec<TokenRow>, StoreError>;

    /// Advances `last_used_at` of tokens, never back.
    async fn write_token_use(&self, uses: &BTreeMap<Uuid, DateTime<Utc>>)
    -> Result<(), StoreError>;
}

/// A workspace as clients read it (contract 01 §3).
#[derive(Clone, Debug)]
pub struct WorkspaceView {
    pub record: Record,
    pub agent_card: Option<Value>,
    pub vitals: Vitals,
    pub x: f64,
    pub y: f64,
    pub collapsed: bool,
    pub last_outbound_at: Option<DateTime<Utc>>,
    /// Messages that wait for its agent: known to the runtime, never to a store.
    pub queue_depth: u32,
    pub updated_at: DateTime<Utc>,
}

/// The active agent of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRow {
    pub id: Uuid,
    pub model: String,
}

/// The one canvas viewport.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Viewport {
    /// Canvas units.
    pub x: f64,
    /// Canvas units.
    pub y: f64,
    /// Magnification, 1 is natural size.
    pub zoom: f64,
}

/// Which workspaces to list.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Only these ids; `None` means all.
    pub ids: Option<Vec<WorkspaceId>>,
    /// Also removed ones.
    pub removed: bool,
}

/// Reads and small writes that need no actor.
#[async_trait]
pub trait ViewStore: Send + Sync {
    /// Lists workspaces by creation time, then id.
    async fn list(&self, query: &ListQuery) -> Result<Vec<WorkspaceView>, StoreError>;

    /// Returns one workspace, removed or not.
    async fn view(&self, id: WorkspaceId) -> Result<Option<WorkspaceView>, StoreError>;

    /// Upserts canvas layouts, all or none, each workspace at most once. Unknown workspace: `Refused`.
    async fn save_layouts(&self, layouts: &[(WorkspaceId, LayoutPatch)]) -> Result<(), StoreError>;

    /// Returns the viewport, if one was saved.
    async fn viewport(&self) -> Result<Option<Viewport>, StoreError>;

    /// Saves the viewport.
    async fn save_viewport(&self, viewport: Viewport, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// Returns whether there is no workspace row at all.
    async fn is_empty(&self) -> Result<bool, StoreError>;

    /// Asks the store for a sign of life.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Everything a store does.
pub trait Store:
    StructureStore
    + VitalsStore
    + TokenStore
    + ViewStore
    + HistoryStore
    + MessageStore
    + DelegationStore
    + ApprovalStore
    + ActivityStore
    + ConfigStore
    + 'static
{
}
impl<T> Store for T where
    T: StructureStore
        + VitalsStore
        + TokenStore
        + ViewStore
        + HistoryStore
        + MessageStore
        + DelegationStore
        + ApprovalStore
        + ActivityStore
        + ConfigStore
        + 'static
{
}

/// What a mirror write did not do.
#[derive(Debug, thiserror::Error)]
#[error("the liveness mirror cannot be reached to {operation}")]
pub struct MirrorError {
    pub operation: &'static str,
    pub source: BoxError,
}

/// One workspace that was heard of.
#[derive(Clone, Debug)]
pub struct Heard {
    pub id: WorkspaceId,
    /// How long the key lives.
    pub ttl: Duration,
}

/// One workspace's address.
#[derive(Clone, Debug)]
pub struct Located {
    pub id: WorkspaceId,
    /// Reachable from the host: `ws:{id}:url`.
    pub url: String,
    /// As the agent gave it: `ws:{id}:internal_url`.
    pub internal_url: String,
}

/// The mirror of liveness for other readers: keys `ws:{id}` and `ws:{id}:url`
/// (contract 02 §8). It never decides anything.
#[async_trait]
pub trait LivenessMirror: Send + Sync {
    /// Sets `ws:{id}` to `online` with its TTL, pipelined.
    async fn heard(&self, batch: &[Heard]) -> Result<(), MirrorError>;

    /// Sets `ws:{id}:url` and `ws:{id}:internal_url` for 5 minutes.
    async fn located(&self, batch: &[Located]) -> Result<(), MirrorError>;

    /// Deletes the keys of these workspaces.
    async fn clear(&self, ids: &[WorkspaceId]) -> Result<(), MirrorError>;

    /// Waits for the next expiry notice: a hint, never a proof. Reconnects by itself;
    /// returns `None` only when there will never be one (in-process mode).
    ///
    /// Cancel safe.
    async fn next_notice(&self) -> Option<WorkspaceId>;

    /// Returns whether the mirror answered last time.
    fn is_reachable(&self) -> bool;
}

/// The way to other nodes: `events:broadcast` (contract 03 §6).
#[async_trait]
pub trait Relay: Send + Sync {
    /// Publishes recorded events, already serialised. Failure is a delay elsewhere, not a loss.
    async fn publish(&self, frames: &[Arc<str>]) -> Result<(), MirrorError>;

    /// Waits until another node has recorded something. `None`: there are no other nodes.
    ///
    /// Cancel safe.
    async fn next_hint(&self) -> Option<()>;
}

/// The wall clock. Monotonic time comes from tokio, so that tests can pause it.
pub trait Clock: Send + Sync {
    /// Returns the time now.
    fn now(&self) -> DateTime<Utc>;
}
