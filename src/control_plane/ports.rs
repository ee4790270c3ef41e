//! What the control plane asks of its database.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::ports::StoreError;
use uuid::Uuid;

use crate::keys::ports::{Wrapped, WrappingKey};

/// A tenant as it is stored.
#[derive(Clone, Debug)]
pub struct TenantRow {
    pub id: String,
    /// Counts its keys; part of each one's encryption context.
    pub key_version: i64,
    /// `None` once the tenant is destroyed.
    pub key: Option<Wrapped>,
    /// The key before the last rotation.
    pub previous: Option<Wrapped>,
    pub created_at: DateTime<Utc>,
    pub rotated_at: Option<DateTime<Utc>>,
    pub destroyed_at: Option<DateTime<Utc>>,
}

/// A boot token to be stored. Its hash only.
#[derive(Clone, Debug)]
pub struct NewBootToken {
    pub id: Uuid,
    pub tenant: String,
    pub hash: [u8; 32],
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A boot token as it is stored.
#[derive(Clone, Debug)]
pub struct BootTokenRow {
    pub id: Uuid,
    pub tenant: String,
    pub expires_at: DateTime<Utc>,
    pub claimed: bool,
}

/// Who did what to which tenant. Never a key or a token.
#[derive(Clone, Debug)]
pub struct TenantAudit {
    pub at: DateTime<Utc>,
    pub actor: String,
    pub action: &'static str,
    pub tenant: String,
    pub outcome: &'static str,
    pub detail: Option<String>,
}

/// Tenants and boot tokens.
#[async_trait]
pub trait TenantStore: Send + Sync {
    /// Adds a tenant with its first key; returns whether the name was free.
    async fn add_tenant(
        &self,
        id: &str,
        key: &Wrapped,
        audit: &TenantAudit,
    ) -> Result<bool, StoreError>;

    /// Returns a tenant.
    async fn tenant(&self, id: &str) -> Result<Option<TenantRow>, StoreError>;

    /// Returns every tenant, by name.
    async fn tenants(&self) -> Result<Vec<TenantRow>, StoreError>;

    /// Makes `key` the tenant's key and keeps the one before it, if `expect` is still the version
    /// of its key; returns whether it was done.
    async fn rotate_tenant(
        &self,
        id: &str,
        expect: i64,
        key: &Wrapped,
        audit: &TenantAudit,
    ) -> Result<bool, StoreError>;

    /// Replaces the wrappings of a tenant's keys, if `expect` is still the version of its key;
    /// returns whether it was done.
    async fn rewrap_tenant(
        &self,
        id: &str,
        expect: i64,
        key: &Wrapped,
        previous: Option<&Wrapped>,
        audit: &TenantAudit,
    ) -> Result<bool, StoreError>;

    /// Deletes a tenant's keys and boot tokens, for good; returns whether it had keys.
    async fn destroy_tenant(&self, id: &str, audit: &TenantAudit) -> Result<bool, StoreError>;

    /// Returns whether the tenant was handed its key at or after `at`.
    async fn booted_since(&self, id: &str, at: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Adds a boot token of a tenant that is not destroyed; returns whether there is one. Its
    /// tokens that expired 30 days before are deleted: the audit trail still names them.
    async fn add_boot_token(
        &self,
        token: &NewBootToken,
        audit: &TenantAudit,
    ) -> Result<bool, StoreError>;

    /// Finds a boot token by its hash.
    async fn boot_token(&self, hash: [u8; 32]) -> Result<Option<BootTokenRow>, StoreError>;

    /// Claims a boot token that is neither claimed nor expired, if the tenant's key is still of
    /// version `key_version`; writes the audit row in the same transaction. Of many callers at
    /// once exactly one is told `true`.
    async fn claim_boot_token(
        &self,
        id: Uuid,
        key_version: i64,
        audit: &TenantAudit,
    ) -> Result<bool, StoreError>;

    /// Appends an audit row.
    async fn audit_tenant(&self, audit: &TenantAudit) -> Result<(), StoreError>;

    /// Returns every key that wraps a tenant's key.
    async fn tenant_wrapping_keys(&self) -> Result<Vec<WrappingKey>, StoreError>;

    /// Asks the database for a sign of life.
    async fn ping_tenants(&self) -> Result<(), StoreError>;
}
