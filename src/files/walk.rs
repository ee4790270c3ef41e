//! Walks over folders: listed, measured, cleared. Never through a link, and bounded. All of it blocks.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, Stat};
use rustix::io::Errno;

use crate::beneath::{self, A_FOLDER};

/// Entries in one list.
pub const MAX_ENTRIES: usize = 10_000;
/// Entries that are looked at for one list.
const MAX_LOOKED_AT: usize = 100_000;
/// How deep a walk goes; each step holds a folder open. What is written here is less deep.
const MAX_DEPTH: usize = 64;
/// What is never shown (contract 07 §4).
const HIDDEN: [&str; 4] = [".git", "node_modules", "__pycache__", ".DS_Store"];
/// What the smallest file or folder is counted as, in bytes.
const BLOCK: u64 = 4_096;
/// The unit of a file's blocks, on every system in use.
const SECTOR: u64 = 512;

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Relative to the folder that is listed.
    pub path: String,
    /// In bytes; 0 for a folder.
    pub size: u64,
    pub folder: bool,
}

/// What is in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// By path.
    pub entries: Vec<Listed>,
    /// There is more.
    pub cut: bool,
}

/// Lists files and folders down to `depth`; what is nearer comes first into a list that is cut.
/// Links, pipes and devices are left out, and names that are not UTF-8: no path names them.
///
/// # Errors
/// What the system says of `folder` itself.
pub fn list(folder: &OwnedFd, depth: usize, shown: impl Fn(&str) -> bool) -> Result<List, Errno> {
    let (mut list, mut looked_at) = (List::default(), 0);
    let mut waiting = VecDeque::from([(String::new(), 1)]);
    while let Some((within, level)) = waiting.pop_front() {
        // It may have gone, or be a link by now.
        let opened = beneath::open(folder, &within, A_FOLDER, Mode::empty());
        let opened = match opened {
            Err(error) if within.is_empty() => return Err(error),
            Err(_) => continue,
            Ok(opened) => opened,
        };
        for entry in Dir::read_from(&opened)? {
            let Ok(entry) = entry else { break };
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..") || HIDDEN.contains(&name) {
                continue;
            }
            looked_at += 1;
            if list.entries.len() >= MAX_ENTRIES || looked_at > MAX_LOOKED_AT {
                list.cut = true;
                list.entries.sort();
                return Ok(list);
            }
            let path = if within.is_empty() { name.to_owned() } else { format!("{within}/{name}") };
            let Ok(stat) = rustix::fs::statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let folder = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => true,
                FileType::RegularFile => false,
                _ => continue,
            };
            if !shown(&path) {
                continue;
            }
            if folder && level < depth {
                waiting.push_back((path.clone(), level + 1));
            }
            let size = if folder { 0 } else { u64::try_from(stat.st_size).unwrap_or(0) };
            list.entries.push(Listed { path, size, folder });
        }
    }
    list.entries.sort();
    Ok(list)
}

/// Returns what everything in a folder takes, in bytes; no more than it takes to be over `limit`.
///
/// # Errors
/// What the system says.
pub fn used(folder: &OwnedFd, limit: u64) -> Result<u64, Errno> {
    measure(folder, limit, 0)
}

fn measure(folder: &OwnedFd, limit: u64, depth: usize) -> Result<u64, Errno> {
    let mut used = 0_u64;
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_self(name.to_bytes()) {
            continue;
        }
        let stat = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            stat => stat?,
        };
        used = used.saturating_add(taken(&stat));
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if is_folder && depth < MAX_DEPTH && used <= limit {
            // What cannot be opened any more, or may not be, is not measured.
            if let Ok(inner) = rustix::fs::openat(folder, name, A_FOLDER, Mode::empty()) {
                used = used.saturating_add(measure(&inner, limit - used, depth + 1)?);
            }
        }
        if used > limit {
            break;
        }
    }
    Ok(used)
}

/// Returns what something takes on the disk, in bytes. What is written here has no holes.
pub fn taken(stat: &Stat) -> u64 {
    let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
    blocks.saturating_mul(SECTOR).max(BLOCK)
}

/// Returns what a file of this size takes.
pub fn takes(size: usize) -> u64 {
    (size as u64).div_ceil(BLOCK).max(1) * BLOCK
}

/// Deletes everything in a folder.
///
/// # Errors
/// What the system says; `NAMETOOLONG` when it is too deep.
pub fn clear(folder: &OwnedFd) -> Result<(), Errno> {
    clear_at(folder, 0)
}

fn clear_at(folder: &OwnedFd, depth: usize) -> Result<(), Errno> {
    if depth > MAX_DEPTH {
        return Err(Errno::NAMETOOLONG);
    }
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_self(name.to_bytes()) {
            continue;
        }
        match rustix::fs::unlinkat(folder.as_fd(), name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => continue,
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(error),
        }
        let inner = rustix::fs::openat(folder, name, A_FOLDER, Mode::empty())?;
        clear_at(&inner, depth + 1)?;
        rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)?;
    }
    Ok(())
}

fn is_self(name: &[u8]) -> bool {
    matches!(name, b"." | b"..")
}
