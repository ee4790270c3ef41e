//! One eye on all pods of this installation: a list, then a watch, for as long as the server runs.
//!
//! A restart of the server loses nothing: the list is the truth. While the API server is away the
//! last facts stay as they are, so that nothing is restarted because nobody could look.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use futures_util::StreamExt;
use isomer_actors::domain::ids::WorkspaceId;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, WatchEvent, WatchParams};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::cluster::{Cluster, PAGE, Refusal, Right, meaning};
use super::facts::PodFacts;
use super::{Failure, names};

/// A watch is renewed after so many seconds; one that says nothing for longer is dead.
const WATCH_SECONDS: u32 = 290;
/// Pauses between two tries; they double.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is known of the pods of each workspace. Cheap to clone; bounded by the pods of this installation
/// and those who look.
#[derive(Clone, Default)]
pub struct Pods {
    known: Arc<DashMap<WorkspaceId, watch::Sender<Option<Vec<PodFacts>>>>>,
    refused: Arc<watch::Sender<Option<Failure>>>,
}

impl Pods {
    /// Returns the pods of a workspace, now and whenever they change; `None` until somebody looked.
    pub fn watch(&self, id: WorkspaceId) -> watch::Receiver<Option<Vec<PodFacts>>> {
        self.known.entry(id).or_default().subscribe()
    }

    /// Waits until nobody may look, and returns why.
    pub async fn refused(&self) -> Failure {
        let mut refused = self.refused.subscribe();
        match refused.wait_for(Option::is_some).await.map(|failure| failure.clone()) {
            Ok(Some(failure)) => failure,
            // The sender is ours.
            _ => std::future::pending().await,
        }
    }

    /// Forgets those whom nobody asks about.
    pub fn forget(&self, id: WorkspaceId) {
        self.known.remove_if(&id, |_, known| known.receiver_count() == 0);
    }

    fn replace(&self, mut all: HashMap<WorkspaceId, Vec<PodFacts>>) {
        for entry in self.known.iter() {
            let now = all.remove(entry.key()).unwrap_or_default();
            entry.value().send_if_modified(|known| {
                let changed = known.as_ref() != Some(&now);
                *known = Some(now);
                changed
            });
        }
        for (id, pods) in all {
            self.known.entry(id).or_default().send_replace(Some(pods));
        }
    }

    fn change(&self, pod: &Pod, gone: bool) {
        let Some((id, facts)) = PodFacts::of(pod) else { return };
        self.known.entry(id).or_default().send_modify(|known| {
            let pods = known.get_or_insert_default();
            pods.retain(|other| other.uid != facts.uid);
            if !gone {
                pods.push(facts);
            }
        });
    }
}

/// Looks on until it is dropped.
pub async fn observe(cluster: Cluster, pods: Pods) {
    let mut pause = FIRST_PAUSE;
    loop {
        match look(&cluster, &pods, &mut pause).await {
            // Listed anew at once: what was missed is in the list.
            Refusal::Expired => debug!("the watch of pods has expired"),
            refusal => {
                if let Refusal::Refused(failure) = &refusal {
                    pods.refused.send_replace(Some(failure.clone()));
                }
                warn!(%refusal, "pods cannot be watched; what was known stays");
                let least = match &refusal {
                    Refusal::Later { after: Some(after), .. } => *after,
                    _ => Duration::ZERO,
                };
                sleep(pause.max(least)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Lists and watches until something is wrong, and returns what.
async fn look(cluster: &Cluster, pods: &Pods, pause: &mut Duration) -> Refusal {
    let mut version = match list(cluster, pods).await {
        Ok(version) => version,
        Err(refusal) => return refusal,
    };
    *pause = FIRST_PAUSE;
    loop {
        match follow(cluster, pods, version).await {
            Ok(newer) => version = newer,
            Err(refusal) => return refusal,
        }
    }
}

/// Lists all pods; returns the version of the list.
async fn list(cluster: &Cluster, pods: &Pods) -> Result<String, Refusal> {
    let mut params = ListParams::default().labels(&names::ours(cluster.installation)).limit(PAGE);
    let mut all: HashMap<WorkspaceId, Vec<PodFacts>> = HashMap::new();
    loop {
        let page = cluster.ask("list", "pods", cluster.pods().list(&params)).await?;
        for (id, facts) in page.items.iter().filter_map(PodFacts::of) {
            all.entry(id).or_default().push(facts);
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => {
                pods.replace(all);
                pods.refused.send_replace(None);
                return Ok(page.metadata.resource_version.unwrap_or_default());
            }
        }
    }
}

/// Watches from a version on; returns the newest one when the watch ends in good order.
async fn follow(cluster: &Cluster, pods: &Pods, mut version: String) -> Result<String, Refusal> {
    let params =
        WatchParams::default().labels(&names::ours(cluster.installation)).timeout(WATCH_SECONDS);
    let api = cluster.pods();
    let events = cluster.ask("watch", "pods", api.watch(&params, &version)).await?;
    let mut events = pin!(events);
    let silence = Duration::from_secs(u64::from(WATCH_SECONDS) + 10);
    let right = Right { verb: "watch", resource: "pods" };
    loop {
        let event = match timeout(silence, events.next()).await {
            Ok(Some(event)) => event.map_err(|error| meaning(&error, right))?,
            Ok(None) => {
                // A server that closes at once is not asked in a tight loop.
                sleep(FIRST_PAUSE).await;
                return Ok(version);
            }
            Err(_) => return Err(Refusal::later("the watch of pods is silent")),
        };
        let newer = match event {
            WatchEvent::Added(pod) | WatchEvent::Modified(pod) => {
                pods.change(&pod, false);
                pod.metadata.resource_version
            }
            WatchEvent::Deleted(pod) => {
                pods.change(&pod, true);
                pod.metadata.resource_version
            }
            WatchEvent::Bookmark(mark) => Some(mark.metadata.resource_version),
            WatchEvent::Error(status) => return Err(meaning(&kube::Error::Api(status), right)),
        };
        version = newer.unwrap_or(version);
    }
}
