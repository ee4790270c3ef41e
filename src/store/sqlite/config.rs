//! `workspace_config`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::config::joined;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{ConfigStore, MAX_CONFIG, Refusal, StoreError};
use serde_json::Value;
use sqlx::SqliteExecutor;

use super::SqliteStore;
use super::codec::{Columns, classify, time, unknown};

const READ: &str = "read a configuration";
const MERGE: &str = "change a configuration";

#[async_trait]
impl ConfigStore for SqliteStore {
    async fn config(&self, workspace: WorkspaceId) -> Result<Option<Value>, StoreError> {
        read(&self.read, workspace, READ).await
    }

    async fn merge_config(
        &self,
        workspace: WorkspaceId,
        value: &Value,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let failed = |error| classify(MERGE, error);
        // There is one writer: nothing comes between.
        let mut transaction = self.write.begin().await.map_err(failed)?;
        let value = match read(&mut *transaction, workspace, MERGE).await? {
            Some(document) => joined(document, value.clone()),
            None => value.clone(),
        };
        let text = value.to_string();
        if text.len() > MAX_CONFIG {
            let refusal = Refusal::Full("bytes of configuration");
            return Err(StoreError::Refused { operation: MERGE, refusal });
        }
        sqlx::query(
            "INSERT INTO workspace_config (workspace_id, data, updated_at) VALUES ($1, $2, $3)
             ON CONFLICT (workspace_id) DO UPDATE
                 SET data = excluded.data, updated_at = excluded.updated_at",
        )
        .bind(workspace.to_string())
        .bind(text)
        .bind(time(at))
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(|error| unknown(MERGE, error))
    }
}

async fn read(
    executor: impl SqliteExecutor<'_>,
    workspace: WorkspaceId,
    operation: &'static str,
) -> Result<Option<Value>, StoreError> {
    let row = sqlx::query("SELECT data FROM workspace_config WHERE workspace_id = $1")
        .bind(workspace.to_string())
        .fetch_optional(executor)
        .await
        .map_err(|error| classify(operation, error))?;
    let document = |row| Columns { row, operation }.opt_json("data");
    Ok(row.as_ref().map(document).transpose()?.flatten())
}
