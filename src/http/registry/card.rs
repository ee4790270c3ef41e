//! `POST /registry/update-card` (contract 02 §3).

use axum::extract::State;
use isomer_actors::domain::status::Status;
use serde::Deserialize;
use serde_json::Value;

use super::{BAD_BODY, required_card, required_id};
use crate::http::error::{Answer, ApiError, removed, status};
use crate::http::gates::Caller;
use crate::http::json::{Input, present};
use crate::http::state::App;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    workspace_id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    agent_card: Option<Option<Value>>,
}

/// Replaces the agent card.
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
    app.directory.update_card(id, card).await?;
    Ok(status("updated"))
}
