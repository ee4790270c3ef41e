//! `/workspaces/:id/expand` and `/collapse` (contract 06 §2): a workspace becomes the lead of a team,
//! and one again.

mod collapse;
mod expand;
mod hand_over;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::Api;

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(expand::expand)).routes(routes!(collapse::collapse))
}
