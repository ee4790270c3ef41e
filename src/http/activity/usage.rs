//! `GET /workspaces/:id/metrics` (contract 08 §5): what an agent used today.

use axum::extract::{Path, State};
use chrono::{DateTime, Days, NaiveTime, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::Caller;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// What an agent says that it used today (UTC).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenUsage {
    /// US dollars with six decimals: 3 a million input tokens, 15 a million output tokens.
    estimated_cost_usd: String,
    input_tokens: i64,
    output_tokens: i64,
    period_end: DateTime<Utc>,
    period_start: DateTime<Utc>,
    /// Answers that reported usage.
    total_calls: i64,
}

/// Says what a workspace's agent used today.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/metrics",
    tag = "activity",
    operation_id = "getTokenUsage",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses(
        (status = 200, description = "Today's totals", body = TokenUsage),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub(super) async fn usage(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    caller.workspace(&app, &id).await?;
    let known = WorkspaceId::parse_loose(&id).filter(|id| app.directory.glimpse(*id).is_some());
    let id = known.ok_or_else(|| ApiError::not_found("workspace not found"))?;
    app.activity.settle().await;
    let today = app.clock.now().date_naive();
    let used = app.store.token_usage(id, today).await?;
    let period_start = today.and_time(NaiveTime::MIN).and_utc();
    let mut totals = TokenUsage {
        estimated_cost_usd: "0.000000".to_owned(),
        input_tokens: 0,
        output_tokens: 0,
        period_end: period_start.checked_add_days(Days::new(1)).unwrap_or(period_start),
        period_start,
        total_calls: 0,
    };
    if let Some(used) = used {
        totals.estimated_cost_usd = used.cost;
        totals.input_tokens = used.input_tokens;
        totals.output_tokens = used.output_tokens;
        totals.total_calls = used.calls;
    }
    Ok(ok(&totals))
}
