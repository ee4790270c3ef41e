//! `workspace_auth_tokens` and `org_api_tokens`: hashes only.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::token::{NewOrgToken, NewToken, OrgScope, Owner, TokenHash, TokenRow};
use isomer_actors::ports::{StoreError, TokenStore};
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqliteConnection};
use uuid::Uuid;

use super::SqliteStore;
use super::codec::{Columns, classify, time, unknown};

const READ: &str = "read tokens";
const ADD: &str = "add a token";
const REVOKE: &str = "revoke a token";
const USES: &str = "write token uses";

/// Both tables as one, with whom the token speaks for.
const ALL: &str = "SELECT * FROM (
    SELECT id, token_hash, prefix, workspace_id, NULL AS scope, NULL AS org_id, NULL AS name,
        NULL AS created_by, created_at, last_used_at, revoked_at FROM workspace_auth_tokens
    UNION ALL
    SELECT id, token_hash, prefix, NULL, scope, org_id, name, created_by, created_at,
        last_used_at, revoked_at FROM org_api_tokens)";

/// Adds a workspace token inside a transaction.
pub async fn add(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    token: &NewToken,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO workspace_auth_tokens (id, workspace_id, token_hash, prefix, created_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(token.id.to_string())
    .bind(workspace.to_string())
    .bind(token.hash.0.to_vec())
    .bind(&token.prefix)
    .bind(time(at))
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

/// Revokes every live token of a workspace inside a transaction.
pub async fn revoke_all(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE workspace_auth_tokens SET revoked_at = $2
         WHERE workspace_id = $1 AND revoked_at IS NULL",
    )
    .bind(workspace.to_string())
    .bind(time(at))
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

#[async_trait]
impl TokenStore for SqliteStore {
    async fn live_tokens(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<TokenRow>, StoreError> {
        let sql = format!("{ALL} WHERE revoked_at IS NULL AND id > $1 ORDER BY id LIMIT $2");
        let after = after.map_or_else(String::new, |id| id.to_string());
        let query = sqlx::query(AssertSqlSafe(sql)).bind(after).bind(limit as i64);
        rows(query.fetch_all(&self.read).await)
    }

    async fn tokens_changed(&self, since: DateTime<Utc>) -> Result<Vec<TokenRow>, StoreError> {
        let sql = format!("{ALL} WHERE created_at >= $1 OR revoked_at >= $1");
        rows(sqlx::query(AssertSqlSafe(sql)).bind(time(since)).fetch_all(&self.read).await)
    }

    async fn find_token(&self, hash: TokenHash) -> Result<Option<TokenRow>, StoreError> {
        let sql = format!("{ALL} WHERE token_hash = $1");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(hash.0.to_vec());
        Ok(rows(query.fetch_all(&self.read).await)?.pop())
    }

    async fn add_token(
        &self,
        workspace: WorkspaceId,
        token: &NewToken,
        max_live: u32,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut transaction =
            self.write.begin_with("BEGIN IMMEDIATE").await.map_err(|error| classify(ADD, error))?;
        let live: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM workspace_auth_tokens
             WHERE workspace_id = $1 AND revoked_at IS NULL",
        )
        .bind(workspace.to_string())
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| classify(ADD, error))?;
        if live >= i64::from(max_live) {
            return Ok(false);
        }
        add(&mut transaction, workspace, token, at, ADD).await?;
        transaction.commit().await.map_err(|error| unknown(ADD, error))?;
        Ok(true)
    }

    async fn revoke_token(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        at: DateTime<Utc>,
    ) -> Result<Option<TokenRow>, StoreError> {
        let row = sqlx::query(
            "UPDATE workspace_auth_tokens SET revoked_at = $3
             WHERE id = $1 AND workspace_id = $2 AND revoked_at IS NULL
             RETURNING id, token_hash, prefix, workspace_id, NULL AS scope, NULL AS org_id,
                 NULL AS name, NULL AS created_by, created_at, last_used_at, revoked_at",
        )
        .bind(id.to_string())
        .bind(workspace.to_string())
        .bind(time(at))
        .fetch_all(&self.write)
        .await
        .map_err(|error| classify(REVOKE, error))?;
        row.first().map(token_row).transpose()
    }

    async fn workspace_tokens(
        &self,
        workspace: WorkspaceId,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<TokenRow>, StoreError> {
        let sql = format!(
            "{ALL} WHERE workspace_id = $1 AND revoked_at IS NULL
             ORDER BY created_at DESC, id LIMIT $2 OFFSET $3"
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(workspace.to_string())
            .bind(limit as i64)
            .bind(offset as i64);
        rows(query.fetch_all(&self.read).await)
    }

    async fn add_org_token(&self, new: &NewOrgToken, at: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO org_api_tokens
                 (id, token_hash, prefix, name, created_by, created_at, org_id, scope)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(new.token.id.to_string())
        .bind(new.token.hash.0.to_vec())
        .bind(&new.token.prefix)
        .bind(&new.name)
        .bind(&new.created_by)
        .bind(time(at))
        .bind(new.org_id.map(|id| id.to_string()))
        .bind(new.scope.as_str())
        .execute(&self.write)
        .await
        .map(|_| ())
        .map_err(|error| classify(ADD, error))
    }

    async fn revoke_org_token(
        &self,
        id: Uuid,
        at: DateTime<Utc>,
    ) -> Result<Option<TokenRow>, StoreError> {
        let row = sqlx::query(
            "UPDATE org_api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL
             RETURNING id, token_hash, prefix, NULL AS workspace_id, scope, org_id, name,
                 created_by, created_at, last_used_at, revoked_at",
        )
        .bind(id.to_string())
        .bind(time(at))
        .fetch_all(&self.write)
        .await
        .map_err(|error| classify(REVOKE, error))?;
        row.first().map(token_row).transpose()
    }

    async fn org_tokens(&self, limit: usize) -> Result<Vec<TokenRow>, StoreError> {
        let sql = format!(
            "{ALL} WHERE workspace_id IS NULL AND revoked_at IS NULL
             ORDER BY created_at DESC, id LIMIT $1"
        );
        rows(sqlx::query(AssertSqlSafe(sql)).bind(limit as i64).fetch_all(&self.read).await)
    }

    async fn write_token_use(
        &self,
        uses: &BTreeMap<Uuid, DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let uses: Vec<_> = uses.iter().map(|(id, at)| json!({"id": id, "at": time(*at)})).collect();
        let uses = serde_json::Value::Array(uses).to_string();
        for table in ["workspace_auth_tokens", "org_api_tokens"] {
            let sql = format!(
                "UPDATE {table} SET last_used_at = u.at
                 FROM (SELECT value ->> 'id' AS id, value ->> 'at' AS at FROM json_each($1)) AS u
                 WHERE {table}.id = u.id AND coalesce({table}.last_used_at, '') < u.at"
            );
            sqlx::query(AssertSqlSafe(sql))
                .bind(&uses)
                .execute(&self.write)
                .await
                .map_err(|error| classify(USES, error))?;
        }
        Ok(())
    }
}

fn rows(result: Result<Vec<SqliteRow>, sqlx::Error>) -> Result<Vec<TokenRow>, StoreError> {
    result.map_err(|error| classify(READ, error))?.iter().map(token_row).collect()
}

fn token_row(row: &SqliteRow) -> Result<TokenRow, StoreError> {
    let c = Columns { row, operation: READ };
    let owner = match c.opt_workspace("workspace_id")? {
        Some(id) => Owner::Workspace(id),
        None => Owner::Org {
            scope: c.parsed("scope", OrgScope::parse)?,
            org_id: c.opt_workspace("org_id")?,
        },
    };
    Ok(TokenRow {
        id: c.uuid("id")?,
        hash: TokenHash(c.hash("token_hash")?),
        prefix: c.get("prefix")?,
        owner,
        name: c.get("name")?,
        created_by: c.get("created_by")?,
        created_at: c.time("created_at")?,
        last_used_at: c.opt_time("last_used_at")?,
        revoked_at: c.opt_time("revoked_at")?,
    })
}
