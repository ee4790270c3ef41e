//! `DELETE /workspaces/:id` (contract 01 §5): asks before a cascade.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use isomer_actors::api::{Removal, RemoveOptions};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::ListQuery;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::error::{Answer, ApiError, json_response, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::state::App;

const CONFIRM: &str =
    "This workspace has sub-workspaces. Delete with ?confirm=true to cascade delete.";

#[derive(Deserialize)]
pub struct Options {
    #[serde(default)]
    confirm: Option<String>,
    #[serde(default)]
    purge: Option<String>,
}

/// Removes a workspace and, if confirmed, everything below it.
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(options): Query<Options>,
) -> Answer {
    caller.admin(&app).await?;
    let id = workspace_id(&id)?;
    let purge = options.purge.as_deref() == Some("true");
    let confirm = options.confirm.as_deref() == Some("true");
    match app.directory.remove(id, RemoveOptions { confirm, purge }).await? {
        Removal::Removed { cascade_deleted } => {
            app.secrets.forget_gone(|id| app.directory.glimpse(WorkspaceId(id)).is_some());
            let status = if purge { "purged" } else { "removed" };
            Ok(ok(&json!({"cascade_deleted": cascade_deleted, "status": status})))
        }
        Removal::ConfirmationRequired { children } => ask(&app, children).await,
    }
}

async fn ask(app: &App, children: Vec<WorkspaceId>) -> Answer {
    let query = ListQuery { ids: Some(children), removed: false };
    let views = app.store.list(&query).await.map_err(ApiError::from)?;
    let children: Vec<Value> =
        views.iter().map(|view| json!({"id": view.record.id, "name": view.record.name})).collect();
    let body = json!({
        "status": "confirmation_required",
        "message": CONFIRM,
        "children_count": children.len(),
        "children": children,
    });
    Ok(json_response(StatusCode::CONFLICT, &body))
}
