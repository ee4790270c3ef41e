//! The files of workspaces (contract 07 §4).
//!
//! They lie on the server's disk, in the folders that agents see as `/configs`, `/workspace`,
//! `/home` and `/plugins` ([`crate::provision::Folders`]), so that they can be read and changed
//! whether an agent runs or not. An agent may change them at any time, and plant what it likes:
//! nothing is found by following a link ([`crate::beneath`]), and only regular files are read.

mod disk;
pub mod path;
#[cfg(test)]
mod tests;
mod walk;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use isomer_actors::domain::ids::WorkspaceId;
use parking_lot::Mutex;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tokio::sync::Semaphore;

pub use self::path::{RelativePath, Root};
pub use self::walk::{List, Listed, MAX_ENTRIES};
use crate::beneath::{self, A_FOLDER, PRIVATE_FOLDER};
use crate::provision::Folders;

/// Longest file in bytes that is written, and how much of a longer one is read.
pub const MAX_FILE: usize = 5 << 20;
/// How the agent's own token is called in `/configs`, also while it is written. Whoever reads it speaks for the agent, so it is nobody's
/// file: not even an administrator's, who has better ways.
const TOKEN: &str = ".auth_token";
/// Where the folders of workspaces are.
const ALL: &str = "workspaces";
/// Operations on the disk at once, and how long one waits for its turn.
const MAX_AT_ONCE: usize = 16;
const TURN_LIMIT: Duration = Duration::from_secs(5);
/// Writers to one workspace wait for each other; so may those to a few others.
const LOCKS: usize = 64;

/// Why something was not done to a file.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("there is no such file")]
    Missing,
    /// A link, a folder, a pipe, a file with several names.
    #[error("it is not a regular file")]
    NotAFile,
    /// The agent's own token.
    #[error("it is the agent's own")]
    Reserved,
    /// The folder of the host may only be read.
    #[error("the folder is read-only")]
    ReadOnly,
    /// Somebody else has changed it.
    #[error("the file has changed")]
    Changed,
    #[error("a file has at most {MAX_FILE} bytes")]
    TooLarge,
    /// The workspace would have more than it may.
    #[error("the files of this workspace would take more than {limit} bytes")]
    Full { limit: u64 },
    /// Too many wait for the disk.
    #[error("too many wait for the disk")]
    Busy,
    #[error("the disk did not {operation}")]
    Disk { operation: &'static str, source: std::io::Error },
}

/// Which folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub id: WorkspaceId,
    pub root: Root,
    /// A folder of the host that is used instead, if the workspace has one.
    pub host: Option<HostFolder>,
}

/// A folder of the host, chosen by an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFolder {
    pub path: PathBuf,
    pub writable: bool,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub text: String,
    /// The entity tag, unless the file is longer than what was read.
    pub tag: Option<String>,
    /// It goes on.
    pub cut: bool,
    /// Bytes that are not UTF-8 were replaced.
    pub lossy: bool,
}

impl Content {
    /// Returns what is shown of bytes, of which there may be one more than is shown.
    fn of(mut bytes: Vec<u8>) -> Self {
        let cut = bytes.len() > MAX_FILE;
        let tag = (!cut).then(|| disk::tag(&bytes));
        if cut {
            bytes.truncate(MAX_FILE);
            // No character is cut in half.
            if let Err(error) = std::str::from_utf8(&bytes)
                && error.error_len().is_none()
            {
                bytes.truncate(error.valid_up_to());
            }
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self { text, tag, cut, lossy: false },
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                Self { text, tag, cut, lossy: true }
            }
        }
    }
}

/// What must be there for a file to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    #[default]
    None,
    /// `If-None-Match: *`.
    Absent,
    /// `If-Match: *`.
    Present,
    /// `If-Match` with entity tags.
    OneOf(Vec<String>),
}

impl Condition {
    fn holds(&self, tag: Option<&str>) -> bool {
        match (self, tag) {
            (Self::None, _) => true,
            (Self::Absent, tag) => tag.is_none(),
            (Self::Present, tag) => tag.is_some(),
            (Self::OneOf(tags), tag) => tag.is_some_and(|tag| tags.iter().any(|one| one == tag)),
        }
    }
}

/// The files of all workspaces. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Files(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    data_dir: PathBuf,
    /// What the files of one workspace may take, in bytes.
    limit: u64,
    turns: Arc<Semaphore>,
    locks: Vec<Mutex<()>>,
}

impl Files {
    /// Returns the files below the data folder of the server. `limit` is in bytes.
    pub fn new(data_dir: &Path, limit: u64) -> Self {
        let locks = (0..LOCKS).map(|_| Mutex::default()).collect();
        let turns = Arc::new(Semaphore::new(MAX_AT_ONCE));
        Self(Arc::new(Shared { data_dir: data_dir.to_owned(), limit, turns, locks }))
    }

    /// Lists a folder of a place, or the place itself, down to `depth`. What is not there, or is no
    /// folder, is empty.
    ///
    /// # Errors
    /// `Busy`, or `Disk`.
    pub async fn list(
        &self,
        place: Place,
        within: Option<RelativePath>,
        depth: usize,
    ) -> Result<List, FilesError> {
        self.on_disk(move |shared| shared.list(&place, within.as_ref(), depth)).await
    }

    /// Reads a file.
    ///
    /// # Errors
    /// `Missing`, `NotAFile`, `Busy`, or `Disk`.
    pub async fn read(&self, place: Place, path: RelativePath) -> Result<Content, FilesError> {
        self.on_disk(move |shared| shared.read(&place, &path)).await
    }

    /// Writes files whole, all or none, and makes the folders on their way. With a condition,
    /// which is that of the first, nothing is written unless it holds. Returns the entity tag
    /// of the first.
    ///
    /// # Errors
    /// [`FilesError`].
    ///
    /// # Cancel safety
    /// What has begun is finished.
    pub async fn write(
        &self,
        place: Place,
        files: Vec<(RelativePath, String)>,
        condition: Condition,
    ) -> Result<Option<String>, FilesError> {
        self.on_disk(move |shared| shared.write(&place, &files, &condition)).await
    }

    /// Deletes a file, or a folder with what is in it.
    ///
    /// # Errors
    /// `Missing`, `Changed`, `ReadOnly`, `Reserved`, `Busy`, or `Disk`.
    ///
    /// # Cancel safety
    /// What has begun is finished.
    pub async fn delete(
        &self,
        place: Place,
        path: RelativePath,
        condition: Condition,
    ) -> Result<(), FilesError> {
        self.on_disk(move |shared| shared.delete(&place, &path, &condition)).await
    }

    /// Returns the workspaces that have folders and of which `exists` says yes: what may be
    /// forgotten when they are gone. Folders of others belong to another database.
    ///
    /// # Errors
    /// `Busy`, or `Disk`.
    pub async fn existing(
        &self,
        exists: impl Fn(WorkspaceId) -> bool + Send + 'static,
    ) -> Result<Vec<WorkspaceId>, FilesError> {
        self.on_disk(move |shared| {
            let ids = shared
                .ids()
                .map_err(|source| FilesError::Disk { operation: "list workspaces", source })?;
            Ok(ids.into_iter().filter(|id| exists(*id)).collect())
        })
        .await
    }

    /// Deletes everything of workspaces that are gone for good. Links are deleted, not followed.
    ///
    /// # Errors
    /// `Busy`, or `Disk`; some may be deleted then.
    pub async fn forget(&self, gone: Vec<WorkspaceId>) -> Result<(), FilesError> {
        self.on_disk(move |shared| {
            for id in gone {
                let _alone = shared.lock(id);
                match std::fs::remove_dir_all(Folders::root(&shared.data_dir, id)) {
                    Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                        let operation = "delete the folders of a workspace";
                        return Err(FilesError::Disk { operation, source });
                    }
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, FilesError> + Send + 'static,
    ) -> Result<T, FilesError> {
        let turn = Arc::clone(&self.0.turns).acquire_owned();
        let turn = match tokio::time::timeout(TURN_LIMIT, turn).await {
            Ok(Ok(turn)) => turn,
            _ => return Err(FilesError::Busy),
        };
        let shared = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&shared);
            drop(turn);
            done
        });
        done.await.unwrap_or_else(|_| {
            let source = std::io::ErrorKind::Interrupted.into();
            Err(FilesError::Disk { operation: "finish", source })
        })
    }
}

impl Shared {
    fn list(
        &self,
        place: &Place,
        within: Option<&RelativePath>,
        depth: usize,
    ) -> Result<List, FilesError> {
        let base = within.map_or("", RelativePath::as_str);
        let folder = self
            .root(place, false)
            .and_then(|root| beneath::open(root, base, A_FOLDER, Mode::empty()));
        let folder = match folder {
            Ok(folder) => folder,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => {
                return Ok(List::default());
            }
            Err(error) => return Err(failed("open a folder", error)),
        };
        let at_top = within.is_none() && place.root == Root::Configs;
        walk::list(&folder, depth, |path| !(at_top && path.starts_with(TOKEN)))
            .map_err(|error| failed("list a folder", error))
    }

    fn read(&self, place: &Place, path: &RelativePath) -> Result<Content, FilesError> {
        if is_reserved(place, path) {
            return Err(FilesError::Missing);
        }
        disk::read(&self.existing(place)?, path)
    }

    fn write(
        &self,
        place: &Place,
        files: &[(RelativePath, String)],
        condition: &Condition,
    ) -> Result<Option<String>, FilesError> {
        writable(place)?;
        if files.iter().any(|(path, _)| is_reserved(place, path)) {
            return Err(FilesError::Reserved);
        }
        if files.iter().any(|(_, text)| text.len() > MAX_FILE) {
            return Err(FilesError::TooLarge);
        }
        let Some((first, text)) = files.first() else { return Ok(None) };
        let _alone = self.lock(place.id);
        let root = self.root(place, true).map_err(|error| failed("open a folder", error))?;
        if *condition != Condition::None && !condition.holds(disk::tag_of(&root, first)?.as_deref())
        {
            return Err(FilesError::Changed);
        }
        self.check_room(place, &root, files)?;
        disk::write(&root, files)?;
        Ok(Some(disk::tag(text.as_bytes())))
    }

    fn delete(
        &self,
        place: &Place,
        path: &RelativePath,
        condition: &Condition,
    ) -> Result<(), FilesError> {
        writable(place)?;
        if is_reserved(place, path) {
            return Err(FilesError::Reserved);
        }
        let _alone = self.lock(place.id);
        let root = self.existing(place)?;
        if *condition != Condition::None && !condition.holds(disk::tag_of(&root, path)?.as_deref())
        {
            return Err(FilesError::Changed);
        }
        disk::delete(&root, path)
    }

    /// Counts all that lies with the workspace, whoever wrote it. A folder of the host is its
    /// owner's to watch.
    fn check_room(
        &self,
        place: &Place,
        root: &OwnedFd,
        files: &[(RelativePath, String)],
    ) -> Result<(), FilesError> {
        if place.host.is_some() {
            return Ok(());
        }
        let more: u64 = files.iter().map(|(_, text)| walk::takes(text.len())).sum();
        let less: u64 = files.iter().map(|(path, _)| disk::taken_by(root.as_fd(), path)).sum();
        let most = self.limit.saturating_add(less);
        let used = Root::ALL.into_iter().try_fold(0_u64, |used, root| {
            let place = Place { id: place.id, root, host: None };
            match self.root(&place, false) {
                Ok(folder) => Ok(used + walk::used(&folder, most.saturating_sub(used))?),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(used),
                Err(error) => Err(error),
            }
        });
        let used = used.map_err(|error| failed("measure files", error))?;
        let over = used.saturating_add(more).saturating_sub(less) > self.limit;
        if over { Err(FilesError::Full { limit: self.limit }) } else { Ok(()) }
    }

    fn ids(&self) -> std::io::Result<Vec<WorkspaceId>> {
        let entries = match std::fs::read_dir(self.data_dir.join(ALL)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let id = |name: String| WorkspaceId::parse_loose(&name).filter(|id| id.to_string() == name);
        Ok(names.filter_map(id).collect())
    }

    fn lock(&self, id: WorkspaceId) -> parking_lot::MutexGuard<'_, ()> {
        self.locks[id.0.as_bytes()[15] as usize % LOCKS].lock()
    }

    fn existing(&self, place: &Place) -> Result<OwnedFd, FilesError> {
        self.root(place, false).map_err(|error| match error {
            Errno::NOENT | Errno::NOTDIR => FilesError::Missing,
            error => failed("open a folder", error),
        })
    }

    /// Opens the folder of a place. That of the host must be there.
    fn root(&self, place: &Place, create: bool) -> Result<OwnedFd, Errno> {
        if let Some(host) = &place.host {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            return rustix::fs::open(&host.path, flags, Mode::empty());
        }
        let Folders { configs, workspace, home, plugins } = Folders::of(Path::new(""), place.id);
        let path = match place.root {
            Root::Configs => configs,
            Root::Workspace => workspace,
            Root::Home => home,
            Root::Plugins => plugins,
        };
        let (data, path) = (self.data_dir()?, path.to_string_lossy());
        match beneath::open(&data, &path, A_FOLDER, Mode::empty()) {
            Err(Errno::NOENT) if create => beneath::make_folders(&data, &path, PRIVATE_FOLDER),
            opened => opened,
        }
    }

    fn data_dir(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&self.data_dir, flags, Mode::empty())
    }
}

fn is_reserved(place: &Place, path: &RelativePath) -> bool {
    place.root == Root::Configs && path.as_str().starts_with(TOKEN)
}

fn writable(place: &Place) -> Result<(), FilesError> {
    match &place.host {
        Some(HostFolder { writable: false, .. }) => Err(FilesError::ReadOnly),
        _ => Ok(()),
    }
}

fn failed(operation: &'static str, source: Errno) -> FilesError {
    FilesError::Disk { operation, source: source.into() }
}
