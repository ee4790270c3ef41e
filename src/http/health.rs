//! `/health`, `/ready` and `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use parking_lot::Mutex;
use prometheus::{Encoder, TextEncoder};
use serde_json::json;

use super::error::{Answer, json_response, ok, raw_json};
use super::state::App;

/// How long the store may take to show that it lives.
const PING_LIMIT: Duration = Duration::from_secs(2);

/// Why the server does not want traffic, if it does not.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<Option<&'static str>>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some("starting"))))
    }
}

impl Readiness {
    /// Wants traffic from now on.
    pub fn ready(&self) {
        *self.0.lock() = None;
    }

    /// Wants no more.
    pub fn draining(&self) {
        *self.0.lock() = Some("draining");
    }

    fn reason(&self) -> Option<&'static str> {
        *self.0.lock()
    }
}

/// The routes of this file.
pub fn router() -> Router<App> {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
}

/// The process lives; nothing else is asked.
async fn health() -> Response {
    raw_json(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// Says whether to send traffic here, and why not.
async fn ready(State(app): State<App>) -> Answer {
    let reason = match app.readiness.reason() {
        Some(reason) => Some(reason),
        None => match tokio::time::timeout(PING_LIMIT, app.store.ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(_)) | Err(_) => Some("the store cannot be reached"),
        },
    };
    Ok(match reason {
        None => ok(&json!({"status": "ready"})),
        Some(reason) => {
            let body = json!({"reason": reason, "status": "not ready"});
            json_response(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
    })
}

async fn metrics(State(app): State<App>) -> Response {
    app.metrics.tree(&app.directory.report().await, app.live.subscribers());
    let mut text = Vec::new();
    match TextEncoder::new().encode(&app.registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
