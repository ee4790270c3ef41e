//! Ending and starting agents that this server runs: `POST /workspaces/:id/restart` (contract 01
//! §7) and `POST /workspaces/:id/stop`, which is ours.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::schema::{Restarted, Stopped};
use crate::http::error::{Answer, ApiError, ok, removed};
use crate::http::gates::{Caller, workspace_id};
use crate::http::json::Input;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::provision::{PAUSE_AFTER_STOP, Refused};

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

/// How to restart.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = RestartWorkspace)]
struct Body {
    /// It is answered as `reset_session`.
    #[serde(default)]
    reset: bool,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// `true`: the same as in the body.
    #[serde(default)]
    #[param(nullable = false)]
    reset: Option<String>,
}

/// Ends an agent that this server runs and starts it at once.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/restart",
    tag = "workspaces",
    operation_id = "restartWorkspace",
    params(("id" = Uuid, Path, description = "The workspace"), Options),
    request_body = Option<Body>,
    responses(
        (status = 200, description = "It is starting", body = Restarted),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 409, description = "There is no room for it", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 503, description = "It is not run by this server, or another restart is going on", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn restart(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(options): Query<Options>,
    input: Input,
) -> Answer {
    let parsed = workspace_id(&id)?;
    caller.workspace(&app, &id).await?;
    // The contract ignores a body that cannot be read.
    let body: Body = input.parse_or("").unwrap_or_default();
    if !is_hosted(&app, parsed)? {
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "provisioner not available"));
    }
    app.host.restart(parsed).await.map_err(refused)?;
    let reset = body.reset || options.reset.as_deref() == Some("true");
    Ok(ok(&Restarted {
        config_dir: "existing-volume",
        reset_session: reset,
        status: Status::Provisioning,
    }))
}

fn is_hosted(app: &App, id: WorkspaceId) -> Result<bool, ApiError> {
    match app.directory.glimpse(id) {
        None => Err(ApiError::not_found("workspace not found")),
        Some(glimpse) if glimpse.status == Status::Removed => Err(removed()),
        Some(glimpse) => Ok(glimpse.hosted),
    }
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

fn refused(refused: Refused) -> ApiError {
    let text = refused.to_string();
    match refused {
        Refused::NotRunning | Refused::NoRoom => ApiError::new(StatusCode::CONFLICT, text),
        Refused::Busy => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text)
            .with("code", "overloaded")
            .retry_after(PAUSE_AFTER_STOP),
    }
}
