//! An agent asks.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use isomer_actors::api::RuntimeError;
use isomer_actors::approvals::Request;
use isomer_actors::domain::approval::{MAX_PENDING, MAX_REQUIRED};
use isomer_actors::domain::ids::WorkspaceId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::BAD_BODY;
use crate::http::error::{Answer, ApiError, json_response};
use crate::http::gates::Caller;
use crate::http::json::{BadInput, Input};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

const MAX_ACTION_BYTES: usize = 1_000;
const MAX_REASON_BYTES: usize = 10_000;
const MAX_TASK_ID_BYTES: usize = 200;
/// Of the context as compact JSON.
const MAX_CONTEXT_BYTES: usize = 16 * 1024;

/// What an agent asks for.
#[derive(Deserialize, ToSchema)]
#[schema(as = RequestApproval)]
pub(super) struct Body {
    /// What it wants to do; at most 1,000 bytes.
    #[serde(default)]
    #[schema(value_type = String, required)]
    action: Option<String>,
    /// At most 200 bytes.
    #[serde(default)]
    task_id: Option<String>,
    /// At most 10,000 bytes.
    #[serde(default)]
    reason: Option<String>,
    /// For who decides; at most 16,384 bytes as compact JSON.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    context: Option<Map<String, Value>>,
    /// How many different identities must approve. The server may want more.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 5)]
    approvers_required: Option<u32>,
}

/// A request that waits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApprovalRequested {
    approval_id: Uuid,
    /// How many different identities must approve.
    approvals_required: u32,
    /// From then on it counts as denied.
    expires_at: DateTime<Utc>,
    /// Always `pending`.
    status: &'static str,
}

/// Asks for approval.
///
/// The parent of the workspace hears of it. What nobody decides in time is denied.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/approvals",
    tag = "approvals",
    operation_id = "requestApproval",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body = Body,
    responses(
        (status = 201, description = "It waits", body = ApprovalRequested),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 429, description = "100 of its requests wait, or the rate limit is used up", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub(super) async fn request(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    let actor = caller.workspace(&app, &id).await?;
    let request =
        checked(input.parse_or(BAD_BODY)?, actor.name()).map_err(|bad| bad.with_text(BAD_BODY))?;
    let workspace =
        WorkspaceId::parse_loose(&id).ok_or_else(|| ApiError::not_found("workspace not found"))?;
    let requested = app.approvals.request(workspace, request).await.map_err(refused)?;
    let body = ApprovalRequested {
        approval_id: requested.id,
        approvals_required: requested.required,
        expires_at: requested.expires_at,
        status: "pending",
    };
    Ok(json_response(StatusCode::CREATED, &body))
}

fn checked(body: Body, requested_by: String) -> Result<Request, BadInput> {
    let action = body.action.filter(|action| !action.trim().is_empty());
    let action = action.ok_or_else(|| BadInput::new("action", "it is required"))?;
    let required = body.approvers_required.unwrap_or(1);
    if !(1..=MAX_REQUIRED).contains(&required) {
        let reason = format!("a whole number from 1 to {MAX_REQUIRED} is accepted");
        return Err(BadInput::new("approvers_required", reason));
    }
    let request = Request {
        task_id: body.task_id.unwrap_or_default(),
        action,
        reason: body.reason.unwrap_or_default(),
        context: Value::Object(body.context.unwrap_or_default()),
        required,
        requested_by,
    };
    within("action", &request.action, MAX_ACTION_BYTES)?;
    within("reason", &request.reason, MAX_REASON_BYTES)?;
    within("task_id", &request.task_id, MAX_TASK_ID_BYTES)?;
    within("context", &request.context.to_string(), MAX_CONTEXT_BYTES)?;
    Ok(request)
}

/// Refuses a text that is too long.
pub(super) fn within(field: &str, text: &str, limit: usize) -> Result<(), BadInput> {
    if text.len() <= limit {
        return Ok(());
    }
    Err(BadInput::new(field, format!("at most {limit} bytes are accepted")))
}

fn refused(error: RuntimeError) -> ApiError {
    match error {
        RuntimeError::Full(_) => {
            let text = format!("{MAX_PENDING} approval requests of this workspace are pending");
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, text).with("code", "too_many_pending")
        }
        other => other.into(),
    }
}
