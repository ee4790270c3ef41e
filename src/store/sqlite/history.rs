//! Reads of the log and of what it led to.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::{Seq, WorkspaceId};
use isomer_actors::ports::{Assignment, HistoryStore, Outline, Step, StoreError};

use super::{SqliteStore, agents, events, workspaces};

#[async_trait]
impl HistoryStore for SqliteStore {
    async fn outline(&self) -> Result<Outline, StoreError> {
        workspaces::outline(&self.read).await
    }

    async fn first_event_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        events::first_at(&self.read).await
    }

    async fn count_events(&self, edges: &[DateTime<Utc>]) -> Result<Vec<u64>, StoreError> {
        events::count(&self.read, edges).await
    }

    async fn seq_at(&self, at: DateTime<Utc>) -> Result<Seq, StoreError> {
        events::seq_at(&self.read, at).await
    }

    async fn steps(&self, after: Seq, up_to: Seq, limit: usize) -> Result<Vec<Step>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        events::steps(&self.read, after, up_to, limit).await
    }

    async fn assignments(
        &self,
        workspace: WorkspaceId,
        limit: usize,
    ) -> Result<Vec<Assignment>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        agents::history(&self.read, workspace, limit).await
    }
}
