//! `POST /registry/heartbeat` (contract 02 §2): the busiest route of all.

use axum::extract::State;
use axum::http::StatusCode;
use isomer_actors::domain::beat::{Beat, RuntimeMetadata};
use isomer_actors::domain::status::Status;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{BAD_BODY, required_id};
use crate::http::error::{Answer, ApiError, raw_json, removed};
use crate::http::gates::Caller;
use crate::http::json::{BadInput, Input};
use crate::http::openapi::schema::{Done, ErrorBody};
use crate::http::state::App;

const OK: &str = r#"{"status":"ok"}"#;
/// Longer texts are cut: an agent with much to say must not die of it.
const MAX_TEXT_BYTES: usize = 8 * 1024;
/// Capabilities that an agent may declare.
const MAX_CAPABILITIES: usize = 64;

/// How an agent is. Absent fields keep their value.
#[derive(Deserialize, ToSchema)]
#[schema(as = Heartbeat)]
struct Body {
    #[serde(default)]
    #[schema(value_type = Uuid, required)]
    workspace_id: Option<String>,
    /// Share of failed calls, 0 to 1.
    #[serde(default)]
    error_rate: Option<f64>,
    #[serde(default)]
    sample_error: Option<String>,
    #[serde(default)]
    active_tasks: Option<i32>,
    /// Seconds since the agent started.
    #[serde(default)]
    uptime_seconds: Option<i32>,
    #[serde(default)]
    current_task: Option<String>,
    /// US cents this month.
    #[serde(default)]
    monthly_spend: Option<i64>,
    /// Empty, `wedged`, or another state that keeps it from recovering.
    #[serde(default)]
    runtime_state: Option<String>,
    #[serde(default)]
    runtime_metadata: Option<RuntimeMetadata>,
}

/// Takes in a heartbeat.
///
/// No store and no mirror is asked before the reply.
#[utoipa::path(
    post,
    path = "/registry/heartbeat",
    tag = "registry",
    operation_id = "heartbeat",
    request_body = Body,
    responses(
        (status = 200, description = "Heard", body = Done),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed: stop", body = ErrorBody),
    ),
    security((), ("bearer" = [])),
)]
pub async fn heartbeat(State(app): State<App>, caller: Caller, input: Input) -> Answer {
    let body: Body = input.parse_or(BAD_BODY)?;
    let id = required_id("workspace_id", body.workspace_id.as_deref())?;
    match app.directory.glimpse(id).map(|glimpse| glimpse.status) {
        None => return Err(ApiError::not_found("workspace not found")),
        Some(Status::Removed) => return Err(removed()),
        Some(_) => {}
    }
    caller.own_token(&app, id).await?;
    app.directory.beat(id, beat(body)?).await?;
    Ok(raw_json(StatusCode::OK, OK))
}

fn beat(body: Body) -> Result<Beat, ApiError> {
    let metadata = body.runtime_metadata.as_ref();
    if metadata.is_some_and(|m| m.capabilities.len() > MAX_CAPABILITIES) {
        let reason = format!("at most {MAX_CAPABILITIES} capabilities are accepted");
        return Err(BadInput::new("runtime_metadata.capabilities", reason).with_text(BAD_BODY));
    }
    Ok(Beat {
        error_rate: body.error_rate,
        sample_error: body.sample_error.map(cut),
        active_tasks: body.active_tasks,
        uptime_seconds: body.uptime_seconds,
        current_task: body.current_task.map(cut),
        monthly_spend: body.monthly_spend,
        runtime_state: body.runtime_state.map(cut),
        runtime_metadata: body.runtime_metadata,
    })
}

/// Cuts on a character boundary.
fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = cut("é".repeat(MAX_TEXT_BYTES));
        assert_eq!(text.len(), MAX_TEXT_BYTES);
        assert!(text.chars().all(|c| c == 'é'));
        assert_eq!(cut(format!("x{}", "é".repeat(MAX_TEXT_BYTES))).len(), MAX_TEXT_BYTES - 1);
    }
}
