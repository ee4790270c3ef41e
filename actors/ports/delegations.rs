//! Delegations: written by the journal with their source's history, read here.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::delegation::Delegation;
use crate::domain::ids::WorkspaceId;

/// Which delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelegationKey<'a> {
    /// By its id.
    Id(&'a str),
    /// By its idempotency key, unless it failed.
    Idempotency(&'a str),
}

/// Reads delegations.
#[async_trait]
pub trait DelegationStore: Send + Sync {
    /// Returns one of a source's.
    async fn delegation(
        &self,
        source: WorkspaceId,
        key: DelegationKey<'_>,
    ) -> Result<Option<Delegation>, StoreError>;

    /// Returns the newest of a source's, by request and by result: at most `limit` of each, with
    /// the first 400 characters of task and result.
    async fn delegations(
        &self,
        source: WorkspaceId,
        limit: usize,
    ) -> Result<Vec<Delegation>, StoreError>;

    /// Returns those that the platform delivers, that have not ended and did not move since
    /// `before`, but whose message has ended, waits without their saying so, or is not there:
    /// somebody was killed in between.
    async fn stuck_delegations(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Delegation>, StoreError>;

    /// Forgets those that ended before `before`, at most `limit`; returns how many.
    async fn forget_delegations(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<u64, StoreError>;
}
