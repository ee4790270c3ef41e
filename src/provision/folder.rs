//! Folders and files of workspaces, opened beneath each other without following links: an agent
//! may plant links in its own folders. Everything here blocks.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::beneath::{self, A_FOLDER, PRIVATE_FOLDER};

const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A folder that is held open.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder by its path, which may be a link.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Opens a folder in this one. One that is missing is made, for its owner alone.
    pub(super) fn within(&self, name: &str) -> io::Result<Self> {
        Ok(Self(beneath::make_folders(&self.0, name, PRIVATE_FOLDER)?))
    }

    /// Opens a folder in this one that is there.
    pub(super) fn existing(&self, name: &str) -> io::Result<Self> {
        Ok(Self(beneath::open(&self.0, name, A_FOLDER, Mode::empty())?))
    }

    /// Reads a file of at most `limit` bytes; `None` when there is nothing of that name.
    ///
    /// # Errors
    /// Also when it is no file or longer.
    pub(super) fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        // A pipe would be waited for.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let file = match beneath::open(&self.0, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        let mut bytes = Vec::new();
        File::from(file).take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long"));
        }
        Ok(Some(bytes))
    }

    /// Opens a file to write at its end. One that is missing is made, for its owner alone.
    pub(super) fn append(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK;
        Ok(beneath::open(&self.0, name, flags, PRIVATE_FILE)?.into())
    }

    /// Writes a file as a whole, for its owner alone: the old one stays until the new one is complete.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = format!("{name}.{}", uuid::Uuid::new_v4().simple());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file: File = beneath::open(&self.0, &temporary, flags, PRIVATE_FILE)?.into();
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        let moved =
            written.and_then(|()| Ok(rustix::fs::renameat(&self.0, &temporary, &self.0, name)?));
        if moved.is_err() {
            let _ = self.remove(&temporary);
        }
        moved
    }

    /// Gives a file another name here.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Deletes a file or a link; nothing of that name is no failure.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_are_neither_read_nor_written_through() {
        let (outside, inside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = outside.path().join("theirs");
        std::fs::write(&target, "theirs").unwrap();
        symlink(&target, inside.path().join("file")).unwrap();
        symlink(outside.path(), inside.path().join("folder")).unwrap();
        let folder = Folder::open(inside.path()).unwrap();
        assert!(folder.read("file", 100).is_err());
        assert!(folder.append("file").is_err());
        assert!(folder.within("folder").is_err());
        folder.replace("file", b"ours").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"theirs");
        assert_eq!(folder.read("file", 100).unwrap().unwrap(), b"ours");
    }

    #[test]
    fn what_is_made_is_private_and_bounded() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap().within("a").unwrap();
        folder.replace("file", b"12345").unwrap();
        let mode =
            |path: &str| root.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a"), mode("a/file")), (0o700, 0o600));
        assert!(folder.read("file", 4).is_err());
        assert_eq!(folder.read("none", 4).unwrap(), None);
        folder.remove("none").unwrap();
        assert_eq!(std::fs::read_dir(root.path().join("a")).unwrap().count(), 1);
    }
}
