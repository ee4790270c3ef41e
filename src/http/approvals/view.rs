//! Requests as clients read them.

use chrono::{DateTime, Utc};
use isomer_actors::domain::approval::{self, Status, Verdict};
use isomer_actors::ports::NamedApproval;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// What an agent asked for, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Approval {
    action: String,
    /// How many different identities have approved.
    approvals: u32,
    /// How many must.
    approvals_required: u32,
    /// For who decides.
    #[schema(value_type = Object)]
    context: Value,
    created_at: DateTime<Utc>,
    #[schema(required)]
    decided_at: Option<DateTime<Utc>>,
    /// What the last who decided wanted to be called; `auto-expired` when nobody did in time.
    #[schema(required)]
    decided_by: Option<String>,
    /// Who that was, as authenticated.
    #[schema(required)]
    decided_by_identity: Option<String>,
    /// In the order they were made.
    decisions: Vec<ApprovalDecision>,
    /// From then on it counts as denied.
    expires_at: DateTime<Utc>,
    id: Uuid,
    #[schema(required)]
    reason: Option<String>,
    /// The credential it was made with.
    requested_by: String,
    #[schema(value_type = Status)]
    status: &'static str,
    #[schema(required)]
    task_id: Option<String>,
    workspace_id: Uuid,
    /// In lists of several workspaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    workspace_name: Option<String>,
}

/// What one of those who decide has said.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalDecision {
    decided_at: DateTime<Utc>,
    /// What they wanted to be called.
    decided_by: String,
    /// Who they were, as authenticated.
    decided_by_identity: String,
    #[schema(value_type = Verdict)]
    decision: &'static str,
}

/// Returns a request as clients read it.
pub fn item(approval: approval::Approval) -> Approval {
    Approval {
        action: approval.action,
        approvals: approval.approvals,
        approvals_required: approval.required,
        context: approval.context,
        created_at: approval.created_at,
        decided_at: approval.decided_at,
        decided_by: approval.decided_by,
        decided_by_identity: approval.decided_by_identity,
        decisions: approval.decisions.into_iter().map(decision).collect(),
        expires_at: approval.expires_at,
        id: approval.id,
        reason: approval.reason,
        requested_by: approval.requested_by,
        status: approval.status.as_str(),
        task_id: approval.task_id,
        workspace_id: approval.workspace.0,
        workspace_name: None,
    }
}

/// Returns a request with its workspace's name.
pub fn named_item(named: NamedApproval) -> Approval {
    Approval { workspace_name: Some(named.workspace_name), ..item(named.approval) }
}

fn decision(decision: approval::Decision) -> ApprovalDecision {
    ApprovalDecision {
        decided_at: decision.decided_at,
        decided_by: decision.decided_by,
        decided_by_identity: decision.identity,
        decision: decision.verdict.as_str(),
    }
}
