//! `/org/tokens` (contract 05 §6), and join tokens: the same with `"scope":"join"` (design §7).

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use isomer_actors::domain::token::{NewOrgToken, OrgScope, Owner, TokenRow};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::edge::{limit_headers, too_many};
use super::error::{Answer, ApiError, ok};
use super::gates::{Admin, Caller};
use super::json::{BadInput, Input};
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::rate_limit::Verdict;
use super::state::App;
use super::token;

const MAX_NAME_BYTES: usize = 100;
/// Tokens that one address may mint in an hour.
const MINTS: u32 = 10;

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(revoke))
}

/// The live tokens of the organisation.
#[derive(Debug, ToSchema)]
pub struct OrgTokens {
    pub count: usize,
    pub tokens: Vec<OrgToken>,
}

/// A live token, without its text.
#[derive(Debug, ToSchema)]
pub struct OrgToken {
    pub created_at: DateTime<Utc>,
    /// Who made it.
    #[schema(nullable = false)]
    pub created_by: Option<String>,
    pub id: Uuid,
    #[schema(nullable = false)]
    pub last_used_at: Option<DateTime<Utc>>,
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[schema(nullable = false)]
    pub org_id: Option<Uuid>,
    /// The first characters of its text.
    pub prefix: String,
    /// Absent for `admin`.
    #[schema(nullable = false)]
    pub scope: Option<OrgTokenScope>,
}

/// What a token is for.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum OrgTokenScope {
    /// May do what the administrator may.
    Admin,
    /// May bring new agents in.
    Join,
}

/// A new token, shown once.
#[derive(ToSchema)]
#[expect(missing_debug_implementations, reason = "it would show the token")]
pub struct OrgTokenCreated {
    pub auth_token: String,
    pub id: Uuid,
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// The first characters of its text.
    pub prefix: String,
    /// Absent for `admin`.
    #[schema(nullable = false)]
    pub scope: Option<OrgTokenScope>,
    pub warning: String,
}

/// What was revoked.
#[derive(Debug, ToSchema)]
pub struct Revoked {
    pub revoked: Uuid,
}

/// Lists the live tokens of the organisation.
#[utoipa::path(
    get,
    path = "/org/tokens",
    tag = "tokens",
    operation_id = "listOrgTokens",
    responses(
        (status = 200, description = "Its tokens", body = OrgTokens),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn list(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    let rows = app.tokens.list_org().await?;
    let tokens: Vec<Value> = rows.iter().map(item).collect();
    Ok(ok(&json!({"count": tokens.len(), "tokens": tokens})))
}

/// What to call a token, and what it is for.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = CreateOrgToken)]
struct Body {
    name: Option<String>,
    /// `admin` unless given.
    #[schema(value_type = Option<OrgTokenScope>)]
    scope: Option<String>,
}

/// Makes a token for the organisation, or one with which agents join it.
#[utoipa::path(
    post,
    path = "/org/tokens",
    tag = "tokens",
    operation_id = "createOrgToken",
    request_body = Option<Body>,
    responses(
        (status = 200, description = "The token, shown once", body = OrgTokenCreated),
        (status = 429, description = "Ten an hour and address, or the rate limit is used up", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
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

/// Revokes a token of the organisation.
#[utoipa::path(
    delete,
    path = "/org/tokens/{id}",
    tag = "tokens",
    operation_id = "revokeOrgToken",
    params(("id" = Uuid, Path, description = "The token")),
    responses(
        (status = 200, description = "It is no longer valid", body = Revoked),
        (status = 404, description = "There is no such live token", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
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
