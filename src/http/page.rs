//! The page at `/`: the canvas for whoever may administrate, and for others how to log in. The
//! canvas is built by `canvas/` and lies in the binary.

mod assets;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::{Answer, ApiError};
use super::gates::Caller;
use super::state::App;

const INDEX: &str = "index.html";
const PLAIN: &str = include_str!("page/plain.html");
/// Pages have this where the nonce of the response belongs.
const NONCE: &str = "__CSP_NONCE__";
const NONCE_BYTES: usize = 16;

const LOCKED: &str = "<p>You are not logged in here.\n\
<p>The server prints a login link when it starts. Open that link in this browser, or open\n\
<code>/login?token=</code> followed by the administrator token.";

const NO_CANVAS: &str = "<p>This build has no canvas: the API is all it serves.\n\
<p>Build the canvas with <code>make canvas</code>, then build the server again;\n\
<code>make run</code> does both.";

/// The routes of this file.
pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(page))
        .route("/assets/{*path}", get(hashed))
        .route("/favicon.svg", get(favicon))
        .route("/manifest.webmanifest", get(manifest))
}

/// Returns whether the canvas was built before the binary was.
pub fn has_canvas() -> bool {
    assets::find(INDEX).is_some()
}

async fn page(State(app): State<App>, caller: Caller) -> Answer {
    if caller.admin(&app).await.is_err() {
        return plain(StatusCode::UNAUTHORIZED, LOCKED);
    }
    let file = assets::find(INDEX);
    match file.as_ref().and_then(|file| std::str::from_utf8(&file.bytes).ok()) {
        Some(index) => html(StatusCode::OK, index),
        None => plain(StatusCode::NOT_FOUND, NO_CANVAS),
    }
}

async fn hashed(Path(path): Path<String>, headers: HeaderMap) -> Response {
    assets::serve(assets::find, &format!("assets/{path}"), &headers)
}

async fn favicon(headers: HeaderMap) -> Response {
    assets::serve(assets::find, "favicon.svg", &headers)
}

async fn manifest(headers: HeaderMap) -> Response {
    assets::serve(assets::find, "manifest.webmanifest", &headers)
}

/// Returns a page that needs nothing else, around a piece of HTML that is part of the program.
///
/// # Errors
/// When the system has no randomness to give.
pub fn plain(status: StatusCode, body: &'static str) -> Answer {
    html(status, &PLAIN.replace("__BODY__", body))
}

/// Styles that are not files carry the nonce of the response; scripts are files.
fn html(status: StatusCode, page: &str) -> Answer {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|_| ApiError::unavailable())?;
    let nonce = URL_SAFE_NO_PAD.encode(nonce);
    let policy = HeaderValue::try_from(policy(&nonce)).map_err(|_| ApiError::unavailable())?;
    let mut response = (status, Html(page.replace(NONCE, &nonce))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}
