//! Running the agents of workspaces: what is wanted comes from the store, what runs is made to
//! match (docs/architecture/provisioner.md).
//!
//! [`Host`] keeps one [`keeper`] for every workspace that this server runs; a keeper starts its
//! agent through a [`Backend`], tells the runtime when it ended, and starts it again as
//! [`restarts`] says. The built-in agent in this process ([`built_in`]) is one backend; processes,
//! containers and pods are others, which need know nothing of the rest.

mod addresses;
mod built_in;
mod demo;
mod host;
mod keeper;
mod restarts;
#[cfg(test)]
mod tests;
mod workspaces;

use std::time::Duration;

use async_trait::async_trait;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use tokio_util::sync::CancellationToken;

pub use addresses::Addresses;
pub use built_in::BuiltIn;
pub use demo::create_demo;
pub use host::{Host, Refused, Work as HostWork};
pub use workspaces::{Runtime, Unreachable, Workspaces};

/// Between an agent that somebody stopped and its next start: long enough to be seen.
pub const PAUSE_AFTER_STOP: Duration = Duration::from_secs(3);

/// An agent that is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub id: WorkspaceId,
    pub name: String,
    pub role: Option<String>,
    /// What the runtime knows before it is started.
    pub status: Status,
}

/// Why a run ended without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// Its workspace is gone for good.
    Gone,
}

/// Why a run failed. The reason is shown to everybody who may see the workspace, so it holds no
/// path and no secret; what is behind it is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub reason: String,
}

/// A way to run agents.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Runs one agent from its start to its end; after `stop` it has a few seconds to end well.
    ///
    /// # Errors
    /// [`Failure`]. The caller decides whether it is started again.
    ///
    /// # Cancel safety
    /// Dropping the future ends the agent as a crash would.
    async fn run(&self, agent: Wanted, stop: CancellationToken) -> Result<Ended, Failure>;

    /// Clears what was kept for an agent that is not run here any more. Failure is logged.
    async fn forget(&self, id: WorkspaceId);
}
