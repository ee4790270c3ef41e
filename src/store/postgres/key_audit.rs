//! `secret_audit`: who did what to which secret. Append-only.

use isomer_actors::ports::StoreError;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

use super::codec::{Columns, classify};
use crate::keys::ports::{AuditEntry, AuditRow};

const READ: &str = "read the audit trail";

/// Appends rows inside a transaction.
pub async fn append(
    connection: &mut PgConnection,
    rows: &[AuditRow],
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO secret_audit (at, actor, action, workspace_id, key, format, outcome, detail)
         SELECT * FROM UNNEST($1::timestamptz[], $2::text[], $3::text[], $4::uuid[], $5::text[],
             $6::int[], $7::text[], $8::text[])",
    )
    .bind(rows.iter().map(|row| row.at).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.actor.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.action).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.workspace).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.key.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.format).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.outcome).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.detail.as_deref()).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

/// Reads a page, newest first.
pub async fn read(
    pool: &PgPool,
    workspace: Option<Uuid>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<AuditEntry>, StoreError> {
    let of_workspace = if workspace.is_some() { "workspace_id = $1" } else { "$1::uuid IS NULL" };
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT seq, at, actor, action, workspace_id, key, format, outcome, detail
         FROM secret_audit WHERE {of_workspace} AND seq < $2 ORDER BY seq DESC LIMIT $3"
    )))
    .bind(workspace)
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
                at: c.get("at")?,
                actor: c.get("actor")?,
                action: c.get("action")?,
                workspace: c.get("workspace_id")?,
                key: c.get("key")?,
                format: c.get("format")?,
                outcome: c.get("outcome")?,
                detail: c.get("detail")?,
            })
        })
        .collect()
}
