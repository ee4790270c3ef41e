//! Agents in containers of the Docker engine on this machine (docs/architecture/provisioner.md).
//!
//! A container is found again by its name and its labels, so that nothing has to be remembered: after a restart
//! of the server the agents go on, and those that are not as they should be are made anew. What carries
//! another installation's label is never touched.

mod engine;
mod logs;
mod memory;
mod network;
mod run;
mod spec;
mod terminal;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bollard::models::ContainerInspectResponse;
use isomer_actors::domain::ids::WorkspaceId;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use network::{Door, Room};

use self::engine::{Engine, EngineError};
use self::memory::SecretsFolder;
use self::network::{KeptPort, Platform};
use super::folder::Folder;
use super::{
    Addresses, Backend, Ended, Failure, Launch, LogRange, Logs, Terminal, TerminalSize,
    Unavailable, installation,
};
use crate::config::{Config, ProvisionConfig};

/// Its name in answers.
const NAME: &str = "docker";
/// The file with the key of the digests that containers carry.
const KEY_FILE: &str = "docker-key";
const KEY_BYTES: usize = 32;

/// Runs agents in containers.
#[derive(Debug)]
pub struct DockerBackend {
    engine: Arc<Engine>,
    config: ProvisionConfig,
    installation: Uuid,
    key: Zeroizing<Vec<u8>>,
    /// Where secrets are put that are given by file.
    memory: Option<SecretsFolder>,
    addresses: Addresses,
    platform: watch::Receiver<Platform>,
    /// Held while an image is got: many agents need the same one.
    pulling: Mutex<()>,
}

impl DockerBackend {
    /// Returns the backend, and the door by which its agents reach the server. Blocks for some files;
    /// the engine is not asked yet.
    ///
    /// # Errors
    /// The data folder or the folder for secrets cannot be used.
    pub fn connect(config: &Config, addresses: Addresses) -> io::Result<(Self, Door)> {
        let installation = installation::id(&config.data_dir)?;
        let folder = Folder::open(&config.data_dir)?;
        let key = key(&folder)?;
        let by_file = config.provision.secrets_in_file;
        let memory = by_file.then(|| SecretsFolder::open(installation)).transpose()?;
        let given = config.platform.platform_url.clone().map(Ok);
        let (sender, platform) = watch::channel(given);
        let engine = Arc::new(Engine::new(config.provision.docker_socket.clone()));
        let door = Door {
            engine: Arc::clone(&engine),
            installation,
            platform: sender,
            port: KeptPort::read(folder)?,
            open_to_all: config.auth.dev_mode,
        };
        let config = config.provision.clone();
        let pulling = Mutex::default();
        Ok((Self { engine, config, installation, key, memory, addresses, platform, pulling }, door))
    }

    /// Returns the container of a workspace, if there is one and it is ours.
    async fn own(&self, id: WorkspaceId) -> Result<Option<Own>, EngineError> {
        match self.engine.inspect(&spec::name(id)).await {
            Ok(found) => Ok(Own::of(found).filter(|own| own.is(self.installation, id))),
            Err(EngineError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the container of a workspace whose agent runs.
    async fn running(&self, id: WorkspaceId) -> Result<Own, Unavailable> {
        let own = self.own(id).await.map_err(unavailable)?;
        own.filter(Own::runs).ok_or(Unavailable::NotRunning)
    }

    /// Removes the secrets of workspaces that nobody wants.
    async fn clear_all_but(&self, wanted: &BTreeSet<WorkspaceId>) {
        let Some(memory) = self.memory.clone() else { return };
        let (wanted, addresses) = (wanted.clone(), self.addresses.clone());
        let keep = move |id| wanted.contains(&id) || addresses.knows(id);
        let cleared = tokio::task::spawn_blocking(move || memory.retain(keep)).await;
        if let Err(error) = cleared.map_err(io::Error::other).and_then(|cleared| cleared) {
            warn!(%error, "secrets that nobody needs could not be removed from memory");
        }
    }

    async fn clear(&self, id: WorkspaceId) -> io::Result<()> {
        let Some(memory) = self.memory.clone() else { return Ok(()) };
        tokio::task::spawn_blocking(move || memory.remove(id)).await.map_err(io::Error::other)?
    }
}

#[async_trait]
impl Backend for DockerBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, launch: Launch, stop: CancellationToken) -> Result<Ended, Failure> {
        let id = launch.agent.id;
        let _listed = self.addresses.listed(id);
        tokio::select! {
            failure = self.keep(&launch) => failure.map(|never| match never {}),
            () = stop.cancelled() => {
                self.finish(id).await;
                Ok(Ended::Stopped)
            }
        }
    }

    async fn end(&self, id: WorkspaceId) -> Result<(), Unavailable> {
        match self.own(id).await.map_err(unavailable)? {
            Some(own) => self.engine.remove(&own.id).await.map_err(unavailable),
            None => Ok(()),
        }
    }

    async fn forget(&self, id: WorkspaceId) {
        if let Err(error) = self.end(id).await {
            warn!(workspace_id = %id, %error, "its container could not be removed; it is reaped later");
        }
        if let Err(error) = self.clear(id).await {
            warn!(workspace_id = %id, %error, "its secrets could not be removed from memory");
        }
    }

    fn outlives_server(&self) -> bool {
        true
    }

    async fn reap(&self, wanted: &BTreeSet<WorkspaceId>) -> Result<usize, Unavailable> {
        let installation = self.installation.to_string();
        let ours = self.engine.labelled(spec::INSTALLATION, &installation).await;
        let mut reaped = 0;
        for container in ours.map_err(unavailable)? {
            let workspace =
                container.labels.as_ref().and_then(|labels| labels.get(spec::WORKSPACE));
            let Some(workspace) = workspace.and_then(|id| WorkspaceId::parse_loose(id)) else {
                continue;
            };
            // One that was wanted a moment later is just being started.
            let keep = wanted.contains(&workspace) || self.addresses.knows(workspace);
            if let Some(id) = container.id.filter(|_| !keep) {
                self.engine.remove(&id).await.map_err(unavailable)?;
                let _ = self.clear(workspace).await;
                info!(workspace_id = %workspace, container = %id, "removed a container that nobody wants");
                reaped += 1;
            }
        }
        self.clear_all_but(wanted).await;
        Ok(reaped)
    }

    async fn logs(&self, id: WorkspaceId, range: LogRange) -> Result<Logs, Unavailable> {
        let own = self.own(id).await.map_err(unavailable)?.ok_or(Unavailable::NotRunning)?;
        Ok(logs::read(Arc::clone(&self.engine), spec::name(id), own.id, range))
    }

    async fn terminal(&self, id: WorkspaceId, size: TerminalSize) -> Result<Terminal, Unavailable> {
        let own = self.running(id).await?;
        terminal::open(Arc::clone(&self.engine), own.id, size).await.map_err(unavailable)
    }
}

/// Returns the key of the digests; the first time, one is made. One that others could guess would let
/// them find out secrets from the digests.
fn key(folder: &Folder) -> io::Result<Zeroizing<Vec<u8>>> {
    if let Some(key) = folder.read(KEY_FILE, KEY_BYTES as u64)? {
        return Ok(Zeroizing::new(key));
    }
    let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    folder.replace(KEY_FILE, &key)?;
    Ok(key)
}

/// A container as the engine sees it.
#[derive(Clone, Debug)]
struct Own {
    id: String,
    found: ContainerInspectResponse,
}

impl Own {
    fn of(found: ContainerInspectResponse) -> Option<Self> {
        Some(Self { id: found.id.clone()?, found })
    }

    fn label(&self, name: &str) -> Option<&str> {
        let labels = self.found.config.as_ref()?.labels.as_ref()?;
        labels.get(name).map(String::as_str)
    }

    fn is(&self, installation: Uuid, id: WorkspaceId) -> bool {
        self.label(spec::INSTALLATION) == Some(installation.to_string().as_str())
            && self.label(spec::WORKSPACE) == Some(id.to_string().as_str())
    }

    fn runs(&self) -> bool {
        self.found.state.as_ref().and_then(|state| state.running) == Some(true)
    }
}

/// The whole error goes to the log: it may hold paths.
fn unavailable(error: EngineError) -> Unavailable {
    warn!(%error, "the container engine was asked in vain");
    Unavailable::Engine(
        match error {
            EngineError::Unreachable(_) => "no answer from the container engine",
            EngineError::Missing(_) => return Unavailable::NotRunning,
            EngineError::Conflict(_) => "the container is just being changed",
            EngineError::Refused { .. } => "the container engine refused",
        }
        .to_owned(),
    )
}
