//! The page at `/`: the organisation at a glance, live. Everything it shows comes from the API.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::gates::Caller;
use super::state::App;

const PAGE: &str = include_str!("home/index.html");
const SCRIPT: &str = include_str!("home/home.js");
const STYLE: &str = include_str!("home/home.css");
const LOCKED: &str = include_str!("home/locked.html");

/// The routes of this file.
pub fn router() -> Router<App> {
    Router::new().route("/", get(page)).route("/assets/{name}", get(asset))
}

/// Shows the page to whoever is logged in, and to others how to log in.
async fn page(State(app): State<App>, caller: Caller) -> Response {
    let open = caller.admin(&app).await.is_ok();
    let (status, page) =
        if open { (StatusCode::OK, PAGE) } else { (StatusCode::UNAUTHORIZED, LOCKED) };
    let mut response = (status, Html(page)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let (kind, text) = match name.as_str() {
        "home.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "home.css" => ("text/css; charset=utf-8", STYLE),
        _ => return (StatusCode::NOT_FOUND, "404 page not found").into_response(),
    };
    let tag = tag(text);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let headers =
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache"), (header::ETAG, &tag)];
    (headers, text).into_response()
}

fn tag(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}
