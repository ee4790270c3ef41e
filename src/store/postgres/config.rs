//! `workspace_config`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{ConfigStore, MAX_CONFIG, Refusal, StoreError};
use serde_json::Value;

use super::PgStore;
use super::codec::classify;

const READ: &str = "read a configuration";
const MERGE: &str = "change a configuration";

#[async_trait]
impl ConfigStore for PgStore {
    async fn config(&self, workspace: WorkspaceId) -> Result<Option<Value>, StoreError> {
        sqlx::query_scalar("SELECT data FROM workspace_config WHERE workspace_id = $1")
            .bind(workspace.0)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| classify(READ, error))
    }

    async fn merge_config(
        &self,
        workspace: WorkspaceId,
        value: &Value,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let merged = sqlx::query(
            "INSERT INTO workspace_config AS c (workspace_id, data, updated_at)
             VALUES ($1, $2, $3)
             ON CONFLICT (workspace_id) DO UPDATE
                 SET data = c.data || EXCLUDED.data, updated_at = EXCLUDED.updated_at
                 WHERE octet_length((c.data || EXCLUDED.data)::text) <= $4",
        )
        .bind(workspace.0)
        .bind(value)
        .bind(at)
        .bind(i32::try_from(MAX_CONFIG).unwrap_or(i32::MAX))
        .execute(&self.pool)
        .await
        .map_err(|error| classify(MERGE, error))?;
        let full = Refusal::Full("bytes of configuration");
        match merged.rows_affected() {
            0 => Err(StoreError::Refused { operation: MERGE, refusal: full }),
            _ => Ok(()),
        }
    }
}
