//! `/workspaces/:id/activity` and what goes with it (contract 04 §1): report, list, search,
//! export; messages of agents to people; and what agents used.

mod cursor;
mod export;
mod item;
mod list;
pub mod notify;
mod report;
mod search;
mod usage;

use isomer_actors::activity::RecordError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::openapi::Api;

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(list::list, report::report))
        .routes(routes!(export::of_one))
        .routes(routes!(export::all))
        .routes(routes!(search::search))
        .routes(routes!(notify::notify))
        .routes(routes!(usage::usage))
}

/// Returns the error of something that was not stored, or not surely.
fn not_recorded(error: &RecordError) -> ApiError {
    const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);
    let answer = match error {
        RecordError::Overloaded => ApiError::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            "too much activity is waiting, retry shortly",
        )
        .with("code", "overloaded"),
        RecordError::Refused(_) | RecordError::Unavailable | RecordError::Unknown => {
            ApiError::unavailable()
        }
    };
    answer.retry_after(RETRY_AFTER)
}
