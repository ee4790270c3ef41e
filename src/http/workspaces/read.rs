//! `GET /workspaces` and `GET /workspaces/:id`.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::{EventQuery, ListQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use super::schema::{Gone, MovedTo};
use super::view::{Workspace, WorkspaceDetail, listed, single};
use crate::http::error::{Answer, ApiError, json_response, ok};
use crate::http::events;
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// The sequence at which a list was read: a subscriber goes on from there.
pub const SEQ: &str = "x-isomer-seq";

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListOptions {
    /// The organisation as it stood then, without beats and layout.
    #[serde(default)]
    #[param(value_type = Option<chrono::DateTime<chrono::Utc>>, nullable = false)]
    at: Option<String>,
}

/// Lists all workspaces that are not removed, oldest first.
#[utoipa::path(
    get,
    path = "/workspaces",
    tag = "workspaces",
    operation_id = "listWorkspaces",
    params(ListOptions),
    responses(
        (status = 200, description = "All of them", body = Vec<Workspace>,
            headers(("x-isomer-seq" = i64,
                description = "Follow `GET /ws?since=` from here; with `at`, the last one it took in"))),
        (status = 400, description = "`at` is not an RFC 3339 time", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
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
            listed(view, &app.cards)
        })
        .collect();
    let mut response = ok(&items);
    response.headers_mut().insert(SEQ, HeaderValue::from(seq));
    Ok(response)
}

/// Returns one workspace; 301 to the one that took over, 410 for a removed one.
#[utoipa::path(
    get,
    path = "/workspaces/{id}",
    tag = "workspaces",
    operation_id = "getWorkspace",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "The workspace", body = WorkspaceDetail),
        (status = 301, description = "Another one took over", body = MovedTo,
            headers(("location" = String, description = "The one that took over"))),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = Gone),
        (status = 503, description = "The store cannot be asked", body = ErrorBody),
    ),
)]
pub async fn get(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let id = workspace_id(&id)?;
    let Some(mut view) = app.store.view(id).await? else {
        return Err(ApiError::not_found("workspace not found"));
    };
    if view.record.status == Status::Removed {
        return gone(&app, id).await;
    }
    app.directory.overlay(&mut view);
    Ok(ok(&single(&view, &app.cards)))
}

/// Answers for a workspace that is removed or was forwarded.
pub async fn gone(app: &App, id: WorkspaceId) -> Answer {
    let to = app.directory.glimpse(id).and_then(|glimpse| glimpse.forwarded_to);
    let Some(to) = to else {
        return removed(app, id).await;
    };
    let url = app.store.view(to).await?.and_then(|view| view.record.url).unwrap_or_default();
    let body = MovedTo { forwarded_to: to.0, status: Status::Removed, url };
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
    let body = Gone {
        error: "workspace removed",
        last_event: last.first().map(events::item),
        status: Status::Removed,
    };
    Ok(json_response(StatusCode::GONE, &body))
}
