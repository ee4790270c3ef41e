//! The past, and what is compared with it: events counted, changes to fold, assignments.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::StoreError;
use crate::domain::change::AgentStatus;
use crate::domain::ids::{Seq, WorkspaceId};
use crate::domain::record::Delta;
use crate::domain::status::Status;

/// One recorded change, without what only readers of the log need.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub seq: Seq,
    pub workspace: WorkspaceId,
    pub change: Delta,
}

/// One agent that serves or served a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub id: Uuid,
    pub model: String,
    pub status: AgentStatus,
    pub created_at: DateTime<Utc>,
    pub removed_at: Option<DateTime<Utc>>,
    pub removal_reason: Option<String>,
}

/// The part of a workspace that a state hash covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineRow {
    pub id: WorkspaceId,
    pub name: String,
    pub role: Option<String>,
    pub status: Status,
    pub tier: i32,
    pub runtime: String,
    pub parent_id: Option<WorkspaceId>,
}

/// Every workspace that is not removed, as of one sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    pub seq: Seq,
    /// By id.
    pub rows: Vec<OutlineRow>,
}

/// Reads of the log and of what it led to.
#[async_trait]
pub trait HistoryStore: Send + Sync {
    /// Reads the organisation and the sequence it stands at in one snapshot.
    async fn outline(&self) -> Result<Outline, StoreError>;

    /// Returns the time of the earliest event.
    async fn first_event_at(&self) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// Counts the events from each edge (included) to the next (excluded): one count less than
    /// edges, which ascend.
    async fn count_events(&self, edges: &[DateTime<Utc>]) -> Result<Vec<u64>, StoreError>;

    /// Returns the sequence at which the organisation stood at `at`: the highest of the events
    /// not after it, 0 before the first. Commits may overtake each other's times; that is
    /// allowed for among the last [`OVERTAKEN`] events.
    async fn seq_at(&self, at: DateTime<Utc>) -> Result<Seq, StoreError>;

    /// Returns the changes after `after` up to `up_to`, in order, at most `limit`.
    async fn steps(&self, after: Seq, up_to: Seq, limit: usize) -> Result<Vec<Step>, StoreError>;

    /// Returns the agents of a workspace, newest first, at most `limit`.
    async fn assignments(
        &self,
        workspace: WorkspaceId,
        limit: usize,
    ) -> Result<Vec<Assignment>, StoreError>;
}

/// How many events, counted back from a time, may have sequences out of the order of their times.
pub const OVERTAKEN: i64 = 1_000;
