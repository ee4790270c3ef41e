//! A row as clients read it (contract 04 §1.1).

use chrono::{DateTime, Utc};
use isomer_actors::domain::activity::Body;
use isomer_actors::ports::ActivityRow;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that a workspace did. Bodies of more than 65,536 bytes are told by their beginning:
/// `{"truncated": true, "bytes": 70000, "beginning": "…"}`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Activity)]
pub struct Item {
    /// Such as `a2a_receive`.
    pub activity_type: String,
    pub created_at: DateTime<Utc>,
    #[schema(required)]
    pub duration_ms: Option<i32>,
    #[schema(required)]
    pub error_detail: Option<String>,
    pub id: Uuid,
    #[schema(required)]
    pub method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub request_body: Option<Body>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub response_body: Option<Body>,
    /// The workspace it came from; null: a person.
    #[schema(required)]
    pub source_id: Option<Uuid>,
    /// `ok`, `error`, or what was reported.
    pub status: String,
    #[schema(required)]
    pub summary: Option<String>,
    #[schema(required)]
    pub target_id: Option<Uuid>,
    /// What tools the agent used for its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub tool_trace: Option<Body>,
    pub workspace_id: Uuid,
}

impl From<ActivityRow> for Item {
    fn from(row: ActivityRow) -> Self {
        let (id, created_at, entry) = (row.logged.id, row.logged.at, row.logged.entry);
        Self {
            activity_type: entry.kind,
            created_at,
            duration_ms: entry.duration_ms,
            error_detail: entry.error_detail,
            id,
            method: entry.method,
            request_body: entry.request_body,
            response_body: entry.response_body,
            source_id: entry.source,
            status: entry.status,
            summary: entry.summary,
            target_id: entry.target,
            tool_trace: entry.tool_trace,
            workspace_id: entry.workspace.0,
        }
    }
}
