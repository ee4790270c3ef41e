//! `DELETE /workspaces/:id` (contract 01 §5): asks before a cascade.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use isomer_actors::api::{Removal, RemoveOptions, RuntimeError};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{ListQuery, WorkspaceView};
use serde::Deserialize;
use tracing::warn;
use utoipa::IntoParams;

use super::schema::{Child, ConfirmationRequired, Removed, RemovedAs};
use crate::http::creation;
use crate::http::error::{Answer, ApiError, json_response, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

const CONFIRM: &str =
    "This workspace has sub-workspaces. Delete with ?confirm=true to cascade delete.";

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// `true`: everything below it goes along.
    #[serde(default)]
    #[param(nullable = false)]
    confirm: Option<String>,
    /// `true`: its row is not kept.
    #[serde(default)]
    #[param(nullable = false)]
    purge: Option<String>,
}

/// Removes a workspace and, if confirmed, everything below it.
#[utoipa::path(
    delete,
    path = "/workspaces/{id}",
    tag = "workspaces",
    operation_id = "deleteWorkspace",
    params(("id" = Uuid, Path, description = "The workspace"), Options),
    responses(
        (status = 200, description = "It is gone", body = Removed),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 409, description = "It has children; nothing was done",
            body = ConfirmationRequired),
        (status = 410, description = "It is removed already", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
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
    let gone = match purge {
        true => app.directory.descendants(id).into_iter().chain([id]).collect(),
        false => Vec::new(),
    };
    creation::unsettle(&app, gone.clone()).await;
    let removal = app.directory.remove(id, RemoveOptions { confirm, purge }).await;
    if !matches!(removal, Ok(Removal::Removed { .. }) | Err(RuntimeError::Unknown)) {
        creation::settle(&app, gone.clone()).await;
    }
    match removal? {
        Removal::Removed { cascade_deleted } => {
            app.secrets.forget_gone(|id| app.directory.glimpse(WorkspaceId(id)).is_some());
            if purge {
                forget_files(&app, gone);
            }
            let status = if purge { RemovedAs::Purged } else { RemovedAs::Removed };
            Ok(ok(&Removed { cascade_deleted, status }))
        }
        Removal::ConfirmationRequired { children } => ask(&app, children).await,
    }
}

/// The workspace is gone already, so nobody waits for its files; the next start deletes what is
/// left of them.
fn forget_files(app: &App, gone: Vec<WorkspaceId>) {
    let app = app.clone();
    tokio::spawn(async move {
        let directory = app.directory.clone();
        let exists = move |id| directory.glimpse(id).is_some();
        let gone: Vec<_> = gone.into_iter().filter(|id| !exists(*id)).collect();
        let (files, chat) =
            tokio::join!(app.files.forget(gone.clone()), app.chat_files.forget(gone.clone()));
        let left = [
            files.err().map(|error| isomer_actors::chain_of(&error)),
            chat.err().map(|error| isomer_actors::chain_of(&error)),
        ];
        match left.into_iter().flatten().next() {
            None => creation::settle(&app, gone).await,
            Some(error) => warn!(%error, "files of a purged workspace are left"),
        }
    });
}

async fn ask(app: &App, children: Vec<WorkspaceId>) -> Answer {
    let query = ListQuery { ids: Some(children), removed: false };
    let views = app.store.list(&query).await.map_err(ApiError::from)?;
    let child = |view: WorkspaceView| Child { id: view.record.id.0, name: view.record.name };
    let children: Vec<_> = views.into_iter().map(child).collect();
    let body = ConfirmationRequired {
        children_count: children.len(),
        children,
        message: CONFIRM,
        status: "confirmation_required",
    };
    Ok(json_response(StatusCode::CONFLICT, &body))
}
