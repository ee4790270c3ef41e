//! `/workspaces/:id/agent` (contract 06 §1): which model serves a workspace; and `/agents`, which
//! served it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use isomer_actors::api::{AgentCommand, RuntimeError};
use isomer_actors::domain::change::AgentStatus;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::Assignment;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::{Answer, ApiError, json_response, ok};
use super::gates::{Actor, Caller, workspace_id};
use super::json::{BadInput, Input};
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::state::App;

const BAD_BODY: &str = "invalid request body";
const MAX_MODEL_BYTES: usize = 200;
/// Assignments in one answer.
const MAX_HISTORY: usize = 200;

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(assign, replace, remove))
        .routes(routes!(hand_over))
        .routes(routes!(history))
}

/// The model that serves a workspace from now on.
#[derive(Debug, ToSchema)]
pub struct AgentAssigned {
    pub agent_id: Uuid,
    pub model: String,
}

/// The model that serves a workspace from now on, and the one before.
#[derive(Debug, ToSchema)]
pub struct AgentReplaced {
    pub agent_id: Uuid,
    pub model: String,
    #[schema(required)]
    pub old_model: Option<String>,
}

/// The agent that was taken away.
#[derive(Debug, ToSchema)]
pub struct AgentRemoved {
    pub agent_id: Uuid,
    /// Always `removed`.
    pub status: String,
}

/// The agent that serves another workspace now.
#[derive(Debug, ToSchema)]
pub struct AgentMoved {
    pub agent_id: Uuid,
    pub from_workspace: Uuid,
    pub model: String,
    pub to_workspace: Uuid,
}

/// Who serves and served a workspace.
#[derive(Debug, ToSchema)]
pub struct Assignments {
    pub agents: Vec<Assigned>,
}

/// An agent that serves or served a workspace.
#[derive(Debug, ToSchema)]
#[schema(as = Assignment)]
pub struct Assigned {
    pub created_at: DateTime<Utc>,
    pub id: Uuid,
    pub model: String,
    #[schema(required)]
    pub removal_reason: Option<String>,
    #[schema(required)]
    pub removed_at: Option<DateTime<Utc>>,
    pub status: AgentStatus,
}

/// Which model to use.
#[derive(Deserialize, ToSchema)]
#[schema(as = AssignAgent)]
struct Model {
    #[serde(default)]
    #[schema(value_type = String, required)]
    model: Option<String>,
}

/// Assigns a model to a workspace that has none.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/agent",
    tag = "agents",
    operation_id = "assignAgent",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body = Model,
    responses(
        (status = 201, description = "Assigned", body = AgentAssigned),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 409, description = "It has one; replace it", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
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

/// Replaces the model of a workspace.
#[utoipa::path(
    patch,
    path = "/workspaces/{id}/agent",
    tag = "agents",
    operation_id = "replaceAgent",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body = Model,
    responses(
        (status = 200, description = "Replaced", body = AgentReplaced),
        (status = 404, description = "There is no such workspace, or it has no agent", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
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

/// Takes the agent away from a workspace.
#[utoipa::path(
    delete,
    path = "/workspaces/{id}/agent",
    tag = "agents",
    operation_id = "removeAgent",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "Taken away", body = AgentRemoved),
        (status = 404, description = "There is no such workspace, or it has no agent", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.workspace(&app, &id).await?;
    let changed = app
        .directory
        .agent(known(&id)?, AgentCommand::Remove)
        .await
        .map_err(|error| no_agent(error, "no active agent to remove"))?;
    Ok(ok(&json!({"agent_id": changed.agent.id, "status": "removed"})))
}

/// Where to move the agent.
#[derive(Deserialize, ToSchema)]
#[schema(as = MoveAgent)]
struct Move {
    #[serde(default)]
    #[schema(value_type = Uuid, required)]
    target_workspace_id: Option<String>,
}

/// Moves an agent to another workspace.
///
/// Needs authority over both.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/agent/move",
    tag = "agents",
    operation_id = "moveAgent",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body = Move,
    responses(
        (status = 200, description = "Moved", body = AgentMoved),
        (status = 403, description = "No authority over the other one", body = ErrorBody),
        (status = 404, description = "One of them is not there, or there is no agent to move", body = ErrorBody),
        (status = 409, description = "The other one has an agent", body = ErrorBody),
        (status = 410, description = "One of them is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn hand_over(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    let actor = caller.workspace(&app, &id).await?;
    // The contract checks only the source's authority.
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
#[utoipa::path(
    get,
    path = "/workspaces/{id}/agents",
    tag = "agents",
    operation_id = "listAgents",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "At most 200", body = Assignments),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
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
