//! What is read, written and deleted beneath one root. Everything here blocks.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::path::RelativePath;
use super::{Content, FilesError, MAX_FILE};
use crate::beneath::{self, A_FOLDER};

/// The modes of what is made here. Around it lies the private folder of the workspace; in a
/// container the agent may be another user than the server.
const NEW_FILE: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH);
const NEW_FOLDER: Mode =
    Mode::RWXU.union(Mode::RGRP).union(Mode::XGRP).union(Mode::ROTH).union(Mode::XOTH);
/// A pipe would be waited for.
const TO_READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);
/// How the names of files begin that are being written.
const TEMPORARY: &str = ".isomer-write-";

/// Returns the file's text, as much of it as is handed out.
///
/// # Errors
/// `Missing`, `NotAFile`, or `Disk`.
pub fn read(root: &OwnedFd, path: &RelativePath) -> Result<Content, FilesError> {
    let (file, _) = open_file(root, path)?;
    // It may grow meanwhile.
    let limit = MAX_FILE as u64 + 1;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(|error| failed("read a file", error))?;
    Ok(Content::of(bytes))
}

/// Opens a regular file that has no second name, which might be one outside.
fn open_file(root: &OwnedFd, path: &RelativePath) -> Result<(File, Stat), FilesError> {
    let opened = beneath::open(root, path.as_str(), TO_READ, Mode::empty());
    let file = opened.map_err(|error| not_opened("open a file", error))?;
    let stat = rustix::fs::fstat(&file).map_err(|error| failed("open a file", error))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if stat.st_nlink <= 1 => Ok((file.into(), stat)),
        _ => Err(FilesError::NotAFile),
    }
}

/// Returns the entity tag of what is there, `None` where there is no file. A file that is too
/// long to be read whole has one that nobody knows.
///
/// # Errors
/// `NotAFile`, or `Disk`.
pub fn tag_of(root: &OwnedFd, path: &RelativePath) -> Result<Option<String>, FilesError> {
    match read(root, path) {
        Ok(content) => Ok(Some(content.tag.unwrap_or_default())),
        Err(FilesError::Missing) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the entity tag of a content.
pub fn tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// A file that is written beside its place. Dropped before it is moved there, it is deleted.
#[derive(Debug)]
struct Staged<'a> {
    folder: OwnedFd,
    temporary: Option<String>,
    name: &'a str,
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = rustix::fs::unlinkat(&self.folder, temporary.as_str(), AtFlags::empty());
        }
    }
}

/// Writes files whole: all are on the disk under other names before the first takes its place.
///
/// # Errors
/// `NotAFile`, or `Disk`. Then nothing is changed, unless the disk refuses between two moves.
pub fn write(root: &OwnedFd, files: &[(RelativePath, String)]) -> Result<(), FilesError> {
    let staged = files.iter().map(|(path, text)| stage(root, path, text.as_bytes()));
    let staged: Vec<_> = staged.collect::<Result<_, _>>()?;
    for mut staged in staged {
        let Some(temporary) = &staged.temporary else { continue };
        let (folder, name) = (&staged.folder, staged.name);
        rustix::fs::renameat(folder, temporary.as_str(), folder, name)
            .map_err(|error| failed(WRITE, error))?;
        staged.temporary = None;
        rustix::fs::fsync(&staged.folder).map_err(|error| failed(WRITE, error))?;
    }
    Ok(())
}

const WRITE: &str = "write a file";

fn stage<'a>(
    root: &OwnedFd,
    path: &'a RelativePath,
    bytes: &[u8],
) -> Result<Staged<'a>, FilesError> {
    let (parent, name) = path.split();
    let folder = beneath::make_folders(root, parent, NEW_FOLDER);
    let folder = folder.map_err(|error| match error {
        Errno::LOOP | Errno::NOTDIR => FilesError::NotAFile,
        error => failed(WRITE, error),
    })?;
    let mode = mode_of(&folder, name)?;
    let temporary = temporary()?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&folder, temporary.as_str(), flags, mode);
    let mut file = File::from(file.map_err(|error| failed(WRITE, error))?);
    let staged = Staged { folder, temporary: Some(temporary), name };
    file.write_all(bytes).map_err(|error| failed(WRITE, error))?;
    file.sync_all().map_err(|error| failed(WRITE, error))?;
    Ok(staged)
}

/// A file keeps its mode. What is no file is not replaced by one.
fn mode_of(folder: &OwnedFd, name: &str) -> Result<Mode, FilesError> {
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
            Ok(Mode::from_raw_mode(stat.st_mode & 0o777))
        }
        Ok(_) => Err(FilesError::NotAFile),
        Err(Errno::NOENT) => Ok(NEW_FILE),
        Err(error) => Err(failed(WRITE, error)),
    }
}

fn temporary() -> Result<String, FilesError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| failed(WRITE, io::Error::other("no randomness")))?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{TEMPORARY}{hex}"))
}

const DELETE: &str = "delete a file";

/// Deletes a file, a link (never what it leads to), or a folder with everything in it.
///
/// # Errors
/// `Missing`, or `Disk`; of a folder some may be deleted then.
pub fn delete(root: &OwnedFd, path: &RelativePath) -> Result<(), FilesError> {
    let (parent, name) = path.split();
    let parent = beneath::open(root, parent, A_FOLDER, Mode::empty());
    let parent = parent.map_err(|error| not_opened(DELETE, error))?;
    match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
        Ok(()) => {}
        Err(Errno::NOENT) => return Err(FilesError::Missing),
        // What Linux and POSIX say of a folder.
        Err(Errno::ISDIR | Errno::PERM) => {
            let folder = rustix::fs::openat(&parent, name, A_FOLDER, Mode::empty());
            let folder = folder.map_err(|error| not_opened(DELETE, error))?;
            super::walk::clear(&folder).map_err(|error| failed(DELETE, error))?;
            rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR)
                .map_err(|error| failed(DELETE, error))?;
        }
        Err(error) => return Err(failed(DELETE, error)),
    }
    rustix::fs::fsync(&parent).map_err(|error| failed(DELETE, error))
}

/// Returns what the file takes that is there, in bytes; 0 when there is none.
pub fn taken_by(root: BorrowedFd<'_>, path: &RelativePath) -> u64 {
    let (parent, name) = path.split();
    beneath::open(root, parent, A_FOLDER, Mode::empty())
        .and_then(|folder| rustix::fs::statat(folder.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW))
        .map_or(0, |stat| super::walk::taken(&stat))
}

/// A link on the way, or in its place, is as if nothing were there: nothing that is a file is.
fn not_opened(operation: &'static str, error: Errno) -> FilesError {
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => FilesError::Missing,
        Errno::LOOP | Errno::NXIO | Errno::XDEV => FilesError::NotAFile,
        error => failed(operation, error),
    }
}

fn failed(operation: &'static str, source: impl Into<io::Error>) -> FilesError {
    FilesError::Disk { operation, source: source.into() }
}
