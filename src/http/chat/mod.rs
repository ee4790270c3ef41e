//! `/workspaces/:id/chat`: files of conversations (contract 07 §5).

mod download;
mod form;
mod upload;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::openapi::Api;
use crate::chat_files::ChatFilesError;

/// Where agents find the files: as if they lay in their container.
const FOLDER: &str = "/workspace/.molecule/chat-uploads/";

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(upload::upload)).routes(routes!(download::download))
}

/// What the disk refused is told to whoever runs the server; callers get the contract's text.
fn disk(error: &ChatFilesError, text: &str) -> ApiError {
    tracing::error!(error = %isomer_actors::chain_of(error), "{text}");
    ApiError::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, text)
}
