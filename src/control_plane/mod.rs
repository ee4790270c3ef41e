//! The control plane role: tenants, each with a key that is sealed here and handed over at boot.
//!
//! Owns its own database. A tenant's key is in plaintext here only while it is made, rotated,
//! rewrapped or handed over; it is never logged and never stored unwrapped. Losing this process
//! loses nothing: tenants that run keep their keys in memory.

pub mod cli;
pub mod http;
pub mod ports;
pub mod tenants;

use std::sync::Arc;

use isomer_actors::ports::StoreError;
use prometheus::Registry;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::ports::TenantStore;
use self::tenants::Tenants;
use crate::clock::SystemClock;
use crate::config::{Config, Environment, StoreConfig};
use crate::keys::kms::Kms;
use crate::keys::metrics::KeyMetrics;
use crate::keys::ports::ProviderKind;
use crate::keys::ring::KeyRing;
use crate::keys::setup;
use crate::lifecycle::Lifecycle;
use crate::net::serve::serve;
use crate::store::postgres::{ConnectError, PgTenants};
use crate::store::sqlite::{OpenError, SqliteTenants};

/// Why the control plane did not start.
#[derive(Debug, thiserror::Error)]
pub enum ControlPlaneError {
    #[error(transparent)]
    Postgres(#[from] ConnectError),
    #[error(transparent)]
    Sqlite(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the address of the listener is unknown")]
    Listener(#[source] std::io::Error),
    #[error("metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
    #[error(
        "KMS_KEY_ARN: it is needed, because tenants' keys are sealed under it (outside production SECRETS_ENCRYPTION_KEY will do)"
    )]
    NoKey,
    #[error("CONTROL_PLANE_URL: the control plane has none above it")]
    Nested,
    #[error("ADMIN_TOKEN: it is needed to serve")]
    NoAdmin,
    #[error("{variable}: tenants' keys are sealed with another key (its id is {wanted})")]
    WrongKey { variable: &'static str, wanted: String },
}

/// Serves until `lifecycle` asks to stop.
///
/// # Errors
/// [`ControlPlaneError`].
pub async fn run(
    config: Config,
    listener: TcpListener,
    lifecycle: Lifecycle,
) -> Result<(), ControlPlaneError> {
    let address = listener.local_addr().map_err(ControlPlaneError::Listener)?;
    let admin = config.auth.admin_token.clone().ok_or(ControlPlaneError::NoAdmin)?;
    let registry = Registry::new();
    let tenants = open(&config, KeyMetrics::new(&registry)?).await?;
    let router = http::router(tenants, admin, registry, config.http.rate_limit);
    info!("the control plane serves");
    // For people, as the login link of `isomer serve` is.
    println!("http://{address}");
    let dropped = CancellationToken::new();
    let (limit, soft) = (config.http.max_connections, lifecycle.soft.clone());
    serve(listener, router, limit, soft, dropped).await;
    info!("stopped");
    Ok(())
}

/// Opens the database and the keys, and checks that they fit.
///
/// # Errors
/// [`ControlPlaneError`].
pub async fn open(config: &Config, metrics: KeyMetrics) -> Result<Tenants, ControlPlaneError> {
    if config.keys.control_plane.is_some() {
        return Err(ControlPlaneError::Nested);
    }
    let store: Arc<dyn TenantStore> = match &config.store {
        StoreConfig::Embedded => Arc::new(SqliteTenants::open(&config.data_dir).await?),
        StoreConfig::Postgres { url, max_connections } => {
            Arc::new(PgTenants::connect(url.expose_secret(), *max_connections).await?)
        }
    };
    let kms: Option<Kms> = setup::kms(&config.keys, &metrics).await;
    let production = config.auth.environment == Environment::Production;
    let ring = KeyRing::new(config.keys.statics.clone(), kms, config.keys.provider)
        .filter(|ring| !production || ring.active().provider == ProviderKind::Kms)
        .ok_or(ControlPlaneError::NoKey)?;
    if ring.active().provider == ProviderKind::Static {
        warn!("tenants' keys are sealed under a static key, not under KMS");
    }
    let wrapping = store.tenant_wrapping_keys().await?;
    if let Some(missing) = wrapping.into_iter().find(|key| !ring.holds(key)) {
        let variable = match missing.provider {
            ProviderKind::Static => "SECRETS_ENCRYPTION_KEY",
            ProviderKind::Kms => "KMS_KEY_ARN",
        };
        return Err(ControlPlaneError::WrongKey { variable, wanted: missing.key_id });
    }
    Ok(Tenants::new(store, ring, Arc::new(SystemClock)))
}
