//! Requests for approval. They are written only by the journal, as effects.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::StoreError;
use crate::domain::approval::{Approval, Status};
use crate::domain::ids::WorkspaceId;

/// A request, with the name of the workspace that made it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedApproval {
    pub approval: Approval,
    pub workspace_name: String,
}

/// Which requests to list, newest first.
#[derive(Clone, Debug)]
pub struct ApprovalQuery {
    /// Only of this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Only with this status at `now`.
    pub status: Option<Status>,
    /// Only older ones than this, by time and id.
    pub before: Option<(DateTime<Utc>, Uuid)>,
    pub now: DateTime<Utc>,
    pub limit: usize,
}

/// A request whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueApproval {
    pub id: Uuid,
    pub workspace: WorkspaceId,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub pending: u64,
    /// When the first of them expires.
    pub next: Option<DateTime<Utc>>,
}

/// Reads requests for approval. What is returned has the status that is written.
#[async_trait]
pub trait ApprovalStore: Send + Sync {
    /// Returns one request of a workspace with its decisions.
    async fn approval(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
    ) -> Result<Option<Approval>, StoreError>;

    /// Lists requests with their decisions, newest first, then by id from the highest.
    async fn approvals(&self, query: &ApprovalQuery) -> Result<Vec<NamedApproval>, StoreError>;

    /// Returns pending requests that have expired at `now`, the longest overdue first. Those of
    /// removed workspaces are left out: nothing is recorded on them any more.
    async fn due_approvals(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<DueApproval>, StoreError>;

    /// Returns what is written as pending, again without removed workspaces.
    async fn approvals_waiting(&self) -> Result<Waiting, StoreError>;
}
