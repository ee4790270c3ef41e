//! `/admin`: how the runtime is, for people who keep it.

use axum::extract::{Path, State};
use isomer_actors::api::TreeReport;
use isomer_actors::liveness::LivenessReport;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{Answer, ok, status};
use super::gates::{Caller, workspace_id};
use super::openapi::Api;
use super::openapi::schema::{Done, ErrorBody};
use super::state::App;

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(supervision))
        .routes(routes!(liveness))
        .routes(routes!(release))
}

/// Shows the supervision tree: child, state, restarts, last failure, mailbox depth.
#[utoipa::path(
    get,
    path = "/admin/supervision",
    tag = "runtime",
    operation_id = "getSupervision",
    responses(
        (status = 200, description = "The tree as it is now", body = TreeReport),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn supervision(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    Ok(ok(&app.directory.report().await))
}

/// Shows when silence was last judged, and whether it is.
#[utoipa::path(
    get,
    path = "/admin/liveness",
    tag = "runtime",
    operation_id = "getLiveness",
    responses(
        (status = 200, description = "How silence is judged", body = LivenessReport),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn liveness(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    Ok(ok(&app.directory.liveness()))
}

/// Ends the quarantine of a workspace by hand.
#[utoipa::path(
    post,
    path = "/admin/workspaces/{id}/release",
    tag = "runtime",
    operation_id = "releaseWorkspace",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "Released", body = Done),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn release(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.admin(&app).await?;
    app.directory.release(workspace_id(&id)?).await?;
    Ok(status("released"))
}
