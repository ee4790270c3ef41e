//! The edge: one file per resource of the contract; gates, errors and extractors beside them.

pub mod a2a;
pub mod activity;
pub mod admin;
pub mod agents;
pub mod approvals;
pub mod bundles;
pub mod canvas;
pub mod chat;
pub mod cors;
pub mod creation;
pub mod delegations;
pub mod edge;
pub mod error;
pub mod events;
pub mod gates;
pub mod health;
pub mod json;
pub mod keys;
pub mod mcp;
pub mod messages;
pub mod metrics;
pub mod openapi;
pub mod org;
pub mod org_tokens;
pub mod page;
pub mod rate_limit;
pub mod registry;
pub mod secrets;
pub mod session;
pub mod state;
pub mod teams;
pub mod templates;
pub mod test_token;
pub mod token;
pub mod tokens;
pub mod workspaces;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};

use self::openapi::Api;
use self::state::App;

/// Returns the routes that programs use, with their description.
pub fn api() -> Api {
    Api::default()
        .merge(a2a::router())
        .merge(activity::router())
        .merge(admin::router())
        .merge(agents::router())
        .merge(approvals::router())
        .merge(bundles::router())
        .merge(canvas::router())
        .merge(delegations::router())
        .merge(chat::router())
        .merge(events::router())
        .merge(health::router())
        .merge(keys::router())
        .merge(mcp::router())
        .merge(messages::router())
        .merge(openapi::router())
        .merge(org::router())
        .merge(org_tokens::router())
        .merge(registry::router())
        .merge(secrets::router())
        .merge(session::router())
        .merge(teams::router())
        .merge(templates::router())
        .merge(test_token::router())
        .merge(tokens::router())
        .merge(workspaces::router())
        .merge(crate::live::router())
}

/// Returns the whole edge: the API, and the pages.
pub fn router(app: App) -> Router {
    Router::from(api())
        .merge(page::router())
        .fallback(nowhere)
        .method_not_allowed_fallback(nowhere)
        .layer(from_fn_with_state(app.clone(), edge::edge))
        .with_state(app)
}

/// Unknown routes and wrong methods are 404; a trailing slash redirects (contract 00 §1).
async fn nowhere(request: Request) -> Response {
    let path = request.uri().path();
    if path.len() > 1 && path.ends_with('/') && !path.starts_with("//") {
        return slashless(request.method(), request.uri());
    }
    (StatusCode::NOT_FOUND, "404 page not found").into_response()
}

fn slashless(method: &Method, uri: &Uri) -> Response {
    let path = uri.path().trim_end_matches('/');
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let status = if method == Method::GET {
        StatusCode::MOVED_PERMANENTLY
    } else {
        StatusCode::TEMPORARY_REDIRECT
    };
    (status, [(header::LOCATION, target)]).into_response()
}
