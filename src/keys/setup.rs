//! From settings to a vault whose keys are checked.

use std::sync::Arc;

use isomer_actors::ports::Clock;
use isomer_seal::master::MasterKey;
use tracing::{info, warn};

use super::custody::{Custody, CustodyError};
use super::kms::Kms;
use super::metrics::KeyMetrics;
use super::ports::{KeyStore, ProviderKind};
use super::ring::KeyRing;
use super::tenant::{self, BootError};
use super::vault::Vault;
use crate::config::{Environment, KeysConfig};

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Custody(#[from] CustodyError),
    #[error(transparent)]
    Boot(#[from] BootError),
    #[error("SECRETS_ENCRYPTION_KEY: in production a key is needed")]
    NoKey,
}

/// Gathers the keys, opens the vault, and checks it against the database.
///
/// # Errors
/// [`SetupError`]: nothing may be served.
pub async fn open(
    config: &KeysConfig,
    environment: Environment,
    org_id: Option<&str>,
    store: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    metrics: KeyMetrics,
) -> Result<Custody, SetupError> {
    let mut statics = config.statics.clone();
    let mut tenant = org_id.unwrap_or_default().to_owned();
    if let Some(at) = &config.control_plane {
        let booted = tenant::boot(at).await?;
        statics = booted.keys;
        tenant = booted.tenant;
    }
    warn_unpinned(&statics);
    let kms = kms(config, &metrics).await;
    let ring = KeyRing::new(statics, kms, config.provider);
    if ring.is_none() && environment == Environment::Production {
        return Err(SetupError::NoKey);
    }
    if let Some(ring) = &ring {
        let active = ring.active();
        info!(
            provider = active.provider.as_str(),
            key = active.key_id,
            "seeds are wrapped by this key"
        );
        if active.provider == ProviderKind::Static && environment == Environment::Production {
            info!("KMS_KEY_ARN is not set: the key is held by this process");
        }
    }
    let tenant = recorded_tenant(store.as_ref(), tenant).await?;
    let vault = Vault::new(store, ring, tenant, config.write, metrics);
    Ok(Custody::open(vault, clock).await?)
}

/// Returns KMS, if it is configured.
pub async fn kms(config: &KeysConfig, metrics: &KeyMetrics) -> Option<Kms> {
    connect(config.kms_key.as_deref()?, config.kms_previous.as_deref(), metrics).await
}

/// A deployment that began without a tenant keeps none: its blobs are bound to that.
async fn recorded_tenant(store: &dyn KeyStore, given: String) -> Result<String, CustodyError> {
    let row = store.custody().await.map_err(|error| CustodyError::Other(error.into()))?;
    Ok(match row {
        Some(row) if row.tenant.is_empty() => row.tenant,
        _ => given,
    })
}

fn warn_unpinned(statics: &[Arc<MasterKey>]) {
    if statics.iter().any(|key| !key.is_pinned()) {
        warn!(
            "a key could not be pinned in memory: raise RLIMIT_MEMLOCK so that it is never swapped"
        );
    }
}

#[cfg(feature = "kms")]
async fn connect(key: &str, previous: Option<&str>, metrics: &KeyMetrics) -> Option<Kms> {
    let keys: Vec<&str> = std::iter::once(key).chain(previous).collect();
    let api = Arc::new(super::kms::aws::AwsKms::connect(&keys).await);
    Some(Kms::new(api, key, previous, metrics.clone()))
}

/// Settings refuse `KMS_KEY_ARN` in a build without KMS, so nobody gets here with one.
#[cfg(not(feature = "kms"))]
async fn connect(_: &str, _: Option<&str>, _: &KeyMetrics) -> Option<Kms> {
    None
}
