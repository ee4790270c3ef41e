//! Reads of the log and of what it led to.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::{Seq, WorkspaceId};
use isomer_actors::ports::{Assignment, HistoryStore, Outline, Step, StoreError};

use super::{PgStore, agents, events, workspaces};

#[async_trait]
impl HistoryStore for PgStore {
    async fn outline(&self) -> Result<Outline, StoreError> {
        workspaces::outline(&self.pool).await
    }

    async fn first_event_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        events::first_at(&self.pool).await
    }

    async fn count_events(&self, edges: &[DateTime<Utc>]) -> Result<Vec<u64>, StoreError> {
        events::count(&self.pool, edges).await
    }

    async fn seq_at(&self, at: DateTime<Utc>) -> Result<Seq, StoreError> {
        events::seq_at(&self.pool, at).await
    }

    async fn steps(&self, after: Seq, up_to: Seq, limit: usize) -> Result<Vec<Step>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        events::steps(&self.pool, after, up_to, limit).await
    }

    async fn assignments(
        &self,
        workspace: WorkspaceId,
        limit: usize,
    ) -> Result<Vec<Assignment>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        agents::history(&self.pool, workspace, limit).await
    }
}
