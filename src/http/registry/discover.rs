//! `GET /registry/discover/:id` (contract 02 §4): where to reach another agent.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use isomer_actors::api::Followed;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use isomer_actors::indexes::EXTERNAL;
use isomer_actors::ports::WorkspaceView;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::schema::Discovered;
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::Caller;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::http::workspaces;
use crate::http::workspaces::schema::{Gone, MovedTo};
use crate::net::guard::{self, Rule};

/// URLs that only the host can use; the platform handed them out itself.
const HOST_URL: &str = "http://127.0.0.1";

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    /// `false`: a forwarded workspace is answered with 301.
    #[serde(default)]
    #[param(nullable = false)]
    follow: Option<String>,
}

/// Tells an agent where another one is, following forwards unless asked not to.
#[utoipa::path(
    get,
    path = "/registry/discover/{id}",
    tag = "registry",
    operation_id = "discover",
    params(
        ("id" = Uuid, Path, description = "The other one"),
        Options,
        ("x-workspace-id" = Uuid, Header, description = "Who asks"),
    ),
    responses(
        (status = 200, description = "Where it is", body = Discovered),
        (status = 301, description = "Another one took over", body = MovedTo),
        (status = 400, description = "`X-Workspace-ID` is missing", body = ErrorBody),
        (status = 403, description = "They may not talk", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = Gone),
        (status = 503, description = "It cannot be reached now, or the store cannot be asked", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn discover(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(options): Query<Options>,
    headers: HeaderMap,
) -> Answer {
    let from = caller_id(&headers)?;
    let Some(from_id) = WorkspaceId::parse_loose(from) else {
        return Err(ApiError::forbidden("not authorized to discover this workspace"));
    };
    caller.own_token_or_canvas(&app, from_id).await?;
    let allowed = WorkspaceId::parse_loose(&id).filter(|id| app.directory.may_talk(from_id, *id));
    let Some(id) = allowed else {
        return Err(ApiError::forbidden("not authorized to discover this workspace"));
    };
    let target = match app.directory.follow(id) {
        Followed::At(end) if end == id || options.follow.as_deref() != Some("false") => end,
        Followed::At(_) => return workspaces::gone(&app, id).await,
        Followed::Lost => return Err(ApiError::not_found("workspace not found")),
    };
    let Some(view) = app.store.view(target).await? else {
        return Err(ApiError::not_found("workspace not found"));
    };
    if view.record.status == Status::Removed {
        return workspaces::gone(&app, target).await;
    }
    let from_outside = app.directory.glimpse(from_id).is_some_and(|g| g.external);
    let url = reachable(&app, &view, from_outside).await?;
    let signature = view.agent_card.as_ref().map(|card| app.cards.signature(card));
    Ok(ok(&json!({
        "id": view.record.id,
        "url": url,
        "name": view.record.name,
        "card_signature": signature,
    })))
}

fn caller_id(headers: &HeaderMap) -> Result<&str, ApiError> {
    headers
        .get("x-workspace-id")
        .and_then(|value| value.to_str().ok())
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ApiError::bad_request("X-Workspace-ID header is required"))
}

async fn reachable(
    app: &App,
    view: &WorkspaceView,
    from_outside: bool,
) -> Result<String, ApiError> {
    let url = view.record.url.as_deref().unwrap_or_default();
    if view.record.runtime == EXTERNAL && !url.is_empty() {
        // The registration rule: an agent on this very machine is one that a neighbour may reach.
        guard::check(url, Rule::Registration, app.address_mode()).await.map_err(|refused| {
            ApiError::new(
                axum::http::StatusCode::SERVICE_UNAVAILABLE,
                "workspace URL failed safety check",
            )
            .with("reason", refused.to_string())
        })?;
        return Ok(if from_outside { url.to_owned() } else { from_container(url) });
    }
    match view.record.status {
        Status::Online | Status::Degraded if url.is_empty() || url.starts_with(HOST_URL) => {
            let id = view.record.id.to_string();
            Ok(format!("http://ws-{}:8000", &id[..12]))
        }
        Status::Online | Status::Degraded => Ok(url.to_owned()),
        other => Err(ApiError::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            "workspace not available",
        )
        .with("status", other.as_str())),
    }
}

/// Seen from a container, this machine has another name.
fn from_container(url: &str) -> String {
    url.replacen("127.0.0.1", "host.docker.internal", 1).replacen(
        "localhost",
        "host.docker.internal",
        1,
    )
}
