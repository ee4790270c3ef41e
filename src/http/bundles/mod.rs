//! `/bundles` (contract 06 §3): a workspace and everything below it as one document.

mod duplicate;
mod export;
mod format;
mod import;
mod redact;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::Api;

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(export::export))
        .routes(routes!(import::import))
        .routes(routes!(duplicate::duplicate))
}
