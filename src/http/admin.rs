//! `/admin`: how the runtime is, for people who keep it.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};

use super::error::{Answer, ok, status};
use super::gates::{Caller, workspace_id};
use super::state::App;

/// The routes of this file.
pub fn router() -> Router<App> {
    Router::new()
        .route("/admin/supervision", get(supervision))
        .route("/admin/liveness", get(liveness))
        .route("/admin/workspaces/{id}/release", post(release))
}

/// The tree: child, state, restarts, last failure, mailbox depth.
async fn supervision(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    Ok(ok(&app.directory.report().await))
}

/// When silence was last judged, and whether it is.
async fn liveness(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    Ok(ok(&app.directory.liveness()))
}

/// Ends a quarantine by hand.
async fn release(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.admin(&app).await?;
    app.directory.release(workspace_id(&id)?).await?;
    Ok(status("released"))
}
