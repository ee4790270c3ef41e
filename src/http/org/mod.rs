//! `/org` (contract 06 §4): whole organisations from YAML.

mod env;
mod import;
mod layout;
mod list;
mod plan;
mod preflight;
mod template;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::Api;

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(list::list)).routes(routes!(import::import))
}
