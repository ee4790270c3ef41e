//! `/workspaces/:id/agent` (contract 06 §1): which model serves a workspace; and `/agents`, which
//! served it.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use isomer_actors::api::{AgentCommand, RuntimeError};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::Assignment;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Answer, ApiError, json_response, ok};
use super::gates::{Actor, Caller, workspace_id};
use super::json::{BadInput, Input};
use super::state::App;

const BAD_BODY: &str = "invalid request body";
const MAX_MODEL_BYTES: usize = 200;
/// Assignments in one answer.
const MAX_HISTORY: usize = 200;

/// The routes of this file.
pub fn router() -> Router<App> {
    Router::new()
        .route("/workspaces/{id}/agent", post(assign).patch(replace).delete(remove))
        .route("/workspaces/{id}/agent/move", post(hand_over))
        .route("/workspaces/{id}/agents", get(history))
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    model: Option<String>,
}

async fn assign(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let model = model(&input)?;
    let changed = app.directory.agent(known(&id)?, AgentCommand::Assign { model }).await?;
    let body = json!({"agent_id": changed.agent.id, "model": changed.agent.model});
    Ok(json_response(StatusCode::CREATED, &body))
}

async fn replace(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let model = model(&input)?;
    let changed = app
        .directory
        .agent(known(&id)?, AgentCommand::Replace { model })
        .await
        .map_err(|error| no_agent(error, "no active agent to replace"))?;
    Ok(ok(&json!({
        "agent_id": changed.agent.id,
        "model": changed.agent.model,
        "old_model": changed.old_model,
    })))
}

async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.workspace(&app, &id).await?;
    let changed = app
        .directory
        .agent(known(&id)?, AgentCommand::Remove)
        .await
        .map_err(|error| no_agent(error, "no active agent to remove"))?;
    Ok(ok(&json!({"agent_id": changed.agent.id, "status": "removed"})))
}

#[derive(Deserialize)]
struct Move {
    #[serde(default)]
    target_workspace_id: Option<String>,
}

/// Moving needs authority over both workspaces: the contract checks only the source's.
async fn hand_over(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    let actor = caller.workspace(&app, &id).await?;
    let body: Move = input.parse_or(BAD_BODY)?;
    let target = body.target_workspace_id.filter(|text| !text.is_empty());
    let target = target.ok_or_else(|| {
        BadInput::new("target_workspace_id", "it is required").with_text(BAD_BODY)
    })?;
    if matches!(actor, Actor::Own(_)) && target != id {
        return Err(ApiError::forbidden("access denied").field(
            "target_workspace_id",
            "a workspace token has no authority over another workspace",
        ));
    }
    let not_there = || ApiError::not_found("target workspace not found");
    let to = WorkspaceId::parse_loose(&target).ok_or_else(not_there)?;
    let moved = app
        .directory
        .move_agent(known(&id)?, to)
        .await
        .map_err(|error| no_agent(error, "no active agent in source workspace"))?;
    Ok(ok(&json!({
        "agent_id": moved.agent_id,
        "model": moved.model,
        "from_workspace": id,
        "to_workspace": target,
    })))
}

/// Lists who serves and served a workspace, newest first.
async fn history(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.workspace(&app, &id).await?;
    let id = workspace_id(&id)?;
    if app.directory.glimpse(id).is_none() {
        return Err(ApiError::not_found("workspace not found"));
    }
    let found = app.store.assignments(id, MAX_HISTORY).await?;
    let items: Vec<_> = found.iter().map(item).collect();
    Ok(ok(&json!({"agents": items})))
}

fn item(agent: &Assignment) -> Value {
    json!({
        "id": agent.id,
        "model": agent.model,
        "status": agent.status.as_str(),
        "created_at": agent.created_at,
        "removed_at": agent.removed_at,
        "removal_reason": agent.removal_reason,
    })
}

fn model(input: &Input) -> Result<String, ApiError> {
    let body: Model = input.parse_or(BAD_BODY)?;
    let bad = |reason: String| BadInput::new("model", reason).with_text(BAD_BODY);
    match body.model.filter(|model| !model.is_empty()) {
        None => Err(bad("it is required".to_owned())),
        Some(model) if model.len() > MAX_MODEL_BYTES => {
            Err(bad(format!("at most {MAX_MODEL_BYTES} bytes are accepted")))
        }
        Some(model) => Ok(model),
    }
}

fn known(id: &str) -> Result<WorkspaceId, ApiError> {
    WorkspaceId::parse_loose(id).ok_or_else(|| ApiError::not_found("workspace not found"))
}

fn no_agent(error: RuntimeError, text: &str) -> ApiError {
    match error {
        RuntimeError::NoAgent => ApiError::not_found(text),
        other => other.into(),
    }
}
