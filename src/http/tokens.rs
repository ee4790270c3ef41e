//! `/workspaces/:id/tokens` (contract 05 §5).

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use isomer_actors::tokens::MAX_LIVE_PER_WORKSPACE;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::{Answer, ApiError, json_response, ok, status};
use super::gates::{Caller, workspace_id};
use super::openapi::Api;
use super::openapi::schema::{Done, ErrorBody};
use super::state::App;
use super::token;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(revoke))
}

/// The live tokens of a workspace.
#[derive(Debug, ToSchema)]
pub struct Tokens {
    pub count: usize,
    pub tokens: Vec<Token>,
}

/// A live token, without its text.
#[derive(Debug, ToSchema)]
pub struct Token {
    pub created_at: DateTime<Utc>,
    pub id: Uuid,
    #[schema(required)]
    pub last_used_at: Option<DateTime<Utc>>,
    /// The first characters of its text.
    pub prefix: String,
}

/// A new token, shown once.
#[derive(ToSchema)]
#[expect(missing_debug_implementations, reason = "it would show the token")]
pub struct TokenCreated {
    pub auth_token: String,
    pub message: String,
    pub workspace_id: Uuid,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Page {
    /// How many at most; 50 unless given.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, nullable = false)]
    limit: Option<String>,
    /// How many to leave out first.
    #[serde(default)]
    #[param(value_type = Option<u32>, nullable = false)]
    offset: Option<String>,
}

/// Lists the live tokens of a workspace.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/tokens",
    tag = "tokens",
    operation_id = "listTokens",
    params(("id" = Uuid, Path, description = "The workspace"), Page),
    responses(
        (status = 200, description = "Its tokens", body = Tokens),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let number = |text: Option<String>| text.and_then(|text| text.parse::<usize>().ok());
    let limit = number(page.limit).filter(|n| (1..=MAX_LIMIT).contains(n));
    let offset = number(page.offset).unwrap_or(0).min(usize::from(u16::MAX));
    let rows = app.tokens.list(workspace_id(&id)?, limit.unwrap_or(DEFAULT_LIMIT), offset).await?;
    let tokens: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "id": row.id,
                "prefix": row.prefix,
                "created_at": row.created_at,
                "last_used_at": row.last_used_at,
            })
        })
        .collect();
    Ok(ok(&json!({"count": tokens.len(), "tokens": tokens})))
}

/// Makes another token for a workspace.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/tokens",
    tag = "tokens",
    operation_id = "createToken",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 201, description = "The token, shown once", body = TokenCreated),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
        (status = 410, description = "It is removed", body = ErrorBody),
        (status = 429, description = "It has as many as it may, or the rate limit is used up", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn create(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.workspace(&app, &id).await?;
    let minted = token::mint()?;
    if !app.tokens.issue(workspace_id(&id)?, &minted.stored).await? {
        let text = format!("maximum {MAX_LIVE_PER_WORKSPACE} active tokens per workspace");
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, text));
    }
    let body = json!({
        "auth_token": minted.text.expose_secret(),
        "workspace_id": id,
        "message": "Save this token now — it cannot be retrieved again.",
    });
    Ok(json_response(StatusCode::CREATED, &body))
}

/// Revokes a token of a workspace.
#[utoipa::path(
    delete,
    path = "/workspaces/{id}/tokens/{token_id}",
    tag = "tokens",
    operation_id = "revokeToken",
    params(("id" = Uuid, Path, description = "The workspace"),
        ("token_id" = Uuid, Path, description = "The token")),
    responses(
        (status = 200, description = "It is no longer valid", body = Done),
        (status = 400, description = "The id is not a UUID", body = ErrorBody),
        (status = 404, description = "There is no such live token", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path((id, token_id)): Path<(String, String)>,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let gone = || ApiError::not_found("token not found or already revoked");
    let token_id: Uuid = token_id.parse().map_err(|_| gone())?;
    match app.tokens.revoke(workspace_id(&id)?, token_id).await? {
        true => Ok(status("revoked")),
        false => Err(gone()),
    }
}
