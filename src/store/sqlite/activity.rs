//! `activity_logs`, and `workspace_token_usage` that is added to along with it.

mod read;
mod usage;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use isomer_actors::domain::activity::{Body, Logged};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{
    ActivityQuery, ActivityRow, ActivitySearch, ActivityStore, DayUsage, StoreError,
};
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::codec::{classify, time, unknown};

const APPEND: &str = "append activity";
const EXPIRE: &str = "delete old activity";
const SENT: &str = "write who sent something";
/// Rows deleted in one transaction: others want to write too.
const EXPIRED_AT_ONCE: i64 = 500;

#[async_trait]
impl ActivityStore for SqliteStore {
    async fn append_activity(&self, rows: &[Arc<Logged>]) -> Result<Vec<bool>, StoreError> {
        let failed = |error| classify(APPEND, error);
        let begun = self.write.begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = begun.map_err(failed)?;
        let known = known_workspaces(&mut transaction, rows).await.map_err(failed)?;
        let is_known = |row: &Arc<Logged>| known.contains(&row.entry.workspace.to_string());
        let mut new = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(|row| is_known(row)) {
            if insert(&mut transaction, row).await.map_err(failed)? {
                new.push(row.as_ref());
            }
        }
        usage::add(&mut transaction, new.into_iter()).await.map_err(failed)?;
        transaction.commit().await.map_err(|error| unknown(APPEND, error))?;
        Ok(rows.iter().map(is_known).collect())
    }

    async fn activity(&self, query: &ActivityQuery) -> Result<Vec<ActivityRow>, StoreError> {
        read::list(&self.read, query).await
    }

    async fn search_activity(
        &self,
        search: &ActivitySearch,
    ) -> Result<Vec<ActivityRow>, StoreError> {
        read::search(&self.read, search).await
    }

    /// There are no days to be made.
    async fn prepare_activity(&self, _: NaiveDate) -> Result<(), StoreError> {
        Ok(())
    }

    async fn expire_activity(&self, before: DateTime<Utc>) -> Result<bool, StoreError> {
        let deleted = sqlx::query(
            "DELETE FROM activity_logs WHERE seq IN (SELECT seq FROM activity_logs
                 WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        )
        .bind(time(before))
        .bind(EXPIRED_AT_ONCE)
        .execute(&self.write)
        .await
        .map_err(|error| classify(EXPIRE, error))?;
        Ok(deleted.rows_affected() > 0)
    }

    async fn write_outbound(
        &self,
        sent: &BTreeMap<WorkspaceId, DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let sent: Vec<Value> =
            sent.iter().map(|(id, at)| json!({"id": id.to_string(), "at": time(*at)})).collect();
        sqlx::query(
            "UPDATE workspaces SET last_outbound_at = max(coalesce(last_outbound_at, ''), b.at)
             FROM (SELECT value ->> 'id' AS id, value ->> 'at' AS at FROM json_each($1)) AS b
             WHERE workspaces.id = b.id",
        )
        .bind(Value::Array(sent).to_string())
        .execute(&self.write)
        .await
        .map(|_| ())
        .map_err(|error| classify(SENT, error))
    }

    async fn token_usage(
        &self,
        workspace: WorkspaceId,
        day: NaiveDate,
    ) -> Result<Option<DayUsage>, StoreError> {
        usage::of_day(&self.read, workspace, day).await
    }
}

/// Returns which workspaces exist. The transaction holds the only lock.
async fn known_workspaces(
    connection: &mut SqliteConnection,
    rows: &[Arc<Logged>],
) -> Result<HashSet<String>, sqlx::Error> {
    let ids: HashSet<String> = rows.iter().map(|row| row.entry.workspace.to_string()).collect();
    let known: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM workspaces WHERE id IN (SELECT value FROM json_each($1))",
    )
    .bind(Value::from_iter(ids).to_string())
    .fetch_all(connection)
    .await?;
    Ok(known.into_iter().collect())
}

/// Inserts a row; returns whether it was not there yet.
async fn insert(connection: &mut SqliteConnection, row: &Logged) -> Result<bool, sqlx::Error> {
    let entry = &row.entry;
    let inserted = sqlx::query(
        "INSERT INTO activity_logs (id, workspace_id, activity_type, source_id, target_id, method,
             summary, request_body, response_body, duration_ms, status, error_detail, created_at,
             tool_trace)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(row.id.to_string())
    .bind(entry.workspace.to_string())
    .bind(&entry.kind)
    .bind(entry.source.map(|id| id.to_string()))
    .bind(entry.target.map(|id| id.to_string()))
    .bind(&entry.method)
    .bind(&entry.summary)
    .bind(entry.request_body.as_ref().map(Body::as_str))
    .bind(entry.response_body.as_ref().map(Body::as_str))
    .bind(entry.duration_ms)
    .bind(&entry.status)
    .bind(&entry.error_detail)
    .bind(time(row.at))
    .bind(entry.tool_trace.as_ref().map(Body::as_str))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() > 0)
}
