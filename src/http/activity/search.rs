//! `GET /workspaces/:id/session-search` (contract 04 §1.4).

use axum::extract::{Path, Query, State};
use chrono::{DateTime, Utc};
use isomer_actors::domain::activity::Body;
use isomer_actors::ports::{ActivityRow, ActivitySearch};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::list::limit;
use crate::http::error::{Answer, ok};
use crate::http::events::bad;
use crate::http::gates::{Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;
const MAX_QUESTION_BYTES: usize = 1_024;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Question {
    /// What to look for, at most 1,024 bytes; everything when empty.
    #[serde(default)]
    #[param(nullable = false)]
    q: Option<String>,
    /// How many at most; 50 unless a number from 1 is given, more than 200 count as 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, nullable = false)]
    limit: Option<String>,
}

/// What was found, and where.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = SessionMatchKind)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Activity,
}

/// Something that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionMatch)]
pub(super) struct Found {
    /// The summary.
    #[schema(required)]
    content: Option<String>,
    created_at: DateTime<Utc>,
    id: Uuid,
    kind: Kind,
    /// The type of activity.
    label: String,
    #[schema(required)]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    request_body: Option<Body>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    response_body: Option<Body>,
    status: String,
    workspace_id: Uuid,
}

/// Searches what a workspace did, newest first.
///
/// Finds rows whose words begin with the words of the question, and among the newest 1,000 also
/// those that contain it anywhere. Case does not matter; `%` and `_` mean themselves.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/session-search",
    tag = "activity",
    operation_id = "searchSession",
    params(("id" = Uuid, Path, description = "The workspace"), Question),
    responses(
        (status = 200, description = "What was found", body = Vec<Found>),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub(super) async fn search(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(question): Query<Question>,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let workspace = workspace_id(&id)?;
    let text = question.q.unwrap_or_default().trim().to_owned();
    if text.len() > MAX_QUESTION_BYTES {
        return Err(bad("q", format!("at most {MAX_QUESTION_BYTES} bytes are accepted")));
    }
    if text.contains('\0') {
        return Err(bad("q", "it contains a NUL character"));
    }
    let limit = limit(question.limit.as_deref(), DEFAULT_LIMIT, MAX_LIMIT);
    app.activity.settle().await;
    let found = app.store.search_activity(&ActivitySearch { workspace, text, limit }).await?;
    let items: Vec<Found> = found.into_iter().map(Found::from).collect();
    Ok(ok(&items))
}

impl From<ActivityRow> for Found {
    fn from(row: ActivityRow) -> Self {
        let (id, created_at, entry) = (row.logged.id, row.logged.at, row.logged.entry);
        Self {
            content: entry.summary,
            created_at,
            id,
            kind: Kind::Activity,
            label: entry.kind,
            method: entry.method,
            request_body: entry.request_body,
            response_body: entry.response_body,
            status: entry.status,
            workspace_id: entry.workspace.0,
        }
    }
}
