//! The wiring of who runs agents: the backend that `PROVISIONER` names, and the host over it.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isomer_actors::directory::Directory;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::Store;
use isomer_actors::tokens::Tokens;
use tracing::warn;

use super::{AppError, kubernetes};
use crate::config::{Config, Provisioner};
use crate::keys::secrets::Secrets;
use crate::provision::docker::{DockerBackend, Door};
use crate::provision::{
    Addresses, Backend, Host, HostSettings, HostWork, Nothing, Preparer, ProcessBackend,
    ProcessSettings, Runtime,
};

/// This very program, also when its file was replaced since it was started.
const SELF: &str = "/proc/self/exe";

/// The host of the agents that this server runs itself, where they listen, and how they are run.
pub(super) type Hosting = (Host, Addresses, Arc<dyn Backend>);

/// What agents and their host need of the rest.
pub(super) type Parts = (Directory, Tokens, Arc<dyn Store>, Secrets);

/// Returns the host of the agents that this server runs itself, and the door for those in containers.
/// Its work has not begun; what earlier servers left is ended, unless it is to go on.
///
/// # Errors
/// [`AppError`].
pub(super) async fn agent_host(
    config: &Config,
    (directory, tokens, store, secrets): Parts,
    address: SocketAddr,
) -> Result<(Hosting, HostWork, Option<Door>), AppError> {
    let addresses = Addresses::default();
    let (backend, door) = backend(config, &directory, &addresses).await?;
    if !backend.outlives_server()
        && let Err(error) = backend.reap(&BTreeSet::new()).await
    {
        warn!(%error, "what earlier servers left could not be ended");
    }
    let prepare = Preparer {
        config: config.provision.clone(),
        data_dir: std::path::absolute(&config.data_dir).map_err(AppError::Provisioner)?,
        platform_url: format!("http://{address}"),
        secrets,
        tokens,
    };
    let workspaces = Arc::new(Runtime { directory, store });
    let settings = HostSettings {
        limit: config.provision.limit,
        starts_at_once: config.provision.starts_at_once,
        attempt: config.provision.attempt,
        allow_privileged: config.provision.allow_privileged,
    };
    let (host, work) = Host::new(workspaces, Arc::clone(&backend), Arc::new(prepare), settings);
    Ok(((host, addresses, backend), work, door))
}

async fn backend(
    config: &Config,
    directory: &Directory,
    addresses: &Addresses,
) -> Result<(Arc<dyn Backend>, Option<Door>), AppError> {
    match config.provision.provisioner {
        Provisioner::Process => {
            let processes = processes(config, directory, addresses);
            Ok((Arc::new(processes.map_err(AppError::Provisioner)?), None))
        }
        Provisioner::Docker => {
            let connected = DockerBackend::connect(config, addresses.clone());
            let (backend, door) = connected.map_err(AppError::Provisioner)?;
            Ok((Arc::new(backend), Some(door)))
        }
        Provisioner::Kubernetes => {
            Ok((kubernetes::backend(config, addresses.clone()).await?, None))
        }
        Provisioner::None => Ok((Arc::new(Nothing), None)),
    }
}

fn processes(
    config: &Config,
    directory: &Directory,
    addresses: &Addresses,
) -> io::Result<ProcessBackend> {
    let data_dir = std::path::absolute(&config.data_dir)?;
    let directory = directory.clone();
    let settings = ProcessSettings {
        data_dir,
        program: program(config.provision.agent_binary.as_deref())?,
        secrets_in_file: config.provision.secrets_in_file,
        tiers: config.provision.tiers,
        addresses: addresses.clone(),
        exists: Arc::new(move |id| {
            directory.glimpse(id).is_some_and(|glimpse| glimpse.status != Status::Removed)
        }),
    };
    ProcessBackend::open(settings)
}

/// Returns the program `isomer`, by a path that is good everywhere.
fn program(chosen: Option<&Path>) -> io::Result<PathBuf> {
    match chosen {
        Some(path) => std::path::absolute(path),
        None => Ok(std::env::current_exe()
            .ok()
            .filter(|path| path.exists())
            .unwrap_or_else(|| SELF.into())),
    }
}
