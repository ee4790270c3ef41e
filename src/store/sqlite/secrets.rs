//! `workspace_secrets` and `global_secrets`: sealed values.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::StoreError;
use isomer_seal::context::Scope;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqliteConnection};
use uuid::Uuid;

use super::codec::{Columns, classify, time, unknown};
use super::{SqliteStore, key_audit};
use crate::keys::ports::{AuditRow, Reseal, SecretMeta, SecretRow, SecretStore, SecretWrite};
use crate::store::unreadable;

const LIST: &str = "list secrets";
const READ: &str = "read secrets";
const WRITE: &str = "write a secret";
const DELETE: &str = "delete a secret";
const ROTATE: &str = "reseal secrets";

const OF_WORKSPACE: &str =
    "SELECT id, workspace_id, key, version, encryption_version, encrypted_value
     FROM workspace_secrets";
const GLOBAL: &str =
    "SELECT id, NULL AS workspace_id, key, version, encryption_version, encrypted_value
     FROM global_secrets";
/// Not in format 3 under an active data key.
const STALE: &str = "(encryption_version <> 3 OR data_key_id IS NULL
     OR data_key_id IN (SELECT id FROM data_keys WHERE state = 'retired'))";

#[async_trait]
impl SecretStore for SqliteStore {
    async fn list_secrets(&self, scope: Scope) -> Result<Vec<SecretMeta>, StoreError> {
        let rows = match scope {
            Scope::Global => {
                sqlx::query("SELECT key, created_at, updated_at FROM global_secrets ORDER BY key")
            }
            Scope::Workspace(id) => sqlx::query(
                "SELECT key, created_at, updated_at FROM workspace_secrets
                 WHERE workspace_id = $1 ORDER BY key",
            )
            .bind(id.to_string()),
        }
        .fetch_all(&self.read)
        .await
        .map_err(|error| classify(LIST, error))?;
        rows.iter()
            .map(|row| {
                let c = Columns { row, operation: LIST };
                Ok(SecretMeta {
                    key: c.get("key")?,
                    scope,
                    created_at: c.time("created_at")?,
                    updated_at: c.time("updated_at")?,
                })
            })
            .collect()
    }

    async fn secret(&self, scope: Scope, key: &str) -> Result<Option<SecretRow>, StoreError> {
        let row = match scope.workspace() {
            None => sqlx::query(AssertSqlSafe(format!("{GLOBAL} WHERE key = $1"))).bind(key),
            Some(id) => {
                let sql = format!("{OF_WORKSPACE} WHERE key = $1 AND workspace_id = $2");
                sqlx::query(AssertSqlSafe(sql)).bind(key).bind(id.to_string())
            }
        }
        .fetch_optional(&self.read)
        .await
        .map_err(|error| classify(READ, error))?;
        row.as_ref().map(|row| secret(row, READ)).transpose()
    }

    async fn secrets_for(&self, workspace: Uuid) -> Result<Vec<SecretRow>, StoreError> {
        let sql = format!("{GLOBAL} UNION ALL {OF_WORKSPACE} WHERE workspace_id = $1");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(workspace.to_string())
            .fetch_all(&self.read)
            .await
            .map_err(|error| classify(READ, error))?;
        rows.iter().map(|row| secret(row, READ)).collect()
    }

    async fn put_secret(&self, write: &SecretWrite, audit: &AuditRow) -> Result<bool, StoreError> {
        let mut transaction = self
            .write
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| classify(WRITE, error))?;
        if !still_active(&mut transaction, write.sealed.data_key).await?
            || !upsert(&mut transaction, write, WRITE).await?
        {
            return Ok(false);
        }
        key_audit::append(&mut transaction, std::slice::from_ref(audit), WRITE).await?;
        transaction.commit().await.map_err(|error| unknown(WRITE, error))?;
        Ok(true)
    }

    async fn delete_secret(
        &self,
        scope: Scope,
        key: &str,
        audit: &AuditRow,
    ) -> Result<bool, StoreError> {
        let mut transaction = self
            .write
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| classify(DELETE, error))?;
        let done = match scope.workspace() {
            None => sqlx::query("DELETE FROM global_secrets WHERE key = $1").bind(key),
            Some(id) => {
                sqlx::query("DELETE FROM workspace_secrets WHERE key = $1 AND workspace_id = $2")
                    .bind(key)
                    .bind(id.to_string())
            }
        }
        .execute(&mut *transaction)
        .await
        .map_err(|error| classify(DELETE, error))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        key_audit::append(&mut transaction, std::slice::from_ref(audit), DELETE).await?;
        transaction.commit().await.map_err(|error| unknown(DELETE, error))?;
        Ok(true)
    }

    async fn dependents(&self, key: &str, limit: usize) -> Result<Vec<Uuid>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM workspaces w WHERE status <> 'removed' AND NOT EXISTS (
                 SELECT 1 FROM workspace_secrets s WHERE s.workspace_id = w.id AND s.key = $1)
             ORDER BY id LIMIT $2",
        )
        .bind(key)
        .bind(bound(limit))
        .fetch_all(&self.read)
        .await
        .map_err(|error| classify(READ, error))?;
        rows.iter().map(|id| id.parse().map_err(|_| unreadable(READ, "id"))).collect()
    }

    async fn stale_secrets(
        &self,
        global: bool,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<SecretRow>, StoreError> {
        let from = if global { GLOBAL } else { OF_WORKSPACE };
        let sql = format!("{from} WHERE {STALE} AND ($1 IS NULL OR id > $1) ORDER BY id LIMIT $2");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(after.map(|id| id.to_string()))
            .bind(bound(limit))
            .fetch_all(&self.read)
            .await
            .map_err(|error| classify(ROTATE, error))?;
        rows.iter().map(|row| secret(row, ROTATE)).collect()
    }

    async fn count_stale(&self) -> Result<i64, StoreError> {
        let sql = format!(
            "SELECT (SELECT count(*) FROM workspace_secrets WHERE {STALE})
                  + (SELECT count(*) FROM global_secrets WHERE {STALE})"
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&self.read)
            .await
            .map_err(|error| classify(ROTATE, error))
    }

    async fn reseal(&self, global: bool, batch: &[Reseal]) -> Result<usize, StoreError> {
        let table = if global { "global_secrets" } else { "workspace_secrets" };
        let sql = format!(
            "UPDATE {table} SET encrypted_value = $4, encryption_version = $6,
                 version = $2 + 1, data_key_id = $5
             WHERE id = $1 AND version = $2 AND encrypted_value = $3"
        );
        let mut transaction = self
            .write
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| classify(ROTATE, error))?;
        let mut written = 0;
        for item in batch {
            let done = sqlx::query(AssertSqlSafe(sql.as_str()))
                .bind(item.old.id.to_string())
                .bind(item.old.version)
                .bind(&item.old.bytes)
                .bind(&item.sealed.bytes)
                .bind(item.sealed.data_key.map(|id| id.to_string()))
                .bind(item.sealed.format.number())
                .execute(&mut *transaction)
                .await
                .map_err(|error| classify(ROTATE, error))?;
            written += usize::try_from(done.rows_affected()).unwrap_or_default();
        }
        transaction.commit().await.map_err(|error| unknown(ROTATE, error))?;
        Ok(written)
    }

    async fn formats(&self) -> Result<Vec<(i32, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT encryption_version, count(*) AS secrets FROM (
                 SELECT encryption_version FROM workspace_secrets
                 UNION ALL SELECT encryption_version FROM global_secrets) s
             GROUP BY encryption_version ORDER BY encryption_version",
        )
        .fetch_all(&self.read)
        .await
        .map_err(|error| classify(READ, error))?;
        rows.iter()
            .map(|row| {
                let c = Columns { row, operation: READ };
                Ok((c.get("encryption_version")?, c.get("secrets")?))
            })
            .collect()
    }
}

/// The transaction is the only writer, so the answer holds until it ends.
async fn still_active(
    connection: &mut SqliteConnection,
    data_key: Option<Uuid>,
) -> Result<bool, StoreError> {
    let Some(id) = data_key else {
        return Ok(true);
    };
    sqlx::query("SELECT 1 FROM data_keys WHERE id = $1 AND state = 'active'")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await
        .map(|row| row.is_some())
        .map_err(|error| classify(WRITE, error))
}

async fn upsert(
    connection: &mut SqliteConnection,
    write: &SecretWrite,
    operation: &'static str,
) -> Result<bool, StoreError> {
    const SET: &str = "SET encrypted_value = excluded.encrypted_value,
        encryption_version = excluded.encryption_version, version = excluded.version,
        data_key_id = excluded.data_key_id, updated_at = excluded.updated_at
        WHERE s.version = $7";
    let sql = match write.scope {
        Scope::Global => format!(
            "INSERT INTO global_secrets AS s (key, encrypted_value, encryption_version, version,
                 data_key_id, created_at, updated_at, id)
             SELECT $1, $2, $3, $4, $5, $6, $6, $9 WHERE $8 IS NULL
             ON CONFLICT (key) DO UPDATE {SET}"
        ),
        Scope::Workspace(_) => format!(
            "INSERT INTO workspace_secrets AS s (key, encrypted_value, encryption_version, version,
                 data_key_id, created_at, updated_at, workspace_id, id)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $8, $9)
             ON CONFLICT (workspace_id, key) DO UPDATE {SET}"
        ),
    };
    let done = sqlx::query(AssertSqlSafe(sql))
        .bind(&write.key)
        .bind(&write.sealed.bytes)
        .bind(write.sealed.format.number())
        .bind(write.expect + 1)
        .bind(write.sealed.data_key.map(|id| id.to_string()))
        .bind(time(write.at))
        .bind(write.expect)
        .bind(write.scope.workspace().map(|id| id.to_string()))
        .bind(Uuid::new_v4().to_string())
        .execute(connection)
        .await
        .map_err(|error| classify(operation, error))?;
    Ok(done.rows_affected() == 1)
}

/// Adds the first secrets of a new workspace.
pub async fn add_first(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    rows: &[isomer_actors::domain::change::NewSecret],
    data_key: Option<Uuid>,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    for row in rows {
        sqlx::query(
            "INSERT INTO workspace_secrets (workspace_id, key, encrypted_value, encryption_version,
                 version, data_key_id, created_at, updated_at, id)
             VALUES ($1, $2, $3, $4, 1, $5, $6, $6, $7)",
        )
        .bind(workspace.to_string())
        .bind(&row.key)
        .bind(&row.sealed)
        .bind(row.format)
        .bind(data_key.map(|id| id.to_string()))
        .bind(time(at))
        .bind(Uuid::new_v4().to_string())
        .execute(&mut *connection)
        .await
        .map_err(|error| classify(operation, error))?;
    }
    Ok(())
}

fn secret(row: &SqliteRow, operation: &'static str) -> Result<SecretRow, StoreError> {
    let c = Columns { row, operation };
    Ok(SecretRow {
        id: c.uuid("id")?,
        scope: Scope::from(c.opt_uuid("workspace_id")?),
        key: c.get("key")?,
        version: c.get("version")?,
        format: c.get("encryption_version")?,
        bytes: c.get("encrypted_value")?,
    })
}

fn bound(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
