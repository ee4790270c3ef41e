//! The catalogue of contract 03 §2, and events before and after they are stored.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::ids::{Seq, Version, WorkspaceId};
use super::record::Delta;

/// Names of recorded events: stored, then told to subscribers.
pub mod recorded {
    pub const WORKSPACE_PROVISIONING: &str = "WORKSPACE_PROVISIONING";
    pub const WORKSPACE_ONLINE: &str = "WORKSPACE_ONLINE";
    pub const WORKSPACE_AWAITING_AGENT: &str = "WORKSPACE_AWAITING_AGENT";
    pub const WORKSPACE_OFFLINE: &str = "WORKSPACE_OFFLINE";
    pub const WORKSPACE_DEGRADED: &str = "WORKSPACE_DEGRADED";
    pub const WORKSPACE_PROVISION_FAILED: &str = "WORKSPACE_PROVISION_FAILED";
    pub const WORKSPACE_PAUSED: &str = "WORKSPACE_PAUSED";
    /// Ours: hibernation has begun, its agent is being ended.
    pub const WORKSPACE_HIBERNATING: &str = "WORKSPACE_HIBERNATING";
    pub const WORKSPACE_HIBERNATED: &str = "WORKSPACE_HIBERNATED";
    /// Ours: an agent of tier 3 or 4 is about to be started with the rights of its host.
    pub const WORKSPACE_PRIVILEGED_START: &str = "WORKSPACE_PRIVILEGED_START";
    pub const WORKSPACE_REMOVED: &str = "WORKSPACE_REMOVED";
    pub const WORKSPACE_EXPANDED: &str = "WORKSPACE_EXPANDED";
    pub const WORKSPACE_COLLAPSED: &str = "WORKSPACE_COLLAPSED";
    /// Documented by the contract and never sent there; design §7.
    pub const WORKSPACE_MOVED: &str = "WORKSPACE_MOVED";
    /// Ours: fields other than status, parent and card changed.
    pub const WORKSPACE_UPDATED: &str = "WORKSPACE_UPDATED";
    /// Ours: the workspace's actor failed too often and answers 503.
    pub const WORKSPACE_QUARANTINED: &str = "WORKSPACE_QUARANTINED";
    /// Ours: the workspace answers again.
    pub const WORKSPACE_RELEASED: &str = "WORKSPACE_RELEASED";
    pub const DELEGATION_SENT: &str = "DELEGATION_SENT";
    pub const DELEGATION_STATUS: &str = "DELEGATION_STATUS";
    pub const DELEGATION_COMPLETE: &str = "DELEGATION_COMPLETE";
    pub const DELEGATION_FAILED: &str = "DELEGATION_FAILED";
    pub const AGENT_CARD_UPDATED: &str = "AGENT_CARD_UPDATED";
    pub const AGENT_ASSIGNED: &str = "AGENT_ASSIGNED";
    pub const AGENT_REPLACED: &str = "AGENT_REPLACED";
    pub const AGENT_REMOVED: &str = "AGENT_REMOVED";
    pub const AGENT_MOVED: &str = "AGENT_MOVED";
    pub const APPROVAL_REQUESTED: &str = "APPROVAL_REQUESTED";
    pub const APPROVAL_ESCALATED: &str = "APPROVAL_ESCALATED";
    pub const APPROVAL_APPROVED: &str = "APPROVAL_APPROVED";
    pub const APPROVAL_DENIED: &str = "APPROVAL_DENIED";
    /// What agents wait for; the contract's reference never sends it (contract 03 §2).
    pub const APPROVAL_DECIDED: &str = "APPROVAL_DECIDED";
    /// Ours: one decision of several that a request needs.
    pub const APPROVAL_DECISION_RECORDED: &str = "APPROVAL_DECISION_RECORDED";
}

/// Names of live-only events: told to subscribers, never stored.
pub mod live_only {
    pub const WORKSPACE_HEARTBEAT: &str = "WORKSPACE_HEARTBEAT";
    pub const TASK_UPDATED: &str = "TASK_UPDATED";
    /// An agent's answer to a message from the canvas (contract 03 §2).
    pub const A2A_RESPONSE: &str = "A2A_RESPONSE";
    /// Ours: where a message in a mailbox stands.
    pub const MESSAGE_STATE: &str = "MESSAGE_STATE";
    /// What an agent says to people (contract 04 §1.3).
    pub const AGENT_MESSAGE: &str = "AGENT_MESSAGE";
    /// A row of the activity log (contract 03 §2).
    pub const ACTIVITY_LOGGED: &str = "ACTIVITY_LOGGED";
    /// Ours: how far a rotation of keys is. It concerns no workspace.
    pub const KEY_ROTATION: &str = "KEY_ROTATION";
}

/// An event that has a place in its workspace's chain and none yet in the global order.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: Uuid,
    pub workspace: WorkspaceId,
    /// Position in the chain of `workspace`, from 1.
    pub version: Version,
    /// One of [`recorded`].
    pub kind: String,
    /// What subscribers see (contract 03 §2).
    pub payload: Value,
    /// What the projection takes over.
    pub change: Delta,
    /// The agent concerned, if any.
    pub agent_id: Option<Uuid>,
    /// The other workspace concerned, if any.
    pub target_id: Option<WorkspaceId>,
    /// To the microsecond, the precision of every store.
    pub at: DateTime<Utc>,
    /// Hash of the previous event of the workspace; zeros before the first.
    pub prev_hash: [u8; 32],
    /// Hash of this event (see [`super::chain`]).
    pub hash: [u8; 32],
}

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Position in the global order.
    pub seq: Seq,
    pub event: Event,
}
