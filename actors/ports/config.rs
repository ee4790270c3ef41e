//! Configuration documents: one JSON value a workspace, which it and its people share.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::StoreError;
use crate::domain::ids::WorkspaceId;

/// Longest document, in bytes of JSON as the store writes it.
pub const MAX_CONFIG: usize = 1 << 20;

/// Reads and changes configuration documents.
#[async_trait]
pub trait ConfigStore: Send + Sync {
    /// Returns the document; `None` when nothing was ever written.
    async fn config(&self, workspace: WorkspaceId) -> Result<Option<Value>, StoreError>;

    /// Joins a value to the document as [`crate::domain::config::joined`] says, in one step. The
    /// first is stored as it is. Refuses `Full` when it would be longer than [`MAX_CONFIG`], and
    /// `WorkspaceUnknown`.
    async fn merge_config(
        &self,
        workspace: WorkspaceId,
        value: &Value,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;
}
