//! The files of workspaces on the server's disk: `/configs` of their agents.
//!
//! They are written before the row of their workspace and taken away when there comes none. Until the row
//! is there they bear a mark: what a server that was killed in between leaves goes at the next
//! start, and nothing else ever does, whichever database that start finds.

use std::io;
use std::path::Path;

use isomer_actors::domain::ids::WorkspaceId;

use super::files::Files;
use super::folder::{Folder, FolderError};
use crate::provision::Folders;

/// Files that are never handed out: they hold credentials.
const PRIVATE: [&str; 2] = [".auth_token", ".env"];

/// Beside the folders of a workspace that has no row yet.
const MARK: &str = ".new";

/// Writes the files of a workspace that does not exist yet, marked. When this returns, they are on the disk.
///
/// # Errors
/// What the system says; nothing is left behind then.
pub fn furnish(data_dir: &Path, id: WorkspaceId, files: &Files) -> Result<(), FolderError> {
    let written = Folder::create(&Folders::root(data_dir, id))
        .and_then(|root| root.write_new(MARK, b""))
        .and_then(|()| Folder::create(&Folders::of(data_dir, id).configs))
        .and_then(|folder| folder.write_all(files));
    if written.is_err() {
        let _ = clear(data_dir, id);
    }
    written
}

/// Takes the mark off a workspace that has its row. One without a mark is left as it is.
///
/// # Errors
/// What the system says.
pub fn settle(data_dir: &Path, id: WorkspaceId) -> io::Result<()> {
    match std::fs::remove_file(Folders::root(data_dir, id).join(MARK)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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

/// Deletes the files of workspaces that never came to be. What bears no mark is left alone, also without
/// a row: it may be another database's. Only for a start: later, files of workspaces in the making
/// are there. Returns how many went.
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
        let Some(id) = id.filter(|id| Folders::root(data_dir, *id).join(MARK).exists()) else {
            continue;
        };
        if exists(id) {
            settle(data_dir, id)?;
        } else {
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
        let [kept, gone, foreign] = [(); 3].map(|()| WorkspaceId::random());
        let mut files = Files::default();
        for path in ["config.yaml", ".auth_token", "skills/s/.env", ".env.local"] {
            files.add(path, "x").unwrap();
        }
        furnish(place.path(), kept, &files).unwrap();
        furnish(place.path(), gone, &files).unwrap();
        furnish(place.path(), foreign, &files).unwrap();
        settle(place.path(), foreign).unwrap();
        std::fs::create_dir(place.path().join("workspaces/other")).unwrap();
        assert_eq!(sweep(place.path(), &|id| id == kept).unwrap(), 1);
        assert_eq!(sweep(place.path(), &|_| false).unwrap(), 0, "nothing is marked any more");
        let read = |id| read(place.path(), id, &|_| true).unwrap();
        assert_eq!(read(kept).iter().map(|(path, _)| path).collect::<Vec<_>>(), ["config.yaml"]);
        assert!(!read(foreign).is_empty(), "it belongs to another database");
        assert!(read(gone).is_empty() && place.path().join("workspaces/other").exists());
    }
}
