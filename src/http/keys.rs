//! `/admin/keys`: how key custody stands, rotation, and the audit trail. Ours.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use isomer_actors::domain::event::live_only;
use serde::Deserialize;
use serde_json::json;
use tracing::error;

use super::error::{Answer, ApiError, json_response, ok};
use super::gates::{Caller, workspace_id};
use super::json::{BadInput, Input};
use super::secrets::failed;
use super::state::App;
use crate::keys::error::KeyError;
use crate::keys::ports::{JobKind, JobRow};
use crate::keys::rotation::{DEFAULT_RATE, Progress};
use crate::keys::status;

const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 1_000;

/// The routes of this file.
pub fn router() -> Router<App> {
    Router::new()
        .route("/admin/keys", get(standing))
        .route("/admin/keys/audit", get(audit))
        .route("/admin/keys/{kind}", axum::routing::post(start))
}

async fn standing(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    let status = status::read(app.secrets.vault()).await;
    Ok(ok(&status.map_err(|error| failed(error, "query failed"))?))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    /// Seeds and values a second.
    rate: Option<u32>,
}

/// Starts a rotation in this process, or goes on with an interrupted one. It is told of on the
/// event stream as `KEY_ROTATION`.
async fn start(
    State(app): State<App>,
    caller: Caller,
    Path(kind): Path<String>,
    input: Input,
) -> Answer {
    let admin = caller.admin(&app).await?;
    let Some(kind) = JobKind::parse(&kind) else {
        return Err(ApiError::not_found("rewrap and reseed are known"));
    };
    let body: Body = if input.0.is_empty() {
        Body::default()
    } else {
        input.parse_or("invalid request body")?
    };
    let rate = body.rate.unwrap_or(DEFAULT_RATE);
    if rate == 0 {
        return Err(BadInput::new("rate", "at least 1 a second").with_text("invalid request body"));
    }
    let Ok(running) = Arc::clone(&app.rotating).try_lock_owned() else {
        return Err(ApiError::new(StatusCode::CONFLICT, "a rotation is running"));
    };
    let rotation = app.rotation(progress(&app), rate);
    rotation.check(kind).map_err(|refused| {
        ApiError::new(StatusCode::CONFLICT, refused.to_string()).with("code", "not_configured")
    })?;
    let (actor, stopping) = (admin.name(), app.stopping.clone());
    tokio::spawn(async move {
        let _running = running;
        let result = tokio::select! {
            result = rotation.run(kind, &actor) => result,
            () = stopping.cancelled() => return,
        };
        if let Err(failure) = result {
            error!(error = %isomer_actors::chain_of(&failure), "the rotation did not finish");
        }
    });
    let body = json!({"kind": kind, "status": "started", "progress": "/admin/keys"});
    Ok(json_response(StatusCode::ACCEPTED, &body))
}

fn progress(app: &App) -> Progress {
    let app = app.clone();
    Arc::new(move |job: &JobRow| {
        let payload = json!({
            "kind": job.kind,
            "state": job.state,
            "total": job.total,
            "done": job.done,
            "failed": job.failed,
        });
        app.live.announce(live_only::KEY_ROTATION, app.clock.now(), &payload);
    })
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    before: Option<i64>,
    #[serde(default)]
    workspace_id: Option<String>,
}

/// Returns the audit trail, newest first: who, what, which secret's name, how it ended.
async fn audit(State(app): State<App>, caller: Caller, Query(page): Query<Page>) -> Answer {
    caller.admin(&app).await?;
    let workspace = page.workspace_id.as_deref().map(workspace_id).transpose()?;
    let limit = page.limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE);
    let trail = app.secrets.audit_trail(workspace.map(|id| id.0), page.before, limit).await;
    let entries = trail.map_err(|error: KeyError| failed(error, "query failed"))?;
    Ok(ok(&json!({"count": entries.len(), "entries": entries})))
}
