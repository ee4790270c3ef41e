//! Ending and starting agents that this server runs: `POST /workspaces/:id/restart` (contract 01
//! §7) and `POST /workspaces/:id/stop`, which is ours.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use serde::Deserialize;
use serde_json::json;

use crate::http::error::{Answer, ApiError, ok, removed};
use crate::http::gates::{Caller, workspace_id};
use crate::http::json::Input;
use crate::http::state::App;
use crate::provision::{PAUSE_AFTER_STOP, Refused};

/// Ends the agent as a crash would, for people to watch it come back.
pub async fn stop(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    let parsed = workspace_id(&id)?;
    caller.workspace(&app, &id).await?;
    if !is_hosted(&app, parsed)? {
        return Err(not_hosted(&app, parsed).await?);
    }
    app.host.stop(parsed).await.map_err(refused)?;
    let status = app.directory.glimpse(parsed).map_or(Status::Removed, |glimpse| glimpse.status);
    let seconds = PAUSE_AFTER_STOP.as_secs();
    Ok(ok(&json!({"status": status, "back_in_seconds": seconds})))
}

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    reset: bool,
}

#[derive(Deserialize)]
pub struct Options {
    #[serde(default)]
    reset: Option<String>,
}

/// Ends the agent and starts it at once.
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
    Ok(ok(&json!({
        "status": "provisioning",
        "config_dir": "existing-volume",
        "reset_session": reset,
    })))
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
