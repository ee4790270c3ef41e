//! Secrets and models (contract 05 §1-3).
//!
//! Bodies of these routes are never logged and are erased where the buffer is ours alone; answers
//! with values are erased once they are sent.

mod changes;
mod global;
mod model;
pub mod schema;
mod workspace;

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{Refusal, StoreError};
use isomer_seal::context::Scope;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{Answer, ApiError, ok};
use super::gates::Caller;
use super::json::{BadInput, Input};
use super::openapi::{Api, also_at};
use super::state::App;
use crate::keys::error::KeyError;
use crate::keys::names::{self, MAX_VALUE_BYTES};
use crate::keys::ports::SecretMeta;

const BAD_BODY: &str = "invalid request body";

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(workspace::list, workspace::set, workspace::replace))
        .routes(routes!(workspace::values))
        .routes(routes!(workspace::remove))
        .routes(routes!(workspace::dependents))
        .routes(routes!(model::get, model::set))
        .routes(routes!(global::list, global::set, global::replace))
        .routes(routes!(global::remove))
        .routes(routes!(global::dependents))
        .routes(also_at("/admin/secrets", "admin", routes!(global::list, global::set)))
        .routes(also_at("/admin/secrets/{key}", "admin", routes!(global::remove)))
        .routes(also_at("/admin/secrets/{key}/dependents", "admin", routes!(global::dependents)))
        .routes(routes!(validate))
}

/// A name and a value.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = SetSecret)]
struct Body {
    /// 1 to 256 bytes, without `=` and control characters; some names are reserved.
    #[schema(value_type = String, required)]
    key: Option<String>,
    /// 1 to 65,536 bytes.
    #[schema(value_type = String, required, write_only)]
    value: Option<SecretString>,
}

/// Reads and checks the body of a write, and erases it.
fn read(input: Input) -> Result<(String, SecretString), ApiError> {
    let body = input.parse_or::<Body>(BAD_BODY);
    input.erase();
    let body = body?;
    let key = body.key.unwrap_or_default();
    if let Some(reason) = names::refused(&key) {
        return Err(BadInput::new("key", reason).with_text(BAD_BODY));
    }
    let value = body.value.unwrap_or_else(|| SecretString::from(""));
    if let Some(reason) = refused_value(value.expose_secret()) {
        return Err(BadInput::new("value", reason).with_text(BAD_BODY));
    }
    Ok((key, value))
}

/// Returns why a value is refused, if it is. Never repeats it.
pub fn refused_value(value: &str) -> Option<&'static str> {
    match value.len() {
        0 => Some("it is required"),
        length if length > MAX_VALUE_BYTES => Some("at most 65,536 bytes are accepted"),
        _ => None,
    }
}

/// Says whether a name and a value would be accepted; stores nothing.
#[utoipa::path(
    post,
    path = "/secrets/validate",
    tag = "secrets",
    operation_id = "validateSecret",
    request_body = Body,
    responses(
        (status = 200, description = "Whether they would", body = schema::SecretValidity),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn validate(State(app): State<App>, caller: Caller, input: Input) -> Answer {
    caller.anybody(&app).await?;
    Ok(ok(&match read(input) {
        Ok(_) => json!({"valid": true}),
        Err(error) => json!({"valid": false, "error": error.reason()}),
    }))
}

/// Parses an id in its strict form (contract 00 §2).
fn strict_id(text: &str) -> Result<WorkspaceId, ApiError> {
    WorkspaceId::parse_strict(text).ok_or_else(|| {
        ApiError::bad_request("invalid workspace ID")
            .field("id", "a lower-case UUID with hyphens is accepted")
    })
}

/// The workspace must be there and not removed.
fn scope_of(app: &App, id: WorkspaceId) -> Result<Scope, ApiError> {
    use isomer_actors::domain::status::Status;
    match app.directory.glimpse(id) {
        None => Err(ApiError::not_found("workspace not found")),
        Some(glimpse) if glimpse.status == Status::Removed => Err(super::error::removed()),
        Some(_) => Ok(Scope::Workspace(id.0)),
    }
}

fn item(meta: &SecretMeta) -> Value {
    json!({
        "key": meta.key,
        "has_value": true,
        "scope": if meta.scope == Scope::Global { "global" } else { "workspace" },
        "created_at": meta.created_at,
        "updated_at": meta.updated_at,
    })
}

/// Keeps caches away from answers about secrets.
fn private(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Maps an error of key custody: outages are 503 with a code; the rest has the contract's text.
pub fn failed(error: KeyError, text: &str) -> ApiError {
    match error {
        KeyError::Unavailable(outage) => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "kms_unavailable")
                .with("code", "kms_unavailable")
                .with(
                    "reason",
                    match outage {
                        crate::keys::error::Outage::NotConfigured => {
                            "the value is sealed under KMS, and this server has none"
                        }
                        _ => "the key service cannot be used now; nothing was changed",
                    },
                )
                .retry_after(Duration::from_secs(5))
        }
        KeyError::Store(StoreError::Refused { refusal: Refusal::WorkspaceUnknown, .. }) => {
            ApiError::not_found("workspace not found")
        }
        KeyError::Store(error) => error.into(),
        KeyError::TooMany => BadInput::new("key", error.to_string()).with_text(BAD_BODY),
        KeyError::Busy => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text)
            .with("code", "overloaded")
            .retry_after(Duration::from_secs(1)),
        KeyError::Refused(_) | KeyError::NoRandomness(_) => {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}
