//! `GET /workspaces` and `GET /workspaces/:id`.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::{EventQuery, ListQuery};
use serde::Deserialize;
use serde_json::json;

use super::view::{listed, single};
use crate::http::error::{Answer, ApiError, json_response, ok};
use crate::http::events;
use crate::http::gates::{Caller, workspace_id};
use crate::http::state::App;

/// The sequence at which a list was read: a subscriber goes on from there.
pub const SEQ: &str = "x-isomer-seq";

#[derive(Deserialize)]
pub struct ListOptions {
    /// The organisation as it stood then.
    #[serde(default)]
    at: Option<String>,
}

/// Lists all workspaces that are not removed, oldest first.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(options): Query<ListOptions>,
) -> Answer {
    caller.admin(&app).await?;
    if let Some(at) = options.at {
        return events::organisation_at(&app, &at).await;
    }
    // Before the rows: what is recorded meanwhile is told twice rather than never.
    let seq = app.live.last_seq();
    let mut views = app.store.list(&ListQuery::default()).await?;
    let items: Vec<_> = views
        .iter_mut()
        .map(|view| {
            app.directory.overlay(view);
            listed(view)
        })
        .collect();
    let mut response = ok(&items);
    response.headers_mut().insert(SEQ, HeaderValue::from(seq));
    Ok(response)
}

/// Returns one workspace; 301 to the one that took over, 410 for a removed one (design §7).
pub async fn get(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let id = workspace_id(&id)?;
    let Some(mut view) = app.store.view(id).await? else {
        return Err(ApiError::not_found("workspace not found"));
    };
    if view.record.status == Status::Removed {
        return gone(&app, id).await;
    }
    app.directory.overlay(&mut view);
    Ok(ok(&single(&view)))
}

/// Answers for a workspace that is removed or was forwarded.
pub async fn gone(app: &App, id: WorkspaceId) -> Answer {
    let to = app.directory.glimpse(id).and_then(|glimpse| glimpse.forwarded_to);
    let Some(to) = to else {
        return removed(app, id).await;
    };
    let url = app.store.view(to).await?.and_then(|view| view.record.url).unwrap_or_default();
    let body = json!({"forwarded_to": to, "url": url, "status": "removed"});
    let mut response = json_response(StatusCode::MOVED_PERMANENTLY, &body);
    let location = HeaderValue::try_from(format!("/workspaces/{to}"));
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

async fn removed(app: &App, id: WorkspaceId) -> Answer {
    let query = EventQuery { workspace: Some(id), limit: 1, ..EventQuery::default() };
    let last = app.store.events(&query).await?;
    let body = json!({
        "error": "workspace removed",
        "status": "removed",
        "last_event": last.first().map(events::item),
    });
    Ok(json_response(StatusCode::GONE, &body))
}
