//! `approval_requests` and `approval_decisions`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::approval::{
    Approval, Ballot, Decision, EXPIRED, MAX_PENDING, NewApproval, Status, Verdict, WITHDRAWN,
};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{
    ApprovalQuery, ApprovalStore, DueApproval, NamedApproval, Refusal, StoreError, Waiting,
};
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqlitePool};
use uuid::Uuid;

use super::SqliteStore;
use super::codec::{Columns, classify, time};
use crate::store::unreadable;

const READ: &str = "read approvals";

/// Adds a request, unless too many of the workspace wait. There is one writer: nobody counts beside.
pub async fn request(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    new: &NewApproval,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    let added = sqlx::query(
        "INSERT INTO approval_requests (id, workspace_id, task_id, action, reason, context,
             created_at, requested_by, expires_at, approvals_required)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
         WHERE (SELECT count(*) FROM approval_requests
                 WHERE workspace_id = $2 AND status = 'pending' AND expires_at > $7) < $11",
    )
    .bind(new.id.to_string())
    .bind(workspace.to_string())
    .bind(&new.task_id)
    .bind(&new.action)
    .bind(&new.reason)
    .bind(new.context.to_string())
    .bind(time(at))
    .bind(&new.requested_by)
    .bind(time(at + new.lifetime))
    .bind(i64::from(new.required))
    .bind(i64::from(MAX_PENDING))
    .execute(connection)
    .await
    .map_err(|error| classify(operation, error))?;
    let full = StoreError::Refused { operation, refusal: Refusal::Full("pending approvals") };
    if added.rows_affected() == 1 { Ok(()) } else { Err(full) }
}

/// Adds a decision, if the request waits as it did when it was made.
pub async fn decide(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    ballot: &Ballot,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    let settled = ballot.ruling.status != Status::Pending;
    let updated = sqlx::query(
        "UPDATE approval_requests SET status = $3, approvals = $4,
             decided_by = CASE WHEN $5 THEN $6 END,
             decided_by_identity = CASE WHEN $5 THEN $7 END,
             decided_at = CASE WHEN $5 THEN $8 END
         WHERE id = $1 AND workspace_id = $2 AND status = 'pending' AND approvals = $9
             AND expires_at > $8",
    )
    .bind(ballot.approval.to_string())
    .bind(workspace.to_string())
    .bind(ballot.ruling.status.as_str())
    .bind(i64::from(ballot.ruling.approvals))
    .bind(settled)
    .bind(&ballot.decided_by)
    .bind(&ballot.identity)
    .bind(time(at))
    .bind(i64::from(ballot.expect))
    .execute(&mut *connection)
    .await
    .map_err(|error| classify(operation, error))?;
    if updated.rows_affected() != 1 {
        return Err(superseded(operation));
    }
    sqlx::query(
        "INSERT INTO approval_decisions (approval_id, identity, decision, decided_by, decided_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(ballot.approval.to_string())
    .bind(&ballot.identity)
    .bind(ballot.verdict.as_str())
    .bind(&ballot.decided_by)
    .bind(time(at))
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

/// Denies a request whose time is over, if it still waits.
pub async fn expire(
    connection: &mut SqliteConnection,
    id: Uuid,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "UPDATE approval_requests SET status = 'denied', decided_by = $2, decided_at = $3
         WHERE id = $1 AND status = 'pending' AND expires_at <= $3",
    )
    .bind(id.to_string())
    .bind(EXPIRED)
    .bind(time(at))
    .execute(connection)
    .await
    .map_err(|error| classify(operation, error))?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(superseded(operation)) }
}

/// Denies everything that a workspace waits for.
pub async fn withdraw(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE approval_requests SET status = 'denied', decided_by = $2, decided_at = $3
         WHERE workspace_id = $1 AND status = 'pending'",
    )
    .bind(workspace.to_string())
    .bind(WITHDRAWN)
    .bind(time(at))
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

fn superseded(operation: &'static str) -> StoreError {
    StoreError::Refused { operation, refusal: Refusal::Superseded }
}

#[async_trait]
impl ApprovalStore for SqliteStore {
    async fn approval(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
    ) -> Result<Option<Approval>, StoreError> {
        // The row first: a decision that comes in between is seen, and the row refuses the next one.
        let row =
            sqlx::query("SELECT * FROM approval_requests WHERE id = $1 AND workspace_id = $2")
                .bind(id.to_string())
                .bind(workspace.to_string())
                .fetch_optional(&self.read)
                .await
                .map_err(|error| classify(READ, error))?;
        let Some(row) = row else { return Ok(None) };
        let mut found = approval(&row)?;
        let decisions = decisions(&self.read, &[id]).await?;
        found.decisions = decisions.into_iter().map(|(_, decision)| decision).collect();
        Ok(Some(found))
    }

    async fn approvals(&self, query: &ApprovalQuery) -> Result<Vec<NamedApproval>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "SELECT r.*, w.name AS workspace_name FROM approval_requests r
             JOIN workspaces w ON w.id = r.workspace_id WHERE true",
        );
        if let Some(workspace) = query.workspace {
            sql.push(" AND r.workspace_id = ").push_bind(workspace.to_string());
        }
        match query.status {
            Some(Status::Pending) => {
                sql.push(" AND r.status = 'pending' AND r.expires_at > ")
                    .push_bind(time(query.now));
            }
            Some(Status::Denied) => {
                sql.push(" AND (r.status = 'denied' OR r.status = 'pending' AND r.expires_at <= ");
                sql.push_bind(time(query.now)).push(")");
            }
            Some(status) => {
                sql.push(" AND r.status = ").push_bind(status.as_str());
            }
            None => {}
        }
        if let Some((at, id)) = query.before {
            sql.push(" AND (r.created_at, r.id) < (").push_bind(time(at));
            sql.push(", ").push_bind(id.to_string());
            sql.push(")");
        }
        sql.push(" ORDER BY r.created_at DESC, r.id DESC LIMIT ");
        sql.push_bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
        let rows = sql.build().fetch_all(&self.read).await;
        let rows = rows.map_err(|error| classify(READ, error))?;
        let found: Result<Vec<_>, _> = rows.iter().map(named).collect();
        let mut found = found?;
        let ids: Vec<_> = found.iter().map(|named| named.approval.id).collect();
        for (id, decision) in decisions(&self.read, &ids).await? {
            if let Some(named) = found.iter_mut().find(|named| named.approval.id == id) {
                named.approval.decisions.push(decision);
            }
        }
        Ok(found)
    }

    async fn due_approvals(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<DueApproval>, StoreError> {
        let rows = sqlx::query(
            "SELECT r.id, r.workspace_id FROM approval_requests r
             JOIN workspaces w ON w.id = r.workspace_id
             WHERE r.status = 'pending' AND r.expires_at <= $1 AND w.status <> 'removed'
             ORDER BY r.expires_at LIMIT $2",
        )
        .bind(time(now))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.read)
        .await
        .map_err(|error| classify(READ, error))?;
        let due = |row: &SqliteRow| {
            let c = Columns { row, operation: READ };
            Ok(DueApproval { id: c.uuid("id")?, workspace: c.workspace("workspace_id")? })
        };
        rows.iter().map(due).collect()
    }

    async fn approvals_waiting(&self) -> Result<Waiting, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) AS pending, min(r.expires_at) AS next FROM approval_requests r
             JOIN workspaces w ON w.id = r.workspace_id
             WHERE r.status = 'pending' AND w.status <> 'removed'",
        )
        .fetch_one(&self.read)
        .await
        .map_err(|error| classify(READ, error))?;
        let c = Columns { row: &row, operation: READ };
        Ok(Waiting { pending: c.get::<i64>("pending")?.unsigned_abs(), next: c.opt_time("next")? })
    }
}

/// Returns the decisions of requests, in the order they were made.
async fn decisions(pool: &SqlitePool, ids: &[Uuid]) -> Result<Vec<(Uuid, Decision)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT * FROM approval_decisions 
         WHERE approval_id IN (SELECT value FROM json_each($1))
         ORDER BY decided_at, identity, decision",
    )
    .bind(json!(ids).to_string())
    .fetch_all(pool)
    .await
    .map_err(|error| classify(READ, error))?;
    rows.iter()
        .map(|row| {
            let c = Columns { row, operation: READ };
            let decision = Decision {
                identity: c.get("identity")?,
                verdict: c.parsed("decision", Verdict::parse)?,
                decided_by: c.get("decided_by")?,
                decided_at: c.time("decided_at")?,
            };
            Ok((c.uuid("approval_id")?, decision))
        })
        .collect()
}

fn named(row: &SqliteRow) -> Result<NamedApproval, StoreError> {
    let c = Columns { row, operation: READ };
    Ok(NamedApproval { approval: approval(row)?, workspace_name: c.get("workspace_name")? })
}

/// Reads a row; its decisions are in another table.
fn approval(row: &SqliteRow) -> Result<Approval, StoreError> {
    let c = Columns { row, operation: READ };
    let count = |name: &str| u32::try_from(c.get::<i32>(name)?).map_err(|_| unreadable(READ, name));
    Ok(Approval {
        id: c.uuid("id")?,
        workspace: c.workspace("workspace_id")?,
        task_id: c.get("task_id")?,
        action: c.get("action")?,
        reason: c.get("reason")?,
        context: c.opt_json("context")?.unwrap_or_default(),
        status: c.parsed("status", Status::parse)?,
        decided_by: c.get("decided_by")?,
        decided_by_identity: c.get("decided_by_identity")?,
        decided_at: c.opt_time("decided_at")?,
        created_at: c.time("created_at")?,
        expires_at: c.time("expires_at")?,
        required: count("approvals_required")?,
        approvals: count("approvals")?,
        requested_by: c.get("requested_by")?,
        decisions: Vec::new(),
    })
}
