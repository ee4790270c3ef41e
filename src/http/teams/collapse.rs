//! `POST /workspaces/:id/collapse`: takes a team apart, after its members handed over.

use axum::extract::{Path, Query, State};
use isomer_actors::api::{RemoveOptions, RuntimeError};
use isomer_actors::domain::change::Draft;
use isomer_actors::domain::event::recorded;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{ListQuery, WorkspaceView};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::hand_over::{self, HandOver};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// `false`: nobody is asked for a hand-over.
    #[serde(default)]
    #[param(nullable = false)]
    handover: Option<String>,
}

/// What was taken apart.
#[derive(Debug, Serialize, ToSchema)]
pub struct Collapsed {
    /// Always `collapsed`.
    pub status: &'static str,
    /// Names of the direct children that are removed, each with everything below it.
    pub removed: Vec<String>,
    /// What those that were there had to hand over.
    pub handovers: Vec<HandOver>,
}

/// Removes everything below a workspace. Children whose agents are there are asked for a hand-over
/// first; their answers become files of the workspace.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/collapse",
    tag = "teams",
    operation_id = "collapseWorkspace",
    params(("id" = Uuid, Path, description = "The workspace"), Options),
    responses(
        (status = 200, description = "Nothing is below it any more; that was so already for an unknown one", body = Collapsed),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 503, description = "The store cannot be asked; some may be removed: try again", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn collapse(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(options): Query<Options>,
) -> Answer {
    let parsed = workspace_id(&id)?;
    caller.workspace(&app, &id).await?;
    let ask = options.handover.as_deref() != Some("false");
    // A client that leaves must not leave half a team behind.
    let collapsing = tokio::spawn(async move { collapsed(&app, parsed, ask).await });
    let collapsed = collapsing.await.map_err(|_| ApiError::unavailable())??;
    Ok(ok(&collapsed))
}

async fn collapsed(app: &App, id: WorkspaceId, ask: bool) -> Result<Collapsed, ApiError> {
    let ids = app.directory.children(id);
    let mut children = match ids.is_empty() {
        true => Vec::new(),
        false => app.store.list(&ListQuery { ids: Some(ids), removed: false }).await?,
    };
    children.sort_by_key(|child| (child.record.created_at, child.record.name.clone()));
    let handovers = match ask {
        true => hand_over::ask_all(app, id, &children).await,
        false => Vec::new(),
    };
    for child in &children {
        let whole = RemoveOptions { confirm: true, purge: false };
        app.directory.remove(child.record.id, whole).await?;
    }
    app.secrets.forget_gone(|id| app.directory.glimpse(WorkspaceId(id)).is_some());
    let name = |child: &WorkspaceView| child.record.name.clone();
    let removed: Vec<String> = children.iter().map(name).collect();
    if !removed.is_empty() {
        let ids: Vec<_> = children.iter().map(|child| child.record.id).collect();
        let payload = json!({"removed_children": &removed, "removed_sub_workspace_ids": ids});
        let draft = Draft::new(recorded::WORKSPACE_COLLAPSED, payload);
        match app.directory.record(id, vec![draft], Vec::new()).await {
            // It went in the meantime, and its children with it.
            Ok(_) | Err(RuntimeError::Removed | RuntimeError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Collapsed { status: "collapsed", removed, handovers })
}
