//! `GET /admin/workspaces/:id/test-token` (contract 00 §6.8): for end-to-end tests, never in
//! production, and never without the administrator's credential outside development.

use axum::extract::{Path, State};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use secrecy::ExposeSecret;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::{Answer, ApiError, ok};
use super::gates::Caller;
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::state::App;
use super::token;

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(mint))
}

/// A new token of a workspace.
#[derive(ToSchema)]
#[expect(missing_debug_implementations, reason = "it would show the token")]
pub struct TestToken {
    pub auth_token: String,
    pub workspace_id: Uuid,
}

/// Makes a workspace token for end-to-end tests; not in production.
#[utoipa::path(
    get,
    path = "/admin/workspaces/{id}/test-token",
    tag = "tokens",
    operation_id = "createTestToken",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "The token", body = TestToken),
        (status = 404, description = "There is no such workspace, or this server makes none", body = ErrorBody),
        (status = 429, description = "It has as many as it may, or the rate limit is used up", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
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
