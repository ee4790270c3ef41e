//! The handle by which everybody talks to workspaces. Skeleton: signatures only.
#![allow(unused_variables, clippy::todo, missing_debug_implementations)]
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::api::*;
use crate::domain::beat::{Beat, RuntimeMetadata};
use crate::domain::hierarchy::Peers;
use crate::domain::ids::WorkspaceId;
use crate::ports::WorkspaceView;

/// Cheap to clone. Every async method is bounded in time and may be dropped: what has begun is finished by the actors.
#[derive(Clone)]
pub struct Directory;

impl Directory {
    /// In memory; `None` for an id that has no row.
    pub fn glimpse(&self, id: WorkspaceId) -> Option<Glimpse> { todo!() }
    pub fn may_talk(&self, a: WorkspaceId, b: WorkspaceId) -> bool { todo!() }
    pub fn peers(&self, id: WorkspaceId) -> Peers { todo!() }
    pub fn children(&self, id: WorkspaceId) -> Vec<WorkspaceId> { todo!() }
    pub fn check_parent(&self, id: WorkspaceId, parent: WorkspaceId) -> Result<(), RuntimeError> { todo!() }
    /// Follows `forwarded_to` up to MAX_HOPS.
    pub fn follow(&self, id: WorkspaceId) -> Followed { todo!() }
    /// Replaces the heartbeat columns by what the actor published, which is never older.
    pub fn overlay(&self, view: &mut WorkspaceView) { todo!() }
    /// What the agent declared with its beats.
    pub fn runtime_metadata(&self, id: WorkspaceId) -> Option<RuntimeMetadata> { todo!() }
    pub async fn create(&self, new: NewWorkspace) -> Result<Applied, RuntimeError> { todo!() }
    pub async fn register(&self, registration: Registration) -> Result<Registered, RuntimeError> { todo!() }
    /// Removed → `Removed` (410), unknown → `NotFound` (404).
    pub async fn beat(&self, id: WorkspaceId, beat: Beat) -> Result<(), RuntimeError> { todo!() }
    pub async fn update_card(&self, id: WorkspaceId, card: Value) -> Result<(), RuntimeError> { todo!() }
    pub async fn patch(&self, id: WorkspaceId, patch: Patch) -> Result<(), RuntimeError> { todo!() }
    /// Unknown and already removed ids answer `Removed { cascade_deleted: 0 }`.
    pub async fn remove(&self, id: WorkspaceId, options: RemoveOptions) -> Result<Removal, RuntimeError> { todo!() }
    pub async fn forward(&self, id: WorkspaceId, to: WorkspaceId) -> Result<(), RuntimeError> { todo!() }
    pub async fn agent(&self, id: WorkspaceId, command: AgentCommand) -> Result<AgentChanged, RuntimeError> { todo!() }
    pub async fn move_agent(&self, from: WorkspaceId, to: WorkspaceId) -> Result<AgentMoved, RuntimeError> { todo!() }
    /// Ends a quarantine by hand.
    pub async fn release(&self, id: WorkspaceId) -> Result<(), RuntimeError> { todo!() }
    pub async fn report(&self) -> TreeReport { todo!() }
    /// When the last sweep ran, and what it decided; for /admin/liveness.
    pub fn liveness(&self) -> LivenessReport { todo!() }
}

#[derive(Clone, Debug, serde::Serialize)]
pub struct LivenessReport {
    pub subsystems: std::collections::BTreeMap<String, Subsystem>,
    /// Workspaces whose silence is judged (online, degraded).
    pub heard: u64,
    /// `judging`, `grace` or `suspect`.
    pub observer: &'static str,
    pub observer_until: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, serde::Serialize)]
pub struct Subsystem {
    pub last_tick_at: Option<DateTime<Utc>>,
    pub seconds_ago: Option<f64>,
}
