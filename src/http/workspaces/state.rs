//! `GET /workspaces/:id/state` (contract 01 §6): what an external agent asks about itself.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use serde_json::json;

use crate::http::error::{Answer, json_response, ok};
use crate::http::gates::Caller;
use crate::http::state::App;

/// Tells a workspace how it stands. Even an administrator needs the workspace's own token here.
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
            let body = json!({"deleted": true, "workspace_id": id});
            Ok(json_response(StatusCode::NOT_FOUND, &body))
        }
        Some(Status::Removed) => {
            let body = json!({"deleted": true, "status": "removed", "workspace_id": id});
            Ok(json_response(StatusCode::NOT_FOUND, &body))
        }
        Some(status) => Ok(ok(&json!({
            "deleted": false,
            "paused": status == Status::Paused,
            "status": status,
            "workspace_id": id,
        }))),
    }
}
