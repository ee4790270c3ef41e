//! `GET /admin/workspaces/:id/test-token` (contract 00 §6.8): for end-to-end tests, never in
//! production, and never without the administrator's credential outside development.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use secrecy::ExposeSecret;
use serde_json::json;

use super::error::{Answer, ApiError, ok};
use super::gates::Caller;
use super::state::App;
use super::token;

/// The routes of this file.
pub fn router() -> Router<App> {
    Router::new().route("/admin/workspaces/{id}/test-token", get(mint))
}

async fn mint(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    if !app.config.auth.test_tokens {
        return Err(ApiError::not_found("not found"));
    }
    caller.admin(&app).await?;
    let known = WorkspaceId::parse_loose(&id)
        .filter(|id| app.directory.glimpse(*id).is_some_and(|g| g.status != Status::Removed));
    let Some(workspace) = known else {
        return Err(ApiError::not_found("workspace not found"));
    };
    let minted = token::mint()?;
    if !app.tokens.issue(workspace, &minted.stored).await? {
        return Err(ApiError::new(
            axum::http::StatusCode::TOO_MANY_REQUESTS,
            "maximum 50 active tokens per workspace",
        ));
    }
    Ok(ok(&json!({"auth_token": minted.text.expose_secret(), "workspace_id": id})))
}
