//! The check value: a right key is told from a wrong one before anything is served.
//!
//! One row, sealed in format 3 under the seed of the global secrets. It also carries, sealed, the
//! oldest format that is still read: nobody who can only write to the database can forge a lower
//! one. What an older copy of row and data key does is in docs/architecture/secrets-key-custody.md.

use std::sync::Arc;

use isomer_actors::ports::{Clock, StoreError};
use isomer_seal::blob::Format;
use isomer_seal::context::{Context, Scope};
use isomer_seal::{Cause, Refused, v1, v3};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::error::{KeyError, Outage};
use super::ports::{CustodyRow, ProviderKind};
use super::vault::Vault;

const PURPOSE: &str = "custody";
const KEY: &str = "check";
/// How often a lost race for the row is run again.
const TRIES: usize = 5;
/// Format 1 values that a new key is tried on, at least while there are any.
const SAMPLE: usize = 20;
/// Values read at once to find them.
const PAGE: usize = 200;

/// Why secrets are not served at all.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    #[error(
        "{variable}: this database's secrets are sealed with another key (its id is {wanted}); \
         give that key, or give both to rotate"
    )]
    WrongKey { variable: &'static str, wanted: String },
    #[error(
        "SECRETS_ENCRYPTION_KEY: no key is configured, and this database's secrets are sealed; \
         give the key, or KMS_KEY_ARN"
    )]
    NoKey,
    #[error("SECRETS_ENCRYPTION_KEY: the secrets in format 1 do not open with it")]
    WrongStatic,
    #[error("the check value does not open: another key, another tenant, or a changed database")]
    Check,
    #[error(
        "the check value is gone while values are sealed: restore the table key_custody from a \
         backup; it holds the oldest format that may be read"
    )]
    Lost,
    #[error("MOLECULE_ORG_ID={given}: this database belongs to another tenant, {recorded:?}")]
    Tenant { given: String, recorded: String },
    #[error(
        "SECRETS_WRITE_FORMAT={given}: this database reads nothing older than format {minimum}"
    )]
    WriteFormat { given: i32, minimum: i32 },
    #[error("KMS_KEY_ARN: KMS refuses the key or cannot be reached, and it was never checked")]
    Kms,
    #[error("the check value cannot be kept")]
    Other(#[source] KeyError),
}

/// What is sealed in the row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    /// The oldest format that is still read.
    minimum_format: i32,
    /// The static key that format 1 values use.
    static_key_id: Option<String>,
}

/// Keeps the check value. Cheap to clone.
#[derive(Clone)]
pub struct Custody {
    vault: Vault,
    clock: Arc<dyn Clock>,
    verified: Arc<Mutex<bool>>,
}

impl std::fmt::Debug for Custody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Custody").field("vault", &self.vault).finish_non_exhaustive()
    }
}

impl Custody {
    /// Checks the configured keys against the database; on first use writes the check value.
    ///
    /// While KMS cannot be reached, a database that was checked before is served without its
    /// secrets: each operation on them checks first, and answers 503 until that has succeeded.
    ///
    /// # Errors
    /// [`CustodyError`]: nothing may be served.
    pub async fn open(vault: Vault, clock: Arc<dyn Clock>) -> Result<Self, CustodyError> {
        let custody = Self { vault, clock, verified: Arc::default() };
        let recorded = custody.vault.store().custody().await.map_err(store)?;
        let wrapping = custody.vault.store().wrapping_keys().await.map_err(store)?;
        let Some(ring) = custody.vault.ring() else {
            custody.verify().await?;
            warn!("no key is configured: secrets are stored in clear");
            return Ok(custody);
        };
        if let Some((missing, _)) = wrapping.iter().find(|(key, _)| !ring.holds(key)) {
            let variable = match missing.provider {
                ProviderKind::Static => "SECRETS_ENCRYPTION_KEY",
                ProviderKind::Kms => "KMS_KEY_ARN",
            };
            return Err(CustodyError::WrongKey { variable, wanted: missing.key_id.clone() });
        }
        match custody.verify().await {
            Ok(()) => Ok(custody),
            Err(CustodyError::Kms) if recorded.is_some() => {
                warn!("KMS cannot be reached: secrets answer 503 until it can");
                Ok(custody)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the vault.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Checks the keys, once. Every operation on secrets begins with it.
    ///
    /// # Errors
    /// `Unavailable` while KMS cannot be reached, `Refused` when the key is a wrong one.
    pub async fn ensure(&self) -> Result<(), KeyError> {
        if *self.verified.lock().await {
            return Ok(());
        }
        self.verify().await.map_err(|error| match error {
            CustodyError::Kms => Outage::Unreachable.into(),
            CustodyError::Other(error) => error,
            _ => Cause::NoKey.into(),
        })
    }

    /// Reads the check value again: another process may have raised the oldest format that is
    /// read, or changed keys. What cannot be checked now stays as it is.
    pub async fn recheck(&self) {
        if !*self.verified.lock().await {
            return;
        }
        match self.verify().await {
            Ok(()) | Err(CustodyError::Kms | CustodyError::Other(_)) => {}
            Err(error) => {
                warn!(%error, "the check value changed: secrets are refused");
                *self.verified.lock().await = false;
            }
        }
    }

    /// Raises the oldest format that is still read, for good.
    ///
    /// # Errors
    /// As for sealing.
    pub async fn raise_minimum(&self, to: Format) -> Result<(), KeyError> {
        self.update(|content| {
            content.minimum_format = content.minimum_format.max(to.number());
            content.static_key_id = self.static_id();
        })
        .await?;
        self.vault.raise_minimum(to.number());
        Ok(())
    }

    /// Seals the check value anew if its seed was replaced.
    ///
    /// # Errors
    /// As for sealing.
    pub async fn reseal(&self) -> Result<(), KeyError> {
        let Some(row) = self.vault.store().custody().await? else {
            return Ok(());
        };
        let active = self.vault.active(Scope::Global, self.clock.now()).await?;
        if row.data_key == active.id {
            return Ok(());
        }
        self.update(|_| {}).await
    }

    async fn verify(&self) -> Result<(), CustodyError> {
        let mut verified = self.verified.lock().await;
        if self.vault.ring().is_none() {
            return self.without_key().await.map(|()| *verified = true);
        }
        let content = match self.vault.store().custody().await.map_err(store)? {
            Some(row) => {
                self.check_tenant(&row)?;
                self.read(&row).await.map_err(checked)?
            }
            None => self.first_use().await?,
        };
        self.check_static(&content).await?;
        let writes = self.vault.writes().number();
        if writes < content.minimum_format {
            let minimum = content.minimum_format;
            return Err(CustodyError::WriteFormat { given: writes, minimum });
        }
        self.vault.raise_minimum(content.minimum_format);
        *verified = true;
        Ok(())
    }

    /// Without a key only a database that never had one is served.
    async fn without_key(&self) -> Result<(), CustodyError> {
        let store_ = self.vault.store();
        let recorded = store_.custody().await.map_err(store)?;
        let wrapping = store_.wrapping_keys().await.map_err(store)?;
        if recorded.is_some() || !wrapping.is_empty() {
            return Err(CustodyError::NoKey);
        }
        Ok(())
    }

    fn check_tenant(&self, row: &CustodyRow) -> Result<(), CustodyError> {
        if row.tenant == self.vault.tenant() {
            return Ok(());
        }
        Err(CustodyError::Tenant {
            given: self.vault.tenant().to_owned(),
            recorded: row.tenant.clone(),
        })
    }

    /// Writes the check value of a database that has none.
    async fn first_use(&self) -> Result<Content, CustodyError> {
        if self.was_used().await.map_err(store)? {
            return Err(CustodyError::Lost);
        }
        let content = Content { minimum_format: 0, static_key_id: self.static_id() };
        self.try_static().await?;
        let row = self.sealed(&content, 1).await.map_err(checked)?;
        let store_ = self.vault.store();
        if store_.put_custody(&row, 0, self.clock.now()).await.map_err(store)? {
            info!(key = %row.data_key, "wrote the check value of key custody");
            return Ok(content);
        }
        match store_.custody().await.map_err(store)? {
            Some(row) => self.read(&row).await.map_err(checked),
            None => Err(CustodyError::Check),
        }
    }

    /// Tells whether there was a check value: without one, nothing is sealed in format 3, and at
    /// most the seed of the check value itself is there (a first use that was interrupted).
    async fn was_used(&self) -> Result<bool, StoreError> {
        let store_ = self.vault.store();
        let bound = Format::Bound.number();
        let sealed = store_.formats().await?.iter().any(|(format, _)| *format == bound);
        let seeds: i64 = store_.wrapping_keys().await?.iter().map(|(_, seeds)| seeds).sum();
        Ok(sealed || seeds > 1)
    }

    /// Tells whether the static key is the one that format 1 values use.
    async fn check_static(&self, content: &Content) -> Result<(), CustodyError> {
        let statics = self.vault.ring().map(|ring| ring.statics()).unwrap_or_default();
        match &content.static_key_id {
            Some(id) if statics.iter().any(|key| key.id() == id) => Ok(()),
            Some(_) | None if statics.is_empty() => Ok(()),
            _ => {
                self.try_static().await?;
                let own = self.static_id();
                let update = self.update(|content| content.static_key_id.clone_from(&own)).await;
                update.map_err(checked)
            }
        }
    }

    /// Tries the static keys on some format 1 values, if there are any.
    async fn try_static(&self) -> Result<(), CustodyError> {
        let statics = self.vault.ring().map(|ring| ring.statics()).unwrap_or_default();
        if statics.is_empty() {
            return Ok(());
        }
        let mut tried = 0;
        for global in [true, false] {
            let mut after = None;
            // Values in other formats may come first: pages until enough were tried.
            while tried < SAMPLE {
                let rows = self.vault.store().stale_secrets(global, after, PAGE).await;
                let rows = rows.map_err(store)?;
                let Some(last) = rows.last() else {
                    break;
                };
                after = Some(last.id);
                for row in rows.iter().filter(|row| row.format == 1) {
                    if statics.iter().any(|key| v1::open(key, &row.bytes).is_ok()) {
                        return Ok(());
                    }
                    tried += 1;
                }
            }
        }
        if tried > 0 { Err(CustodyError::WrongStatic) } else { Ok(()) }
    }

    async fn update(&self, change: impl Fn(&mut Content)) -> Result<(), KeyError> {
        for _ in 0..TRIES {
            let Some(row) = self.vault.store().custody().await? else {
                return Err(Cause::DataKeyGone.into());
            };
            let mut content = self.read(&row).await?;
            change(&mut content);
            let next = self.sealed(&content, row.version + 1).await?;
            let at = self.clock.now();
            if self.vault.store().put_custody(&next, row.version, at).await? {
                return Ok(());
            }
        }
        Err(KeyError::Busy)
    }

    async fn read(&self, row: &CustodyRow) -> Result<Content, KeyError> {
        let ring = self.vault.ring().ok_or(Cause::NoKey)?;
        let tenant = self.vault.tenant();
        let parts = v3::parse(&row.sealed)?;
        let seeds = self.vault.seeds();
        let seed = seeds.get(parts.data_key, ring, tenant, self.vault.store()).await?;
        let plain = parts.open(&seed, &self.context(row.version))?;
        serde_json::from_slice(&plain).map_err(|_| Refused(Cause::NotText).into())
    }

    async fn sealed(&self, content: &Content, version: i64) -> Result<CustodyRow, KeyError> {
        let active = self.vault.active(Scope::Global, self.clock.now()).await?;
        let plain = serde_json::to_vec(content).map_err(|_| Refused(Cause::NotText))?;
        let sealed = v3::seal(&active.seed, active.id, &self.context(version), &plain)?;
        let tenant = self.vault.tenant().to_owned();
        Ok(CustodyRow { tenant, version, data_key: active.id, sealed })
    }

    fn context(&self, version: i64) -> Context<'_> {
        let tenant = self.vault.tenant();
        Context { purpose: PURPOSE, tenant, scope: Scope::Global, key: KEY, version }
    }

    fn static_id(&self) -> Option<String> {
        let current = self.vault.ring().and_then(|ring| ring.current());
        current.map(|key| key.id().to_owned())
    }
}

fn store(error: StoreError) -> CustodyError {
    CustodyError::Other(error.into())
}

fn checked(error: KeyError) -> CustodyError {
    match error {
        KeyError::Refused(_) => CustodyError::Check,
        KeyError::Unavailable(_) => CustodyError::Kms,
        other => CustodyError::Other(other),
    }
}
