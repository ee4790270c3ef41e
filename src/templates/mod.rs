//! What new workspaces begin with: templates of single workspaces and of whole organisations, and
//! the files that come of them.
//!
//! Everything here blocks; callers use [`blocking`]. Folders are opened once, and everything in
//! them is opened beneath, step by step, without following links: a template leads nowhere else.

mod built_in;
pub mod config;
mod files;
mod folder;
pub mod generate;
pub mod home;
mod store;
pub mod yaml;

pub use files::{BadPath, Files, MAX_PATH_BYTES, check_path};
pub use folder::{Folder, FolderError};
pub use store::{ORG_FILE, Template, Templates, normalised, workspace_files};

/// Runs what blocks where it may.
///
/// # Errors
/// What `work` says; `Interrupted` when it panicked.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FolderError> + Send + 'static,
) -> Result<T, FolderError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(FolderError::Disk(std::io::ErrorKind::Interrupted.into())),
    }
}
