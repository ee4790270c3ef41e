//! `/workspaces/:id/config` (contract 07 §3): a JSON document, not the file `config.yaml`.

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::{MAX_CONFIG, Refusal, StoreError};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{Answer, ApiError, ok, removed, status};
use super::gates::{Caller, workspace_id};
use super::json::{self, Input};
use super::openapi::Api;
use super::openapi::schema::{Done, ErrorBody};
use super::state::App;

/// Largest body in bytes.
const MAX_BODY: usize = 256 * 1024;

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(read, merge))
}

/// The document of a workspace.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfigDocument {
    /// `{}` until something is written.
    pub data: Value,
}

/// Returns the document.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/config",
    tag = "workspaces",
    operation_id = "getConfig",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "The document", body = ConfigDocument),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn read(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.workspace(&app, &id).await?;
    let id = workspace_id(&id)?;
    if app.directory.glimpse(id).is_none() {
        return Err(ApiError::not_found("workspace not found"));
    }
    let data = app.store.config(id).await?.unwrap_or_else(|| json!({}));
    Ok(ok(&ConfigDocument { data }))
}

/// Merges a JSON value into the document, at its top level: nested objects are replaced, nulls are kept.
///
/// What is no object follows PostgreSQL's concatenation: arrays append, everything else becomes an array.
#[utoipa::path(
    patch,
    path = "/workspaces/{id}/config",
    tag = "workspaces",
    operation_id = "updateConfig",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body = Value,
    responses(
        (status = 200, description = "Merged", body = Done),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 413, description = "The body, or the document with it, is too large", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn merge(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let id = workspace_id(&id)?;
    present(&app, id)?;
    let body = json::read(request.into_body(), MAX_BODY).await.map_err(unread)?;
    let value: Value = Input(body).parse_or("invalid JSON")?;
    app.store.merge_config(id, &value, app.clock.now()).await.map_err(refused)?;
    Ok(status("updated"))
}

fn present(app: &App, id: WorkspaceId) -> Result<(), ApiError> {
    match app.directory.glimpse(id).map(|glimpse| glimpse.status) {
        None => Err(ApiError::not_found("workspace not found")),
        Some(Status::Removed) => Err(removed()),
        Some(_) => Ok(()),
    }
}

/// The contract has one text for a body that is too large and one that could not be read.
fn unread(error: ApiError) -> ApiError {
    match error.status {
        StatusCode::REQUEST_TIMEOUT => error,
        _ => too_large(format!("at most {MAX_BODY} bytes are accepted")),
    }
}

fn refused(error: StoreError) -> ApiError {
    match error {
        StoreError::Refused { refusal: Refusal::Full(_), .. } => {
            too_large(format!("the document would have more than {MAX_CONFIG} bytes"))
        }
        StoreError::Refused { refusal: Refusal::WorkspaceUnknown, .. } => {
            ApiError::not_found("workspace not found")
        }
        error => ApiError::from(error).retry_after(Duration::from_secs(1)),
    }
}

fn too_large(reason: String) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body too large or unreadable")
        .field("body", reason)
}
