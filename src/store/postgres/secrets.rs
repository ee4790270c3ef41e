//! `workspace_secrets` and `global_secrets`: sealed values.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::StoreError;
use isomer_seal::context::Scope;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::codec::{Columns, classify, unknown};
use super::{PgStore, key_audit};
use crate::keys::ports::{AuditRow, Reseal, SecretMeta, SecretRow, SecretStore, SecretWrite};

const LIST: &str = "list secrets";
const READ: &str = "read secrets";
const WRITE: &str = "write a secret";
const DELETE: &str = "delete a secret";
const ROTATE: &str = "reseal secrets";

const OF_WORKSPACE: &str =
    "SELECT id, workspace_id, key, version, encryption_version, encrypted_value
     FROM workspace_secrets";
const GLOBAL: &str =
    "SELECT id, NULL::uuid AS workspace_id, key, version, encryption_version, encrypted_value
     FROM global_secrets";
/// Not in format 3 under an active data key.
const STALE: &str = "(encryption_version <> 3 OR data_key_id IS NULL
     OR data_key_id IN (SELECT id FROM data_keys WHERE state = 'retired'))";

#[async_trait]
impl SecretStore for PgStore {
    async fn list_secrets(&self, scope: Scope) -> Result<Vec<SecretMeta>, StoreError> {
        let rows = match scope {
            Scope::Global => {
                sqlx::query("SELECT key, created_at, updated_at FROM global_secrets ORDER BY key")
            }
            Scope::Workspace(id) => sqlx::query(
                "SELECT key, created_at, updated_at FROM workspace_secrets
                 WHERE workspace_id = $1 ORDER BY key",
            )
            .bind(id),
        }
        .fetch_all(&self.pool)
        .await
        .map_err(|error| classify(LIST, error))?;
        rows.iter()
            .map(|row| {
                let c = Columns { row, operation: LIST };
                Ok(SecretMeta {
                    key: c.get("key")?,
                    scope,
                    created_at: c.get("created_at")?,
                    updated_at: c.get("updated_at")?,
                })
            })
            .collect()
    }

    async fn secret(&self, scope: Scope, key: &str) -> Result<Option<SecretRow>, StoreError> {
        let row = match scope.workspace() {
            None => sqlx::query(AssertSqlSafe(format!("{GLOBAL} WHERE key = $1"))).bind(key),
            Some(id) => {
                let sql = format!("{OF_WORKSPACE} WHERE key = $1 AND workspace_id = $2");
                sqlx::query(AssertSqlSafe(sql)).bind(key).bind(id)
            }
        }
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| classify(READ, error))?;
        row.as_ref().map(|row| secret(row, READ)).transpose()
    }

    async fn secrets_for(&self, workspace: Uuid) -> Result<Vec<SecretRow>, StoreError> {
        let sql = format!("{GLOBAL} UNION ALL {OF_WORKSPACE} WHERE workspace_id = $1");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(workspace)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| classify(READ, error))?;
        rows.iter().map(|row| secret(row, READ)).collect()
    }

    async fn put_secret(&self, write: &SecretWrite, audit: &AuditRow) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| classify(WRITE, error))?;
        if !still_active(&mut transaction, write.scope, write.sealed.data_key).await?
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
        let mut transaction = self.pool.begin().await.map_err(|error| classify(DELETE, error))?;
        let done = match scope.workspace() {
            None => sqlx::query("DELETE FROM global_secrets WHERE key = $1").bind(key),
            Some(id) => {
                sqlx::query("DELETE FROM workspace_secrets WHERE key = $1 AND workspace_id = $2")
                    .bind(key)
                    .bind(id)
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
        sqlx::query_scalar(
            "SELECT id FROM workspaces w WHERE status <> 'removed' AND NOT EXISTS (
                 SELECT 1 FROM workspace_secrets s WHERE s.workspace_id = w.id AND s.key = $1)
             ORDER BY id LIMIT $2",
        )
        .bind(key)
        .bind(bound(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| classify(READ, error))
    }

    async fn stale_secrets(
        &self,
        global: bool,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<SecretRow>, StoreError> {
        let from = if global { GLOBAL } else { OF_WORKSPACE };
        let sql =
            format!("{from} WHERE {STALE} AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(after)
            .bind(bound(limit))
            .fetch_all(&self.pool)
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
            .fetch_one(&self.pool)
            .await
            .map_err(|error| classify(ROTATE, error))
    }

    async fn reseal(&self, global: bool, batch: &[Reseal]) -> Result<usize, StoreError> {
        let table = if global { "global_secrets" } else { "workspace_secrets" };
        let sql = format!(
            "WITH batch AS (
                 SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[], $5::uuid[],
                     $6::int[]) AS b (id, version, old, new, data_key, format)),
             mine AS (
                 SELECT s.id FROM {table} s JOIN batch b ON b.id = s.id
                 WHERE s.version = b.version AND s.encrypted_value = b.old
                 FOR UPDATE OF s SKIP LOCKED)
             UPDATE {table} s SET encrypted_value = b.new, encryption_version = b.format,
                 version = b.version + 1, data_key_id = b.data_key
             FROM batch b WHERE s.id = b.id AND s.id IN (SELECT id FROM mine)"
        );
        let old: Vec<&[u8]> = batch.iter().map(|r| r.old.bytes.as_slice()).collect();
        let new: Vec<&[u8]> = batch.iter().map(|r| r.sealed.bytes.as_slice()).collect();
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(batch.iter().map(|r| r.old.id).collect::<Vec<_>>())
            .bind(batch.iter().map(|r| r.old.version).collect::<Vec<_>>())
            .bind(old)
            .bind(new)
            .bind(batch.iter().map(|r| r.sealed.data_key).collect::<Vec<_>>())
            .bind(batch.iter().map(|r| r.sealed.format.number()).collect::<Vec<_>>())
            .execute(&self.pool)
            .await
            .map_err(|error| classify(ROTATE, error))?;
        Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }

    async fn formats(&self) -> Result<Vec<(i32, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT encryption_version, count(*) AS secrets FROM (
                 SELECT encryption_version FROM workspace_secrets
                 UNION ALL SELECT encryption_version FROM global_secrets) s
             GROUP BY encryption_version ORDER BY encryption_version",
        )
        .fetch_all(&self.pool)
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

/// Holds the data key against being retired until the transaction ends, and its workspace against
/// being purged: the workspace first, as a purge does, so that neither waits for the other.
async fn still_active(
    connection: &mut PgConnection,
    scope: Scope,
    data_key: Option<Uuid>,
) -> Result<bool, StoreError> {
    let Some(id) = data_key else {
        return Ok(true);
    };
    let sql = match scope {
        Scope::Global => "SELECT 1 FROM data_keys WHERE id = $1 AND state = 'active' FOR SHARE",
        Scope::Workspace(_) => {
            "SELECT 1 FROM workspaces w JOIN data_keys k ON k.workspace_id = w.id
             WHERE k.id = $1 AND k.state = 'active' FOR KEY SHARE OF w FOR SHARE OF k"
        }
    };
    sqlx::query(sql)
        .bind(id)
        .fetch_optional(connection)
        .await
        .map(|row| row.is_some())
        .map_err(|error| classify(WRITE, error))
}

async fn upsert(
    connection: &mut PgConnection,
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
                 data_key_id, created_at, updated_at)
             SELECT $1, $2, $3, $4, $5, $6, $6 WHERE $8::uuid IS NULL
             ON CONFLICT (key) DO UPDATE {SET}"
        ),
        Scope::Workspace(_) => format!(
            "INSERT INTO workspace_secrets AS s (key, encrypted_value, encryption_version, version,
                 data_key_id, created_at, updated_at, workspace_id)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $8)
             ON CONFLICT (workspace_id, key) DO UPDATE {SET}"
        ),
    };
    let done = sqlx::query(AssertSqlSafe(sql))
        .bind(&write.key)
        .bind(&write.sealed.bytes)
        .bind(write.sealed.format.number())
        .bind(write.expect + 1)
        .bind(write.sealed.data_key)
        .bind(write.at)
        .bind(write.expect)
        .bind(write.scope.workspace())
        .execute(connection)
        .await
        .map_err(|error| classify(operation, error))?;
    Ok(done.rows_affected() == 1)
}

/// Adds the first secrets of a new workspace.
pub async fn add_first(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    rows: &[isomer_actors::domain::change::NewSecret],
    data_key: Option<Uuid>,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    for row in rows {
        sqlx::query(
            "INSERT INTO workspace_secrets (workspace_id, key, encrypted_value, encryption_version,
                 version, data_key_id, created_at, updated_at)
             VALUES ($1, $2, $3, $4, 1, $5, $6, $6)",
        )
        .bind(workspace.0)
        .bind(&row.key)
        .bind(&row.sealed)
        .bind(row.format)
        .bind(data_key)
        .bind(at)
        .execute(&mut *connection)
        .await
        .map_err(|error| classify(operation, error))?;
    }
    Ok(())
}

fn secret(row: &PgRow, operation: &'static str) -> Result<SecretRow, StoreError> {
    let c = Columns { row, operation };
    Ok(SecretRow {
        id: c.get("id")?,
        scope: Scope::from(c.get::<Option<Uuid>>("workspace_id")?),
        key: c.get("key")?,
        version: c.get("version")?,
        format: c.get("encryption_version")?,
        bytes: c.get("encrypted_value")?,
    })
}

fn bound(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
