//! Forgetting the saved sessions of an agent.

use std::io::ErrorKind;
use std::path::PathBuf;

use axum::http::StatusCode;
use isomer_actors::domain::ids::WorkspaceId;
use tracing::{error, warn};
use uuid::Uuid;

use crate::http::error::ApiError;
use crate::http::state::App;
use crate::provision::Folders;

/// The folder of sessions, beside `/configs` and `/workspace`.
const SESSIONS: &str = "claude-sessions";

/// Moves the sessions away in one step, so that the agent that still runs cannot mix its last words
/// with those of the next one. Returns where they are, `None` when there are none.
///
/// # Errors
/// 500; nothing was changed.
pub async fn set_aside(app: &App, id: WorkspaceId) -> Result<Option<PathBuf>, ApiError> {
    let root = Folders::root(&app.config.data_dir, id);
    let aside = root.join(format!("{SESSIONS}.{}", Uuid::new_v4().simple()));
    match tokio::fs::rename(root.join(SESSIONS), &aside).await {
        Ok(()) => Ok(Some(aside)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            error!(workspace_id = %id, %error, "the sessions could not be moved away");
            let text = "the saved sessions cannot be reset";
            Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, text))
        }
    }
}

/// Puts back what was set aside for a restart that did not come about.
pub async fn put_back(app: &App, id: WorkspaceId, folder: PathBuf) {
    let sessions = Folders::root(&app.config.data_dir, id).join(SESSIONS);
    if let Err(error) = tokio::fs::rename(&folder, &sessions).await {
        warn!(workspace_id = %id, %error, "the sessions could not be put back");
    }
}

/// Deletes what was set aside, in the background.
pub fn forget(folder: PathBuf) {
    tokio::spawn(async move {
        if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
            warn!(%error, "old sessions could not be deleted");
        }
    });
}
