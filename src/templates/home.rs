//! The files of workspaces on the server's disk: `/configs` of their agents.
//!
//! They are written before the row of their workspace and taken away when there comes none; what
//! is left of a server that was killed in between goes at the next start.

use std::io;
use std::path::Path;

use isomer_actors::domain::ids::WorkspaceId;

use super::files::Files;
use super::folder::{Folder, FolderError};
use crate::provision::Folders;

/// Files that are never handed out: they hold credentials.
const PRIVATE: [&str; 2] = [".auth_token", ".env"];

/// Writes the files of a workspace that does not exist yet. When this returns, they are on the disk.
///
/// # Errors
/// What the system says; nothing is left behind then.
pub fn furnish(data_dir: &Path, id: WorkspaceId, files: &Files) -> Result<(), FolderError> {
    let written = Folder::create(&Folders::of(data_dir, id).configs)
        .and_then(|folder| folder.write_all(files));
    if written.is_err() {
        let _ = clear(data_dir, id);
    }
    written
}

/// Deletes everything that goes with a workspace. Links are deleted, not followed.
///
/// # Errors
/// What the system says.
pub fn clear(data_dir: &Path, id: WorkspaceId) -> io::Result<()> {
    match std::fs::remove_dir_all(Folders::root(data_dir, id)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads what of a workspace's files may be handed out; nothing when it has none.
///
/// # Errors
/// `TooLarge`, or what the system says.
pub fn read(
    data_dir: &Path,
    id: WorkspaceId,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Files, FolderError> {
    let wanted = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        !PRIVATE.contains(&name) && !name.starts_with(".env.") && wanted(path)
    };
    match Folder::open(&Folders::of(data_dir, id).configs) {
        Ok(folder) => folder.read_all(&wanted),
        Err(FolderError::Missing) => Ok(Files::default()),
        Err(error) => Err(error),
    }
}

/// Adds a file to a workspace.
///
/// # Errors
/// `Exists`, or what the system says.
pub fn add(data_dir: &Path, id: WorkspaceId, path: &str, text: &str) -> Result<(), FolderError> {
    Folder::create(&Folders::of(data_dir, id).configs)?.write_new(path, text.as_bytes())
}

/// Deletes the files of workspaces that do not exist. What bears no workspace's id is left alone.
/// Only for a start: before, files of workspaces in the making may be there.
///
/// # Errors
/// What the system says; some may be deleted then.
pub fn sweep(data_dir: &Path, exists: &dyn Fn(WorkspaceId) -> bool) -> io::Result<usize> {
    let entries = match std::fs::read_dir(data_dir.join("workspaces")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut swept = 0;
    for entry in entries {
        let name = entry?.file_name();
        let id = name.to_str().and_then(WorkspaceId::parse_strict);
        if let Some(id) = id.filter(|id| !exists(*id)) {
            clear(data_dir, id)?;
            swept += 1;
        }
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_a_workspace_are_swept_and_credentials_never_read() {
        let place = tempfile::tempdir().unwrap();
        let (kept, gone) = (WorkspaceId::random(), WorkspaceId::random());
        let mut files = Files::default();
        for path in ["config.yaml", ".auth_token", "skills/s/.env", ".env.local"] {
            files.add(path, "x").unwrap();
        }
        furnish(place.path(), kept, &files).unwrap();
        furnish(place.path(), gone, &files).unwrap();
        std::fs::create_dir(place.path().join("workspaces/other")).unwrap();
        assert_eq!(sweep(place.path(), &|id| id == kept).unwrap(), 1);
        let read = |id| read(place.path(), id, &|_| true).unwrap();
        assert_eq!(read(kept).iter().map(|(path, _)| path).collect::<Vec<_>>(), ["config.yaml"]);
        assert!(read(gone).is_empty() && place.path().join("workspaces/other").exists());
    }
}
