//! What administrators ask of a start (contract 01 §8).

use axum::extract::{Path, State};
use axum::http::StatusCode;
use isomer_actors::api::{RunReport, RuntimeError};
use isomer_actors::domain::text::printable;
use serde::Deserialize;
use tracing::warn;
use utoipa::ToSchema;

use super::is_hosted;
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::json::Input;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::http::workspaces::schema::{BootstrapNoted, Console};
use crate::provision::{Unavailable, tail};

/// Lines of output that are shown.
const LINES: usize = 200;
const MAX_BYTES: usize = 64 << 10;
/// Longest text that is taken, in bytes.
const MAX_TEXT: usize = 8_192;
const NO_CONSOLE: &str = "console output unavailable on this deployment (no control plane)";

/// Returns the last lines that an agent wrote, where whoever runs it keeps them.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/console",
    tag = "workspaces",
    operation_id = "getConsole",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "Its output; empty when it does not run", body = Console),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 501, description = "It is not run by this server, or its output is not kept", body = ErrorBody),
        (status = 502, description = "Whoever runs it cannot be asked", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn console(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.admin(&app).await?;
    let id = workspace_id(&id)?;
    if !is_hosted(&app, id)? {
        return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, NO_CONSOLE));
    }
    match tail(app.backend.as_ref(), id, LINES).await {
        Ok(output) => {
            let from = output.ceil_char_boundary(output.len().saturating_sub(MAX_BYTES));
            Ok(ok(&Console { output: output[from..].to_owned() }))
        }
        Err(Unavailable::NotRunning) => Ok(ok(&Console { output: String::new() })),
        Err(Unavailable::NotOffered(_)) => {
            Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, NO_CONSOLE))
        }
        Err(Unavailable::Engine(reason)) => {
            warn!(workspace_id = %id, reason, "console output could not be had");
            let text = "control plane returned an error fetching console output";
            Err(ApiError::new(StatusCode::BAD_GATEWAY, text))
        }
    }
}

/// Why a start failed, as whoever watched it saw.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = BootstrapFailed)]
pub struct Body {
    #[serde(default)]
    #[schema(nullable = false)]
    error: Option<String>,
    #[serde(default)]
    #[schema(nullable = false)]
    log_tail: Option<String>,
}

/// Fails a workspace that is being provisioned; any other is left as it is.
#[utoipa::path(
    post,
    path = "/admin/workspaces/{id}/bootstrap-failed",
    tag = "workspaces",
    operation_id = "reportBootstrapFailed",
    params(("id" = Uuid, Path, description = "The workspace")),
    request_body = Body,
    responses(
        (status = 200, description = "It is failed, or nothing was to be changed", body = BootstrapNoted),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn bootstrap_failed(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    input: Input,
) -> Answer {
    caller.admin(&app).await?;
    let id = workspace_id(&id)?;
    let body: Body = input.parse_or("invalid request body")?;
    let text = |given: Option<String>| printable(&given.unwrap_or_default(), MAX_TEXT);
    let error = Some(text(body.error)).filter(|error| !error.is_empty());
    let report = RunReport::BootstrapFailed {
        error: error.unwrap_or_else(|| "the start failed".to_owned()),
        log_tail: text(body.log_tail),
    };
    let changed = match app.directory.report_run(id, report).await {
        Err(RuntimeError::Removed) => false,
        changed => changed?,
    };
    Ok(ok(&BootstrapNoted { no_change: !changed, ok: true }))
}
