//! `/workspaces/:id/approvals` and `/approvals` (contract 04 §5): agents ask, others decide.

mod decide;
mod gate;
mod overview;
mod request;
mod view;

use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use self::view::{Approval, item};
use super::error::{Answer, ApiError, ok};
use super::gates::{Caller, workspace_id};
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::state::App;

const BAD_BODY: &str = "invalid request body";
/// Requests in one answer without pages (contract 04 §5).
const NEWEST: usize = 50;

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(request::request, list))
        .routes(routes!(read))
        .routes(routes!(decide::decide))
        .routes(routes!(overview::pending))
        .routes(routes!(overview::history))
}

/// Lists what a workspace asked for, newest first.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/approvals",
    tag = "approvals",
    operation_id = "listWorkspaceApprovals",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "At most 50", body = Vec<Approval>),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn list(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.workspace(&app, &id).await?;
    let found = app.approvals.list(Some(workspace_id(&id)?), None, None, NEWEST).await?;
    let items: Vec<_> = found.into_iter().map(|named| item(named.approval)).collect();
    Ok(ok(&items))
}

/// Returns one request: for who waits for its end, and for workspaces above it.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/approvals/{approval_id}",
    tag = "approvals",
    operation_id = "getApproval",
    params(
        ("id" = Uuid, Path, description = "The workspace"),
        ("approval_id" = Uuid, Path, description = "The request"),
    ),
    responses(
        (status = 200, description = "The request", body = Approval),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such request", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn read(
    State(app): State<App>,
    caller: Caller,
    Path((id, approval_id)): Path<(String, String)>,
) -> Answer {
    let workspace = workspace_id(&id)?;
    gate::reader(&caller, &app, &id, workspace).await?;
    let not_found = || ApiError::not_found("approval not found");
    let approval: Uuid = approval_id.parse().map_err(|_| not_found())?;
    let found = app.approvals.one(workspace, approval).await?;
    Ok(ok(&item(found.ok_or_else(not_found)?)))
}
