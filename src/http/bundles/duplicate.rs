//! `POST /workspaces/:id/duplicate`, which is ours: a bundle's export and import in one step.

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::export::bundle;
use super::import::{ImportedWorkspace, create};
use crate::http::error::{Answer, ApiError, json_response};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// Longest name, in bytes.
const MAX_NAME: usize = 255;
const COPY: &str = " (copy)";

/// Creates a copy of a workspace and everything below it, beside it. Secrets are not copied; where
/// values of them stood in files, the copy has `[REDACTED:<name>]`.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/duplicate",
    tag = "bundles",
    operation_id = "duplicateWorkspace",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 201, description = "What became of each: look at `status`", body = ImportedWorkspace),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 409, description = "This server runs as many agents as it may", body = ErrorBody),
        (status = 413, description = "It is larger than an import takes", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn duplicate(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    let admin = caller.admin(&app).await?;
    let id = workspace_id(&id)?;
    app.directory.glimpse(id).ok_or_else(|| ApiError::not_found("workspace not found"))?;
    let parent = app.store.load(id).await?.record.and_then(|record| record.parent_id);
    let mut copy = bundle(&app, id, &admin.name()).await?;
    let end = copy.name.floor_char_boundary((MAX_NAME - COPY.len()).min(copy.name.len()));
    copy.name.truncate(end);
    copy.name.push_str(COPY);
    Ok(json_response(StatusCode::CREATED, &create(&app, copy, parent).await?))
}
