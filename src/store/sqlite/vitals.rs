//! Heartbeat columns, in bulk.

use async_trait::async_trait;
use isomer_actors::ports::{StoreError, VitalsRow, VitalsStore};
use serde_json::json;

use super::SqliteStore;
use super::codec::{classify, time};

const WRITE: &str = "write heartbeats";

#[async_trait]
impl VitalsStore for SqliteStore {
    async fn write_vitals(&self, rows: &[VitalsRow]) -> Result<(), StoreError> {
        let rows: Vec<_> = rows.iter().filter_map(as_json).collect();
        sqlx::query(
            "UPDATE workspaces SET
                 last_heartbeat_at = b.at, last_error_rate = b.error_rate,
                 last_sample_error = b.sample_error, active_tasks = b.active_tasks,
                 uptime_seconds = b.uptime_seconds, current_task = b.current_task,
                 monthly_spend = b.monthly_spend, runtime_state = b.runtime_state,
                 runtime_metadata = b.metadata
             FROM (SELECT value ->> 'id' AS id, value ->> 'at' AS at,
                       CAST(value ->> 'error_rate' AS REAL) AS error_rate,
                       value ->> 'sample_error' AS sample_error,
                       value ->> 'active_tasks' AS active_tasks,
                       value ->> 'uptime_seconds' AS uptime_seconds,
                       value ->> 'current_task' AS current_task,
                       value ->> 'monthly_spend' AS monthly_spend,
                       value ->> 'runtime_state' AS runtime_state,
                       value ->> 'metadata' AS metadata
                   FROM json_each($1)) AS b
             WHERE workspaces.id = b.id AND workspaces.status <> 'removed'
                 AND coalesce(workspaces.last_heartbeat_at, '') <= b.at",
        )
        .bind(serde_json::Value::Array(rows).to_string())
        .execute(&self.write)
        .await
        .map(|_| ())
        .map_err(|error| classify(WRITE, error))
    }
}

/// A workspace that was never heard of has nothing to write.
fn as_json(row: &VitalsRow) -> Option<serde_json::Value> {
    let vitals = &row.vitals;
    Some(json!({
        "id": row.id,
        "at": time(vitals.last_heartbeat_at?),
        "error_rate": vitals.error_rate,
        "sample_error": vitals.sample_error,
        "active_tasks": vitals.active_tasks,
        "uptime_seconds": vitals.uptime_seconds,
        "current_task": vitals.current_task,
        "monthly_spend": vitals.monthly_spend,
        "runtime_state": vitals.runtime_state,
        "metadata": vitals.metadata.as_ref().and_then(|m| serde_json::to_string(m).ok()),
    }))
}
