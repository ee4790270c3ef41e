//! `/health`, `/ready` and `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use prometheus::{Encoder, TextEncoder};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{Answer, json_response, ok, raw_json};
use super::openapi::Api;
use super::openapi::schema::Done;
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
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(health)).routes(routes!(ready)).routes(routes!(metrics))
}

/// Why this server does not want traffic.
#[derive(Debug, ToSchema)]
pub struct NotReady {
    pub reason: String,
    /// Always `not ready`.
    pub status: String,
}

/// Says that the process lives; nothing else is asked.
#[utoipa::path(
    get,
    path = "/health",
    tag = "server",
    operation_id = "getHealth",
    responses(
        (status = 200, description = "It lives", body = Done),
    ),
)]
async fn health() -> Response {
    raw_json(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// Says whether to send traffic here, and why not.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "server",
    operation_id = "getReadiness",
    responses(
        (status = 200, description = "Send it", body = Done),
        (status = 503, description = "Send none", body = NotReady),
    ),
)]
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

/// Shows the metrics in the Prometheus text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    operation_id = "getMetrics",
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
    ),
)]
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
