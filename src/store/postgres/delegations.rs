//! `delegations`: tasks that one workspace gives to another.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::delegation::{Delegation, Kind, Status, Step, Turn};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{DelegationKey, DelegationStore, Refusal, StoreError};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};

use super::PgStore;
use super::codec::{Columns, classify};

const READ: &str = "read delegations";
const ALL: &str = "SELECT * FROM delegations";
/// With the beginnings of what can be long: agents list theirs after every heartbeat.
const OUTLINE: &str = "SELECT id, result_id, workspace_id, delegation_id, target_id,
        left(task, 400) AS task, kind, status, error, left(result, 400) AS result, was_queued,
        idempotency_key, created_at, result_at
    FROM delegations";

/// Takes a step inside a transaction.
pub async fn take(
    connection: &mut PgConnection,
    source: WorkspaceId,
    step: &Step,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    let taken = match step {
        Step::Open(delegation) => open(connection, delegation, operation).await?,
        Step::Turn { delegation_id, turn } => {
            turned(connection, (source, delegation_id), turn, at, operation).await?
        }
    };
    let superseded = StoreError::Refused { operation, refusal: Refusal::Superseded };
    if taken == 1 { Ok(()) } else { Err(superseded) }
}

async fn open(
    connection: &mut PgConnection,
    new: &Delegation,
    operation: &'static str,
) -> Result<u64, StoreError> {
    sqlx::query(
        "INSERT INTO delegations (id, result_id, workspace_id, delegation_id, target_id, task, kind,
             status, idempotency_key, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT DO NOTHING",
    )
    .bind(new.id)
    .bind(new.result_id)
    .bind(new.source.0)
    .bind(&new.delegation_id)
    .bind(new.target.0)
    .bind(&new.task)
    .bind(new.kind.as_str())
    .bind(new.status.as_str())
    .bind(new.key.as_deref())
    .bind(new.created_at)
    .execute(connection)
    .await
    .map(|done| done.rows_affected())
    .map_err(|error| classify(operation, error))
}

async fn turned(
    connection: &mut PgConnection,
    (source, delegation_id): (WorkspaceId, &str),
    turn: &Turn,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<u64, StoreError> {
    let (result, error) = match turn {
        Turn::Completed { text } => (Some(text.as_str()), None),
        Turn::Failed { error } => (None, Some(error.as_str())),
        Turn::Dispatched | Turn::Queued => (None, None),
    };
    let from: Vec<_> = turn.follows().iter().map(|status| status.as_str()).collect();
    let queued = *turn == Turn::Queued;
    sqlx::query(
        "UPDATE delegations SET status = $3, result = $4, error = $5, updated_at = $6,
             was_queued = was_queued OR $7,
             result_at = CASE WHEN $8 THEN $6 ELSE result_at END
         WHERE workspace_id = $1 AND delegation_id = $2 AND status = ANY($9)",
    )
    .bind(source.0)
    .bind(delegation_id)
    .bind(turn.status().as_str())
    .bind(result)
    .bind(error)
    .bind(at)
    .bind(queued)
    .bind(queued || turn.status().is_terminal())
    .bind(from)
    .execute(connection)
    .await
    .map(|done| done.rows_affected())
    .map_err(|error| classify(operation, error))
}

#[async_trait]
impl DelegationStore for PgStore {
    async fn delegation(
        &self,
        source: WorkspaceId,
        key: DelegationKey<'_>,
    ) -> Result<Option<Delegation>, StoreError> {
        let (condition, key) = match key {
            DelegationKey::Id(id) => ("delegation_id = $2", id),
            DelegationKey::Idempotency(key) => ("idempotency_key = $2 AND status <> 'failed'", key),
        };
        let sql = format!("{ALL} WHERE workspace_id = $1 AND {condition}");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(source.0).bind(key);
        let row = query.fetch_optional(&self.pool).await.map_err(|error| classify(READ, error))?;
        row.as_ref().map(delegation).transpose()
    }

    async fn delegations(
        &self,
        source: WorkspaceId,
        limit: usize,
    ) -> Result<Vec<Delegation>, StoreError> {
        let sql = format!(
            "({OUTLINE} WHERE workspace_id = $1 ORDER BY created_at DESC LIMIT $2)
             UNION
             ({OUTLINE} WHERE workspace_id = $1 AND result_at IS NOT NULL
              ORDER BY result_at DESC LIMIT $2)"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(source.0).bind(bound(limit));
        let rows = query.fetch_all(&self.pool).await.map_err(|error| classify(READ, error))?;
        rows.iter().map(delegation).collect()
    }

    async fn stuck_delegations(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Delegation>, StoreError> {
        // The message of a delegation has the id of its row.
        let rows = sqlx::query(
            "SELECT d.* FROM delegations d LEFT JOIN a2a_queue q ON q.id = d.id
             WHERE d.kind = 'delegated' AND d.status IN ('pending', 'dispatched', 'queued')
                 AND d.updated_at < $1
                 AND (q.id IS NULL OR q.status IN ('completed', 'dropped', 'failed', 'expired')
                     OR (q.status = 'queued' AND d.status <> 'queued'))
             ORDER BY d.id LIMIT $2",
        )
        .bind(before)
        .bind(bound(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| classify(READ, error))?;
        rows.iter().map(delegation).collect()
    }

    async fn forget_delegations(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        sqlx::query(
            "DELETE FROM delegations WHERE id IN (SELECT id FROM delegations
                 WHERE status IN ('completed', 'failed') AND updated_at < $1 LIMIT $2)",
        )
        .bind(before)
        .bind(bound(limit))
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected())
        .map_err(|error| classify("forget delegations", error))
    }
}

fn delegation(row: &PgRow) -> Result<Delegation, StoreError> {
    let c = Columns { row, operation: READ };
    Ok(Delegation {
        id: c.get("id")?,
        result_id: c.get("result_id")?,
        source: c.workspace("workspace_id")?,
        delegation_id: c.get("delegation_id")?,
        target: c.workspace("target_id")?,
        task: c.get("task")?,
        kind: c.parsed("kind", Kind::parse)?,
        status: c.parsed("status", Status::parse)?,
        error: c.get("error")?,
        result: c.get("result")?,
        was_queued: c.get("was_queued")?,
        key: c.get("idempotency_key")?,
        created_at: c.get("created_at")?,
        result_at: c.get("result_at")?,
    })
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
