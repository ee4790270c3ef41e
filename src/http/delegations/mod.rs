//! Delegations (contract 04 §2): tasks that one workspace gives to another.

mod schema;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use isomer_actors::api::RuntimeError;
use isomer_actors::domain::delegation::{Delegation, Kind, Status, Turn};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::DelegationKey;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use self::schema::{Delegate, Delegated, Item, Record, Recorded, Update, Updated};
use super::error::{Answer, ApiError, json_response, ok};
use super::gates::{Caller, workspace_id};
use super::json::Input;
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::state::App;

/// Rows in a list (contract 04 §2.5).
const ROWS: usize = 50;
/// Longest task, in bytes: it has to fit into a message that waits.
pub const MAX_TASK: usize = 512 << 10;
/// Longest idempotency key and delegation id, in bytes.
const MAX_KEY: usize = 255;
/// Longest error and result that an agent reports, in bytes.
const MAX_REPORT: usize = 256 << 10;
const INVALID: &str = "invalid delegation request";
const INVALID_BODY: &str = "invalid request body";

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(delegate))
        .routes(routes!(record))
        .routes(routes!(update))
        .routes(routes!(list))
}

/// Gives a task to another workspace. What becomes of it is told by events and listed.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/delegate",
    tag = "delegations",
    operation_id = "delegate",
    params(("id" = Uuid, Path, description = "Who gives the task")),
    request_body = Delegate,
    responses(
        (status = 200, description = "The key was used before: that delegation", body = Delegated),
        (status = 202, description = "It is kept, and will be delivered", body = Delegated),
        (status = 400, description = "A field is wrong", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "The workspace is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn delegate(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let source = workspace_id(&id)?;
    let body: Delegate = input.parse_or(INVALID)?;
    let target = target(&body.target_id, INVALID)?;
    let task = required(body.task, "task", MAX_TASK, INVALID)?;
    if target == source {
        return Err(ApiError::bad_request("self-delegation not permitted")
            .field("target_id", "it is the workspace itself"));
    }
    let key = bounded(body.idempotency_key, "idempotency_key", MAX_KEY, INVALID)?;
    let delegation = new(&app, (source, target), task, Kind::Delegated, key.clone());
    let delegation_id = delegation.delegation_id.clone();
    match app.directory.delegate(delegation).await {
        Ok(()) => {
            let body = json!({
                "delegation_id": delegation_id, "status": "delegated", "target_id": target,
            });
            Ok(json_response(StatusCode::ACCEPTED, &body))
        }
        Err(RuntimeError::Superseded) => known(&app, source, key.as_deref()).await,
        Err(error) => Err(error.into()),
    }
}

/// The delegation that was given under the same key before.
async fn known(app: &App, source: WorkspaceId, key: Option<&str>) -> Answer {
    let found = match key {
        Some(key) => app.store.delegation(source, DelegationKey::Idempotency(key)).await?,
        None => None,
    };
    // It failed in this very moment: the caller may try again.
    let found = found.ok_or_else(ApiError::unavailable)?;
    Ok(ok(&json!({
        "delegation_id": found.delegation_id,
        "status": found.status,
        "target_id": found.target,
        "idempotent_hit": true,
    })))
}

/// Records a task that the agent gives to another one itself.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/delegations/record",
    tag = "delegations",
    operation_id = "recordDelegation",
    params(("id" = Uuid, Path, description = "Who gives the task")),
    request_body = Record,
    responses(
        (status = 202, description = "It is recorded", body = Recorded),
        (status = 400, description = "A field is wrong", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "The workspace is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn record(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let source = workspace_id(&id)?;
    let body: Record = input.parse_or(INVALID_BODY)?;
    let target = target(&body.target_id, INVALID_BODY)?;
    let task = required(body.task, "task", MAX_TASK, INVALID_BODY)?;
    let delegation_id = required(body.delegation_id, "delegation_id", MAX_KEY, INVALID_BODY)?;
    let mut delegation = new(&app, (source, target), task, Kind::Recorded, None);
    delegation.delegation_id.clone_from(&delegation_id);
    delegation.status = Status::Dispatched;
    match app.directory.delegate(delegation).await {
        // Said twice is recorded once.
        Ok(()) | Err(RuntimeError::Superseded) => {
            let body = json!({"delegation_id": delegation_id, "status": "recorded"});
            Ok(json_response(StatusCode::ACCEPTED, &body))
        }
        Err(error) => Err(error.into()),
    }
}

/// Says how a delegation ended. Saying it again, or of an unknown one, changes nothing.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/delegations/{delegation_id}/update",
    tag = "delegations",
    operation_id = "updateDelegation",
    params(
        ("id" = Uuid, Path, description = "Who gave the task"),
        ("delegation_id" = String, Path, description = "The delegation"),
    ),
    request_body = Update,
    responses(
        (status = 200, description = "It is noted", body = Updated),
        (status = 400, description = "A field is wrong", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    Path((id, delegation_id)): Path<(String, String)>,
    input: Input,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let source = workspace_id(&id)?;
    let body: Update = input.parse_or(INVALID_BODY)?;
    let status = required(body.status, "status", MAX_KEY, INVALID_BODY)?;
    let text = bounded(body.response_preview, "response_preview", MAX_REPORT, INVALID_BODY)?;
    let error = bounded(body.error, "error", MAX_REPORT, INVALID_BODY)?;
    let turn = match Status::parse(&status) {
        Some(Status::Completed) => Turn::Completed { text: text.unwrap_or_default() },
        Some(Status::Failed) => Turn::Failed { error: error.unwrap_or_default() },
        _ => {
            return Err(ApiError::bad_request("status must be 'completed' or 'failed'")
                .field("status", "completed or failed is accepted"));
        }
    };
    let found = app.store.delegation(source, DelegationKey::Id(&delegation_id)).await?;
    if let Some(delegation) = found.filter(|delegation| !delegation.status.is_terminal()) {
        app.directory.report_delegation(&delegation, turn).await?;
    }
    Ok(ok(&json!({"status": status, "delegation_id": delegation_id})))
}

/// Lists the newest fifty rows: the results of a workspace's delegations and their requests.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/delegations",
    tag = "delegations",
    operation_id = "listDelegations",
    params(("id" = Uuid, Path, description = "Who gave the tasks")),
    responses(
        (status = 200, description = "The newest first; a result comes before its request", body = [Item]),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn list(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.workspace(&app, &id).await?;
    let source = workspace_id(&id)?;
    let delegations = app.store.delegations(source, ROWS).await?;
    let mut rows: Vec<Item> = delegations.iter().flat_map(schema::rows).collect();
    // A result is never behind the request of the same moment: who asks takes the first of both.
    rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.is_result)));
    rows.truncate(ROWS);
    Ok(ok(&rows))
}

/// Returns a delegation that is yet to be kept.
pub fn new(
    app: &App,
    (source, target): (WorkspaceId, WorkspaceId),
    task: String,
    kind: Kind,
    key: Option<String>,
) -> Delegation {
    let id = Uuid::new_v4();
    Delegation {
        id,
        result_id: Uuid::new_v4(),
        source,
        delegation_id: id.to_string(),
        target,
        task,
        kind,
        status: Status::Pending,
        error: None,
        result: None,
        was_queued: false,
        key,
        created_at: app.clock.now(),
        result_at: None,
    }
}

fn target(text: &Option<String>, invalid: &str) -> Result<WorkspaceId, ApiError> {
    let text = text.as_deref().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| missing("target_id", invalid))?;
    WorkspaceId::parse_loose(text).ok_or_else(|| {
        ApiError::bad_request("target_id must be a valid UUID").field("target_id", "not a UUID")
    })
}

fn required(
    text: Option<String>,
    field: &str,
    most: usize,
    invalid: &str,
) -> Result<String, ApiError> {
    bounded(text, field, most, invalid)?.ok_or_else(|| missing(field, invalid))
}

/// Returns a text, if there is one that is not empty.
fn bounded(
    text: Option<String>,
    field: &str,
    most: usize,
    invalid: &str,
) -> Result<Option<String>, ApiError> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) if text.len() > most => {
            let reason = format!("at most {most} bytes are accepted");
            Err(ApiError::bad_request(invalid).field(field, reason))
        }
        text => Ok(text),
    }
}

fn missing(field: &str, invalid: &str) -> ApiError {
    ApiError::bad_request(invalid).field(field, "it is required")
}
