//! `POST /workspaces/:id/stop`, which is ours.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;

use super::{is_hosted, refused};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::http::workspaces::schema::Stopped;
use crate::provision::PAUSE_AFTER_STOP;

/// Ends an agent that this server runs, as a crash would, for people to watch it come back.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/stop",
    tag = "workspaces",
    operation_id = "stopWorkspace",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "It has ended", body = Stopped),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 409, description = "It is not running, or not run by this server", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn stop(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    let parsed = workspace_id(&id)?;
    caller.workspace(&app, &id).await?;
    if !is_hosted(&app, parsed)? {
        return Err(not_hosted(&app, parsed).await?);
    }
    app.host.stop(parsed).await.map_err(refused)?;
    let status = app.directory.glimpse(parsed).map_or(Status::Removed, |glimpse| glimpse.status);
    Ok(ok(&Stopped { back_in_seconds: PAUSE_AFTER_STOP.as_secs(), status }))
}

async fn not_hosted(app: &App, id: WorkspaceId) -> Result<ApiError, ApiError> {
    let loaded = app.store.load(id).await.map_err(ApiError::from)?;
    let runtime = loaded.record.map(|record| record.runtime).unwrap_or_default();
    let reason = format!("its agent has the runtime {runtime:?} and is not run by this server");
    Ok(conflict(reason).with("runtime", runtime))
}

fn conflict(reason: String) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "the agent cannot be stopped").with("reason", reason)
}
