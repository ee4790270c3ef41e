//! `/workspaces/:id/tokens` (contract 05 §5).

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use isomer_actors::tokens::MAX_LIVE_PER_WORKSPACE;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::{Answer, ApiError, json_response, ok, status};
use super::gates::{Caller, workspace_id};
use super::state::App;
use super::token;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The routes of this file.
pub fn router() -> Router<App> {
    Router::new()
        .route("/workspaces/{id}/tokens", get(list).post(create))
        .route("/workspaces/{id}/tokens/{token_id}", delete(revoke))
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    limit: Option<String>,
    #[serde(default)]
    offset: Option<String>,
}

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
