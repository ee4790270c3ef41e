//! `secret_audit`: who did what to which secret. Append-only.

use isomer_actors::ports::StoreError;
use sqlx::{AssertSqlSafe, SqliteConnection, SqlitePool};
use uuid::Uuid;

use super::codec::{Columns, classify, time};
use crate::keys::ports::{AuditEntry, AuditRow};

const READ: &str = "read the audit trail";

/// Appends rows inside a transaction.
pub async fn append(
    connection: &mut SqliteConnection,
    rows: &[AuditRow],
    operation: &'static str,
) -> Result<(), StoreError> {
    for row in rows {
        sqlx::query(
            "INSERT INTO secret_audit
                 (at, actor, action, workspace_id, key, format, outcome, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(time(row.at))
        .bind(&row.actor)
        .bind(row.action)
        .bind(row.workspace.map(|id| id.to_string()))
        .bind(&row.key)
        .bind(row.format)
        .bind(row.outcome)
        .bind(&row.detail)
        .execute(&mut *connection)
        .await
        .map_err(|error| classify(operation, error))?;
    }
    Ok(())
}

/// Reads a page, newest first.
pub async fn read(
    pool: &SqlitePool,
    workspace: Option<Uuid>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<AuditEntry>, StoreError> {
    let of_workspace = if workspace.is_some() { "workspace_id = $1" } else { "$1 IS NULL" };
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT seq, at, actor, action, workspace_id, key, format, outcome, detail
         FROM secret_audit WHERE {of_workspace} AND seq < $2 ORDER BY seq DESC LIMIT $3"
    )))
    .bind(workspace.map(|id| id.to_string()))
    .bind(before.unwrap_or(i64::MAX))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await
    .map_err(|error| classify(READ, error))?;
    rows.iter()
        .map(|row| {
            let c = Columns { row, operation: READ };
            Ok(AuditEntry {
                seq: c.get("seq")?,
                at: c.time("at")?,
                actor: c.get("actor")?,
                action: c.get("action")?,
                workspace: c.opt_uuid("workspace_id")?,
                key: c.get("key")?,
                format: c.get("format")?,
                outcome: c.get("outcome")?,
                detail: c.get("detail")?,
            })
        })
        .collect()
}
