//! Heartbeat columns, in bulk.

use async_trait::async_trait;
use isomer_actors::ports::{StoreError, VitalsRow, VitalsStore};

use super::PgStore;
use super::codec::classify;

const WRITE: &str = "write heartbeats";

#[async_trait]
impl VitalsStore for PgStore {
    async fn write_vitals(&self, rows: &[VitalsRow]) -> Result<(), StoreError> {
        // A workspace that was never heard of has nothing to write.
        let rows: Vec<_> = rows
            .iter()
            .filter_map(|row| Some((row.id.0, row.vitals.last_heartbeat_at?, &row.vitals)))
            .collect();
        let failed = |error| classify(WRITE, error);
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        // A second of snapshots may be lost in a crash; the next beat repeats them.
        sqlx::query("SET LOCAL synchronous_commit = off")
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let metadata: Vec<_> = rows
            .iter()
            .map(|(_, _, v)| v.metadata.as_ref().and_then(|m| serde_json::to_string(m).ok()))
            .collect();
        sqlx::query(
            "UPDATE workspaces w SET
                 last_heartbeat_at = b.at, last_error_rate = b.error_rate,
                 last_sample_error = b.sample_error, active_tasks = b.active_tasks,
                 uptime_seconds = b.uptime_seconds, current_task = b.current_task,
                 monthly_spend = b.monthly_spend, runtime_state = b.runtime_state,
                 runtime_metadata = b.metadata::jsonb
             FROM UNNEST($1::uuid[], $2::timestamptz[], $3::double precision[], $4::text[],
                     $5::int[], $6::int[], $7::text[], $8::bigint[], $9::text[], $10::text[])
                 AS b (id, at, error_rate, sample_error, active_tasks, uptime_seconds,
                     current_task, monthly_spend, runtime_state, metadata)
             WHERE w.id = b.id AND w.status <> 'removed'
                 AND (w.last_heartbeat_at IS NULL OR w.last_heartbeat_at <= b.at)",
        )
        .bind(rows.iter().map(|(id, _, _)| *id).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, at, _)| *at).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, _, v)| v.error_rate).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, _, v)| v.sample_error.clone()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, _, v)| v.active_tasks).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, _, v)| v.uptime_seconds).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, _, v)| v.current_task.clone()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, _, v)| v.monthly_spend).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, _, v)| v.runtime_state.clone()).collect::<Vec<_>>())
        .bind(metadata)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }
}
