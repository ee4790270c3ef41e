//! One run of an agent's container: found or made, waited for, ended.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use isomer_actors::domain::ids::WorkspaceId;
use tokio::time::sleep;
use tracing::{info, warn};

use super::engine::EngineError;
use super::network::{self, ASK_AGAIN};
use super::spec::{self, EXPOSED, PORT_LABEL, SPEC, Spec, Surroundings};
use super::{DockerBackend, Own, terminal};
use crate::provision::{Failure, Launch, secrets_json, tiers};

/// How long an agent may take to end well.
const GRACE: Duration = Duration::from_secs(5);
/// How often a conflict is waited out: a container that is being removed has its name for a while.
const CONFLICTS: u32 = 60;
const CONFLICT_PAUSE: Duration = Duration::from_millis(250);

/// Why a container is not there or not any more.
enum Trouble {
    /// The engine cannot be asked. Nothing is known of the agent: nothing is done.
    Away(EngineError),
    Failed(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What became of a container that was looked at.
enum Found {
    Runs(Box<Own>),
    Ended(Failure),
}

impl DockerBackend {
    /// Runs an agent until it fails.
    pub(super) async fn keep(&self, launch: &Launch) -> Result<Infallible, Failure> {
        let id = launch.agent.id;
        let tier = launch.agent.tier;
        if tiers::needs_permission(tier) && !self.config.allow_privileged {
            return Err(Failure::hopeless(format!(
                "tier {tier} gives the host away and is not allowed here (ISOMER_ALLOW_TIERS_3_4)"
            )));
        }
        self.addresses.expect(id, spec::name(id));
        let spec = self.spec(launch).await?;
        // The container that this run is about, once there is one.
        let mut container = None;
        let mut told = false;
        loop {
            match self.pass(id, &spec, &mut container).await {
                Ok(()) => told = false,
                Err(Trouble::Failed(failure)) => return Err(failure),
                Err(Trouble::Away(error)) => {
                    if !std::mem::replace(&mut told, true) {
                        warn!(workspace_id = %id, %error, "its container is left alone until the engine answers");
                    }
                    sleep(ASK_AGAIN).await;
                }
            }
        }
    }

    /// Ends an agent and removes its container, however often the engine has to be asked.
    pub(super) async fn finish(&self, id: WorkspaceId) {
        loop {
            match self.try_finish(id).await {
                Ok(()) => break,
                Err(error) => warn!(workspace_id = %id, %error, "its container is not removed yet"),
            }
            sleep(CONFLICT_PAUSE).await;
        }
        if let Err(error) = self.clear(id).await {
            warn!(workspace_id = %id, %error, "its secrets could not be removed from memory");
        }
    }

    async fn try_finish(&self, id: WorkspaceId) -> Result<(), EngineError> {
        let Some(own) = self.own(id).await? else { return Ok(()) };
        match self.engine.stop(&own.id, GRACE).await {
            Ok(()) | Err(EngineError::Missing(_) | EngineError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        match self.engine.remove(&own.id).await {
            // Somebody else removes it.
            Err(EngineError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    async fn spec(&self, launch: &Launch) -> Result<Spec, Failure> {
        let folder = match self.memory.clone() {
            Some(memory) => {
                let run = launch.clone();
                let put = move || memory.put(run.agent.id, &secrets_json(&run)?);
                let put = tokio::task::spawn_blocking(put).await.map_err(std::io::Error::other);
                Some(put.and_then(|put| put).map_err(|error| {
                    warn!(workspace_id = %launch.agent.id, %error, "secrets could not be put into memory");
                    Failure::new("its secrets cannot be handed over; the server's log says why")
                })?)
            }
            None => None,
        };
        if let Some(sessions) = spec::claude_sessions(launch) {
            tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(sessions).await.map_err(
                |error| {
                    warn!(workspace_id = %launch.agent.id, %error, "no folder for its conversations");
                    Failure::new("its folders cannot be made; the server's log says why")
                },
            )?;
        }
        let around = Surroundings {
            platform_url: self.platform_url().await?,
            installation: self.installation,
            tiers: self.config.tiers,
            processors: self.processors().await,
            user: (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw()),
            socket: self.engine.socket().to_owned(),
        };
        spec::describe(launch, &around, folder.as_deref(), &self.key)
    }

    async fn platform_url(&self) -> Result<String, Failure> {
        let mut platform = self.platform.clone();
        let known = platform.wait_for(Option::is_some).await;
        match known.ok().and_then(|known| known.clone()) {
            Some(Ok(url)) => Ok(url),
            Some(Err(why)) => Err(Failure::hopeless(why)),
            None => Err(Failure::new("the server stops")),
        }
    }

    async fn processors(&self) -> u64 {
        loop {
            match self.engine.processors().await {
                Ok(count) => return count,
                Err(error) => warn!(%error, "the container engine cannot be asked; asking again"),
            }
            sleep(ASK_AGAIN).await;
        }
    }

    /// Finds or makes the container and waits for its end. Returns when it runs again by itself.
    async fn pass(
        &self,
        id: WorkspaceId,
        spec: &Spec,
        container: &mut Option<String>,
    ) -> Result<(), Trouble> {
        let known = match container {
            Some(known) => known,
            None => container.insert(self.ensure(id, spec).await?),
        };
        let own = match self.look(known).await? {
            Found::Runs(own) => *own,
            Found::Ended(failure) => return Err(failure.into()),
        };
        let address = address(&own, spec).ok_or_else(|| {
            Failure::new("its container publishes no port; the server's log says why")
        })?;
        self.addresses.publish(id, address, inside(&own));
        match self.engine.until_end(&own.id).await {
            Ok(()) | Err(EngineError::Missing(_)) => {}
            Err(error) => return Err(Trouble::Away(error)),
        }
        Ok(())
    }

    /// Looks at the container that runs or ran.
    async fn look(&self, container: &str) -> Result<Found, Trouble> {
        let found = match self.engine.inspect(container).await {
            Ok(found) => found,
            Err(EngineError::Missing(_)) => {
                return Ok(Found::Ended(Failure::new("its container was removed")));
            }
            Err(error) => return Err(Trouble::Away(error)),
        };
        let state = found.state.clone().unwrap_or_default();
        match Own::of(found) {
            Some(own) if own.runs() => Ok(Found::Runs(Box::new(own))),
            _ => {
                let status = state.exit_code.unwrap_or_default();
                let memory = if state.oom_killed == Some(true) {
                    ": it used more memory than its tier allows"
                } else {
                    ""
                };
                Ok(Found::Ended(Failure::new(format!("it exited with status {status}{memory}"))))
            }
        }
    }

    /// Takes over the container that runs as it should, or makes one; returns its id.
    async fn ensure(&self, id: WorkspaceId, spec: &Spec) -> Result<String, Trouble> {
        for _ in 0..CONFLICTS {
            match self.try_ensure(id, spec).await {
                Err(Trouble::Away(EngineError::Conflict(message))) => {
                    info!(workspace_id = %id, message, "its container's name is not free yet");
                    sleep(CONFLICT_PAUSE).await;
                }
                done => return done,
            }
        }
        Err(Failure::new("its container's name does not become free").into())
    }

    async fn try_ensure(&self, id: WorkspaceId, spec: &Spec) -> Result<String, Trouble> {
        let found = match self.engine.inspect(&spec.name).await {
            Ok(found) => Own::of(found),
            Err(EngineError::Missing(_)) => None,
            Err(error) => return Err(Trouble::Away(error)),
        };
        let Some(own) = found else { return self.begin(id, spec).await };
        if !own.is(self.installation, id) {
            return Err(Failure::hopeless(format!(
                "a container that is not this installation's has the name {}",
                spec.name
            ))
            .into());
        }
        let as_it_should = own.label(SPEC) == Some(spec.digest.as_str());
        let created = own.found.state.as_ref().and_then(|state| state.status)
            == Some(bollard::models::ContainerStateStatusEnum::CREATED);
        if as_it_should && own.runs() {
            info!(workspace_id = %id, container = %own.id, "its container runs as it should");
            terminal::kill_all(&self.engine, &own.id).await;
            return Ok(own.id);
        }
        if as_it_should && created {
            self.start(id, &own.id).await?;
            return Ok(own.id);
        }
        self.engine.remove(&own.id).await.map_err(Trouble::Away)?;
        self.begin(id, spec).await
    }

    async fn begin(&self, id: WorkspaceId, spec: &Spec) -> Result<String, Trouble> {
        let container = self.create(id, spec).await?;
        self.start(id, &container).await?;
        Ok(container)
    }

    async fn create(&self, id: WorkspaceId, spec: &Spec) -> Result<String, Trouble> {
        let mut body = spec.body.clone();
        if spec.host_network {
            spec::with_port(&mut body, free_port()?);
        }
        match self.engine.create(&spec.name, body.clone()).await {
            Err(EngineError::Missing(message)) if message.contains("image") => {
                self.pull(id, spec).await?;
                self.engine.create(&spec.name, body).await.map_err(|error| refused(id, error))
            }
            created => created.map_err(|error| refused(id, error)),
        }
    }

    async fn start(&self, id: WorkspaceId, container: &str) -> Result<(), Trouble> {
        match self.engine.start(container).await {
            Ok(()) => return Ok(()),
            Err(EngineError::Missing(message)) if message.contains("network") => {
                warn!(workspace_id = %id, message, "the network of containers is gone; making it again");
                network::ensure(&self.engine, self.installation).await.map_err(Trouble::Away)?;
            }
            Err(error) => return Err(refused(id, error)),
        }
        self.engine.start(container).await.map_err(|error| refused(id, error))
    }

    async fn pull(&self, id: WorkspaceId, spec: &Spec) -> Result<(), Trouble> {
        let image = spec.body.image.as_deref().unwrap_or_default();
        let _alone = self.pulling.lock().await;
        info!(workspace_id = %id, image, "getting an image");
        self.engine.pull(image).await.map_err(|error| {
            warn!(workspace_id = %id, image, %error, "an image cannot be had");
            Failure::new(format!("its image {image:?} is not here and cannot be had")).into()
        })
    }
}

/// The engine's own words are for the log: they may hold paths.
fn refused(id: WorkspaceId, error: EngineError) -> Trouble {
    match error {
        EngineError::Unreachable(_) | EngineError::Conflict(_) => Trouble::Away(error),
        EngineError::Missing(_) | EngineError::Refused { .. } => {
            warn!(workspace_id = %id, %error, "its container could not be started");
            let text = error.to_string();
            let why = if text.contains("bind source path") || text.contains("bind mount source") {
                "one of its folders does not exist"
            } else {
                "the container engine refused to start it; the server's log says why"
            };
            Failure::new(why).into()
        }
    }
}

/// Returns where a container is reached from here.
fn address(own: &Own, spec: &Spec) -> Option<SocketAddr> {
    let port: u16 = if spec.host_network {
        own.label(PORT_LABEL)?.parse().ok()?
    } else {
        let ports = own.found.network_settings.as_ref()?.ports.as_ref()?;
        let bindings = ports.get(EXPOSED)?.as_ref()?;
        bindings.iter().find_map(|binding| binding.host_port.as_ref()?.parse().ok())?
    };
    Some((Ipv4Addr::LOCALHOST, port).into())
}

/// Returns its address in the network of containers.
fn inside(own: &Own) -> Option<IpAddr> {
    let networks = own.found.network_settings.as_ref()?.networks.as_ref()?;
    networks.get(network::NETWORK)?.ip_address.as_ref()?.parse().ok()
}

/// Returns a port of this host that is free now.
fn free_port() -> Result<u16, Failure> {
    let bound = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = bound.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|_| Failure::new("the host has no free port"))
}
