//! The folder on the disk: what is opened, moved and deleted there. Everything here blocks.
//!
//! ```text
//! <data dir>/chat/incoming/<random>          being written
//! <data dir>/chat/<workspace>/<hex>-<name>   whole, and never changed again
//! ```
//!
//! Folders are held open and files are opened beneath them without following links, so that
//! nothing that was planted there leads elsewhere.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isomer_actors::domain::ids::WorkspaceId;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::beneath::{A_FOLDER, PRIVATE_FOLDER, private_folder};

/// The folder of all of them, inside the data directory.
const CHAT: &str = "chat";
/// Holds files that are being written. No workspace has such an id.
const INCOMING: &str = "incoming";
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
/// What a file takes on the disk comes in blocks, of this many bytes on every system in use.
const BLOCK: u64 = 4_096;

/// Why a file is not handed out.
#[derive(Debug)]
pub enum NotOpened {
    Missing,
    /// A link, a folder, a pipe.
    NotAFile,
    Failed(io::Error),
}

/// The folder of all files. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    root: Arc<OwnedFd>,
    incoming: Arc<OwnedFd>,
}

impl Folder {
    /// Opens it, creating what is missing, and deletes what was being written when the process ended.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(CHAT);
        // Where the store is elsewhere, nothing else may have been kept here yet.
        DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER.bits()).create(data_dir)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = private_folder(&rustix::fs::open(data_dir, flags, Mode::empty())?, CHAT)?;
        let incoming = private_folder(&root, INCOMING)?;
        for name in names(&incoming)? {
            rustix::fs::unlinkat(&incoming, name.as_str(), AtFlags::empty())?;
        }
        Ok(Self { path, root: Arc::new(root), incoming: Arc::new(incoming) })
    }

    /// Creates a file that is not there yet for anybody.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(&self, temporary: &str) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&*self.incoming, temporary, flags, PRIVATE_FILE)?.into())
    }

    /// Deletes a file that was begun.
    pub fn abandon(&self, temporary: &str) {
        let _ = rustix::fs::unlinkat(&*self.incoming, temporary, AtFlags::empty());
    }

    /// Makes begun files those of a workspace: all or none. They were synced before; when this
    /// returns, so are their names.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep(&self, id: WorkspaceId, files: &[(String, String)]) -> io::Result<()> {
        let to = private_folder(&self.root, &id.to_string())?;
        for (done, (temporary, name)) in files.iter().enumerate() {
            if let Err(error) = rustix::fs::renameat(&*self.incoming, temporary, &to, name) {
                for (_, name) in &files[..done] {
                    let _ = rustix::fs::unlinkat(&to, name.as_str(), AtFlags::empty());
                }
                return Err(error.into());
            }
        }
        rustix::fs::fsync(&to)?;
        Ok(rustix::fs::fsync(&*self.root)?)
    }

    /// Opens a file of a workspace, and returns its size in bytes.
    ///
    /// # Errors
    /// That there is none, or that it is not a file.
    pub fn find(&self, id: WorkspaceId, name: &str) -> Result<(File, u64), NotOpened> {
        let folder = match self.of(id) {
            Ok(folder) => folder,
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => return Err(NotOpened::Missing),
            Err(error) => return Err(NotOpened::Failed(error.into())),
        };
        // A pipe would be waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&folder, name, flags, Mode::empty());
        let file = opened.map_err(|error| match error {
            Errno::NOENT => NotOpened::Missing,
            Errno::LOOP | Errno::NXIO => NotOpened::NotAFile,
            error => NotOpened::Failed(error.into()),
        })?;
        let stat = rustix::fs::fstat(&file).map_err(|error| NotOpened::Failed(error.into()))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok((file.into(), u64::try_from(stat.st_size).unwrap_or(0))),
            _ => Err(NotOpened::NotAFile),
        }
    }

    /// Returns what the files of a workspace take, in bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn used(&self, id: WorkspaceId) -> io::Result<u64> {
        let folder = match self.of(id) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut used = 0;
        for name in names(&folder)? {
            match rustix::fs::statat(&folder, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => used += taken(u64::try_from(stat.st_size).unwrap_or(0)),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(used)
    }

    /// Deletes the files of workspaces that are `gone`. What bears no workspace's id is left alone.
    ///
    /// # Errors
    /// What the system says; some may be deleted then.
    pub fn sweep(&self, gone: &dyn Fn(WorkspaceId) -> bool) -> io::Result<()> {
        for name in names(&self.root)? {
            let id = WorkspaceId::parse_loose(&name).filter(|id| id.to_string() == name);
            if let Some(id) = id.filter(|id| gone(*id)) {
                self.delete(id)?;
            }
        }
        Ok(())
    }

    /// Deletes everything of a workspace. Links are deleted, not followed.
    ///
    /// # Errors
    /// What the system says.
    pub fn delete(&self, id: WorkspaceId) -> io::Result<()> {
        match std::fs::remove_dir_all(self.path.join(id.to_string())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn of(&self, id: WorkspaceId) -> Result<OwnedFd, Errno> {
        rustix::fs::openat(&*self.root, id.to_string(), A_FOLDER, Mode::empty())
    }
}

/// Returns what a file of this size takes.
pub fn taken(size: u64) -> u64 {
    size.div_ceil(BLOCK).max(1) * BLOCK
}

/// Names that are not UTF-8 are not ours.
fn names(folder: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().to_str()
            && name != "."
            && name != ".."
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
