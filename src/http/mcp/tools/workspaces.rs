//! Who is around.

use std::collections::HashMap;

use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{ListQuery, WorkspaceView};
use serde_json::{Value, json};

use super::Failed;
use crate::http::error::ApiError;
use crate::http::state::App;

/// Peers that are listed at most.
const MAX_PEERS: usize = 1_000;

/// Lists the workspaces that `own` works with: parent, children, siblings.
pub async fn peers(app: &App, own: WorkspaceId) -> Result<String, Failed> {
    let peers = app.directory.peers(own);
    let ids: Vec<_> = peers
        .parent
        .into_iter()
        .chain(peers.children)
        .chain(peers.siblings)
        .take(MAX_PEERS)
        .collect();
    if ids.is_empty() {
        return Ok("No peers found.".to_owned());
    }
    let query = ListQuery { ids: Some(ids.clone()), removed: false };
    let views = app.store.list(&query).await?;
    let mut by_id: HashMap<_, _> = views.into_iter().map(|view| (view.record.id, view)).collect();
    let rows: Vec<Value> =
        ids.iter().filter_map(|id| by_id.remove(id)).map(|view| row(app, view)).collect();
    Ok(format!("{:#}", Value::Array(rows)))
}

/// Tells about `own` itself.
pub async fn info(app: &App, own: WorkspaceId) -> Result<String, Failed> {
    let view = app.store.view(own).await?;
    let view = view.ok_or_else(|| ApiError::not_found("workspace not found"))?;
    let parent = view.record.parent_id;
    let mut row = row(app, view);
    if let Some(parent) = parent {
        row["parent_id"] = json!(parent);
    }
    Ok(format!("{row:#}"))
}

fn row(app: &App, mut view: WorkspaceView) -> Value {
    app.directory.overlay(&mut view);
    let record = view.record;
    json!({
        "id": record.id,
        "name": record.name,
        "role": record.role.filter(|role| !role.is_empty()),
        "tier": record.tier,
        "status": record.status,
    })
}
