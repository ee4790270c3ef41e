//! `/workspaces` (contract 01).

mod connection;
mod create;
mod delete;
mod forward;
mod lifecycle;
mod patch;
mod read;
pub mod schema;
mod state;
mod validate;
mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::read::{SEQ, gone};
pub use self::validate::{access as check_access, check_texts, directory as check_directory};
pub use self::view::{Workspace, folded as folded_view, number};
use super::openapi::Api;

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(create::create, read::list))
        .routes(routes!(read::get, patch::patch, delete::delete))
        .routes(routes!(state::state))
        .routes(routes!(forward::forward))
        .merge(lifecycle::router())
}
