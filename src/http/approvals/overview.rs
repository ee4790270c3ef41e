//! What all workspaces asked for: what waits, and what was.

use axum::extract::{Query, State};
use chrono::{DateTime, Utc};
use isomer_actors::domain::approval::Status;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::NEWEST;
use super::view::{Approval, named_item};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::Caller;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// Lists what waits for a decision, newest first.
#[utoipa::path(
    get,
    path = "/approvals/pending",
    tag = "approvals",
    operation_id = "listPendingApprovals",
    responses(
        (status = 200, description = "At most 50", body = Vec<Approval>),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub(super) async fn pending(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    let found = app.approvals.list(None, Some(Status::Pending), None, NEWEST).await?;
    let items: Vec<_> = found.into_iter().map(named_item).collect();
    Ok(ok(&items))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only those with this status.
    #[serde(default)]
    #[param(value_type = Option<Status>, nullable = false)]
    status: Option<String>,
    /// The `cursor` of an answer: what is older.
    #[serde(default)]
    #[param(nullable = false)]
    cursor: Option<String>,
    /// How many at most; 50 unless given.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, nullable = false)]
    limit: Option<String>,
}

/// A page of requests.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApprovalPage {
    approvals: Vec<Approval>,
    /// For the next page; null on the last.
    #[schema(required)]
    cursor: Option<String>,
}

/// Lists what was asked for, decided or not, newest first.
#[utoipa::path(
    get,
    path = "/approvals",
    tag = "approvals",
    operation_id = "listApprovals",
    params(Filter),
    responses(
        (status = 200, description = "A page", body = ApprovalPage),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub(super) async fn history(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Answer {
    caller.admin(&app).await?;
    let status = filter.status.as_deref().map(status).transpose()?;
    let before = filter.cursor.as_deref().map(place).transpose()?;
    let limit = filter.limit.as_deref().map(limit).transpose()?.unwrap_or(DEFAULT_LIMIT);
    // One more than is shown tells whether there is another page.
    let mut found = app.approvals.list(None, status, before, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more).map(|named| &named.approval);
    let cursor = last.map(|one| format!("{}.{}", one.created_at.timestamp_micros(), one.id));
    let approvals = found.into_iter().map(named_item).collect();
    Ok(ok(&ApprovalPage { approvals, cursor }))
}

fn status(text: &str) -> Result<Status, ApiError> {
    Status::parse(text)
        .ok_or_else(|| bad("status", "pending, approved, denied or escalated is accepted"))
}

fn place(text: &str) -> Result<(DateTime<Utc>, Uuid), ApiError> {
    let place = || {
        let (micros, id) = text.split_once('.')?;
        let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        Some((at, id.parse().ok()?))
    };
    place().ok_or_else(|| bad("cursor", "the cursor of an answer is accepted"))
}

fn limit(text: &str) -> Result<usize, ApiError> {
    let limit = text.parse().ok().filter(|n| (1..=MAX_LIMIT).contains(n));
    limit.ok_or_else(|| bad("limit", format!("a whole number from 1 to {MAX_LIMIT} is accepted")))
}

fn bad(parameter: &str, reason: impl Into<String>) -> ApiError {
    ApiError::bad_request("invalid query parameter").field(parameter, reason)
}
