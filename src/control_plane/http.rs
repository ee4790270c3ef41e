//! The control plane's edge: a tenant's boot, boot tokens for orchestrators, health and metrics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use prometheus::{Encoder, Registry, TextEncoder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tracing::{error, info};
use zeroize::Zeroizing;

use super::tenants::{DEFAULT_LIFE, Handover, TenantError, Tenants};
use crate::http::error::{Answer, ApiError, json_response, ok, raw_json};
use crate::http::rate_limit::{Key, Limits, Verdict};
use crate::http::session::same_secret;
use crate::keys::error::KeyError;
use crate::keys::tenant::BOOT_PATH;

/// Largest body: a time to live.
const MAX_BODY: usize = 1_024;

struct Shared {
    tenants: Tenants,
    admin: SecretString,
    registry: Registry,
    limits: Limits,
}

type Plane = State<Arc<Shared>>;

/// Returns the whole edge.
pub fn router(
    tenants: Tenants,
    admin: SecretString,
    registry: Registry,
    rate_limit: u32,
) -> Router {
    let shared = Shared { tenants, admin, registry, limits: Limits::new(rate_limit) };
    Router::new()
        .route(BOOT_PATH, post(boot))
        .route("/cp/tenants/{name}/boot-tokens", post(issue))
        .route("/health", get(|| async { ok(&json!({"status": "ok"})) }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(shared))
}

/// Hands a tenant its key, once for each boot token.
async fn boot(
    State(plane): Plane,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Answer {
    limit(&plane, peer)?;
    let token = bearer(&headers).ok_or_else(|| ApiError::unauthorized("missing boot token"))?;
    let handover = plane.tenants.claim(token, &peer.ip().to_string()).await.map_err(refused)?;
    info!(tenant = handover.tenant, version = handover.key_version, "a tenant got its key");
    let mut response = raw_json(StatusCode::OK, erased(&handover));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Life {
    ttl_seconds: Option<u64>,
}

/// Makes a boot token: the orchestrator asks for one before each start of a tenant.
async fn issue(
    State(plane): Plane,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    limit(&plane, peer)?;
    match bearer(&headers) {
        None => return Err(ApiError::unauthorized("admin auth required")),
        Some(token) if same_secret(token, &plane.admin) => {}
        Some(_) => return Err(ApiError::unauthorized("invalid admin auth token")),
    }
    let life: Life = if body.is_empty() {
        Life::default()
    } else {
        serde_json::from_slice(&body).map_err(|_| {
            ApiError::bad_request("invalid request body").field("ttl_seconds", "whole seconds")
        })?
    };
    let life = life.ttl_seconds.map_or(DEFAULT_LIFE, Duration::from_secs);
    let token = plane.tenants.boot_token(&name, life, "admin-token").await.map_err(refused)?;
    let body = json!({
        "tenant": name,
        "boot_token": token.text.expose_secret(),
        "expires_at": token.expires_at,
    });
    let mut response = json_response(StatusCode::CREATED, &body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn ready(State(plane): Plane) -> Response {
    match plane.tenants.ping().await {
        Ok(()) => ok(&json!({"status": "ready"})),
        Err(_) => ApiError::unavailable().into_response(),
    }
}

async fn metrics(State(plane): Plane) -> Response {
    let mut text = Vec::new();
    match TextEncoder::new().encode(&plane.registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn limit(plane: &Shared, peer: SocketAddr) -> Result<(), ApiError> {
    match plane.limits.hit(Key::Address(peer.ip())) {
        Verdict::Allowed { .. } => Ok(()),
        Verdict::Exceeded { wait } => {
            Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate limit exceeded")
                .retry_after(wait))
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::trim).filter(|token| !token.is_empty())
}

fn refused(error: TenantError) -> ApiError {
    match error {
        TenantError::Token => ApiError::unauthorized(TenantError::Token.to_string()),
        TenantError::Name => invalid("name", &error),
        // The command line calls it --ttl.
        TenantError::Life => invalid("ttl_seconds", &error),
        TenantError::Unknown => ApiError::not_found("tenant not found"),
        TenantError::Taken | TenantError::Moved | TenantError::NotBooted => {
            ApiError::new(StatusCode::CONFLICT, error.to_string())
        }
        TenantError::Key(KeyError::Store(error)) => error.into(),
        TenantError::Key(error) => {
            error!(detail = error.detail(), "a tenant's key could not be handed over");
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "kms_unavailable")
                .with("code", "kms_unavailable")
                .retry_after(Duration::from_secs(5))
        }
    }
}

fn invalid(field: &str, error: &TenantError) -> ApiError {
    let text = error.to_string();
    let reason = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
    ApiError::bad_request("invalid request body").field(field, reason)
}

/// Writes the answer into a buffer that is erased once it is sent. Names and base64 need no
/// escapes.
fn erased(handover: &Handover) -> Bytes {
    let mut text = Zeroizing::new(String::with_capacity(512));
    text.push_str("{\"tenant\":\"");
    text.push_str(&handover.tenant);
    text.push_str("\",\"key_version\":");
    text.push_str(&handover.key_version.to_string());
    text.push_str(",\"key\":\"");
    text.push_str(handover.key.expose_secret());
    if let Some(previous) = &handover.previous_key {
        text.push_str("\",\"previous_key\":\"");
        text.push_str(previous.expose_secret());
    }
    text.push_str("\"}");
    Bytes::from_owner(Erased(text))
}

struct Erased(Zeroizing<String>);

impl AsRef<[u8]> for Erased {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}
