//! The files of workspaces on the server's disk: `/configs` of their agents.
//!
//! They are written before the row of their workspace and taken away when there comes none. From
//! before the first file until after the commit there is a marker, `<data dir>/uncommitted/<id>`, and
//! nothing is deleted without it: a folder whose row is missing may belong to a workspace that this
//! database does not know, because it is an older copy or another one.

use std::io;
use std::path::{Path, PathBuf};

use isomer_actors::domain::ids::WorkspaceId;

use super::files::Files;
use super::folder::{Folder, FolderError};
use crate::provision::Folders;

/// Files that are never handed out: they hold credentials.
const PRIVATE: [&str; 2] = [".auth_token", ".env"];
/// The folder of markers. Each says that a creation or a purge has not been committed.
const MARKERS: &str = "uncommitted";

/// Marks a workspace that does not exist yet and writes its files. When this returns, they are on the
/// disk. What an earlier try left is replaced.
///
/// # Errors
/// `Exists` when there are files that are not marked; what the system says. Nothing is left behind
/// then.
pub fn furnish(data_dir: &Path, id: WorkspaceId, files: &Files) -> Result<(), FolderError> {
    discard(data_dir, id).map_err(FolderError::Disk)?;
    if has_files(data_dir, id).map_err(FolderError::Disk)? {
        return Err(FolderError::Exists);
    }
    let written = mark(data_dir, id)
        .and_then(|()| Folder::create(&Folders::of(data_dir, id).configs))
        .and_then(|folder| folder.write_all(files));
    if written.is_err() {
        let _ = discard(data_dir, id);
    }
    written
}

/// Says that a workspace is about to be created or purged: what a kill leaves of it, the next start
/// deletes. When this returns, the marker is on the disk.
///
/// # Errors
/// What the system says.
pub fn mark(data_dir: &Path, id: WorkspaceId) -> Result<(), FolderError> {
    let markers = Folder::create(&data_dir.join(MARKERS))?;
    match markers.write_new(&id.to_string(), b"") {
        Ok(()) => markers.sync(),
        Err(FolderError::Exists) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes the marker away: the workspace exists, or has no files any more.
///
/// # Errors
/// What the system says.
pub fn settle(data_dir: &Path, id: WorkspaceId) -> io::Result<()> {
    was_there(std::fs::remove_file(marker(data_dir, id))).map(|_| ())
}

/// Deletes everything that goes with a workspace that never came to be, or was purged; returns
/// whether it was marked. Links are deleted, not followed.
///
/// # Errors
/// What the system says.
pub fn discard(data_dir: &Path, id: WorkspaceId) -> io::Result<bool> {
    if !was_there(std::fs::symlink_metadata(marker(data_dir, id)))? {
        return Ok(false);
    }
    was_there(std::fs::remove_dir_all(Folders::root(data_dir, id)))?;
    settle(data_dir, id).map(|()| true)
}

/// Returns whether a workspace has files.
///
/// # Errors
/// What the system says.
pub fn has_files(data_dir: &Path, id: WorkspaceId) -> io::Result<bool> {
    was_there(std::fs::symlink_metadata(Folders::root(data_dir, id)))
}

fn marker(data_dir: &Path, id: WorkspaceId) -> PathBuf {
    data_dir.join(MARKERS).join(id.to_string())
}

/// Returns whether there was something.
fn was_there<T>(done: io::Result<T>) -> io::Result<bool> {
    match done {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
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

/// Reads one file of a workspace as text; `None` when there is none.
///
/// # Errors
/// `TooLarge` above `most` bytes, `NotAFile`, or what the system says.
pub fn text(
    data_dir: &Path,
    id: WorkspaceId,
    path: &str,
    most: usize,
) -> Result<Option<String>, FolderError> {
    let read = Folder::open(&Folders::of(data_dir, id).configs);
    match read.and_then(|folder| folder.read_text(path, most)) {
        Err(FolderError::Missing) => Ok(None),
        read => read.map(Some),
    }
}

/// Adds a file to a workspace.
///
/// # Errors
/// `Exists`, or what the system says.
pub fn add(data_dir: &Path, id: WorkspaceId, path: &str, text: &str) -> Result<(), FolderError> {
    Folder::create(&Folders::of(data_dir, id).configs)?.write_new(path, text.as_bytes())
}

/// Returns whether a creation or a purge of a workspace has not been settled. Blocks.
pub fn is_unsettled(data_dir: &Path, id: WorkspaceId) -> bool {
    data_dir.join(MARKERS).join(id.to_string()).exists()
}

/// Deletes the files of workspaces that are marked and do not exist, and takes the marker from those
/// that do; returns how many were deleted. Only for a start: before, files of workspaces in the making
/// may be there.
///
/// # Errors
/// The last of what the system says; everything else was done.
pub fn sweep(data_dir: &Path, exists: &dyn Fn(WorkspaceId) -> bool) -> io::Result<usize> {
    let entries = match std::fs::read_dir(data_dir.join(MARKERS)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let (mut swept, mut failed) = (0, None);
    for entry in entries {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(WorkspaceId::parse_strict) else { continue };
        let done = match exists(id) {
            true => settle(data_dir, id).map(|()| false),
            false => discard(data_dir, id),
        };
        match done {
            Ok(deleted) => swept += usize::from(deleted),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(swept), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_files() -> Files {
        let mut files = Files::default();
        for path in ["config.yaml", "skills/s/SKILL.md"] {
            files.add(path, "x").unwrap();
        }
        files
    }

    fn paths(data_dir: &Path, id: WorkspaceId) -> Vec<String> {
        let read = read(data_dir, id, &|_| true).unwrap();
        read.iter().map(|(path, _)| path.to_owned()).collect()
    }

    #[test]
    fn credentials_are_never_read() {
        let place = tempfile::tempdir().unwrap();
        let id = WorkspaceId::random();
        let mut files = two_files();
        for path in [".auth_token", "skills/s/.env", ".env.local"] {
            files.add(path, "x").unwrap();
        }
        furnish(place.path(), id, &files).unwrap();
        assert_eq!(paths(place.path(), id), ["config.yaml", "skills/s/SKILL.md"]);
    }

    #[test]
    fn only_what_was_never_committed_is_swept() {
        let place = tempfile::tempdir().unwrap();
        let data_dir = place.path();
        let [committed, late, cut, unknown, purged] = [(); 5].map(|()| WorkspaceId::random());
        for id in [committed, late, cut, unknown, purged] {
            furnish(data_dir, id, &two_files()).unwrap();
        }
        // The server was killed between the commit of `late` and the end of its marker.
        for id in [committed, unknown, purged] {
            settle(data_dir, id).unwrap();
        }
        mark(data_dir, purged).unwrap();
        // Another database knows `unknown`.
        let exists = |id| [committed, late].contains(&id);
        assert_eq!(sweep(data_dir, &exists).unwrap(), 2);
        let is_there = |id| !paths(data_dir, id).is_empty();
        let there = [committed, late, unknown, cut, purged].map(is_there);
        assert_eq!(there, [true, true, true, false, false]);
        assert_eq!(sweep(data_dir, &|_| false).unwrap(), 0, "no marker is left");
    }

    #[test]
    fn files_without_the_marker_are_not_replaced() {
        let place = tempfile::tempdir().unwrap();
        let id = WorkspaceId::random();
        furnish(place.path(), id, &two_files()).unwrap();
        let mut other = Files::default();
        other.add("other.md", "x").unwrap();
        furnish(place.path(), id, &other).unwrap();
        assert_eq!(paths(place.path(), id), ["other.md"], "an earlier try is");
        settle(place.path(), id).unwrap();
        let refused = furnish(place.path(), id, &two_files());
        assert!(matches!(refused, Err(FolderError::Exists)), "{refused:?}");
        assert!(!discard(place.path(), id).unwrap());
        assert_eq!(paths(place.path(), id), ["other.md"]);
    }

    #[test]
    fn what_cannot_be_deleted_stops_no_sweep() {
        let place = tempfile::tempdir().unwrap();
        let [odd, cut] = [(); 2].map(|()| WorkspaceId::random());
        furnish(place.path(), cut, &two_files()).unwrap();
        // A folder in a marker's place cannot be taken away as a file is.
        std::fs::create_dir_all(marker(place.path(), odd)).unwrap();
        assert!(sweep(place.path(), &|id| id == odd).is_err());
        assert!(paths(place.path(), cut).is_empty());
    }
}
