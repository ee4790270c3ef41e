//! `/org/tokens` (contract 05 §6), and join tokens: the same with `"scope":"join"` (design §7).

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::{delete, get};
use isomer_actors::domain::token::{NewOrgToken, OrgScope, Owner, TokenRow};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::edge::{limit_headers, too_many};
use super::error::{Answer, ApiError, ok};
use super::gates::{Admin, Caller};
use super::json::{BadInput, Input};
use super::rate_limit::Verdict;
use super::state::App;
use super::token;

const MAX_NAME_BYTES: usize = 100;
/// Tokens that one address may mint in an hour.
const MINTS: u32 = 10;

/// The routes of this file.
pub fn router() -> Router<App> {
    Router::new()
        .route("/org/tokens", get(list).post(create))
        .route("/org/tokens/{id}", delete(revoke))
}

async fn list(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    let rows = app.tokens.list_org().await?;
    let tokens: Vec<Value> = rows.iter().map(item).collect();
    Ok(ok(&json!({"count": tokens.len(), "tokens": tokens})))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    name: Option<String>,
    scope: Option<String>,
}

async fn create(State(app): State<App>, caller: Caller, input: Input) -> Answer {
    let admin = caller.admin(&app).await?;
    let mut headers = HeaderMap::new();
    if !caller.dev {
        match app.limits.mint(caller.peer) {
            Verdict::Exceeded { wait } => return Ok(too_many(MINTS, wait)),
            Verdict::Allowed { limit, remaining, reset } => {
                limit_headers(&mut headers, limit, remaining, reset);
            }
        }
    }
    // No body, or one that is no JSON, is no name (contract 05 §6).
    let body: Body = input.parse().unwrap_or_default();
    let name = body.name.filter(|name| !name.is_empty());
    if name.as_ref().is_some_and(|name| name.len() > MAX_NAME_BYTES) {
        return Err(ApiError::bad_request("name too long (max 100 chars)")
            .field("name", format!("at most {MAX_NAME_BYTES} bytes are accepted")));
    }
    let scope = scope(body.scope.as_deref())?;
    let minted = token::mint()?;
    let new = NewOrgToken {
        token: minted.stored,
        name,
        created_by: created_by(&admin, &caller),
        scope,
        org_id: match &admin {
            Admin::Org(token) => match token.owner {
                Owner::Org { org_id, .. } => org_id,
                Owner::Workspace(_) => None,
            },
            _ => None,
        },
    };
    app.tokens.issue_org(&new).await?;
    let mut body = json!({
        "id": new.token.id,
        "prefix": new.token.prefix,
        "auth_token": minted.text.expose_secret(),
        "warning": "copy this token now; it will not be shown again",
    });
    if let Some(name) = &new.name {
        body["name"] = json!(name);
    }
    if scope == OrgScope::Join {
        body["scope"] = json!(scope.as_str());
    }
    let mut response = ok(&body);
    response.headers_mut().extend(headers);
    Ok(response)
}

async fn revoke(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer {
    caller.admin(&app).await?;
    let gone = || ApiError::not_found("token not found or already revoked");
    let token_id: Uuid = id.parse().map_err(|_| gone())?;
    match app.tokens.revoke_org(token_id).await? {
        true => Ok(ok(&json!({"revoked": id}))),
        false => Err(gone()),
    }
}

fn scope(text: Option<&str>) -> Result<OrgScope, ApiError> {
    let text = text.filter(|text| !text.is_empty()).unwrap_or("admin");
    OrgScope::parse(text).ok_or_else(|| {
        BadInput::new("scope", "admin or join is accepted").with_text("invalid request body")
    })
}

fn created_by(admin: &Admin, caller: &Caller) -> String {
    match admin {
        Admin::Org(token) => {
            format!("org-token:{}", String::from_utf8_lossy(&token.prefix))
        }
        _ if caller.has_cookie => "session".to_owned(),
        _ => "admin-token".to_owned(),
    }
}

fn item(row: &TokenRow) -> Value {
    let mut item = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            item.insert(key.to_owned(), value);
        }
    };
    put("id", json!(row.id));
    put("prefix", json!(row.prefix));
    put("name", json!(row.name));
    put("created_by", json!(row.created_by));
    put("created_at", json!(row.created_at));
    put("last_used_at", json!(row.last_used_at));
    if let Owner::Org { scope, org_id } = row.owner {
        put("org_id", json!(org_id));
        if scope == OrgScope::Join {
            put("scope", json!(scope.as_str()));
        }
    }
    Value::Object(item)
}
