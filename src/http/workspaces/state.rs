//! `GET /workspaces/:id/state` (contract 01 §6): what an external agent asks about itself.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;

use super::schema::{Deleted, WorkspaceState};
use crate::http::error::{Answer, json_response, ok};
use crate::http::gates::Caller;
use crate::http::state::App;

/// Tells a workspace how it stands.
///
/// Once it has a token of its own, even an administrator needs that one here.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/state",
    tag = "workspaces",
    operation_id = "getWorkspaceState",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "How it stands", body = WorkspaceState),
        (status = 404, description = "There is no such workspace, or no more", body = Deleted),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn state(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.workspace(&app, &id).await?;
    let parsed = WorkspaceId::parse_loose(&id);
    let glimpse = parsed.and_then(|id| app.directory.glimpse(id));
    if let (Some(id), Some(glimpse)) = (parsed, glimpse)
        && glimpse.live_tokens > 0
    {
        caller.own_token(&app, id).await?;
    }
    match glimpse.map(|glimpse| glimpse.status) {
        None => {
            let body = Deleted { deleted: true, status: None, workspace_id: id };
            Ok(json_response(StatusCode::NOT_FOUND, &body))
        }
        Some(status @ Status::Removed) => {
            let body = Deleted { deleted: true, status: Some(status), workspace_id: id };
            Ok(json_response(StatusCode::NOT_FOUND, &body))
        }
        Some(status) => Ok(ok(&WorkspaceState {
            deleted: false,
            paused: status == Status::Paused,
            status,
            workspace_id: id,
        })),
    }
}
