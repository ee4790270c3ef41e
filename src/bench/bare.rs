//! The least that an axum handler can do with a heartbeat: read the header, parse the body.

use std::io::{self, Write as _};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use isomer_actors::domain::beat::RuntimeMetadata;
use serde::Deserialize;
use tokio::net::TcpListener;

/// The same fields with the same types as the real handler's.
#[derive(Deserialize)]
struct Body {
    workspace_id: String,
    error_rate: Option<f64>,
    sample_error: Option<String>,
    active_tasks: Option<i32>,
    uptime_seconds: Option<i32>,
    current_task: Option<String>,
    runtime_metadata: Option<RuntimeMetadata>,
}

/// Serves until killed.
pub async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("http://{address}/");
    io::stdout().flush()?;
    axum::serve(listener, Router::new().route("/registry/heartbeat", post(heartbeat))).await
}

async fn heartbeat(headers: HeaderMap, body: Bytes) -> Response {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let Ok(body) = serde_json::from_slice::<Body>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let parsed = std::hint::black_box((
        body.error_rate,
        body.sample_error,
        body.active_tasks,
        body.uptime_seconds,
        body.current_task,
        body.runtime_metadata,
    ));
    if bearer.is_none() || body.workspace_id.is_empty() || parsed.0.is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    const JSON: &str = "application/json; charset=utf-8";
    ([(header::CONTENT_TYPE, JSON)], r#"{"status":"ok"}"#).into_response()
}
