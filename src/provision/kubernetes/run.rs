//! One run of an agent: applied, watched, and ended when it fails.
//!
//! A pod starts a container again by itself, as Deployments must. To the platform each end is the
//! end of a run all the same: it is told, and the Deployment is scaled to nothing, so that whoever
//! counts failures and decides on the next start is never overtaken by the cluster.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use isomer_actors::domain::ids::WorkspaceId;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::cluster::Refusal;
use super::facts::{self, PodFacts, Verdict};
use super::manifest::Manifest;
use super::names::{PORT, SPEC_HASH};
use super::{Ended, Failure, KubernetesBackend, Launch, Unavailable, configs};

/// Pauses while the API server is away; they double.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Between two looks at a Deployment that has no pod.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long pods may take to go: their grace and a little more, less than a keeper waits.
const END_LIMIT: Duration = Duration::from_secs(7);
const END_POLL: Duration = Duration::from_millis(500);

/// A Deployment that is as it should be.
struct Applied {
    service: IpAddr,
    /// It was so before.
    adopted: bool,
}

impl KubernetesBackend {
    pub(super) async fn run_until(
        &self,
        launch: Launch,
        stop: CancellationToken,
    ) -> Result<Ended, Failure> {
        let id = launch.agent.id;
        let manifest = self.manifest(launch).await?;
        let _listed = self.addresses.listed(id);
        self.addresses.expect(id, manifest.host.clone());
        let failure = tokio::select! {
            failure = self.keep(id, &manifest) => failure,
            () = stop.cancelled() => {
                if let Err(error) = self.end_pods(id).await {
                    warn!(workspace_id = %id, %error, "its pod has not ended yet");
                }
                return Ok(Ended::Stopped);
            }
        };
        self.keep_last_words(id).await;
        if let Err(error) = self.end_pods(id).await {
            warn!(workspace_id = %id, %error, "a failed agent's pod has not ended yet");
        }
        Err(failure)
    }

    async fn manifest(&self, launch: Launch) -> Result<Manifest, Failure> {
        let settings = self.settings.clone();
        let made = tokio::task::spawn_blocking(move || {
            let files = configs::read(&launch.folders.configs)?;
            Manifest::new(&launch, &files, &settings)
        });
        made.await.unwrap_or_else(|_| Err(Failure::new("its objects cannot be made")))
    }

    /// Keeps an agent in the cluster; returns why that failed.
    async fn keep(&self, id: WorkspaceId, manifest: &Manifest) -> Failure {
        let applied = match self.converge(id, manifest).await {
            Ok(applied) => applied,
            Err(failure) => return failure,
        };
        self.addresses.publish(id, SocketAddr::new(applied.service, PORT), None);
        tokio::select! {
            failure = self.follow(id, manifest, applied.adopted) => failure,
            failure = self.pods.refused() => failure,
        }
    }

    /// Makes the cluster have what it should; waits while it cannot be asked.
    async fn converge(&self, id: WorkspaceId, manifest: &Manifest) -> Result<Applied, Failure> {
        let mut pause = FIRST_PAUSE;
        loop {
            let (after, why) = match self.apply(id, manifest).await {
                Ok(applied) => return Ok(applied),
                Err(Refusal::Refused(failure)) => return Err(failure),
                Err(Refusal::Later { after, why }) => (after, why),
                Err(Refusal::Expired) => (None, Refusal::Expired.to_string()),
            };
            warn!(workspace_id = %id, why, "its objects cannot be applied yet");
            sleep(after.unwrap_or(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn apply(&self, id: WorkspaceId, manifest: &Manifest) -> Result<Applied, Refusal> {
        let found = self.cluster.deployment(id).await?;
        if found.as_ref().is_some_and(|found| found.metadata.deletion_timestamp.is_some()) {
            return Err(Refusal::later("its last deployment is still being deleted"));
        }
        if found.is_some_and(|found| is_as_wanted(&found, manifest)) {
            let api = self.cluster.services();
            let service = self.cluster.ask("get", "services", api.get_opt(&manifest.name)).await?;
            if let Some(service) = service {
                info!(workspace_id = %id, "its agent is there already");
                return Ok(Applied { service: cluster_ip(&service)?, adopted: true });
            }
        }
        let cluster = &self.cluster;
        let service = cluster.apply(cluster.services(), "services", &manifest.service).await?;
        cluster.apply(cluster.secrets(), "secrets", &manifest.secret).await?;
        cluster.apply(cluster.secrets(), "secrets", &manifest.configs).await?;
        cluster.apply(cluster.deployments(), "deployments", &manifest.deployment).await?;
        Ok(Applied { service: cluster_ip(&service)?, adopted: false })
    }

    /// Watches the pods of an agent; returns why it failed.
    async fn follow(&self, id: WorkspaceId, manifest: &Manifest, mut adopted: bool) -> Failure {
        let mut pods = self.pods.watch(id);
        let mut down_since = Some(Instant::now());
        let mut why = None;
        loop {
            let known = pods.borrow_and_update().clone().unwrap_or_default();
            let pod = facts::current(&known, &manifest.hash);
            match pod.map(|pod| self.judge(id, pod, &mut adopted, &manifest.image)) {
                Some(Verdict::Failed(failure)) => return failure,
                Some(Verdict::Running) => down_since = None,
                Some(Verdict::Coming(reason)) => why = reason.or(why),
                None => {}
            }
            if !matches!(pod.map(|pod| &pod.state), Some(facts::State::Running)) {
                let since = *down_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= self.settings.attempt {
                    return Failure::new(why.unwrap_or_else(|| "its pod does not run".to_owned()));
                }
            }
            let is_there = pod.is_some();
            tokio::select! {
                changed = pods.changed() => if changed.is_err() {
                    return Failure::new("it is not watched any more");
                },
                () = sleep(LOOK_EVERY) => if !is_there
                    && let Some(failure) = self.why_no_pod(id, manifest).await
                {
                    return failure;
                },
            }
        }
    }

    /// Judges a pod, with what is accounted for already.
    fn judge(&self, id: WorkspaceId, pod: &PodFacts, adopted: &mut bool, image: &str) -> Verdict {
        let known = self.accounted.get(&id).filter(|known| known.0 == pod.uid).map(|known| known.1);
        // Only the first pod that is seen can be older than this run.
        let history = if std::mem::take(adopted) { pod.history() } else { 0 };
        let verdict = facts::judge(pod, known.unwrap_or(history), image);
        let accounted = match verdict {
            Verdict::Failed(_) => pod.ends(),
            _ => known.unwrap_or(history),
        };
        self.accounted.insert(id, (pod.uid.clone(), accounted));
        verdict
    }

    /// Asks the Deployment why it has no pod; `None` when that is no failure, or nobody can say.
    pub(super) async fn why_no_pod(&self, id: WorkspaceId, manifest: &Manifest) -> Option<Failure> {
        let found = match self.cluster.deployment(id).await {
            Ok(Some(found)) => found,
            Ok(None) => return Some(Failure::new("its deployment was deleted")),
            Err(Refusal::Refused(failure)) => return Some(failure),
            Err(Refusal::Later { .. } | Refusal::Expired) => return None,
        };
        if !is_as_wanted(&found, manifest) {
            return Some(Failure::new("its deployment was changed by somebody else"));
        }
        let conditions = found.status.and_then(|status| status.conditions).unwrap_or_default();
        let stuck = conditions
            .into_iter()
            .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
        let text: String = stuck.message.unwrap_or_default().chars().take(300).collect();
        Some(Failure::new(format!("Kubernetes makes no pod for it: {text}")))
    }

    /// Ends an agent and waits until its pods are gone.
    pub(super) async fn end_pods(&self, id: WorkspaceId) -> Result<(), Unavailable> {
        let gone = async {
            self.cluster.scale_to_zero(id).await?;
            while !self.cluster.pods_of(id).await?.is_empty() {
                sleep(END_POLL).await;
            }
            Ok::<(), Refusal>(())
        };
        match timeout(END_LIMIT, gone).await {
            Ok(ended) => Ok(ended?),
            Err(_) => Err(Unavailable::Engine("its pod has not ended in time".to_owned())),
        }
    }
}

fn is_as_wanted(found: &Deployment, manifest: &Manifest) -> bool {
    let annotations = found.metadata.annotations.as_ref();
    let hash = annotations.and_then(|annotations| annotations.get(SPEC_HASH));
    let replicas = found.spec.as_ref().and_then(|spec| spec.replicas);
    hash == Some(&manifest.hash) && replicas == Some(1)
}

fn cluster_ip(service: &Service) -> Result<IpAddr, Refusal> {
    let ip = service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref());
    ip.and_then(|ip| ip.parse().ok())
        .ok_or_else(|| Refusal::later("its service has no address yet"))
}
