//! `GET /registry/:id/peers` (contract 02 §5): siblings, children, parent.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{ListQuery, WorkspaceView};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::schema::Peer;
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::Caller;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// Part of a name or role, in any case.
    #[serde(default)]
    q: String,
}

/// Lists whom a workspace works with directly: siblings, children, parent.
#[utoipa::path(
    get,
    path = "/registry/{id}/peers",
    tag = "registry",
    operation_id = "listPeers",
    params(("id" = Uuid, Path, description = "The workspace"), Search),
    responses(
        (status = 200, description = "Its peers", body = Vec<Peer>),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn peers(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(search): Query<Search>,
) -> Answer {
    let id = WorkspaceId::parse_loose(&id)
        .filter(|id| app.directory.glimpse(*id).is_some())
        .ok_or_else(|| ApiError::not_found("workspace not found"))?;
    caller.own_token_or_canvas(&app, id).await?;
    let peers = app.directory.peers(id);
    let ids: Vec<_> =
        peers.siblings.iter().chain(&peers.children).chain(&peers.parent).copied().collect();
    let query = ListQuery { ids: Some(ids), removed: false };
    let views = app.store.list(&query).await?;
    let mut by_id: HashMap<_, _> = views.into_iter().map(|view| (view.record.id, view)).collect();

    let mut siblings = take(&mut by_id, &peers.siblings);
    let mut children = take(&mut by_id, &peers.children);
    for group in [&mut siblings, &mut children] {
        group.sort_by_key(|view| (view.record.created_at, view.record.id));
    }
    let parent = take(&mut by_id, peers.parent.as_slice());
    let wanted = search.q.trim().to_lowercase();
    let items: Vec<_> = siblings
        .into_iter()
        .chain(children)
        .chain(parent)
        .filter(|view| matches(view, &wanted))
        .map(|view| item(&app, view))
        .collect();
    Ok(ok(&items))
}

fn take(
    by_id: &mut HashMap<WorkspaceId, WorkspaceView>,
    ids: &[WorkspaceId],
) -> Vec<WorkspaceView> {
    ids.iter().filter_map(|id| by_id.remove(id)).collect()
}

fn matches(view: &WorkspaceView, wanted: &str) -> bool {
    let role = view.record.role.as_deref().unwrap_or_default();
    view.record.name.to_lowercase().contains(wanted) || role.to_lowercase().contains(wanted)
}

fn item(app: &App, mut view: WorkspaceView) -> Value {
    app.directory.overlay(&mut view);
    let record = view.record;
    json!({
        "id": record.id,
        "name": record.name,
        "role": record.role.filter(|role| !role.is_empty()),
        "tier": record.tier,
        "status": record.status,
        "agent_card": view.agent_card,
        "url": record.url.unwrap_or_default(),
        "parent_id": record.parent_id,
        "active_tasks": view.vitals.active_tasks,
    })
}
