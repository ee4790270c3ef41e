//! Sealing and opening values: which format, which key, which seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use chrono::{DateTime, Utc};
use isomer_seal::blob::{Blob, Format};
use isomer_seal::context::{Context, Scope};
use isomer_seal::secret::Seed;
use isomer_seal::{Cause, Plain, Refused, v1, v2, v3};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::error::{KeyError, Outage};
use super::metrics::KeyMetrics;
use super::ports::{DataKeyRow, KeyStore, NewDataKey, Sealed, SecretRow};
use super::ring::{KeyRing, envelope_context};
use super::seeds::{Held, Seeds};

/// The purpose of secrets in their context.
pub const SECRET: &str = "secret";
/// How often a lost race for a scope's first data key is run again.
const TRIES: usize = 4;

/// Seals and opens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vault(Arc<Inner>);

struct Inner {
    store: Arc<dyn KeyStore>,
    /// `None`: values are kept in clear, which production refuses.
    ring: Option<KeyRing>,
    tenant: String,
    write: Format,
    minimum: AtomicI32,
    seeds: Seeds,
    metrics: KeyMetrics,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("ring", &self.ring)
            .field("tenant", &self.tenant)
            .field("write", &self.write)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Returns a vault that writes `write`, or clear text without a ring.
    pub fn new(
        store: Arc<dyn KeyStore>,
        ring: Option<KeyRing>,
        tenant: String,
        write: Format,
        metrics: KeyMetrics,
    ) -> Self {
        let write = if ring.is_some() { write } else { Format::Plain };
        let seeds = Seeds::new(metrics.clone());
        let minimum = AtomicI32::new(Format::Plain.number());
        Self(Arc::new(Inner { store, ring, tenant, write, minimum, seeds, metrics }))
    }

    /// Returns the store.
    pub fn store(&self) -> &dyn KeyStore {
        self.0.store.as_ref()
    }

    /// Returns the keys; `None` when values are kept in clear.
    pub fn ring(&self) -> Option<&KeyRing> {
        self.0.ring.as_ref()
    }

    /// Returns the tenant that contexts carry.
    pub fn tenant(&self) -> &str {
        &self.0.tenant
    }

    /// Returns the format of new values.
    pub fn writes(&self) -> Format {
        self.0.write
    }

    /// Returns the seeds in memory.
    pub fn seeds(&self) -> &Seeds {
        &self.0.seeds
    }

    /// Returns the oldest format that is still read.
    pub fn minimum(&self) -> i32 {
        self.0.minimum.load(Ordering::Acquire)
    }

    /// Raises the oldest format that is still read; it never goes down.
    pub fn raise_minimum(&self, to: i32) {
        self.0.minimum.fetch_max(to, Ordering::AcqRel);
    }

    /// Seals a value for its place as its `version`th write.
    ///
    /// # Errors
    /// `Unavailable`, `Store`, `NoRandomness`; nothing was stored but perhaps a data key.
    pub async fn seal(
        &self,
        scope: Scope,
        key: &str,
        version: i64,
        value: &SecretString,
        at: DateTime<Utc>,
    ) -> Result<Sealed, KeyError> {
        match self.0.write {
            Format::Bound => {
                let held = self.active(scope, at).await?;
                self.bind(&held, scope, key, version, value.expose_secret().as_bytes())
            }
            _ => self.seal_older(scope, key, value).await,
        }
    }

    /// Seals the first values of a workspace that is not there yet, each as version 1. The data key
    /// is to be stored in the transaction that stores the workspace.
    ///
    /// # Errors
    /// `Unavailable`, `NoRandomness`.
    pub async fn seal_first(
        &self,
        workspace: Uuid,
        values: &[(String, SecretString)],
    ) -> Result<(Option<NewDataKey>, Vec<Sealed>), KeyError> {
        let scope = Scope::Workspace(workspace);
        let mut sealed = Vec::with_capacity(values.len());
        if self.0.write != Format::Bound {
            for (key, value) in values {
                sealed.push(self.seal_older(scope, key, value).await?);
            }
            return Ok((None, sealed));
        }
        let (new, seed) = self.new_data_key(scope).await?;
        let held = Held { id: new.id, seed: Arc::new(seed) };
        for (key, value) in values {
            sealed.push(self.bind(&held, scope, key, 1, value.expose_secret().as_bytes())?);
        }
        Ok((Some(new), sealed))
    }

    /// Seals under a given seed, in format 3.
    ///
    /// # Errors
    /// `NoRandomness`.
    pub fn bind(
        &self,
        held: &Held,
        scope: Scope,
        key: &str,
        version: i64,
        value: &[u8],
    ) -> Result<Sealed, KeyError> {
        let context = Context { purpose: SECRET, tenant: &self.0.tenant, scope, key, version };
        let bytes = v3::seal(&held.seed, held.id, &context, value)?;
        Ok(Sealed { format: Format::Bound, bytes, data_key: Some(held.id) })
    }

    /// Opens a stored value.
    ///
    /// # Errors
    /// `Refused` with one text for every cause; `Unavailable`; `Store`.
    pub async fn open(&self, row: &SecretRow) -> Result<SecretString, KeyError> {
        let result = self.open_bytes(row).await.and_then(|plain| {
            let text = std::str::from_utf8(&plain).map_err(|_| Cause::NotText)?;
            Ok(SecretString::from(text))
        });
        if let Err(KeyError::Refused(Refused(cause))) = &result {
            self.0.metrics.refusals.with_label_values(&[cause.as_str()]).inc();
        }
        result
    }

    async fn open_bytes(&self, row: &SecretRow) -> Result<Plain, KeyError> {
        let format = Format::from_number(row.format)?;
        // An unknown format may be any of the older ones.
        if format.number().max(0) < self.minimum() {
            return Err(Cause::BelowMinimum.into());
        }
        match Blob::parse(format, &row.bytes)? {
            Blob::Plain(text) => {
                self.0.metrics.plain_reads.inc();
                Ok(Zeroizing::new(text.as_bytes().to_vec()))
            }
            Blob::Static(bytes) => Ok(self.open_static(bytes)?),
            Blob::Envelope(parts) => self.open_envelope(&parts, row).await,
            Blob::Bound(parts) => {
                let ring = self.ring().ok_or(Cause::NoKey)?;
                let tenant = &self.0.tenant;
                let seed = self.seeds().get(parts.data_key, ring, tenant, self.store()).await?;
                let context = Context {
                    purpose: SECRET,
                    tenant,
                    scope: row.scope,
                    key: &row.key,
                    version: row.version,
                };
                Ok(parts.open(&seed, &context)?)
            }
            // The static key first: one static blob in 256 begins like an envelope, and the static
            // key answers also while KMS is down.
            Blob::Unknown { bytes, envelope } => match (self.open_static(bytes), envelope) {
                (Err(_), Some(parts)) if self.has_kms() => self.open_envelope(&parts, row).await,
                (result, _) => Ok(result?),
            },
        }
    }

    fn has_kms(&self) -> bool {
        self.ring().is_some_and(|ring| ring.kms().is_some())
    }

    fn open_static(&self, bytes: &[u8]) -> Result<Plain, Refused> {
        let statics = self.ring().map(KeyRing::statics).unwrap_or_default();
        let mut result = Err(Refused(Cause::NoKey));
        for key in statics {
            result = v1::open(key, bytes);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    async fn open_envelope(
        &self,
        parts: &v2::Parts<'_>,
        row: &SecretRow,
    ) -> Result<Plain, KeyError> {
        let kms = self.ring().and_then(KeyRing::kms).ok_or(Outage::NotConfigured)?;
        let context = envelope_context(&self.0.tenant, row.scope, &row.key);
        let data_key = kms.unwrap_any(parts.wrapped, &context).await?;
        Ok(parts.open(&data_key)?)
    }

    async fn seal_older(
        &self,
        scope: Scope,
        key: &str,
        value: &SecretString,
    ) -> Result<Sealed, KeyError> {
        let plain = value.expose_secret().as_bytes();
        let bytes = match self.0.write {
            Format::Static => {
                let master = self.ring().and_then(KeyRing::current).ok_or(Cause::NoKey)?;
                v1::seal(master, plain)?
            }
            Format::Envelope => {
                let kms = self.ring().and_then(KeyRing::kms).ok_or(Outage::NotConfigured)?;
                let context = envelope_context(&self.0.tenant, scope, key);
                let (data_key, wrapped) = kms.data_key(&context).await?;
                v2::seal(&data_key, &wrapped, plain)?
            }
            _ => plain.to_vec(),
        };
        Ok(Sealed { format: self.0.write, bytes, data_key: None })
    }

    /// Returns the active seed of a scope, making the first one.
    ///
    /// # Errors
    /// `Store` with `WorkspaceUnknown` when there is no such workspace; as elsewhere.
    pub async fn active(&self, scope: Scope, at: DateTime<Utc>) -> Result<Held, KeyError> {
        let ring = self.ring().ok_or(Cause::NoKey)?;
        for _ in 0..TRIES {
            let known = match self.seeds().active(scope) {
                Some(id) => Some(id),
                None => self.store().active_data_key(scope).await?.map(|row| row.id),
            };
            if let Some(id) = known {
                match self.seeds().get(id, ring, &self.0.tenant, self.store()).await {
                    Ok(seed) => {
                        self.seeds().set_active(scope, id);
                        return Ok(Held { id, seed });
                    }
                    // Replaced and destroyed since.
                    Err(KeyError::Refused(Refused(Cause::DataKeyGone))) => {
                        self.seeds().forget_active(scope);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            let (new, seed) = self.new_data_key(scope).await?;
            if self.store().add_data_key(&new, at).await? {
                let row = stored(new);
                let seed = self.seeds().put(&row, seed);
                self.seeds().set_active(scope, row.id);
                return Ok(Held { id: row.id, seed });
            }
        }
        Err(KeyError::Busy)
    }

    /// Makes a data key for a scope and wraps it; it is not stored yet.
    ///
    /// # Errors
    /// `Unavailable`, `NoRandomness`.
    pub async fn new_data_key(&self, scope: Scope) -> Result<(NewDataKey, Seed), KeyError> {
        let ring = self.ring().ok_or(Cause::NoKey)?;
        let (id, seed) = (Uuid::new_v4(), Seed::generate()?);
        let wrapped = ring.wrap(&seed, &self.0.tenant, scope, id).await?;
        Ok((NewDataKey { id, scope, wrapped }, seed))
    }
}

fn stored(new: NewDataKey) -> DataKeyRow {
    DataKeyRow { id: new.id, scope: new.scope, wrapped: new.wrapped, active: true, version: 1 }
}
