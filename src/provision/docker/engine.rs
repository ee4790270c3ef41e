//! The engine's API as far as it is needed: every call bounded, every error sorted by what follows.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerSummary, ContainerWaitResponse,
    NetworkCreateRequest, NetworkInspect,
};
use bollard::query_parameters as query;
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt;
use isomer_actors::chain_of;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// How long one call may take, unless it is one that waits for something.
pub const CALL_LIMIT: Duration = Duration::from_secs(20);
/// How long getting an image may take.
const PULL_LIMIT: Duration = Duration::from_secs(600);

/// Why the engine did not do it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No answer: it may have been done. Look again later.
    #[error("the engine cannot be reached: {0}")]
    Unreachable(String),
    /// There is no such container, image or network.
    #[error("the engine knows no such thing: {0}")]
    Missing(String),
    /// Somebody else is at it, or has the name.
    #[error("the engine has a conflict: {0}")]
    Conflict(String),
    /// The text may hold paths; it is for the log.
    #[error("the engine refused (status {status}): {message}")]
    Refused { status: u16, message: String },
}

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        match error {
            Error::DockerResponseServerError { status_code: 404, message } => {
                Self::Missing(message)
            }
            Error::DockerResponseServerError { status_code: 409, message } => {
                Self::Conflict(message)
            }
            Error::DockerResponseServerError { status_code: status, message } => {
                Self::Refused { status, message }
            }
            Error::DockerStreamError { error } => Self::Refused { status: 200, message: error },
            other => Self::Unreachable(chain_of(&other)),
        }
    }
}

type Answer<T = ()> = Result<T, EngineError>;

/// One engine. It is asked for its version at the first call that it answers.
#[derive(Debug)]
pub struct Engine {
    socket: PathBuf,
    docker: OnceCell<Docker>,
}

impl Engine {
    /// Returns the engine behind a socket. Does not connect.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, docker: OnceCell::new() }
    }

    /// Returns where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns the client.
    pub async fn docker(&self) -> Answer<&Docker> {
        let connect = || async {
            let path = self.socket.display().to_string();
            let limit = CALL_LIMIT.as_secs();
            let docker = Docker::connect_with_unix(&path, limit, API_DEFAULT_VERSION)?;
            bounded(docker.negotiate_version()).await
        };
        self.docker.get_or_try_init(connect).await
    }

    /// Returns how many processors it has.
    pub async fn processors(&self) -> Answer<u64> {
        let info = bounded(self.docker().await?.info()).await?;
        Ok(info.ncpu.and_then(|count| u64::try_from(count).ok()).unwrap_or(1).max(1))
    }

    pub async fn inspect(&self, container: &str) -> Answer<ContainerInspectResponse> {
        let options = None::<query::InspectContainerOptions>;
        bounded(self.docker().await?.inspect_container(container, options)).await
    }

    /// Returns the containers with a label, those that do not run among them.
    pub async fn labelled(&self, label: &str, value: &str) -> Answer<Vec<ContainerSummary>> {
        let filters = HashMap::from([("label".to_owned(), vec![format!("{label}={value}")])]);
        let options = query::ListContainersOptions {
            all: true,
            filters: Some(filters),
            ..Default::default()
        };
        bounded(self.docker().await?.list_containers(Some(options))).await
    }

    /// Creates a container; returns its id.
    pub async fn create(&self, name: &str, body: ContainerCreateBody) -> Answer<String> {
        let options =
            query::CreateContainerOptions { name: Some(name.to_owned()), ..Default::default() };
        let created = bounded(self.docker().await?.create_container(Some(options), body)).await?;
        Ok(created.id)
    }

    pub async fn start(&self, container: &str) -> Answer {
        let options = None::<query::StartContainerOptions>;
        bounded(self.docker().await?.start_container(container, options)).await
    }

    /// Tells it to end, and kills it after `grace`.
    pub async fn stop(&self, container: &str, grace: Duration) -> Answer {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = query::StopContainerOptions { t: Some(seconds), ..Default::default() };
        bounded(self.docker().await?.stop_container(container, Some(options))).await
    }

    /// Kills and removes it; that there is none is no failure.
    pub async fn remove(&self, container: &str) -> Answer {
        let options = query::RemoveContainerOptions { force: true, v: true, ..Default::default() };
        match bounded(self.docker().await?.remove_container(container, Some(options))).await {
            Err(EngineError::Missing(_)) => Ok(()),
            done => done,
        }
    }

    /// Returns when a container does not run any more. There is no limit: agents run for months.
    pub async fn until_end(&self, container: &str) -> Answer {
        let options = query::WaitContainerOptions { condition: "not-running".to_owned() };
        let mut answers = self.docker().await?.wait_container(container, Some(options));
        match answers.next().await {
            Some(Ok(ContainerWaitResponse { .. })) => Ok(()),
            // A status other than 0 is reported as an error.
            Some(Err(Error::DockerContainerWaitError { .. })) => Ok(()),
            Some(Err(error)) => Err(error.into()),
            None => Err(EngineError::Unreachable("it ended while it was waited for".to_owned())),
        }
    }

    /// Gets an image from its registry.
    pub async fn pull(&self, image: &str) -> Answer {
        let from_image = Some(with_tag(image));
        let options = query::CreateImageOptions { from_image, ..Default::default() };
        let mut steps = self.docker().await?.create_image(Some(options), None, None);
        let all = async {
            while let Some(step) = steps.next().await {
                step?;
            }
            Ok(())
        };
        timeout(PULL_LIMIT, all).await.unwrap_or_else(|_| {
            Err(EngineError::Unreachable(format!("no image after {PULL_LIMIT:?}")))
        })
    }

    pub async fn network(&self, name: &str) -> Answer<NetworkInspect> {
        let options = None::<query::InspectNetworkOptions>;
        bounded(self.docker().await?.inspect_network(name, options)).await
    }

    /// Creates a network unless there is one of that name.
    pub async fn create_network(&self, request: NetworkCreateRequest) -> Answer {
        let (docker, name) = (self.docker().await?, request.name.clone());
        let id = bounded(docker.create_network(request)).await?.id;
        // Older engines make two of one name, if two ask at once. The later one gives way.
        let filters = HashMap::from([("name".to_owned(), vec![name.clone()])]);
        let options = query::ListNetworksOptions { filters: Some(filters) };
        let found = bounded(docker.list_networks(Some(options))).await?;
        let same = found.into_iter().filter(|network| network.name.as_ref() == Some(&name));
        let first = same.min_by_key(|network| (network.created.clone(), network.id.clone()));
        if first.and_then(|first| first.id).is_some_and(|first| first != id) {
            bounded(docker.remove_network(&id)).await?;
        }
        Ok(())
    }
}

/// Bounds a call, and sorts its error.
pub async fn bounded<T>(call: impl Future<Output = Result<T, Error>>) -> Answer<T> {
    match timeout(CALL_LIMIT, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(EngineError::Unreachable(format!("no answer in {CALL_LIMIT:?}"))),
    }
}

/// Without a tag the engine would get every image of that name.
fn with_tag(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_tag_is_the_latest() {
        for (given, expected) in [
            ("agents", "agents:latest"),
            ("agents:1", "agents:1"),
            ("host:5000/agents", "host:5000/agents:latest"),
            ("agents@sha256:00", "agents@sha256:00"),
        ] {
            assert_eq!(with_tag(given), expected);
        }
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_unreachable() {
        let engine = Engine::new("/nowhere/docker.sock".into());
        assert!(matches!(engine.inspect("x").await, Err(EngineError::Unreachable(_))));
    }
}
