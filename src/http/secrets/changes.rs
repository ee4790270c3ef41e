//! Agents get their secrets when they start: a change starts them anew (contract 05 §1.4, §2).

use std::collections::HashSet;

use isomer_actors::chain_of;
use isomer_actors::domain::ids::WorkspaceId;
use tracing::warn;

use crate::http::gates::Actor;
use crate::http::state::App;
use crate::keys::secrets::MAX_DEPENDENTS;

/// A secret of a workspace was set or deleted. Its own agent is not started anew for what it did
/// itself: it knows, and one that keeps a secret at every start would start for ever.
pub fn workspace(app: &App, id: WorkspaceId, by: &Actor) {
    if matches!(by, Actor::Own(_)) {
        return;
    }
    if app.directory.glimpse(id).is_some_and(|known| known.hosted) {
        app.host.refresh(vec![id]);
    }
}

/// A global secret was set or deleted: those are concerned that do not override it.
pub async fn global(app: &App, key: &str) {
    let hosted = app.directory.hosted();
    if hosted.is_empty() {
        return;
    }
    let concerned = match app.secrets.dependents(key).await {
        Ok(ids) if ids.len() < MAX_DEPENDENTS => {
            let gets: HashSet<WorkspaceId> = ids.into_iter().map(WorkspaceId).collect();
            hosted.into_iter().filter(|id| gets.contains(id)).collect()
        }
        // Not all of them were named.
        Ok(_) => hosted,
        Err(error) => {
            let error = chain_of(&error);
            warn!(%error, "agents that override a secret start anew, too");
            hosted
        }
    };
    app.host.refresh(concerned);
}
