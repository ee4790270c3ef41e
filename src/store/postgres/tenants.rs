//! The control plane's database: `tenants`, `boot_tokens`, `tenant_audit`.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use isomer_actors::ports::StoreError;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::codec::{Columns, classify, unknown};
use crate::control_plane::ports::{
    BootTokenRow, NewBootToken, TenantAudit, TenantRow, TenantStore,
};
use crate::keys::ports::{ProviderKind, Wrapped, WrappingKey};
use crate::store::unreadable;

const READ: &str = "read tenants";
const WRITE: &str = "change a tenant";
const CLAIM: &str = "claim a boot token";
/// How long an expired boot token stays, so that who shows it is told from a stranger.
const KEPT: TimeDelta = TimeDelta::days(30);

/// The control plane's store over PostgreSQL.
#[derive(Clone, Debug)]
pub struct PgTenants {
    pub(super) pool: PgPool,
}

#[async_trait]
impl TenantStore for PgTenants {
    async fn add_tenant(
        &self,
        id: &str,
        key: &Wrapped,
        audit: &TenantAudit,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| classify(WRITE, error))?;
        let done = sqlx::query(
            "INSERT INTO tenants (id, provider, provider_key_id, wrapped, created_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(key.by.provider.as_str())
        .bind(&key.by.key_id)
        .bind(&key.bytes)
        .bind(audit.at)
        .execute(&mut *transaction)
        .await
        .map_err(|error| classify(WRITE, error))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        append(&mut transaction, audit).await?;
        transaction.commit().await.map_err(|error| unknown(WRITE, error))?;
        Ok(true)
    }

    async fn tenant(&self, id: &str) -> Result<Option<TenantRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM tenants WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| classify(READ, error))?;
        row.as_ref().map(tenant).transpose()
    }

    async fn tenants(&self) -> Result<Vec<TenantRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM tenants ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| classify(READ, error))?;
        rows.iter().map(tenant).collect()
    }

    async fn rotate_tenant(
        &self,
        id: &str,
        expect: i64,
        key: &Wrapped,
        audit: &TenantAudit,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| classify(WRITE, error))?;
        let done = sqlx::query(
            "UPDATE tenants SET previous_provider = provider, previous_key_id = provider_key_id,
                 previous_wrapped = wrapped, provider = $3, provider_key_id = $4, wrapped = $5,
                 key_version = key_version + 1, rotated_at = $6
             WHERE id = $1 AND key_version = $2 AND state = 'active'",
        )
        .bind(id)
        .bind(expect)
        .bind(key.by.provider.as_str())
        .bind(&key.by.key_id)
        .bind(&key.bytes)
        .bind(audit.at)
        .execute(&mut *transaction)
        .await
        .map_err(|error| classify(WRITE, error))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        append(&mut transaction, audit).await?;
        transaction.commit().await.map_err(|error| unknown(WRITE, error))?;
        Ok(true)
    }

    async fn rewrap_tenant(
        &self,
        id: &str,
        expect: i64,
        key: &Wrapped,
        previous: Option<&Wrapped>,
        audit: &TenantAudit,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| classify(WRITE, error))?;
        let done = sqlx::query(
            "UPDATE tenants SET provider = $3, provider_key_id = $4, wrapped = $5,
                 previous_provider = $6, previous_key_id = $7, previous_wrapped = $8
             WHERE id = $1 AND key_version = $2 AND state = 'active'",
        )
        .bind(id)
        .bind(expect)
        .bind(key.by.provider.as_str())
        .bind(&key.by.key_id)
        .bind(&key.bytes)
        .bind(previous.map(|key| key.by.provider.as_str()))
        .bind(previous.map(|key| key.by.key_id.as_str()))
        .bind(previous.map(|key| key.bytes.as_slice()))
        .execute(&mut *transaction)
        .await
        .map_err(|error| classify(WRITE, error))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        append(&mut transaction, audit).await?;
        transaction.commit().await.map_err(|error| unknown(WRITE, error))?;
        Ok(true)
    }

    async fn destroy_tenant(&self, id: &str, audit: &TenantAudit) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| classify(WRITE, error))?;
        let done = sqlx::query(
            "UPDATE tenants SET state = 'destroyed', provider = NULL, provider_key_id = NULL,
                 wrapped = NULL, previous_provider = NULL, previous_key_id = NULL,
                 previous_wrapped = NULL, destroyed_at = $2
             WHERE id = $1 AND state = 'active'",
        )
        .bind(id)
        .bind(audit.at)
        .execute(&mut *transaction)
        .await
        .map_err(|error| classify(WRITE, error))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM boot_tokens WHERE tenant_id = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await
            .map_err(|error| classify(WRITE, error))?;
        append(&mut transaction, audit).await?;
        transaction.commit().await.map_err(|error| unknown(WRITE, error))?;
        Ok(true)
    }

    async fn booted_since(&self, id: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        sqlx::query(
            "SELECT 1 FROM tenant_audit WHERE tenant_id = $1 AND action = 'boot'
                 AND outcome = 'ok' AND at >= $2 LIMIT 1",
        )
        .bind(id)
        .bind(at)
        .fetch_optional(&self.pool)
        .await
        .map(|row| row.is_some())
        .map_err(|error| classify(READ, error))
    }

    async fn add_boot_token(
        &self,
        token: &NewBootToken,
        audit: &TenantAudit,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| classify(WRITE, error))?;
        let done = sqlx::query(
            "INSERT INTO boot_tokens (id, tenant_id, token_hash, created_at, expires_at)
             SELECT $1, id, $3, $4, $5 FROM tenants WHERE id = $2 AND state = 'active'",
        )
        .bind(token.id)
        .bind(&token.tenant)
        .bind(token.hash.as_slice())
        .bind(token.created_at)
        .bind(token.expires_at)
        .execute(&mut *transaction)
        .await
        .map_err(|error| classify(WRITE, error))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM boot_tokens WHERE tenant_id = $1 AND expires_at < $2")
            .bind(&token.tenant)
            .bind(token.created_at - KEPT)
            .execute(&mut *transaction)
            .await
            .map_err(|error| classify(WRITE, error))?;
        append(&mut transaction, audit).await?;
        transaction.commit().await.map_err(|error| unknown(WRITE, error))?;
        Ok(true)
    }

    async fn boot_token(&self, hash: [u8; 32]) -> Result<Option<BootTokenRow>, StoreError> {
        let row = sqlx::query(
            "SELECT id, tenant_id, expires_at, claimed_at IS NOT NULL AS claimed
             FROM boot_tokens WHERE token_hash = $1",
        )
        .bind(hash.as_slice())
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| classify(CLAIM, error))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let c = Columns { row: &row, operation: CLAIM };
        Ok(Some(BootTokenRow {
            id: c.get("id")?,
            tenant: c.get("tenant_id")?,
            expires_at: c.get("expires_at")?,
            claimed: c.get("claimed")?,
        }))
    }

    async fn claim_boot_token(
        &self,
        id: Uuid,
        key_version: i64,
        audit: &TenantAudit,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| classify(CLAIM, error))?;
        let done = sqlx::query(
            "UPDATE boot_tokens SET claimed_at = $2, claimed_by = $3
             WHERE id = $1 AND claimed_at IS NULL AND expires_at > $2 AND EXISTS (
                 SELECT 1 FROM tenants t WHERE t.id = tenant_id AND t.state = 'active'
                     AND t.key_version = $4)",
        )
        .bind(id)
        .bind(audit.at)
        .bind(&audit.actor)
        .bind(key_version)
        .execute(&mut *transaction)
        .await
        .map_err(|error| classify(CLAIM, error))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        append(&mut transaction, audit).await?;
        transaction.commit().await.map_err(|error| unknown(CLAIM, error))?;
        Ok(true)
    }

    async fn audit_tenant(&self, audit: &TenantAudit) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await.map_err(|error| classify(WRITE, error))?;
        append(&mut connection, audit).await
    }

    async fn tenant_wrapping_keys(&self) -> Result<Vec<WrappingKey>, StoreError> {
        let rows = sqlx::query(
            "SELECT provider, provider_key_id FROM tenants WHERE wrapped IS NOT NULL
             UNION SELECT previous_provider, previous_key_id FROM tenants
             WHERE previous_wrapped IS NOT NULL",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| classify(READ, error))?;
        rows.iter()
            .map(|row| {
                let c = Columns { row, operation: READ };
                wrapping_key(c.get("provider")?, c.get("provider_key_id")?)
            })
            .collect()
    }

    async fn ping_tenants(&self) -> Result<(), StoreError> {
        let pinged = sqlx::query("SELECT 1").execute(&self.pool).await;
        pinged.map(|_| ()).map_err(|error| classify(READ, error))
    }
}

async fn append(connection: &mut PgConnection, audit: &TenantAudit) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO tenant_audit (at, actor, action, tenant_id, outcome, detail)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(audit.at)
    .bind(&audit.actor)
    .bind(audit.action)
    .bind(&audit.tenant)
    .bind(audit.outcome)
    .bind(&audit.detail)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| classify(WRITE, error))
}

fn tenant(row: &PgRow) -> Result<TenantRow, StoreError> {
    let c = Columns { row, operation: READ };
    Ok(TenantRow {
        id: c.get("id")?,
        key_version: c.get("key_version")?,
        key: wrapped(c.get("provider")?, c.get("provider_key_id")?, c.get("wrapped")?)?,
        previous: wrapped(
            c.get("previous_provider")?,
            c.get("previous_key_id")?,
            c.get("previous_wrapped")?,
        )?,
        created_at: c.get("created_at")?,
        rotated_at: c.get::<Option<DateTime<Utc>>>("rotated_at")?,
        destroyed_at: c.get::<Option<DateTime<Utc>>>("destroyed_at")?,
    })
}

fn wrapped(
    provider: Option<&str>,
    key_id: Option<String>,
    bytes: Option<Vec<u8>>,
) -> Result<Option<Wrapped>, StoreError> {
    match (provider, key_id, bytes) {
        (Some(provider), Some(key_id), Some(bytes)) => {
            Ok(Some(Wrapped { by: wrapping_key(provider, key_id)?, bytes }))
        }
        _ => Ok(None),
    }
}

fn wrapping_key(provider: &str, key_id: String) -> Result<WrappingKey, StoreError> {
    let provider = ProviderKind::parse(provider).ok_or_else(|| unreadable(READ, "provider"))?;
    Ok(WrappingKey { provider, key_id })
}
