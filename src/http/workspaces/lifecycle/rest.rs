//! Pausing, resuming and hibernating.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use isomer_actors::api::{Hibernation, RuntimeError};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use serde::Deserialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use utoipa::IntoParams;

use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::http::workspaces::schema::{Hibernated, Paused, Resumed};

/// How long an answer waits until the agent has ended; it goes on ending after that.
const ASLEEP_LIMIT: Duration = Duration::from_secs(15);

/// Pauses a workspace and everything below it: their agents are ended and stay so.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/pause",
    tag = "workspaces",
    operation_id = "pauseWorkspace",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "They are paused", body = Paused),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace, or it is paused", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn pause(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    let parsed = workspace_id(&id)?;
    caller.workspace(&app, &id).await?;
    let paused = app.directory.pause(parsed).await;
    let paused = paused.map_err(|error| said(error, "workspace not found or already paused"))?;
    Ok(ok(&Paused { paused_count: paused.len(), status: Status::Paused }))
}

/// Resumes a workspace and what is paused below it.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/resume",
    tag = "workspaces",
    operation_id = "resumeWorkspace",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "Their agents are wanted again", body = Resumed),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace, or it is not paused", body = ErrorBody),
        (status = 409, description = "Something above it is paused", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn resume(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    let parsed = workspace_id(&id)?;
    caller.workspace(&app, &id).await?;
    let resumed = app.directory.resume(parsed).await;
    let resumed = resumed.map_err(|error| said(error, "workspace not found or not paused"))?;
    for id in &resumed {
        app.host.started_anew(*id);
    }
    Ok(ok(&Resumed { resumed_count: resumed.len(), status: Status::Provisioning }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// `true`: also while it works on tasks, which are lost.
    #[serde(default)]
    #[param(nullable = false)]
    force: Option<String>,
}

/// Ends the agent of a workspace until a message comes for it.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/hibernate",
    tag = "workspaces",
    operation_id = "hibernateWorkspace",
    params(("id" = Uuid, Path, description = "The workspace"), Options),
    responses(
        (status = 200, description = "It sleeps, or is `hibernating` while its agent takes long to end", body = Hibernated),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace, or it is neither online nor degraded", body = ErrorBody),
        (status = 409, description = "It has active tasks", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn hibernate(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(options): Query<Options>,
) -> Answer {
    let parsed = workspace_id(&id)?;
    caller.workspace(&app, &id).await?;
    let not_awake =
        "workspace not found or not in a hibernatable state (must be online or degraded)";
    let hints = app.directory.watch_hosted();
    let force = options.force.as_deref() == Some("true");
    match app.directory.hibernate(parsed, force).await {
        Ok(Hibernation::Claimed) => {}
        Ok(Hibernation::NotAwake) => return Err(ApiError::not_found(not_awake)),
        Ok(Hibernation::Working { active_tasks }) => {
            let text = "workspace has active tasks; use ?force=true to terminate them";
            let conflict = ApiError::new(StatusCode::CONFLICT, text);
            return Err(conflict.with("active_tasks", active_tasks));
        }
        Err(error) => return Err(said(error, not_awake)),
    }
    let _ = tokio::time::timeout(ASLEEP_LIMIT, asleep(&app, parsed, hints)).await;
    let hibernating = app.directory.glimpse(parsed).map(|known| known.status);
    let status = match hibernating {
        Some(Status::Hibernating) => Status::Hibernating,
        // A message may have woken it already: it slept all the same.
        _ => Status::Hibernated,
    };
    Ok(ok(&Hibernated { status }))
}

/// Waits until its agent has ended.
async fn asleep(app: &App, id: WorkspaceId, mut hints: Receiver<WorkspaceId>) {
    let hibernating =
        || app.directory.glimpse(id).is_some_and(|known| known.status == Status::Hibernating);
    while hibernating() {
        if let Err(RecvError::Closed) = hints.recv().await {
            return;
        }
    }
}

fn said(error: RuntimeError, not_found: &str) -> ApiError {
    match error {
        RuntimeError::NotFound | RuntimeError::Removed => ApiError::not_found(not_found),
        error => error.into(),
    }
}
