//! `/openapi.json`: the API's own description.
//!
//! A route is registered with `routes!`, which takes method, path and description from the
//! handler's `#[utoipa::path]`: none can be served undescribed. What the middleware and the
//! extractors answer on every route is added in [`common`].

mod common;
pub mod schema;

use std::sync::LazyLock;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::error::raw_json;
use super::state::App;

/// Routes with their description.
pub type Api = OpenApiRouter<App>;

/// What the description says besides routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Isomer",
        description = "The control plane for teams of AI agents. Errors are \
            `{\"error\": \"<text>\"}` with `field`, `reason` and `code` where they help. Unknown \
            keys of a body are ignored; keys match in any case.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "workspaces", description = "The workspaces and the tree they form"),
        (name = "templates", description = "What new workspaces can begin with"),
        (name = "teams", description = "Workspaces that become teams, and one again"),
        (name = "bundles", description = "Workspaces with all below them as one document"),
        (name = "organisations", description = "Whole organisations from YAML"),
        (name = "agents", description = "Which model serves a workspace"),
        (name = "registry", description = "How agents make themselves known and find each other"),
        (name = "messages", description = "Messages to agents, over A2A, and those that wait"),
        (name = "delegations", description = "Tasks from workspace to workspace"),
        (name = "mcp", description = "The platform's tools for agents, over MCP"),
        (name = "approvals", description = "Agents ask, somebody else decides"),
        (name = "activity", description = "What workspaces did, and what their agents say to people"),
        (name = "events", description = "What happened, recorded and live"),
        (name = "canvas", description = "Where people look"),
        (name = "secrets", description = "Secrets and models; values are write-only for people"),
        (name = "keys", description = "Key custody: formats, rotation, audit"),
        (name = "tokens", description = "Access tokens of workspaces and of the organisation"),
        (name = "runtime", description = "The supervision tree and liveness"),
        (name = "session", description = "Sessions of people in a browser"),
        (name = "server", description = "Health, metrics, and this description"),
    ),
    components(schemas(schema::LiveEvent, schema::StreamedEvent)),
)]
struct Base;

/// Compact JSON and its entity tag.
static DOCUMENT: LazyLock<Option<(Bytes, String)>> = LazyLock::new(|| {
    let text = document().to_json().inspect_err(|error| {
        tracing::error!(%error, "the description of the API could not be written");
    });
    let text = text.ok()?;
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Some((Bytes::from(text), format!("\"{hex}\"")))
});

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(get_open_api))
}

/// Returns the description of all routes.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Base::openapi();
    document.merge(super::api().into_openapi());
    common::complete(&mut document);
    document
}

/// Returns the description as the snapshot in `docs/api/openapi.json` has it.
///
/// # Errors
/// None that can happen: the description is made of texts and maps of them.
pub fn pretty() -> Result<String, serde_json::Error> {
    document().to_pretty_json().map(|text| text + "\n")
}

/// Serves the same handlers at another path; their operations get `prefix` before their names.
pub fn also_at<S, E>(
    path: &str,
    prefix: &str,
    (schemas, mut paths, handlers): UtoipaMethodRouter<S, E>,
) -> UtoipaMethodRouter<S, E> {
    let mut items = std::mem::take(&mut paths.paths).into_values();
    let mut all = items.next().unwrap_or_default();
    for item in items {
        all.merge_operations(item);
    }
    for operation in operations(&mut all) {
        if let Some(id) = &mut operation.operation_id {
            *id = prefixed(prefix, id);
        }
    }
    paths.paths.insert(path.to_owned(), all);
    (schemas, paths, handlers)
}

/// Puts a prefix before a camelCase name.
fn prefixed(prefix: &str, name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    prefix.chars().chain(first).chain(letters).collect()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// Describes every route: OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "server",
    operation_id = "getOpenApi",
    responses(
        (status = 200, description = "The description", body = Object,
            headers(("etag" = String, description = "Changes with the description"))),
        (status = 304, description = "It is still the one of `If-None-Match`"),
    ),
)]
async fn get_open_api(headers: HeaderMap) -> Response {
    let Some((text, tag)) = &*DOCUMENT else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let validators = [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, "no-cache")];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| matches_tag(one, tag))) {
        return (StatusCode::NOT_MODIFIED, validators).into_response();
    }
    (validators, raw_json(StatusCode::OK, text.clone())).into_response()
}

/// Compares weakly, as RFC 9110 §13.1.2 asks.
fn matches_tag(given: &str, tag: &str) -> bool {
    let given = given.trim();
    given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag
}

#[cfg(test)]
mod tests;
