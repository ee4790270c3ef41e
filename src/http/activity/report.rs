//! `POST /workspaces/:id/activity` (contract 04 §1.2).

use axum::extract::{Path, State};
use isomer_actors::activity::RecordError;
use isomer_actors::domain::activity::{Body, Entry, kind, status};
use isomer_actors::domain::ids::WorkspaceId;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::not_recorded;
use crate::http::error::{Answer, ApiError, status as said};
use crate::http::gates::{Caller, workspace_id};
use crate::http::json::{BadInput, Input};
use crate::http::openapi::schema::{Done, ErrorBody};
use crate::http::state::App;

const BAD_BODY: &str = "invalid request body";
const BAD_TYPE: &str = "invalid activity_type, must be one of: a2a_send, a2a_receive, task_update, \
                        agent_log, skill_promotion, memory_write, error";

/// Something that an agent did.
#[derive(Deserialize, ToSchema)]
#[schema(as = ReportActivity)]
pub(super) struct Report {
    /// One of `a2a_send`, `a2a_receive`, `task_update`, `agent_log`, `skill_promotion`,
    /// `memory_write`, `error`.
    #[serde(default)]
    #[schema(value_type = String, required)]
    activity_type: Option<String>,
    /// The workspace itself, also when absent.
    #[serde(default)]
    source_id: Option<String>,
    /// Another workspace concerned.
    #[serde(default)]
    target_id: Option<String>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    summary: Option<String>,
    /// `ok` unless given.
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error_detail: Option<String>,
    #[serde(default)]
    duration_ms: Option<i64>,
    #[serde(default)]
    request_body: Option<Value>,
    #[serde(default)]
    response_body: Option<Value>,
    /// Stored as `request_body` when there is none.
    #[serde(default)]
    metadata: Option<Value>,
}

/// Takes in what an agent did.
///
/// It is stored when this answers. Of an unknown workspace nothing is stored, and the answer
/// is the same.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/activity",
    tag = "activity",
    operation_id = "reportActivity",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body = Report,
    responses(
        (status = 200, description = "Taken in", body = Done),
        (status = 403, description = "`source_id` is another workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub(super) async fn report(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let workspace = workspace_id(&id)?;
    match entry(workspace, input.parse_or(BAD_BODY)?)? {
        None => {}
        Some(entry) => match app.activity.record(entry).await {
            Ok(_) | Err(RecordError::Refused(_)) => {}
            Err(error) => return Err(not_recorded(&error)),
        },
    }
    Ok(said("logged"))
}

/// Returns what is to be logged; nothing when it has a target that cannot be one.
fn entry(workspace: WorkspaceId, report: Report) -> Result<Option<Entry>, ApiError> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let kind = given(report.activity_type).ok_or_else(|| {
        BadInput::new("activity_type", "ActivityType is required").with_text(BAD_BODY)
    })?;
    if !kind::REPORTABLE.contains(&kind.as_str()) {
        return Err(ApiError::bad_request(BAD_TYPE).field("activity_type", "it is not known"));
    }
    let source = given(report.source_id);
    if source.is_some_and(|text| WorkspaceId::parse_loose(&text) != Some(workspace)) {
        return Err(ApiError::forbidden("source_id must match authenticated workspace")
            .field("source_id", "it is another one"));
    }
    let target = match given(report.target_id) {
        None => None,
        Some(text) => match WorkspaceId::parse_loose(&text) {
            Some(target) => Some(target.0),
            None => return Ok(None),
        },
    };
    let milliseconds = |n: i64| n.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    Ok(Some(Entry {
        source: Some(workspace.0),
        target,
        method: given(report.method),
        summary: given(report.summary),
        status: given(report.status).unwrap_or_else(|| status::OK.to_owned()),
        error_detail: given(report.error_detail),
        duration_ms: report.duration_ms.map(milliseconds),
        request_body: report.request_body.or(report.metadata).as_ref().map(Body::of),
        response_body: report.response_body.as_ref().map(Body::of),
        ..Entry::new(workspace, &kind)
    }))
}
