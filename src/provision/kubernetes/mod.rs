//! Agents as Deployments of a Kubernetes cluster (docs/operations/kubernetes.md).
//!
//! Each workspace has a Service, two Secrets and a Deployment. They outlive the server: after
//! its restart an agent that runs as it should is taken over as it is. What pods do is seen by one
//! [`observer`] for all of them.

mod cluster;
mod configs;
mod facts;
mod logs;
mod manifest;
mod names;
mod observer;
mod pod_spec;
mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dashmap::DashMap;
use isomer_actors::domain::ids::WorkspaceId;
use kube::Client;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};
use uuid::Uuid;

use self::cluster::Cluster;
use self::observer::Pods;
use super::{
    Addresses, Backend, Ended, Failure, Launch, LogRange, Logs, Terminal, TerminalSize, Unavailable,
};
use crate::config::TierSettings;

/// The spelling of the setting.
const NAME: &str = "kubernetes";
/// How often deleting is tried before it is left to [`Backend::reap`], and the pause between.
const DELETE_TRIES: usize = 3;
const DELETE_PAUSE: Duration = Duration::from_secs(1);

/// No cluster can be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("there is no cluster: neither a kubeconfig nor a service account is to be found")]
    NoCluster(#[source] Box<kube::config::InferConfigError>),
    #[error("the API server cannot be spoken to")]
    Client(#[source] Box<kube::Error>),
}

/// What the server says of all agents in a cluster.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespace of everything that is made.
    pub namespace: String,
    /// Whose it is.
    pub installation: Uuid,
    /// Where pods reach this server.
    pub platform_url: String,
    pub tiers: TierSettings,
    /// Tiers 3 and 4, and folders of nodes.
    pub allow_privileged: bool,
    /// Secrets are files in memory instead of variables.
    pub secrets_in_file: bool,
    /// How long a pod may take until it runs.
    pub attempt: Duration,
    /// The socket of the node's engine, for tier 4.
    pub engine_socket: PathBuf,
}

/// Runs agents as Deployments.
#[expect(missing_debug_implementations, reason = "holds a client, which has none")]
pub struct KubernetesBackend {
    settings: Settings,
    cluster: Cluster,
    addresses: Addresses,
    pods: Pods,
    /// How many ends of which pod were told already, or are none of ours.
    accounted: DashMap<WorkspaceId, (String, i32)>,
    /// What agents wrote last before they were given up: their pods are gone.
    last_words: DashMap<WorkspaceId, Bytes>,
    _observer: AbortOnDropHandle<()>,
}

impl KubernetesBackend {
    /// Returns a backend for the cluster of the kubeconfig, or for the one that this server is in.
    /// `namespace` is the one of the setting; without it that of the service account or of the kubeconfig's
    /// context is used. Asks nothing of the cluster yet.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(
        namespace: Option<String>,
        addresses: Addresses,
        settings: impl FnOnce(String) -> Settings,
    ) -> Result<Self, ConnectError> {
        let mut config = kube::Config::infer()
            .await
            .map_err(|error| ConnectError::NoCluster(Box::new(error)))?;
        // Tries and pauses are counted here.
        config.default_retry = false;
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let client =
            Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))?;
        Ok(Self::new(client, addresses, settings(namespace)))
    }

    fn new(client: Client, addresses: Addresses, settings: Settings) -> Self {
        let cluster = Cluster {
            client,
            namespace: settings.namespace.clone(),
            installation: settings.installation,
        };
        let pods = Pods::default();
        let observer = observer::observe(cluster.clone(), pods.clone());
        Self {
            settings,
            cluster,
            addresses,
            pods,
            accounted: DashMap::new(),
            last_words: DashMap::new(),
            _observer: AbortOnDropHandle::new(tokio::spawn(observer)),
        }
    }
}

#[async_trait]
impl Backend for KubernetesBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, launch: Launch, stop: CancellationToken) -> Result<Ended, Failure> {
        self.run_until(launch, stop).await
    }

    async fn end(&self, id: WorkspaceId) -> Result<(), Unavailable> {
        self.end_pods(id).await
    }

    async fn forget(&self, id: WorkspaceId) {
        self.accounted.remove(&id);
        self.last_words.remove(&id);
        for attempt in 1..=DELETE_TRIES {
            match self.cluster.delete(id).await {
                Ok(()) => break,
                Err(refusal) => {
                    warn!(workspace_id = %id, attempt, %refusal, "its objects are not all deleted");
                    if attempt < DELETE_TRIES {
                        tokio::time::sleep(DELETE_PAUSE).await;
                    }
                }
            }
        }
        self.pods.forget(id);
    }

    fn outlives_server(&self) -> bool {
        true
    }

    async fn reap(&self, wanted: &BTreeSet<WorkspaceId>) -> Result<usize, Unavailable> {
        let mut reaped = 0;
        for id in self.cluster.workspaces().await?.difference(wanted) {
            self.cluster.delete(*id).await?;
            info!(workspace_id = %id, "deleted what nobody wants any more");
            reaped += 1;
        }
        Ok(reaped)
    }

    async fn logs(&self, id: WorkspaceId, range: LogRange) -> Result<Logs, Unavailable> {
        self.read_logs(id, range).await
    }

    async fn terminal(&self, _: WorkspaceId, _: TerminalSize) -> Result<Terminal, Unavailable> {
        Err(Unavailable::NotOffered(NAME))
    }
}
