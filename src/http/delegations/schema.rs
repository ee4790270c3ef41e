//! Delegations on the wire (contract 04 §2).

use chrono::{DateTime, Utc};
use isomer_actors::domain::delegation::{Delegation, SUMMARY, Status, preview};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Longest preview of a task and of a result in a list, in bytes.
const PREVIEW: usize = 300;

/// A task for another workspace.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = DelegateTask)]
pub struct Delegate {
    /// Who is to do it.
    #[schema(value_type = Uuid)]
    pub target_id: Option<String>,
    #[schema(value_type = String)]
    pub task: Option<String>,
    /// The same key gives the same task once, unless it failed.
    pub idempotency_key: Option<String>,
}

/// A delegation that is under way.
#[derive(Debug, ToSchema)]
#[schema(as = DelegatedTask)]
#[expect(dead_code, reason = "describes an answer")]
pub struct Delegated {
    delegation_id: String,
    /// `delegated`; of one that was given before, where it stands.
    status: String,
    target_id: Uuid,
    /// It was given before.
    #[schema(nullable = false)]
    idempotent_hit: Option<bool>,
}

/// A task that the agent gave itself.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RecordDelegation)]
pub struct Record {
    #[schema(value_type = Uuid)]
    pub target_id: Option<String>,
    #[schema(value_type = String)]
    pub task: Option<String>,
    /// What the agent calls it.
    #[schema(value_type = String)]
    pub delegation_id: Option<String>,
}

/// What was recorded.
#[derive(Debug, ToSchema)]
#[schema(as = RecordedDelegation)]
#[expect(dead_code, reason = "describes an answer")]
pub struct Recorded {
    delegation_id: String,
    /// `recorded`.
    status: String,
}

/// How a delegation ended.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = UpdateDelegation)]
pub struct Update {
    /// `completed` or `failed`.
    #[schema(value_type = String)]
    pub status: Option<String>,
    pub error: Option<String>,
    pub response_preview: Option<String>,
}

/// What was noted.
#[derive(Debug, ToSchema)]
#[schema(as = UpdatedDelegation)]
#[expect(dead_code, reason = "describes an answer")]
pub struct Updated {
    status: String,
    delegation_id: String,
}

/// A row of the list: a request, or a result.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DelegationRow)]
pub struct Item {
    id: Uuid,
    /// Always `delegation`.
    #[serde(rename = "type")]
    kind: &'static str,
    source_id: Uuid,
    target_id: Uuid,
    summary: String,
    status: Status,
    pub created_at: DateTime<Utc>,
    delegation_id: String,
    /// The beginning of the task.
    task_preview: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    /// The beginning of what the target answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    response_preview: Option<String>,
    #[serde(skip)]
    pub is_result: bool,
}

/// Returns the rows of a delegation: its request, and its result once there is one.
pub fn rows(delegation: &Delegation) -> Vec<Item> {
    let error = delegation.error.clone().filter(|error| !error.is_empty());
    let request = Item {
        id: delegation.id,
        kind: "delegation",
        source_id: delegation.source.0,
        target_id: delegation.target.0,
        summary: format!("Delegating to {}", delegation.target),
        status: delegation.status,
        created_at: delegation.created_at,
        delegation_id: delegation.delegation_id.clone(),
        task_preview: preview(&delegation.task, PREVIEW),
        error: error.clone(),
        response_preview: None,
        is_result: false,
    };
    let Some(at) = delegation.result_at else { return vec![request] };
    let text = delegation.result.as_deref().unwrap_or_default();
    let summary = match delegation.status {
        Status::Completed => format!("Delegation completed ({})", preview(text, SUMMARY)),
        Status::Failed => "Delegation failed".to_owned(),
        _ => "Delegation queued — target at capacity".to_owned(),
    };
    let result = Item {
        id: delegation.result_id,
        kind: "delegation",
        source_id: delegation.source.0,
        target_id: delegation.target.0,
        summary,
        status: delegation.status,
        created_at: at,
        delegation_id: delegation.delegation_id.clone(),
        task_preview: preview(&delegation.task, PREVIEW),
        error,
        response_preview: (!text.is_empty()).then(|| preview(text, PREVIEW)),
        is_result: true,
    };
    vec![result, request]
}
