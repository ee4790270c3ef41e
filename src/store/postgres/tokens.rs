//! `workspace_auth_tokens` and `org_api_tokens`: hashes only.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::token::{NewOrgToken, NewToken, OrgScope, Owner, TokenHash, TokenRow};
use isomer_actors::ports::{Refusal, StoreError, TokenStore};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::PgStore;
use super::codec::{Columns, classify, unknown};

const READ: &str = "read tokens";
const ADD: &str = "add a token";
const REVOKE: &str = "revoke a token";
const USES: &str = "write token uses";

/// Both tables as one, with whom the token speaks for.
const ALL: &str = "SELECT * FROM (
    SELECT id, token_hash, prefix, workspace_id, NULL::text AS scope, NULL::uuid AS org_id,
        NULL::text AS name, NULL::text AS created_by, created_at, last_used_at, revoked_at
    FROM workspace_auth_tokens
    UNION ALL
    SELECT id, token_hash, prefix, NULL::uuid, scope, org_id, name, created_by, created_at,
        last_used_at, revoked_at FROM org_api_tokens) AS t";

/// Adds workspace tokens inside a transaction.
pub async fn add_all(
    connection: &mut PgConnection,
    tokens: &[(WorkspaceId, &NewToken, DateTime<Utc>)],
    operation: &'static str,
) -> Result<(), StoreError> {
    if tokens.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO workspace_auth_tokens (id, workspace_id, token_hash, prefix, created_at)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::bytea[], $4::text[], $5::timestamptz[])",
    )
    .bind(tokens.iter().map(|(_, token, _)| token.id).collect::<Vec<_>>())
    .bind(tokens.iter().map(|(id, _, _)| id.0).collect::<Vec<_>>())
    .bind(tokens.iter().map(|(_, token, _)| token.hash.0.to_vec()).collect::<Vec<_>>())
    .bind(tokens.iter().map(|(_, token, _)| token.prefix.clone()).collect::<Vec<_>>())
    .bind(tokens.iter().map(|(_, _, at)| *at).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

/// Revokes every live token of workspaces inside a transaction.
pub async fn revoke_all(
    connection: &mut PgConnection,
    workspaces: &[(WorkspaceId, DateTime<Utc>)],
    operation: &'static str,
) -> Result<(), StoreError> {
    if workspaces.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE workspace_auth_tokens t SET revoked_at = b.at
         FROM UNNEST($1::uuid[], $2::timestamptz[]) AS b (id, at)
         WHERE t.workspace_id = b.id AND t.revoked_at IS NULL",
    )
    .bind(workspaces.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
    .bind(workspaces.iter().map(|(_, at)| *at).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(operation, error))
}

#[async_trait]
impl TokenStore for PgStore {
    async fn live_tokens(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<TokenRow>, StoreError> {
        let sql = format!(
            "{ALL} WHERE revoked_at IS NULL AND ($1::uuid IS NULL OR id > $1)
             ORDER BY id LIMIT $2"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(after).bind(limit as i64);
        rows(query.fetch_all(&self.pool).await)
    }

    async fn tokens_changed(&self, since: DateTime<Utc>) -> Result<Vec<TokenRow>, StoreError> {
        let sql = format!("{ALL} WHERE created_at >= $1 OR revoked_at >= $1");
        rows(sqlx::query(AssertSqlSafe(sql)).bind(since).fetch_all(&self.pool).await)
    }

    async fn find_token(&self, hash: TokenHash) -> Result<Option<TokenRow>, StoreError> {
        let sql = format!("{ALL} WHERE token_hash = $1");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(hash.0.to_vec());
        Ok(rows(query.fetch_all(&self.pool).await)?.pop())
    }

    async fn add_token(
        &self,
        workspace: WorkspaceId,
        token: &NewToken,
        max_live: u32,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let failed = |error| classify(ADD, error);
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        // The lock makes counting and adding one step.
        let known = sqlx::query("SELECT 1 FROM workspaces WHERE id = $1 FOR NO KEY UPDATE")
            .bind(workspace.0)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed)?;
        if known.is_none() {
            return Err(StoreError::Refused { operation: ADD, refusal: Refusal::WorkspaceUnknown });
        }
        let live: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM workspace_auth_tokens
             WHERE workspace_id = $1 AND revoked_at IS NULL",
        )
        .bind(workspace.0)
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
        if live >= i64::from(max_live) {
            return Ok(false);
        }
        add_all(&mut transaction, &[(workspace, token, at)], ADD).await?;
        transaction.commit().await.map_err(|error| unknown(ADD, error))?;
        Ok(true)
    }

    async fn revoke_token(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        at: DateTime<Utc>,
    ) -> Result<Option<TokenRow>, StoreError> {
        let found = sqlx::query(
            "UPDATE workspace_auth_tokens SET revoked_at = $3
             WHERE id = $1 AND workspace_id = $2 AND revoked_at IS NULL
             RETURNING id, token_hash, prefix, workspace_id, NULL::text AS scope,
                 NULL::uuid AS org_id, NULL::text AS name, NULL::text AS created_by, created_at,
                 last_used_at, revoked_at",
        )
        .bind(id)
        .bind(workspace.0)
        .bind(at)
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| classify(REVOKE, error))?;
        found.as_ref().map(token_row).transpose()
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
            .bind(workspace.0)
            .bind(limit as i64)
            .bind(offset as i64);
        rows(query.fetch_all(&self.pool).await)
    }

    async fn add_org_token(&self, new: &NewOrgToken, at: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO org_api_tokens
                 (id, token_hash, prefix, name, created_by, created_at, org_id, scope)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(new.token.id)
        .bind(new.token.hash.0.to_vec())
        .bind(&new.token.prefix)
        .bind(&new.name)
        .bind(&new.created_by)
        .bind(at)
        .bind(new.org_id.map(|id| id.0))
        .bind(new.scope.as_str())
        .execute(&self.pool)
        .await
        .map(|_| ())
        .map_err(|error| classify(ADD, error))
    }

    async fn revoke_org_token(
        &self,
        id: Uuid,
        at: DateTime<Utc>,
    ) -> Result<Option<TokenRow>, StoreError> {
        let found = sqlx::query(
            "UPDATE org_api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL
             RETURNING id, token_hash, prefix, NULL::uuid AS workspace_id, scope, org_id, name,
                 created_by, created_at, last_used_at, revoked_at",
        )
        .bind(id)
        .bind(at)
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| classify(REVOKE, error))?;
        found.as_ref().map(token_row).transpose()
    }

    async fn org_tokens(&self, limit: usize) -> Result<Vec<TokenRow>, StoreError> {
        let sql = format!(
            "{ALL} WHERE workspace_id IS NULL AND revoked_at IS NULL
             ORDER BY created_at DESC, id LIMIT $1"
        );
        rows(sqlx::query(AssertSqlSafe(sql)).bind(limit as i64).fetch_all(&self.pool).await)
    }

    async fn write_token_use(
        &self,
        uses: &BTreeMap<Uuid, DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let ids: Vec<_> = uses.keys().copied().collect();
        let times: Vec<_> = uses.values().copied().collect();
        for table in ["workspace_auth_tokens", "org_api_tokens"] {
            let sql = format!(
                "UPDATE {table} t SET last_used_at = u.at
                 FROM UNNEST($1::uuid[], $2::timestamptz[]) AS u (id, at)
                 WHERE t.id = u.id AND (t.last_used_at IS NULL OR t.last_used_at < u.at)"
            );
            sqlx::query(AssertSqlSafe(sql))
                .bind(&ids)
                .bind(&times)
                .execute(&self.pool)
                .await
                .map_err(|error| classify(USES, error))?;
        }
        Ok(())
    }
}

fn rows(result: Result<Vec<PgRow>, sqlx::Error>) -> Result<Vec<TokenRow>, StoreError> {
    result.map_err(|error| classify(READ, error))?.iter().map(token_row).collect()
}

fn token_row(row: &PgRow) -> Result<TokenRow, StoreError> {
    let c = Columns { row, operation: READ };
    let owner = match c.opt_workspace("workspace_id")? {
        Some(id) => Owner::Workspace(id),
        None => Owner::Org {
            scope: c.parsed("scope", OrgScope::parse)?,
            org_id: c.opt_workspace("org_id")?,
        },
    };
    Ok(TokenRow {
        id: c.get("id")?,
        hash: TokenHash(c.hash("token_hash")?),
        prefix: c.get("prefix")?,
        owner,
        name: c.get("name")?,
        created_by: c.get("created_by")?,
        created_at: c.get("created_at")?,
        last_used_at: c.get("last_used_at")?,
        revoked_at: c.get("revoked_at")?,
    })
}
