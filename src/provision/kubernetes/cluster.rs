//! Questions to the API server, and what its answers mean.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use isomer_actors::domain::ids::WorkspaceId;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::names::{self, MANAGER};
use super::pod_spec::GRACE_SECONDS;
use super::{Failure, Unavailable};

/// How long one answer may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Objects in one answer.
pub const PAGE: u32 = 500;
/// Longest text of the API server that is passed on, in characters.
const LONGEST_TEXT: usize = 300;

/// Why something was not done.
#[derive(Debug)]
pub enum Refusal {
    /// The API server cannot be asked now, or asks to come back: nothing is known, nothing changes.
    Later { after: Option<Duration>, why: String },
    /// It will not do this.
    Refused(Failure),
    /// What was listed before is not kept any more: list again.
    Expired,
}

impl Refusal {
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later { after: None, why: why.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later { why, .. } => f.write_str(why),
            Self::Refused(failure) => f.write_str(&failure.reason),
            Self::Expired => f.write_str("the resource version is too old"),
        }
    }
}

impl From<Refusal> for Unavailable {
    fn from(refusal: Refusal) -> Self {
        Self::Engine(refusal.to_string())
    }
}

/// What is asked, for the reason when it may not be.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    pub verb: &'static str,
    pub resource: &'static str,
}

/// The namespace in which this installation's objects are.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    pub namespace: String,
    pub installation: Uuid,
}

impl Cluster {
    pub fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub fn services(&self) -> Api<Service> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Returns the Deployment of a workspace.
    ///
    /// # Errors
    /// [`Refusal`]. One of the same name that is another's is refused.
    pub async fn deployment(&self, id: WorkspaceId) -> Result<Option<Deployment>, Refusal> {
        let (api, name) = (self.deployments(), names::of(id));
        let found = self.ask("get", "deployments", api.get_opt(&name)).await?;
        if found.as_ref().is_none_or(|found| self.is_ours(found, id)) {
            return Ok(found);
        }
        Err(Refusal::Refused(Failure::hopeless(format!(
            "the deployment {name} is not of this installation"
        ))))
    }

    fn is_ours(&self, found: &Deployment, id: WorkspaceId) -> bool {
        let wanted = names::labels(self.installation, id);
        let has = |labels: &std::collections::BTreeMap<String, String>| {
            wanted.iter().all(|(name, value)| labels.get(*name) == Some(value))
        };
        found.metadata.labels.as_ref().is_some_and(has)
    }

    /// Makes an object what it should be, whether it is there or not.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn apply<K>(
        &self,
        api: Api<K>,
        resource: &'static str,
        object: &Value,
    ) -> Result<K, Refusal>
    where
        K: Clone + DeserializeOwned + fmt::Debug,
    {
        let params = PatchParams::apply(MANAGER).force().validation_strict();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        self.ask("patch", resource, api.patch(name, &params, &Patch::Apply(object))).await
    }

    /// Sees to it that an agent has no pod soon; objects stay for the next start.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn scale_to_zero(&self, id: WorkspaceId) -> Result<(), Refusal> {
        let found = self.deployment(id).await?;
        let wants = found.and_then(|found| found.spec).and_then(|spec| spec.replicas);
        if matches!(wants, None | Some(0)) {
            return Ok(());
        }
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
        let (api, name) = (self.deployments(), names::of(id));
        let patched = async { api.patch(&name, &params, &none).await.map(Some).or_else(gone) };
        self.ask("patch", "deployments", patched).await.map(drop)
    }

    /// Deletes everything of a workspace. The Service is first to come and last to go: by it
    /// is found what a crash left half made.
    ///
    /// # Errors
    /// [`Refusal`]: some of it may be gone.
    pub async fn delete(&self, id: WorkspaceId) -> Result<(), Refusal> {
        let ours = ListParams::default().labels(&names::only(self.installation, id));
        let verb = "deletecollection";
        let (plain, grace) =
            (DeleteParams::default(), DeleteParams::foreground().grace_period(GRACE_SECONDS));
        let (deployments, secrets, services) =
            (self.deployments(), self.secrets(), self.services());
        self.ask(verb, "deployments", deployments.delete_collection(&grace, &ours)).await?;
        self.ask(verb, "secrets", secrets.delete_collection(&plain, &ours)).await?;
        self.ask(verb, "services", services.delete_collection(&plain, &ours)).await?;
        Ok(())
    }

    /// Returns the workspaces of which this installation has something in the cluster.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn workspaces(&self) -> Result<BTreeSet<WorkspaceId>, Refusal> {
        let mut found = self.labelled(self.services(), "services").await?;
        found.extend(self.labelled(self.deployments(), "deployments").await?);
        Ok(found)
    }

    async fn labelled<K>(
        &self,
        api: Api<K>,
        resource: &'static str,
    ) -> Result<BTreeSet<WorkspaceId>, Refusal>
    where
        K: Clone + DeserializeOwned + fmt::Debug + Resource,
    {
        let mut params = ListParams::default().labels(&names::ours(self.installation)).limit(PAGE);
        let mut found = BTreeSet::new();
        loop {
            let page = self.ask("list", resource, api.list(&params)).await?;
            let labels = page.items.iter().map(|object| object.meta().labels.as_ref());
            found.extend(labels.filter_map(names::workspace));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(found),
            }
        }
    }

    /// Returns the pods that a selector finds, at most one page of them.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn pods_of(&self, id: WorkspaceId) -> Result<Vec<Pod>, Refusal> {
        let ours = ListParams::default().labels(&names::only(self.installation, id)).limit(PAGE);
        Ok(self.ask("list", "pods", self.pods().list(&ours)).await?.items)
    }

    /// Waits for an answer, but not for ever.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn ask<T>(
        &self,
        verb: &'static str,
        resource: &'static str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Refusal> {
        match timeout(CALL_LIMIT, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(meaning(&error, Right { verb, resource })),
            Err(_) => Err(Refusal::later("the API server does not answer in time")),
        }
    }
}

fn gone<T>(error: kube::Error) -> Result<Option<T>, kube::Error> {
    match &error {
        kube::Error::Api(status) if status.code == 404 => Ok(None),
        _ => Err(error),
    }
}

/// Returns what an error means for whoever waits for its agent.
pub fn meaning(error: &kube::Error, Right { verb, resource }: Right) -> Refusal {
    let kube::Error::Api(status) = error else {
        // It may name the server's address, which is for the log alone.
        tracing::debug!(%error, verb, resource, "the API server could not be asked");
        return Refusal::later("the API server cannot be reached");
    };
    let text: String = status.message.chars().take(LONGEST_TEXT).collect();
    match status.code {
        401 => Refusal::later("the API server does not know this server (401)"),
        // Quotas and admission answer 403, too; they may change their mind.
        403 if text.contains("cannot ") => Refusal::Refused(Failure::hopeless(format!(
            "this server may not {verb} {resource} in its namespace: its Role lacks that right"
        ))),
        403 => Refusal::Refused(Failure::new(format!("Kubernetes does not allow it: {text}"))),
        404 => Refusal::Refused(Failure::hopeless(format!("Kubernetes does not know it: {text}"))),
        410 => Refusal::Expired,
        400 | 413 | 415 | 422 => {
            Refusal::Refused(Failure::hopeless(format!("Kubernetes does not take it: {text}")))
        }
        code => {
            let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
            let after = (seconds > 0).then(|| Duration::from_secs(seconds.min(30).into()));
            Refusal::Later { after, why: format!("the API server answers {code}") }
        }
    }
}
