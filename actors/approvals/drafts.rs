//! The events of requests (contract 03 §2).

use serde_json::json;

use crate::domain::approval::{Approval, Ballot, EXPIRED, NewApproval, Status};
use crate::domain::change::Draft;
use crate::domain::event::recorded;
use crate::domain::ids::WorkspaceId;
use crate::ports::DueApproval;

/// Somebody asks.
pub fn requested(new: &NewApproval) -> Draft {
    let payload = json!({
        "approval_id": new.id,
        "action": new.action,
        "reason": new.reason,
        "task_id": new.task_id,
    });
    Draft::new(recorded::APPROVAL_REQUESTED, payload)
}

/// Whoever is above them hears of it.
pub fn escalated(new: &NewApproval, from: WorkspaceId) -> Draft {
    let payload = json!({
        "approval_id": new.id,
        "from_workspace_id": from,
        "action": new.action,
        "reason": new.reason,
    });
    Draft { target_id: Some(from), ..Draft::new(recorded::APPROVAL_ESCALATED, payload) }
}

/// Somebody has decided; where several must, each of them is told.
pub fn decided(approval: &Approval, ballot: &Ballot) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if approval.required > 1 {
        let payload = json!({
            "approval_id": approval.id,
            "decision": ballot.verdict.as_str(),
            "decided_by": ballot.decided_by,
            "decided_by_identity": ballot.identity,
            "approvals": ballot.ruling.approvals,
            "approvals_required": approval.required,
        });
        drafts.push(Draft::new(recorded::APPROVAL_DECISION_RECORDED, payload));
    }
    if ballot.ruling.status != Status::Pending {
        drafts.extend(settled(approval.id, ballot.ruling.status, &ballot.decided_by));
    }
    drafts
}

/// Nobody decided in time.
pub fn expired(due: &DueApproval) -> Vec<Draft> {
    settled(due.id, Status::Denied, EXPIRED).into()
}

/// The contract's event, and the one that agents wait for.
fn settled(id: uuid::Uuid, status: Status, decided_by: &str) -> [Draft; 2] {
    let kind = match status {
        Status::Approved => recorded::APPROVAL_APPROVED,
        _ => recorded::APPROVAL_DENIED,
    };
    let status = status.as_str();
    let payload = json!({"approval_id": id, "decision": status, "decided_by": decided_by});
    let told = json!({"approval_id": id, "status": status, "decided_by": decided_by});
    [Draft::new(kind, payload), Draft::new(recorded::APPROVAL_DECIDED, told)]
}
