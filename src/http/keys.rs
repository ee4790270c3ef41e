//! `/admin/keys`: how key custody stands, rotation, and the audit trail. Ours.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use isomer_actors::domain::event::live_only;
use serde::Deserialize;
use serde_json::json;
use tracing::error;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{Answer, ApiError, json_response, ok};
use super::gates::{Caller, workspace_id};
use super::json::{BadInput, Input};
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::secrets::failed;
use super::state::App;
use crate::keys::error::KeyError;
use crate::keys::ports::{AuditEntry, JobKind, JobRow};
use crate::keys::rotation::{DEFAULT_RATE, Progress};
use crate::keys::status;

const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 1_000;

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(standing)).routes(routes!(audit)).routes(routes!(start))
}

/// A rotation that runs now.
#[derive(Debug, ToSchema)]
pub struct RotationStarted {
    pub kind: JobKind,
    /// Where to read how far it is.
    pub progress: String,
    /// Always `started`.
    pub status: String,
}

/// A page of the audit trail.
#[derive(Debug, ToSchema)]
pub struct AuditTrail {
    pub count: usize,
    pub entries: Vec<AuditEntry>,
}

/// Shows how key custody stands: provider, formats, seeds, rotations.
#[utoipa::path(
    get,
    path = "/admin/keys",
    tag = "keys",
    operation_id = "getKeys",
    responses(
        (status = 200, description = "Names and counts", body = status::Status),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn standing(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    let status = status::read(app.secrets.vault()).await;
    Ok(ok(&status.map_err(|error| failed(error, "query failed"))?))
}

/// How fast to rotate.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = StartRotation)]
struct Body {
    /// Seeds and values a second.
    rate: Option<u32>,
}

/// Starts a rotation in this process, or goes on with an interrupted one.
///
/// It is told of on the event stream as `KEY_ROTATION`.
#[utoipa::path(
    post,
    path = "/admin/keys/{kind}",
    tag = "keys",
    operation_id = "startRotation",
    params(("kind" = JobKind, Path, description = "What to do")),
    request_body = Option<Body>,
    responses(
        (status = 202, description = "It runs", body = RotationStarted),
        (status = 404, description = "There is no such rotation", body = ErrorBody),
        (status = 409, description = "One is running, or there is no key to rotate to", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
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

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Page {
    #[serde(default)]
    /// How many at most; 100 unless given.
    #[param(minimum = 1, maximum = 1_000, nullable = false)]
    limit: Option<usize>,
    #[serde(default)]
    /// Only entries with a lower `seq`.
    #[param(nullable = false)]
    before: Option<i64>,
    #[serde(default)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    workspace_id: Option<String>,
}

/// Returns the audit trail, newest first: who, what, which secret's name, how it ended.
#[utoipa::path(
    get,
    path = "/admin/keys/audit",
    tag = "keys",
    operation_id = "listKeyAudit",
    params(Page),
    responses(
        (status = 200, description = "A page of it", body = AuditTrail),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn audit(State(app): State<App>, caller: Caller, Query(page): Query<Page>) -> Answer {
    caller.admin(&app).await?;
    let workspace = page.workspace_id.as_deref().map(workspace_id).transpose()?;
    let limit = page.limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE);
    let trail = app.secrets.audit_trail(workspace.map(|id| id.0), page.before, limit).await;
    let entries = trail.map_err(|error: KeyError| failed(error, "query failed"))?;
    Ok(ok(&json!({"count": entries.len(), "entries": entries})))
}
