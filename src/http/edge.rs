//! The one middleware, in the contract's order (00 §4): recover, CORS, rate limit, metrics,
//! tenant guard, security headers, route.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use serde_json::json;
use tokio::time::Instant;
use tracing::{Instrument, error, field, info_span};

use super::cors::{self, Cors};
use super::error::json_response;
use super::gates::{Bearer, Caller};
use super::rate_limit::{Key, Verdict};
use super::state::App;

/// Paths that get the policy of contract 00 §10 for the API.
const API: [&str; 15] = [
    "workspaces",
    "registry",
    "health",
    "admin",
    "metrics",
    "settings",
    "bundles",
    "org",
    "orgs",
    "templates",
    "plugins",
    "webhooks",
    "channels",
    "ws",
    "events",
];
const APPROVALS: &str = "approvals";
/// Paths that tenants' guards let through (contract 00 §8).
const UNGUARDED: [&str; 4] = ["/health", "/metrics", "/registry/register", "/registry/heartbeat"];
const UNMATCHED: &str = "unmatched";

/// Handles one request from the outside in.
pub async fn edge(State(app): State<App>, request: Request, next: Next) -> Response {
    let span = info_span!(
        "request",
        method = %request.method(),
        route = route(&request),
        status = field::Empty,
    );
    let handled = AssertUnwindSafe(outer(&app, request, next)).catch_unwind();
    let result = handled.instrument(span.clone()).await;
    let response = result.unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        error!(parent: &span, panic = what.unwrap_or("unknown"), "a handler panicked");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    });
    span.record("status", response.status().as_u16());
    response
}

async fn outer(app: &App, request: Request, next: Next) -> Response {
    match cors::check(request.method(), request.headers(), &app.config.http.cors_origins) {
        Cors::Answer(response) => response,
        Cors::Same => limited(app, request, next).await,
        Cors::Allowed(origin) => {
            let mut response = limited(app, request, next).await;
            cors::add(&mut response, origin);
            response
        }
    }
}

async fn limited(app: &App, mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    let caller = Caller::identify(app, request.headers(), peer);
    let verdict = if caller.dev { None } else { Some(app.limits.hit(bucket(&caller))) };
    request.extensions_mut().insert(caller);
    match verdict {
        Some(Verdict::Exceeded { wait }) => too_many(app.limits.general(), wait),
        Some(Verdict::Allowed { limit, remaining, reset }) => {
            let mut response = counted(app, request, next).await;
            limit_headers(response.headers_mut(), limit, remaining, reset);
            response
        }
        None => {
            let mut response = counted(app, request, next).await;
            let unlimited = HeaderValue::from_static("unlimited");
            response.headers_mut().insert("x-ratelimit-limit", unlimited);
            response
        }
    }
}

async fn counted(app: &App, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let response = guarded(app, request, next).await;
    let path = path.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    app.metrics.answered(method.as_str(), path, response.status().as_str(), began.elapsed());
    response
}

async fn guarded(app: &App, request: Request, next: Next) -> Response {
    if !is_tenants(app, &request) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let api = is_api(request.uri().path());
    let mut response = next.run(request).await;
    secure(response.headers_mut(), api);
    response
}

/// The tenant guard (contract 00 §8): a foreign request gets 404, never 403.
fn is_tenants(app: &App, request: &Request) -> bool {
    let Some(org) = &app.config.platform.org_id else {
        return true;
    };
    let path = request.uri().path();
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let replayed = header("fly-replay-src")
        .is_some_and(|v| v.split(';').any(|part| part.trim().strip_prefix("state=") == Some(org)));
    UNGUARDED.contains(&path)
        || path.starts_with("/cp/")
        || header("x-molecule-org-id") == Some(org)
        || replayed
}

/// Valid bearers have a bucket of their own.
fn bucket(caller: &Caller) -> Key {
    match &caller.bearer {
        Bearer::Known(token) => Key::Token(token.id),
        Bearer::Admin => Key::Admin(caller.peer),
        Bearer::None if caller.session => Key::Admin(caller.peer),
        _ => Key::Address(caller.peer),
    }
}

/// Returns the 429 of contract 00 §9.
pub fn too_many(limit: u32, wait: Duration) -> Response {
    let seconds = wait.as_secs().max(1);
    let body = json!({"error": "rate limit exceeded", "retry_after": seconds});
    let mut response = json_response(StatusCode::TOO_MANY_REQUESTS, &body);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    limit_headers(response.headers_mut(), limit, 0, wait);
    response
}

/// Sets the three headers of a limit. A handler's own, stricter limit is left alone.
pub fn limit_headers(headers: &mut HeaderMap, limit: u32, remaining: u32, reset: Duration) {
    if !headers.contains_key("x-ratelimit-limit") {
        headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(reset.as_secs()));
    }
}

fn is_api(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    API.contains(&first) || first == APPROVALS
}

/// Sets the headers of contract 00 §10, except where a handler has set its own.
fn secure(headers: &mut HeaderMap, api: bool) {
    const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
    const DENY: HeaderValue = HeaderValue::from_static("DENY");
    const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");
    const REFERRER: HeaderValue = HeaderValue::from_static("strict-origin-when-cross-origin");
    const PERMISSIONS: HeaderValue =
        HeaderValue::from_static("camera=(), microphone=(), geolocation=()");
    const STRICT: HeaderValue = HeaderValue::from_static("default-src 'self'");
    // Pages set their own. The contract's policy for other paths would allow inline scripts.
    const NOTHING: HeaderValue = HeaderValue::from_static(
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    let policy = if api { STRICT } else { NOTHING };
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, NOSNIFF),
        (header::X_FRAME_OPTIONS, DENY),
        (header::STRICT_TRANSPORT_SECURITY, HSTS),
        (header::REFERRER_POLICY, REFERRER),
        (header::HeaderName::from_static("permissions-policy"), PERMISSIONS),
        (header::CONTENT_SECURITY_POLICY, policy),
    ] {
        headers.entry(name).or_insert(value);
    }
}

fn route(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or(UNMATCHED, MatchedPath::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_has_its_own_policy() {
        for path in ["/workspaces", "/workspaces/x/state", "/ws", "/approvals/pending", "/health"] {
            assert!(is_api(path), "{path}");
        }
        for path in ["/", "/canvas/viewport", "/workspacesx", "/login", "/cp/x"] {
            assert!(!is_api(path), "{path}");
        }
    }
}
