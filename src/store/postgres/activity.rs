//! `activity_logs`, and `workspace_token_usage` that is added to along with it.

mod days;
mod read;
mod usage;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use isomer_actors::domain::activity::{Body, Logged};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{
    ActivityQuery, ActivityRow, ActivitySearch, ActivityStore, DayUsage, Refusal, StoreError,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::PgStore;
use super::codec::{classify, is_retryable, unknown};

const APPEND: &str = "append activity";
const SENT: &str = "write who sent something";
/// SQLSTATE of a row whose day has no partition: the table has no other check.
const NO_DAY: &str = "23514";
/// How often a transaction that lost against another one is run again.
const TRIES: usize = 3;

#[async_trait]
impl ActivityStore for PgStore {
    async fn append_activity(&self, rows: &[Arc<Logged>]) -> Result<Vec<bool>, StoreError> {
        let mut result = self.append_once(rows).await;
        for _ in 1..TRIES {
            match &result {
                Err(Failed::NoDay) => {
                    let dates: HashSet<_> = rows.iter().map(|row| row.at.date_naive()).collect();
                    days::make(&self.pool, dates).await?;
                }
                Err(Failed::Store(error)) if is_retryable(error) => {}
                _ => break,
            }
            result = self.append_once(rows).await;
        }
        result.map_err(|failed| match failed {
            Failed::Store(error) => error,
            Failed::NoDay => StoreError::Unavailable {
                operation: APPEND,
                source: "the day was dropped as soon as it was made".into(),
            },
        })
    }

    async fn activity(&self, query: &ActivityQuery) -> Result<Vec<ActivityRow>, StoreError> {
        read::list(&self.pool, query).await
    }

    async fn search_activity(
        &self,
        search: &ActivitySearch,
    ) -> Result<Vec<ActivityRow>, StoreError> {
        read::search(&self.pool, search).await
    }

    async fn prepare_activity(&self, today: NaiveDate) -> Result<(), StoreError> {
        days::prepare(&self.pool, today).await
    }

    async fn expire_activity(&self, before: DateTime<Utc>) -> Result<bool, StoreError> {
        days::drop_one(&self.pool, before).await
    }

    async fn write_outbound(
        &self,
        sent: &BTreeMap<WorkspaceId, DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let failed = |error| classify(SENT, error);
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        // A second of it may be lost in a crash, like heartbeats.
        sqlx::query("SET LOCAL synchronous_commit = off")
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        sqlx::query(
            "UPDATE workspaces w SET last_outbound_at = GREATEST(w.last_outbound_at, b.at)
             FROM UNNEST($1::uuid[], $2::timestamptz[]) AS b (id, at) WHERE w.id = b.id",
        )
        .bind(sent.keys().map(|id| id.0).collect::<Vec<_>>())
        .bind(sent.values().copied().collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    async fn token_usage(
        &self,
        workspace: WorkspaceId,
        day: NaiveDate,
    ) -> Result<Option<DayUsage>, StoreError> {
        usage::of_day(&self.pool, workspace, day).await
    }
}

/// Why nothing was appended.
enum Failed {
    /// There is no partition for some row.
    NoDay,
    Store(StoreError),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        let code = code.as_deref().unwrap_or_default();
        if code == NO_DAY {
            return Self::NoDay;
        }
        // Class 22: a value that cannot be stored; class 54: one that is too large for it.
        if code.starts_with("22") || code.starts_with("54") {
            let refusal = Refusal::Constraint(format!("value ({code})"));
            return Self::Store(StoreError::Refused { operation: APPEND, refusal });
        }
        Self::Store(classify(APPEND, error))
    }
}

impl PgStore {
    async fn append_once(&self, rows: &[Arc<Logged>]) -> Result<Vec<bool>, Failed> {
        let mut transaction = self.pool.begin().await?;
        let known = lock_workspaces(&mut transaction, rows).await?;
        let is_known = |row: &Arc<Logged>| known.contains(&row.entry.workspace.0);
        let kept: Vec<&Logged> =
            rows.iter().filter(|row| is_known(row)).map(AsRef::as_ref).collect();
        let new = insert(&mut transaction, &kept).await?;
        let new = kept.into_iter().filter(|row| new.contains(&row.id));
        usage::add(&mut transaction, new).await?;
        let committed = transaction.commit().await;
        committed.map_err(|error| Failed::Store(unknown(APPEND, error)))?;
        Ok(rows.iter().map(is_known).collect())
    }
}

/// Returns which workspaces exist, and keeps them from being purged until the end of the
/// transaction.
async fn lock_workspaces(
    connection: &mut PgConnection,
    rows: &[Arc<Logged>],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let ids: HashSet<Uuid> = rows.iter().map(|row| row.entry.workspace.0).collect();
    let known: Vec<Uuid> = sqlx::query_scalar(
        "SELECT id FROM workspaces WHERE id = ANY($1) ORDER BY id FOR KEY SHARE",
    )
    .bind(ids.into_iter().collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(known.into_iter().collect())
}

/// Inserts rows that are not there yet, in order; returns their ids.
async fn insert(
    connection: &mut PgConnection,
    rows: &[&Logged],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let body = |body: &Option<Body>| body.as_ref().map(|body| body.as_str().to_owned());
    let new: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO activity_logs (id, workspace_id, activity_type, source_id, target_id, method,
             summary, request_body, response_body, duration_ms, status, error_detail, created_at,
             tool_trace)
         SELECT id, workspace_id, activity_type, source_id, target_id, method, summary,
             request_body::jsonb, response_body::jsonb, duration_ms, status, error_detail,
             created_at, tool_trace::jsonb
         FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[],
             $7::text[], $8::text[], $9::text[], $10::int[], $11::text[], $12::text[],
             $13::timestamptz[], $14::text[])
             WITH ORDINALITY AS b (id, workspace_id, activity_type, source_id, target_id, method,
                 summary, request_body, response_body, duration_ms, status, error_detail,
                 created_at, tool_trace, place)
         ORDER BY place
         ON CONFLICT (id, created_at) DO NOTHING RETURNING id",
    )
    .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.entry.workspace.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.entry.kind.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.entry.source).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.entry.target).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.entry.method.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.entry.summary.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| body(&row.entry.request_body)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| body(&row.entry.response_body)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.entry.duration_ms).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.entry.status.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.entry.error_detail.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.at).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| body(&row.entry.tool_trace)).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(new.into_iter().collect())
}
