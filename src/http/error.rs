//! What clients are told when something is not done.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use isomer_actors::api::RuntimeError;
use isomer_actors::ports::StoreError;
use serde_json::{Map, Value, json};
use tracing::error;

/// The text of contract 00 §1 for a store that cannot be asked.
pub const UNAVAILABLE: &str = "platform datastore unavailable — retry shortly";

/// An error on the wire: `{"error":"<text>"}` and keys that say more.
#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    body: Map<String, Value>,
    retry_after: Option<Duration>,
}

impl ApiError {
    /// Returns an error with the contract's text.
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        let body = Map::from_iter([("error".to_owned(), Value::String(text.into()))]);
        Self { status, body, retry_after: None }
    }

    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub fn unauthorized(text: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, text)
    }

    pub fn forbidden(text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }

    pub fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// The store cannot be asked; clients look for the code.
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE).with("code", "platform_unavailable")
    }

    /// Adds a key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.body.insert(key.to_owned(), value.into());
        self
    }

    /// Names what is wrong with which field.
    #[must_use]
    pub fn field(self, field: &str, reason: impl Into<String>) -> Self {
        self.with("field", field).with("reason", reason.into())
    }

    /// Returns what is wrong, as a client is told.
    pub fn reason(&self) -> String {
        let text = |key: &str| self.body.get(key).and_then(Value::as_str);
        match (text("field"), text("reason")) {
            (Some(field), Some(reason)) => format!("{field}: {reason}"),
            _ => text("error").unwrap_or_default().to_owned(),
        }
    }

    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = json_response(self.status, &Value::Object(self.body));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().max(1);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<RuntimeError> for ApiError {
    fn from(error: RuntimeError) -> Self {
        use RuntimeError::*;
        match error {
            NotFound => Self::not_found("workspace not found"),
            Removed => removed(),
            Parent(refused) => Self::bad_request("invalid workspace fields")
                .field("parent_id", refused.to_string()),
            UrlRequired => {
                Self::bad_request("invalid request body").field("url", error.to_string())
            }
            TokensRevoked | MayNotCreate => {
                Self::unauthorized("missing workspace auth token").with("reason", error.to_string())
            }
            Resting(status) => Self::new(StatusCode::CONFLICT, error.to_string())
                .with("code", "workspace_resting")
                .with("status", status.as_str()),
            PausedAbove(_) => Self::new(StatusCode::CONFLICT, error.to_string()),
            AgentActive => Self::new(
                StatusCode::CONFLICT,
                "workspace already has an active agent, use PATCH to replace",
            ),
            NoAgent => Self::not_found("no active agent in source workspace"),
            TargetAgentActive => {
                Self::new(StatusCode::CONFLICT, "target workspace already has an active agent")
            }
            TargetNotFound => Self::not_found("target workspace not found"),
            ForwardCycle => {
                Self::new(StatusCode::CONFLICT, "forward refused").field("to", error.to_string())
            }
            Quarantined { retry_after } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "workspace_quarantined")
                    .with("code", "workspace_quarantined")
                    .retry_after(retry_after)
            }
            Overloaded { retry_after } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests in flight, retry shortly",
            )
            .with("code", "overloaded")
            .retry_after(retry_after),
            Unavailable(_) | Unknown => Self::unavailable().retry_after(Duration::from_secs(1)),
            Superseded => Self::new(StatusCode::CONFLICT, "it was changed meanwhile")
                .with("code", "superseded"),
            Full(what) => Self::new(StatusCode::TOO_MANY_REQUESTS, format!("too many {what}"))
                .with("code", "too_many"),
            Refused(source) => {
                error!(error = %isomer_actors::chain_of(&source), "the store refused a change");
                Self::new(StatusCode::CONFLICT, "the change breaks a rule of the store")
                    .with("code", "refused")
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        RuntimeError::from(error).into()
    }
}

/// 410 for what will not come back (design §7).
pub fn removed() -> ApiError {
    ApiError::new(StatusCode::GONE, "workspace removed").with("status", "removed")
}

/// Returns compact JSON with the content type of contract 00 §1.
pub fn json_response(status: StatusCode, body: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => raw_json(status, bytes),
        Err(error) => {
            error!(%error, "an answer could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Returns JSON that is written already.
pub fn raw_json(status: StatusCode, bytes: impl Into<axum::body::Body>) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// Returns 200 with compact JSON.
pub fn ok(body: &impl serde::Serialize) -> Response {
    json_response(StatusCode::OK, body)
}

/// Returns `{"status":"<word>"}`.
pub fn status(word: &str) -> Response {
    ok(&json!({"status": word}))
}

/// What a handler returns.
pub type Answer = Result<Response, ApiError>;
