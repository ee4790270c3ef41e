//! The runtime as those who run agents see it.

use std::sync::Arc;

use async_trait::async_trait;
use isomer_actors::api::{RunReport, RuntimeError};
use isomer_actors::directory::Directory;
use isomer_actors::domain::change::Draft;
use isomer_actors::domain::event::recorded;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::Store;
use serde_json::json;
use tokio::sync::broadcast;

use super::Wanted;

/// The runtime or its store cannot say or do it now.
#[derive(Debug, thiserror::Error)]
#[error("the runtime cannot be asked")]
pub struct Unreachable(#[source] pub RuntimeError);

/// What is wanted, and whom to tell what became of it.
#[async_trait]
pub trait Workspaces: Send + Sync + 'static {
    /// Returns the workspaces whose agents this server runs, whatever their status.
    fn all(&self) -> Vec<WorkspaceId>;

    /// Returns the ids of such workspaces from now on, whenever one is changed: hints.
    fn watch(&self) -> broadcast::Receiver<WorkspaceId>;

    /// Returns the status of a workspace whose agent this server runs.
    fn status(&self, id: WorkspaceId) -> Option<Status>;

    /// Returns what to run, `None` when nothing.
    ///
    /// # Errors
    /// [`Unreachable`]: ask again.
    async fn wanted(&self, id: WorkspaceId) -> Result<Option<Wanted>, Unreachable>;

    /// Tells what became of an agent.
    ///
    /// # Errors
    /// [`Unreachable`]: the status may be old until the next report or the sweep.
    async fn report(&self, id: WorkspaceId, report: RunReport) -> Result<(), Unreachable>;

    /// Records that an agent is about to get the rights of its host.
    ///
    /// # Errors
    /// [`Unreachable`]: it must not start.
    async fn privileged(
        &self,
        id: WorkspaceId,
        tier: i32,
        provisioner: &'static str,
    ) -> Result<(), Unreachable>;
}

/// Returns whether a workspace in this status has its agent running.
pub(super) fn runs_in(status: Status) -> bool {
    status != Status::Removed && !status.is_resting()
}

/// The runtime of this process.
#[expect(missing_debug_implementations, reason = "holds a port, which has none")]
pub struct Runtime {
    pub directory: Directory,
    pub store: Arc<dyn Store>,
}

#[async_trait]
impl Workspaces for Runtime {
    fn all(&self) -> Vec<WorkspaceId> {
        self.directory.hosted()
    }

    fn watch(&self) -> broadcast::Receiver<WorkspaceId> {
        self.directory.watch_hosted()
    }

    fn status(&self, id: WorkspaceId) -> Option<Status> {
        self.directory.glimpse(id).filter(|glimpse| glimpse.hosted).map(|glimpse| glimpse.status)
    }

    async fn wanted(&self, id: WorkspaceId) -> Result<Option<Wanted>, Unreachable> {
        if !self.status(id).is_some_and(runs_in) {
            return Ok(None);
        }
        let loaded = self.store.load(id).await.map_err(|error| Unreachable(error.into()))?;
        Ok(loaded.record.filter(|record| runs_in(record.status)).map(|record| Wanted {
            id,
            name: record.name,
            role: record.role.filter(|role| !role.is_empty()),
            tier: record.tier,
            runtime: record.runtime,
            parent_id: record.parent_id,
            workspace_dir: record.workspace_dir,
            workspace_access: record.workspace_access,
            status: record.status,
        }))
    }

    async fn report(&self, id: WorkspaceId, report: RunReport) -> Result<(), Unreachable> {
        match self.directory.report_run(id, report).await {
            // Then there is nobody to be told of it.
            Ok(_) | Err(RuntimeError::Removed | RuntimeError::NotFound) => Ok(()),
            Err(error) => Err(Unreachable(error)),
        }
    }

    async fn privileged(
        &self,
        id: WorkspaceId,
        tier: i32,
        provisioner: &'static str,
    ) -> Result<(), Unreachable> {
        let payload = json!({"tier": tier, "provisioner": provisioner});
        let draft = Draft::new(recorded::WORKSPACE_PRIVILEGED_START, payload);
        match self.directory.record(id, vec![draft], Vec::new()).await {
            // Then nothing is started.
            Ok(_) | Err(RuntimeError::Removed | RuntimeError::NotFound) => Ok(()),
            Err(error) => Err(Unreachable(error)),
        }
    }
}
