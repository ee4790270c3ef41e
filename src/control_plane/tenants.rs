//! What is done with tenants, each step audited.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use isomer_actors::ports::{Clock, StoreError};
use isomer_seal::NoRandomness;
use isomer_seal::secret::Seed;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::ports::{NewBootToken, TenantAudit, TenantRow, TenantStore};
use crate::http::token;
use crate::keys::error::KeyError;
use crate::keys::ports::Wrapped;
use crate::keys::ring::{KeyRing, tenant_context};

/// How long a boot token lives, unless told otherwise.
pub const DEFAULT_LIFE: Duration = Duration::from_secs(600);
/// How long it lives at most.
pub const LONGEST_LIFE: Duration = Duration::from_secs(86_400);
/// Longest name of a tenant.
const MAX_NAME: usize = 63;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    #[error(
        "name: lower-case letters, digits and hyphens are accepted, at most 63, not beginning with a hyphen"
    )]
    Name,
    #[error("name: there is a tenant of that name")]
    Taken,
    #[error("name: there is no such tenant, or it was destroyed")]
    Unknown,
    #[error("ttl: 1 to {} seconds are accepted", LONGEST_LIFE.as_secs())]
    Life,
    #[error(
        "--force: nothing was done. The tenant has not started since its last rotation, so what it seals is \
         still under the key that this rotation would forget; start it and run isomer keys rewrap in it first"
    )]
    NotBooted,
    #[error("somebody else changed the tenant; nothing was done")]
    Moved,
    /// One text for every cause: unknown, used up, expired.
    #[error("the boot token is not valid")]
    Token,
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for TenantError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

impl From<NoRandomness> for TenantError {
    fn from(error: NoRandomness) -> Self {
        Self::Key(error.into())
    }
}

/// What a boot token is exchanged for.
#[derive(Debug)]
pub struct Handover {
    pub tenant: String,
    pub key_version: i64,
    /// Standard base64.
    pub key: SecretString,
    pub previous_key: Option<SecretString>,
}

/// A fresh boot token. Its text is shown once.
#[derive(Debug)]
pub struct BootToken {
    pub text: SecretString,
    pub expires_at: DateTime<Utc>,
}

/// Tenants and their keys. Cheap to clone.
#[derive(Clone)]
pub struct Tenants {
    store: Arc<dyn TenantStore>,
    ring: KeyRing,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Tenants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenants").field("ring", &self.ring).finish_non_exhaustive()
    }
}

impl Tenants {
    /// Returns the tenants of a database.
    pub fn new(store: Arc<dyn TenantStore>, ring: KeyRing, clock: Arc<dyn Clock>) -> Self {
        Self { store, ring, clock }
    }

    /// Makes a tenant and its key.
    ///
    /// # Errors
    /// `Name`, `Taken`, `Key`.
    pub async fn create(&self, name: &str, actor: &str) -> Result<(), TenantError> {
        if !is_name(name) {
            return Err(TenantError::Name);
        }
        let wrapped = self.new_key(name, 1).await?;
        let audit = self.audit(actor, "create", name, "ok");
        if self.store.add_tenant(name, &wrapped, &audit).await? {
            Ok(())
        } else {
            Err(TenantError::Taken)
        }
    }

    /// Lists tenants, destroyed ones included.
    ///
    /// # Errors
    /// `Key` with the store's error.
    pub async fn list(&self) -> Result<Vec<TenantRow>, TenantError> {
        Ok(self.store.tenants().await?)
    }

    /// Makes a new key. The tenant's next boot gets both, so that it can rewrap; the rotation
    /// after this one forgets the old key. So a tenant that has not booted since its last rotation
    /// is left alone unless `force` is given: it would lose what it seals.
    ///
    /// # Errors
    /// `Unknown`, `NotBooted`, `Moved`, `Key`.
    pub async fn rotate(&self, name: &str, force: bool, actor: &str) -> Result<i64, TenantError> {
        let row = self.active(name).await?;
        if let (Some(at), false) = (row.rotated_at, force)
            && !self.store.booted_since(name, at).await?
        {
            return Err(TenantError::NotBooted);
        }
        let version = row.key_version + 1;
        let wrapped = self.new_key(name, version).await?;
        let audit = self.audit(actor, "rotate", name, "ok");
        if self.store.rotate_tenant(name, row.key_version, &wrapped, &audit).await? {
            Ok(version)
        } else {
            Err(TenantError::Moved)
        }
    }

    /// Wraps every tenant's keys under the configured key; returns how many tenants changed.
    ///
    /// # Errors
    /// `Moved`, `Key`; those done stay done.
    pub async fn rewrap(&self, actor: &str) -> Result<usize, TenantError> {
        let active = self.ring.active();
        let mut done = 0;
        for row in self.store.tenants().await? {
            let Some(key) = &row.key else { continue };
            let stale = |wrapped: &Wrapped| wrapped.by != active;
            if !stale(key) && !row.previous.as_ref().is_some_and(stale) {
                continue;
            }
            let name = row.id.as_str();
            let current = self.wrap_anew(key, name, row.key_version).await?;
            let previous = match &row.previous {
                Some(previous) => Some(self.wrap_anew(previous, name, row.key_version - 1).await?),
                None => None,
            };
            let audit = self.audit(actor, "rewrap", name, "ok");
            let version = row.key_version;
            let written =
                self.store.rewrap_tenant(name, version, &current, previous.as_ref(), &audit);
            if !written.await? {
                return Err(TenantError::Moved);
            }
            done += 1;
        }
        Ok(done)
    }

    /// Destroys a tenant's keys and boot tokens, for good: what they sealed can never be read
    /// again.
    ///
    /// # Errors
    /// `Unknown`, `Key`.
    pub async fn destroy(&self, name: &str, actor: &str) -> Result<(), TenantError> {
        let audit = self.audit(actor, "destroy", name, "ok");
        if self.store.destroy_tenant(name, &audit).await? {
            Ok(())
        } else {
            Err(TenantError::Unknown)
        }
    }

    /// Makes a boot token, for one start of a tenant within `life`.
    ///
    /// # Errors
    /// `Unknown`, `Life`, `Key`.
    pub async fn boot_token(
        &self,
        name: &str,
        life: Duration,
        actor: &str,
    ) -> Result<BootToken, TenantError> {
        if life.is_zero() || life > LONGEST_LIFE {
            return Err(TenantError::Life);
        }
        let text = token::random_text().map_err(|_| NoRandomness)?;
        let now = self.clock.now();
        let new = NewBootToken {
            id: Uuid::new_v4(),
            tenant: name.to_owned(),
            hash: token::hash(text.expose_secret()).0,
            created_at: now,
            expires_at: now + life,
        };
        let mut audit = self.audit(actor, "issue", name, "ok");
        audit.detail = Some(format!("boot token {}", new.id));
        if self.store.add_boot_token(&new, &audit).await? {
            Ok(BootToken { text, expires_at: new.expires_at })
        } else {
            Err(TenantError::Unknown)
        }
    }

    /// Exchanges a boot token for the tenant's key. The key is unwrapped before the token is
    /// claimed, so that an outage of KMS costs no token.
    ///
    /// # Errors
    /// `Token` for every reason that is the token's; `Key`.
    pub async fn claim(&self, text: &str, from: &str) -> Result<Handover, TenantError> {
        if !token::is_plausible(text) {
            return Err(TenantError::Token);
        }
        let hash = token::hash(text).0;
        let Some(boot) = self.store.boot_token(hash).await? else {
            return Err(TenantError::Token);
        };
        if boot.claimed || boot.expires_at <= self.clock.now() {
            let why = if boot.claimed { "used up" } else { "expired" };
            return self.refuse(&boot.tenant, boot.id, from, why).await;
        }
        let row = self.active(&boot.tenant).await.map_err(|error| match error {
            TenantError::Unknown => TenantError::Token,
            other => other,
        })?;
        let handover = self.unwrap(&row).await;
        let handover = match handover {
            Ok(handover) => handover,
            Err(error) => {
                let mut audit = self.audit(from, "boot", &row.id, "failed");
                audit.detail = Some(error.detail().to_owned());
                self.store.audit_tenant(&audit).await?;
                return Err(error.into());
            }
        };
        let mut audit = self.audit(from, "boot", &row.id, "ok");
        audit.detail = Some(format!("boot token {}", boot.id));
        if self.store.claim_boot_token(boot.id, row.key_version, &audit).await? {
            Ok(handover)
        } else {
            self.refuse(&boot.tenant, boot.id, from, "claimed by another").await
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// The store's.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping_tenants().await
    }

    async fn refuse<T>(
        &self,
        tenant: &str,
        token: Uuid,
        from: &str,
        why: &str,
    ) -> Result<T, TenantError> {
        let mut audit = self.audit(from, "boot", tenant, "refused");
        audit.detail = Some(format!("boot token {token} {why}"));
        self.store.audit_tenant(&audit).await?;
        Err(TenantError::Token)
    }

    async fn active(&self, name: &str) -> Result<TenantRow, TenantError> {
        let row = self.store.tenant(name).await?;
        row.filter(|row| row.key.is_some()).ok_or(TenantError::Unknown)
    }

    async fn unwrap(&self, row: &TenantRow) -> Result<Handover, KeyError> {
        let key = match &row.key {
            Some(key) => self.open(key, &row.id, row.key_version).await?,
            None => return Err(isomer_seal::Cause::DataKeyGone.into()),
        };
        let previous = match &row.previous {
            Some(key) => Some(self.open(key, &row.id, row.key_version - 1).await?),
            None => None,
        };
        Ok(Handover {
            tenant: row.id.clone(),
            key_version: row.key_version,
            key: encoded(&key),
            previous_key: previous.as_ref().map(encoded),
        })
    }

    async fn open(&self, key: &Wrapped, name: &str, version: i64) -> Result<Seed, KeyError> {
        self.ring.unwrap_in(key, &tenant_context(name, version)).await
    }

    async fn wrap_anew(
        &self,
        key: &Wrapped,
        name: &str,
        version: i64,
    ) -> Result<Wrapped, KeyError> {
        let seed = self.open(key, name, version).await?;
        let wrapped = self.ring.wrap_in(&seed, &tenant_context(name, version)).await?;
        self.proven(wrapped, &seed, name, version).await
    }

    /// Opens a wrapping again: it is to replace, or to be, the only one there is.
    async fn proven(
        &self,
        wrapped: Wrapped,
        seed: &Seed,
        name: &str,
        version: i64,
    ) -> Result<Wrapped, KeyError> {
        if self.open(&wrapped, name, version).await?.is(seed) {
            return Ok(wrapped);
        }
        Err(isomer_seal::Cause::Unwrap.into())
    }

    async fn new_key(&self, name: &str, version: i64) -> Result<Wrapped, KeyError> {
        let key = Seed::generate()?;
        let wrapped = self.ring.wrap_in(&key, &tenant_context(name, version)).await?;
        self.proven(wrapped, &key, name, version).await
    }

    fn audit(
        &self,
        actor: &str,
        action: &'static str,
        tenant: &str,
        outcome: &'static str,
    ) -> TenantAudit {
        TenantAudit {
            at: self.clock.now(),
            actor: actor.to_owned(),
            action,
            tenant: tenant.to_owned(),
            outcome,
            detail: None,
        }
    }
}

fn encoded(key: &Seed) -> SecretString {
    let mut text = Zeroizing::new([0; 44]);
    let length = STANDARD.encode_slice(key.expose(), &mut *text).unwrap_or_default();
    SecretString::from(std::str::from_utf8(&text[..length]).unwrap_or_default())
}

fn is_name(name: &str) -> bool {
    let accepted = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.is_empty()
        && name.len() <= MAX_NAME
        && !name.starts_with('-')
        && name.bytes().all(accepted)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use isomer_seal::Plain;
    use isomer_seal::master::MasterKey;
    use isomer_seal::wrap::Pairs;
    use prometheus::Registry;

    use super::*;
    use crate::clock::SystemClock;
    use crate::keys::kms::{Kms, KmsApi, KmsError};
    use crate::keys::metrics::KeyMetrics;
    use crate::keys::ports::ProviderKind;
    use crate::store::sqlite::SqliteTenants;

    /// Takes what it is given, and gives back something else.
    struct Forgetful;

    #[async_trait]
    impl KmsApi for Forgetful {
        async fn encrypt(&self, _: &str, _: &[u8], _: &Pairs) -> Result<Vec<u8>, KmsError> {
            Ok(vec![1; 64])
        }

        async fn decrypt(&self, _: &str, _: &[u8], _: &Pairs) -> Result<Plain, KmsError> {
            Ok(Plain::new(vec![7; 32]))
        }

        async fn data_key(&self, _: &str, _: &Pairs) -> Result<(Plain, Vec<u8>), KmsError> {
            Err(KmsError::Unreachable)
        }
    }

    #[tokio::test]
    async fn a_wrapping_that_does_not_open_replaces_none() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn TenantStore> =
            Arc::new(SqliteTenants::open(folder.path()).await.unwrap());
        let master = Arc::new(MasterKey::from_bytes(&[9; 32]).unwrap());
        let metrics = KeyMetrics::new(&Registry::new()).unwrap();
        let kms = Kms::new(Arc::new(Forgetful), "a key", None, metrics);
        let ring = |kms, active| KeyRing::new(vec![Arc::clone(&master)], kms, active).unwrap();
        let tenants = |ring| Tenants::new(Arc::clone(&store), ring, Arc::new(SystemClock));

        tenants(ring(None, ProviderKind::Static)).create("acme", "test").await.unwrap();
        let before = store.tenant("acme").await.unwrap().unwrap();
        let moved = tenants(ring(Some(kms), ProviderKind::Kms));
        moved.rewrap("test").await.unwrap_err();
        moved.rotate("acme", false, "test").await.unwrap_err();
        moved.create("other", "test").await.unwrap_err();
        let after = store.tenant("acme").await.unwrap().unwrap();
        assert_eq!((after.key, after.key_version), (before.key, before.key_version));
        assert!(store.tenant("other").await.unwrap().is_none());
    }
}
