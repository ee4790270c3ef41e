//! `data_keys`: wrapped seeds, one active per scope.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::ports::StoreError;
use isomer_seal::context::Scope;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::PgStore;
use super::codec::{Columns, classify, unknown};
use crate::keys::ports::{
    DataKeyRow, DataKeyStore, Due, NewDataKey, ProviderKind, Wrapped, WrappingKey,
};
use crate::store::unreadable;

const READ: &str = "read data keys";
const ADD: &str = "add a data key";
const ROTATE: &str = "rotate data keys";

const COLUMNS: &str =
    "id, workspace_id, wrapped, provider, provider_key_id, state = 'active' AS active, version";

/// The scope as the index has it: the nil UUID stands for the global secrets.
const SCOPE: &str = "coalesce(workspace_id, '00000000-0000-0000-0000-000000000000')";

#[async_trait]
impl DataKeyStore for PgStore {
    async fn active_data_key(&self, scope: Scope) -> Result<Option<DataKeyRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM data_keys WHERE {SCOPE} = $1 AND state = 'active'");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(scope.workspace().unwrap_or_default())
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| classify(READ, error))?;
        row.as_ref().map(|row| data_key(row, READ)).transpose()
    }

    async fn data_key(&self, id: Uuid) -> Result<Option<DataKeyRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM data_keys WHERE id = $1");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| classify(READ, error))?;
        row.as_ref().map(|row| data_key(row, READ)).transpose()
    }

    async fn add_data_key(&self, new: &NewDataKey, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(|error| classify(ADD, error))?;
        insert(&mut connection, new, at, ADD).await
    }

    async fn replace_data_key(
        &self,
        old: Uuid,
        new: &NewDataKey,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| classify(ROTATE, error))?;
        let retired = sqlx::query(
            "UPDATE data_keys SET state = 'retired', claimed_until = NULL
             WHERE id = $1 AND state = 'active'",
        )
        .bind(old)
        .execute(&mut *transaction)
        .await
        .map_err(|error| classify(ROTATE, error))?;
        if retired.rows_affected() == 0 || !insert(&mut transaction, new, at, ROTATE).await? {
            return Ok(false);
        }
        transaction.commit().await.map_err(|error| unknown(ROTATE, error))?;
        Ok(true)
    }

    async fn rewrap_data_key(
        &self,
        id: Uuid,
        expect: i64,
        wrapped: &Wrapped,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE data_keys SET wrapped = $3, provider = $4, provider_key_id = $5,
                 version = version + 1, wrapped_at = $6, claimed_until = NULL
             WHERE id = $1 AND version = $2",
        )
        .bind(id)
        .bind(expect)
        .bind(&wrapped.bytes)
        .bind(wrapped.by.provider.as_str())
        .bind(&wrapped.by.key_id)
        .bind(at)
        .execute(&self.pool)
        .await
        .map_err(|error| classify(ROTATE, error))?;
        Ok(done.rows_affected() == 1)
    }

    async fn claim_data_keys(
        &self,
        due: &Due,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<DataKeyRow>, StoreError> {
        let (condition, provider, key_id, cutoff) = parts(due);
        let sql = format!(
            "UPDATE data_keys SET claimed_until = $4 WHERE id IN (
                 SELECT id FROM data_keys
                 WHERE {condition} AND (claimed_until IS NULL OR claimed_until <= $5)
                 ORDER BY id LIMIT $6 FOR UPDATE SKIP LOCKED)
             RETURNING {COLUMNS}"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(provider)
            .bind(key_id)
            .bind(cutoff)
            .bind(until)
            .bind(now)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| classify(ROTATE, error))?;
        rows.iter().map(|row| data_key(row, ROTATE)).collect()
    }

    async fn count_due(&self, due: &Due) -> Result<i64, StoreError> {
        let (condition, provider, key_id, cutoff) = parts(due);
        sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT count(*) FROM data_keys WHERE {condition}"
        )))
        .bind(provider)
        .bind(key_id)
        .bind(cutoff)
        .fetch_one(&self.pool)
        .await
        .map_err(|error| classify(ROTATE, error))
    }

    async fn destroy_retired(&self) -> Result<Vec<Uuid>, StoreError> {
        sqlx::query_scalar(
            "DELETE FROM data_keys k WHERE state = 'retired'
                 AND NOT EXISTS (SELECT 1 FROM workspace_secrets s WHERE s.data_key_id = k.id)
                 AND NOT EXISTS (SELECT 1 FROM global_secrets s WHERE s.data_key_id = k.id)
                 AND NOT EXISTS (SELECT 1 FROM key_custody c WHERE c.data_key_id = k.id)
             RETURNING id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| classify(ROTATE, error))
    }

    async fn count_retired(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT count(*) FROM data_keys WHERE state = 'retired'")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| classify(ROTATE, error))
    }

    async fn wrapping_keys(&self) -> Result<Vec<(WrappingKey, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT provider, provider_key_id, count(*) AS seeds FROM data_keys
             GROUP BY provider, provider_key_id ORDER BY provider, provider_key_id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| classify(READ, error))?;
        rows.iter()
            .map(|row| {
                let c = Columns { row, operation: READ };
                Ok((wrapping_key(&c)?, c.get("seeds")?))
            })
            .collect()
    }
}

/// Inserts an active data key; returns whether the scope had none.
pub async fn insert(
    connection: &mut PgConnection,
    new: &NewDataKey,
    at: DateTime<Utc>,
    operation: &'static str,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO data_keys
             (id, workspace_id, wrapped, provider, provider_key_id, created_at, wrapped_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING",
    )
    .bind(new.id)
    .bind(new.scope.workspace())
    .bind(&new.wrapped.bytes)
    .bind(new.wrapped.by.provider.as_str())
    .bind(&new.wrapped.by.key_id)
    .bind(at)
    .execute(connection)
    .await
    .map_err(|error| classify(operation, error))?;
    Ok(done.rows_affected() == 1)
}

/// The condition of what is due, and its three parameters.
fn parts(due: &Due) -> (&'static str, &'static str, &str, Option<DateTime<Utc>>) {
    match due {
        Due::NotUnder(key) => (
            "(provider <> $1 OR provider_key_id <> $2) AND $3::timestamptz IS NULL",
            key.provider.as_str(),
            &key.key_id,
            None,
        ),
        Due::ActiveBefore(cutoff) => (
            "state = 'active' AND created_at < $3 AND $1::text = '' AND $2::text = ''",
            "",
            "",
            Some(*cutoff),
        ),
    }
}

fn data_key(row: &PgRow, operation: &'static str) -> Result<DataKeyRow, StoreError> {
    let c = Columns { row, operation };
    Ok(DataKeyRow {
        id: c.get("id")?,
        scope: Scope::from(c.get::<Option<Uuid>>("workspace_id")?),
        wrapped: Wrapped { by: wrapping_key(&c)?, bytes: c.get("wrapped")? },
        active: c.get("active")?,
        version: c.get("version")?,
    })
}

fn wrapping_key(c: &Columns<'_>) -> Result<WrappingKey, StoreError> {
    let provider: &str = c.get("provider")?;
    let provider =
        ProviderKind::parse(provider).ok_or_else(|| unreadable(c.operation, "provider"))?;
    Ok(WrappingKey { provider, key_id: c.get("provider_key_id")? })
}
