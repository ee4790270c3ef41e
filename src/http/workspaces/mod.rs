//! `/workspaces` (contract 01).

mod connection;
mod create;
mod delete;
mod forward;
mod lifecycle;
mod patch;
mod read;
mod state;
mod validate;
mod view;

use axum::Router;
use axum::routing::{get, post};

pub use self::read::{SEQ, gone};
pub use self::view::{folded as folded_view, number};
use super::state::App;

/// The routes of this folder.
pub fn router() -> Router<App> {
    Router::new()
        .route("/workspaces", post(create::create).get(read::list))
        .route("/workspaces/{id}", get(read::get).patch(patch::patch).delete(delete::delete))
        .route("/workspaces/{id}/state", get(state::state))
        .route("/workspaces/{id}/forward", post(forward::forward))
        .route("/workspaces/{id}/stop", post(lifecycle::stop))
        .route("/workspaces/{id}/restart", post(lifecycle::restart))
}
