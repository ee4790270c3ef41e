//! `key_custody` (the check value) and `key_jobs` (rotations); the audit trail behind its port.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::ports::StoreError;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::codec::{Columns, classify};
use super::{PgStore, key_audit};
use crate::keys::ports::{
    AuditEntry, AuditRow, CustodyRow, CustodyStore, JobKind, JobRow, JobState,
};
use crate::store::unreadable;

const CUSTODY: &str = "keep the check value";
const AUDIT: &str = "write the audit trail";
const JOBS: &str = "keep rotations";
const JOB: &str =
    "id, kind, state, cutoff, total, done, failed, started_by, started_at, updated_at,
    finished_at";
/// It did all it could. Going on with its cutoff would leave seeds that were made since then.
const ENDED: &str = "(j.state = 'incomplete' AND j.failed > 0)";

#[async_trait]
impl CustodyStore for PgStore {
    async fn custody(&self) -> Result<Option<CustodyRow>, StoreError> {
        let row = sqlx::query("SELECT tenant, version, data_key_id, sealed FROM key_custody")
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| classify(CUSTODY, error))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let c = Columns { row: &row, operation: CUSTODY };
        Ok(Some(CustodyRow {
            tenant: c.get("tenant")?,
            version: c.get("version")?,
            data_key: c.get("data_key_id")?,
            sealed: c.get("sealed")?,
        }))
    }

    async fn put_custody(
        &self,
        row: &CustodyRow,
        expect: i64,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO key_custody AS c
                 (only_row, tenant, version, data_key_id, sealed, created_at, updated_at)
             VALUES (1, $1, $2, $3, $4, $5, $5)
             ON CONFLICT (only_row) DO UPDATE SET tenant = excluded.tenant,
                 version = excluded.version, data_key_id = excluded.data_key_id,
                 sealed = excluded.sealed, updated_at = excluded.updated_at
                 WHERE c.version = $6",
        )
        .bind(&row.tenant)
        .bind(row.version)
        .bind(row.data_key)
        .bind(&row.sealed)
        .bind(at)
        .bind(expect)
        .execute(&self.pool)
        .await
        .map_err(|error| classify(CUSTODY, error))?;
        Ok(done.rows_affected() == 1)
    }

    async fn audit(&self, rows: &[AuditRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut connection = self.pool.acquire().await.map_err(|error| classify(AUDIT, error))?;
        key_audit::append(&mut connection, rows, AUDIT).await
    }

    async fn audit_trail(
        &self,
        workspace: Option<Uuid>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        key_audit::read(&self.pool, workspace, before, limit).await
    }

    async fn open_job(&self, new: &JobRow) -> Result<JobRow, StoreError> {
        let sql = format!(
            "INSERT INTO key_jobs AS j ({JOB})
             VALUES ($1, $2, 'running', $3, $4, 0, 0, $5, $6, $6, NULL)
             ON CONFLICT (kind) WHERE state <> 'finished'
             DO UPDATE SET state = 'running', failed = 0, updated_at = excluded.updated_at,
                 cutoff = CASE WHEN {ENDED} THEN excluded.cutoff ELSE j.cutoff END,
                 done = CASE WHEN {ENDED} THEN 0 ELSE j.done END,
                 total = CASE WHEN {ENDED} THEN 0 ELSE j.total END,
                 started_by = CASE WHEN {ENDED} THEN excluded.started_by ELSE j.started_by END,
                 started_at = CASE WHEN {ENDED} THEN excluded.started_at ELSE j.started_at END
             RETURNING {JOB}"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(new.id)
            .bind(new.kind.as_str())
            .bind(new.cutoff)
            .bind(new.total)
            .bind(&new.started_by)
            .bind(new.started_at)
            .fetch_one(&self.pool)
            .await
            .map_err(|error| classify(JOBS, error))?;
        job(&row)
    }

    async fn save_job(&self, job: &JobRow) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE key_jobs SET state = $2, total = $3, done = $4, failed = $5, updated_at = $6,
                 finished_at = $7 WHERE id = $1 AND state <> 'finished'",
        )
        .bind(job.id)
        .bind(job.state.as_str())
        .bind(job.total)
        .bind(job.done)
        .bind(job.failed)
        .bind(job.updated_at)
        .bind(job.finished_at)
        .execute(&self.pool)
        .await
        .map(|_| ())
        .map_err(|error| classify(JOBS, error))
    }

    async fn jobs(&self, limit: usize) -> Result<Vec<JobRow>, StoreError> {
        let sql = format!("SELECT {JOB} FROM key_jobs ORDER BY started_at DESC LIMIT $1");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| classify(JOBS, error))?;
        rows.iter().map(job).collect()
    }
}

fn job(row: &PgRow) -> Result<JobRow, StoreError> {
    let c = Columns { row, operation: JOBS };
    let kind = JobKind::parse(c.get("kind")?).ok_or_else(|| unreadable(JOBS, "kind"))?;
    let state = JobState::parse(c.get("state")?).ok_or_else(|| unreadable(JOBS, "state"))?;
    Ok(JobRow {
        id: c.get("id")?,
        kind,
        state,
        cutoff: c.get("cutoff")?,
        total: c.get("total")?,
        done: c.get("done")?,
        failed: c.get("failed")?,
        started_by: c.get("started_by")?,
        started_at: c.get("started_at")?,
        updated_at: c.get("updated_at")?,
        finished_at: c.get("finished_at")?,
    })
}
