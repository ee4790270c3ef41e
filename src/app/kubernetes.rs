//! The wiring of agents in a cluster.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::AppError;
use crate::config::Config;
use crate::provision::{
    Addresses, Backend, KubernetesBackend, KubernetesConnectError, KubernetesSettings, installation,
};

/// Why agents cannot be run in a cluster.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    #[error(transparent)]
    Connect(#[from] KubernetesConnectError),
    #[error("this installation has no id")]
    Installation(#[source] std::io::Error),
}

/// Returns the backend of `PROVISIONER=kubernetes`.
///
/// # Errors
/// There is no cluster, or no id of this installation.
pub(super) async fn backend(
    config: &Config,
    addresses: Addresses,
) -> Result<Arc<dyn Backend>, AppError> {
    let data_dir = config.data_dir.clone();
    let id = spawn_blocking(move || {
        std::fs::create_dir_all(&data_dir)?;
        installation::id(&data_dir)
    });
    let id = id.await.map_err(std::io::Error::other).and_then(|id| id);
    let installation = id.map_err(KubernetesError::Installation)?;
    let provision = &config.provision;
    let settings = |namespace| KubernetesSettings {
        namespace,
        installation,
        // The configuration is refused without it.
        platform_url: config.platform.platform_url.clone().unwrap_or_default(),
        tiers: provision.tiers,
        allow_privileged: provision.allow_privileged,
        secrets_in_file: provision.secrets_in_file,
        attempt: provision.attempt,
        engine_socket: PathBuf::from(ENGINE_SOCKET),
    };
    let namespace = provision.kubernetes_namespace.clone();
    let backend = KubernetesBackend::connect(namespace, addresses, settings).await;
    Ok(Arc::new(backend.map_err(KubernetesError::Connect)?))
}

/// Where nodes with Docker's engine have its socket. Only tier 4 gets it.
const ENGINE_SOCKET: &str = "/var/run/docker.sock";
