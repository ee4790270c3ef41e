//! `POST /registry/update-card` (contract 02 §3).

use axum::extract::State;
use isomer_actors::domain::status::Status;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{BAD_BODY, no_forgery, required_card, required_id};
use crate::http::error::{Answer, ApiError, removed, status};
use crate::http::gates::Caller;
use crate::http::json::{Input, present};
use crate::http::openapi::schema::{Done, ErrorBody};
use crate::http::state::App;

/// A new agent card.
#[derive(Deserialize, ToSchema)]
#[schema(as = UpdateCard)]
struct Body {
    #[serde(default)]
    #[schema(value_type = Uuid, required)]
    workspace_id: Option<String>,
    /// At most 262,144 bytes.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Value, required)]
    agent_card: Option<Option<Value>>,
}

/// Replaces the agent card of a workspace.
#[utoipa::path(
    post,
    path = "/registry/update-card",
    tag = "registry",
    operation_id = "updateCard",
    request_body = Body,
    responses(
        (status = 200, description = "Replaced", body = Done),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
    ),
    security((), ("bearer" = [])),
)]
pub async fn update_card(State(app): State<App>, caller: Caller, input: Input) -> Answer {
    let body: Body = input.parse_or(BAD_BODY)?;
    let id = required_id("workspace_id", body.workspace_id.as_deref())?;
    let card = required_card(body.agent_card)?;
    match app.directory.glimpse(id).map(|glimpse| glimpse.status) {
        None => return Err(ApiError::not_found("workspace not found")),
        Some(Status::Removed) => return Err(removed()),
        Some(_) => {}
    }
    caller.own_token(&app, id).await?;
    no_forgery(&app, &card)?;
    app.directory.update_card(id, card).await?;
    Ok(status("updated"))
}
