//! Who is put to sleep when nothing happens.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::ids::WorkspaceId;

/// A workspace that is put to sleep after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleLimit {
    pub workspace: WorkspaceId,
    /// At least one.
    pub minutes: i32,
}

/// Reads who is put to sleep, and after how long.
#[async_trait]
pub trait IdleStore: Send + Sync {
    /// Returns the workspaces that are online or degraded, not external, and have a limit, by id.
    async fn idle_limits(&self) -> Result<Vec<IdleLimit>, StoreError>;
}
