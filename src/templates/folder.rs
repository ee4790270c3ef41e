//! A folder on the disk, and what lies beneath it: opened without following a link.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::files::{BadPath, Files, check_path};
use crate::beneath::{self, A_FOLDER};

/// Files of one template or workspace that are read at most, their bytes together, and one's.
pub const MAX_FILES: usize = 2_000;
pub const MAX_BYTES: usize = 32 << 20;
pub const MAX_FILE_BYTES: usize = 5 << 20;
/// Entries of one folder that are looked at.
const MAX_ENTRIES: usize = 4_096;
/// Deepest that folders are walked.
const MAX_DEPTH: usize = 16;

/// Why files are not had, or not written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("there is no such file")]
    Missing,
    /// A link, a pipe, a folder in the place of a file.
    #[error("it is not a plain file")]
    NotAFile,
    #[error("it is larger than is read")]
    TooLarge,
    #[error(transparent)]
    Path(#[from] BadPath),
    #[error("it exists already")]
    Exists,
    #[error("the disk refuses")]
    Disk(#[source] io::Error),
}

impl From<Errno> for FolderError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT => Self::Missing,
            Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NXIO => Self::NotAFile,
            Errno::EXIST | Errno::NOTEMPTY => Self::Exists,
            error => Self::Disk(error.into()),
        }
    }
}

/// An open folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Folder(Arc<OwnedFd>);

impl Folder {
    /// Opens a folder that somebody configured: links on the way to it are followed.
    ///
    /// # Errors
    /// `Missing` when there is none.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(Arc::new(rustix::fs::open(path, flags, Mode::empty())?)))
    }

    /// Creates a folder with all above it, private to the server's user, and opens it.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(path: &Path) -> Result<Self, FolderError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(Mode::RWXU.bits()).create(path).map_err(FolderError::Disk)?;
        Self::open(path)
    }

    /// Opens a folder beneath.
    ///
    /// # Errors
    /// `Missing`, `NotAFile` for anything else, links above all.
    pub fn beneath(&self, path: &str) -> Result<Self, FolderError> {
        check_path(path)?;
        Ok(Self(Arc::new(beneath::open(&*self.0, path, A_FOLDER, Mode::empty())?)))
    }

    /// Reads a file beneath.
    ///
    /// # Errors
    /// [`FolderError`]; `TooLarge` above `most` bytes.
    pub fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, FolderError> {
        check_path(path)?;
        // A pipe would be waited for.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let file = beneath::open(&*self.0, path, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(FolderError::NotAFile);
        }
        let mut content = Vec::new();
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        File::from(file).take(limit).read_to_end(&mut content).map_err(FolderError::Disk)?;
        if content.len() > most { Err(FolderError::TooLarge) } else { Ok(content) }
    }

    /// Reads a file beneath as text; what is not UTF-8 in it is replaced.
    ///
    /// # Errors
    /// As [`Folder::read`].
    pub fn read_text(&self, path: &str, most: usize) -> Result<String, FolderError> {
        Ok(String::from_utf8_lossy(&self.read(path, most)?).into_owned())
    }

    /// Returns the names of the folders in it, by name. Links are none.
    ///
    /// # Errors
    /// What the system says.
    pub fn folders(&self) -> Result<Vec<String>, FolderError> {
        let entries = self.entries()?;
        let is_folder = |(name, kind): (String, FileType)| {
            (kind == FileType::Directory && !name.starts_with('.')).then_some(name)
        };
        Ok(entries.into_iter().filter_map(is_folder).collect())
    }

    /// Reads every plain file beneath for whose path `wanted` says yes. Links are skipped.
    ///
    /// # Errors
    /// `TooLarge` when they are too many or too big.
    pub fn read_all(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Files, FolderError> {
        let mut files = Files::default();
        self.collect("", 0, wanted, &mut files)?;
        Ok(files)
    }

    fn collect(
        &self,
        prefix: &str,
        depth: usize,
        wanted: &dyn Fn(&str) -> bool,
        files: &mut Files,
    ) -> Result<(), FolderError> {
        for (name, kind) in self.entries()? {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
            if check_path(&path).is_err() || !wanted(&path) {
                continue;
            }
            match kind {
                FileType::Directory if depth < MAX_DEPTH => match self.beneath(&name) {
                    Ok(folder) => folder.collect(&path, depth + 1, wanted, files)?,
                    Err(FolderError::Missing | FolderError::NotAFile) => {}
                    Err(error) => return Err(error),
                },
                FileType::RegularFile => {
                    let content = match self.read(&name, MAX_FILE_BYTES) {
                        Err(FolderError::Missing | FolderError::NotAFile) => continue,
                        content => content?,
                    };
                    files.add(&path, content)?;
                    if files.len() > MAX_FILES || files.bytes() > MAX_BYTES {
                        return Err(FolderError::TooLarge);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes files beneath; none of them may be there yet. When this returns, they are on the disk.
    ///
    /// # Errors
    /// What the system says; some may be written then.
    pub fn write_all(&self, files: &Files) -> Result<(), FolderError> {
        for (path, content) in files.iter() {
            self.write_new(path, content)?;
        }
        self.sync()
    }

    /// Writes one new file beneath, and the folders that it needs.
    ///
    /// # Errors
    /// `Exists`; what the system says.
    pub fn write_new(&self, path: &str, content: &[u8]) -> Result<(), FolderError> {
        check_path(path)?;
        let mut at = self.clone();
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        for part in folders.split('/').filter(|part| !part.is_empty()) {
            match rustix::fs::mkdirat(&*at.0, part, Mode::RWXU) {
                Ok(()) => rustix::fs::fsync(&*at.0)?,
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            at = at.beneath(part)?;
        }
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let mut file = File::from(rustix::fs::openat(&*at.0, name, flags, mode)?);
        file.write_all(content).map_err(FolderError::Disk)?;
        file.sync_all().map_err(FolderError::Disk)?;
        if folders.is_empty() { Ok(()) } else { Ok(rustix::fs::fsync(&*at.0)?) }
    }

    /// Returns once the entries of this folder are on the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> Result<(), FolderError> {
        Ok(rustix::fs::fsync(&*self.0)?)
    }

    /// Creates a folder in it that is not there yet.
    ///
    /// # Errors
    /// `Exists`.
    pub fn make(&self, name: &str) -> Result<Self, FolderError> {
        check_path(name)?;
        rustix::fs::mkdirat(&*self.0, name, Mode::RWXU)?;
        self.beneath(name)
    }

    /// Renames a folder in it, unless the new name is taken.
    ///
    /// # Errors
    /// `Exists`.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), FolderError> {
        match rustix::fs::statat(&*self.0, to, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => return Err(FolderError::Exists),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        // Between the look and this another may have come: a folder that is not empty is not replaced.
        rustix::fs::renameat(&*self.0, from, &*self.0, to)?;
        Ok(rustix::fs::fsync(&*self.0)?)
    }

    /// Names that are not UTF-8 are not ours.
    fn entries(&self) -> Result<Vec<(String, FileType)>, FolderError> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&*self.0)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..") {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say.
                FileType::Unknown => {
                    let stat = rustix::fs::statat(&*self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
                    FileType::from_raw_mode(stat.st_mode)
                }
                kind => kind,
            };
            entries.push((name.to_owned(), kind));
            if entries.len() > MAX_ENTRIES {
                return Err(FolderError::TooLarge);
            }
        }
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::create(&place.path().join("a/b")).unwrap();
        let mut files = Files::default();
        files.add("config.yaml", "name: x").unwrap();
        files.add("skills/s/SKILL.md", "# S").unwrap();
        folder.write_all(&files).unwrap();
        assert_eq!(folder.read_all(&|_| true).unwrap(), files);
        assert!(matches!(folder.write_all(&files), Err(FolderError::Exists)));
        assert!(matches!(folder.read("config.yaml", 3), Err(FolderError::TooLarge)));
    }

    #[test]
    fn links_lead_nowhere() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("secret"), "s").unwrap();
        let root = place.path().join("root");
        let folder = Folder::create(&root).unwrap();
        std::os::unix::fs::symlink("../secret", root.join("link")).unwrap();
        std::os::unix::fs::symlink("..", root.join("up")).unwrap();
        for path in ["link", "up/secret"] {
            assert!(matches!(folder.read(path, 9), Err(FolderError::NotAFile)), "{path}");
        }
        assert!(matches!(folder.read("../secret", 9), Err(FolderError::Path(_))));
        assert!(matches!(folder.write_new("up/new", b""), Err(FolderError::NotAFile)));
        assert!(folder.read_all(&|_| true).unwrap().is_empty());
        assert!(folder.folders().unwrap().is_empty());
    }
}
