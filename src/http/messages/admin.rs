//! `POST /admin/a2a-queue/drop-stale` (contract 04 §4).

use axum::extract::{Query, State};
use chrono::TimeDelta;
use isomer_actors::domain::ids::WorkspaceId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem;
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::Api;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// The age of stale messages unless given, in minutes.
const AGE: i64 = 60;

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(drop_stale))
}

/// Which messages are stale.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Stale {
    /// Queued for at least so many minutes: 60 unless given.
    #[param(nullable = false, value_type = Option<u32>, minimum = 1)]
    max_age_minutes: Option<String>,
    /// Only those to this workspace.
    #[param(nullable = false, value_type = Option<uuid::Uuid>)]
    workspace_id: Option<String>,
}

/// How many messages were cancelled.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dropped {
    dropped: usize,
}

/// Cancels messages that have been queued for long.
#[utoipa::path(
    post,
    path = "/admin/a2a-queue/drop-stale",
    tag = "messages",
    operation_id = "dropStaleMessages",
    params(Stale),
    responses(
        (status = 200, description = "How many", body = Dropped),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn drop_stale(State(app): State<App>, caller: Caller, Query(stale): Query<Stale>) -> Answer {
    caller.admin(&app).await?;
    let age =
        match stale.max_age_minutes.as_deref().filter(|text| !text.is_empty()) {
            None => AGE,
            Some(text) => text.parse().ok().filter(|age| *age >= 1).ok_or_else(|| {
                ApiError::bad_request("max_age_minutes must be a positive integer")
            })?,
        };
    let to: Option<WorkspaceId> = match stale.workspace_id.as_deref().filter(|id| !id.is_empty()) {
        None => None,
        Some(id) => Some(workspace_id(id)?),
    };
    let age = TimeDelta::try_minutes(age).unwrap_or(TimeDelta::MAX);
    let before = app.clock.now().checked_sub_signed(age).unwrap_or_default();
    let dropped = app.mailroom.drop_stale(to, before).await.map_err(problem)?;
    Ok(ok(&Dropped { dropped }))
}
