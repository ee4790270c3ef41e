//! The life of agents (contract 01 §7 and §8): ended, started, paused, put to sleep.
//!
//! What is wanted is recorded; whoever runs the agent makes it so. Agents that run elsewhere are
//! only marked.

mod helpers;
mod reset;
mod rest;
mod restart;
mod stop;
mod template;

use axum::http::StatusCode;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::error::{ApiError, removed};
use crate::http::openapi::Api;
use crate::http::state::App;
use crate::provision::{PAUSE_AFTER_STOP, Refused};

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(stop::stop))
        .routes(routes!(restart::restart))
        .routes(routes!(rest::pause))
        .routes(routes!(rest::resume))
        .routes(routes!(rest::hibernate))
        .routes(routes!(helpers::console))
        .routes(routes!(helpers::bootstrap_failed))
}

/// Returns whether this server runs its agent.
fn is_hosted(app: &App, id: WorkspaceId) -> Result<bool, ApiError> {
    match app.directory.glimpse(id) {
        None => Err(ApiError::not_found("workspace not found")),
        Some(glimpse) if glimpse.status == Status::Removed => Err(removed()),
        Some(glimpse) => Ok(glimpse.hosted),
    }
}

fn refused(refused: Refused) -> ApiError {
    let text = refused.to_string();
    match refused {
        Refused::NotRunning | Refused::NoRoom => ApiError::new(StatusCode::CONFLICT, text),
        Refused::Busy => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text)
            .with("code", "overloaded")
            .retry_after(PAUSE_AFTER_STOP),
    }
}
