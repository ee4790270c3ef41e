//! Opening what lies beneath a folder without ever leaving it. Everything here blocks.
//!
//! A path that comes from outside is looked up part by part from a folder that is held open, and
//! no link is followed, wherever on the way it stands: what an agent planted leads nowhere. The
//! kernel does that in one call (`openat2`); where it cannot, each part is opened by itself.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// The mode of folders that are the server's alone.
pub const PRIVATE_FOLDER: Mode = Mode::RWXU;
/// How a folder is opened.
pub const A_FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// How a folder is opened that is only passed through: to search it is enough.
const ON_THE_WAY: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);
/// The kernel gives up when something is renamed meanwhile, and may be asked again.
const TRIES: usize = 4;

/// Opens `path` beneath `root`; the empty path is the root itself.
///
/// # Errors
/// What the system says. A link on the way is `LOOP` or `NOTDIR`, and `..` is `XDEV`.
pub fn open(root: impl AsFd, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    /// There is no such call here.
    static ABSENT: AtomicBool = AtomicBool::new(false);
    let root = root.as_fd();
    if !ABSENT.load(Ordering::Relaxed) {
        for _ in 0..TRIES {
            match at_once(root, path, flags, mode) {
                Err(Errno::NOSYS) => ABSENT.store(true, Ordering::Relaxed),
                Err(Errno::AGAIN) => continue,
                // Where a filter forbids the call it says this, and so does what cannot be opened.
                Err(Errno::PERM) => {}
                opened => return opened,
            }
            break;
        }
    }
    step_by_step(root, path, flags, mode)
}

fn at_once(root: BorrowedFd<'_>, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let path = if path.is_empty() { "." } else { path };
    if path.split('/').any(|part| part == "..") {
        return Err(Errno::XDEV);
    }
    rustix::fs::openat2(root, path, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode, BENEATH)
}

fn step_by_step(
    root: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(Errno::XDEV);
    }
    let mut parts = path.split('/').filter(|part| !part.is_empty() && *part != ".").peekable();
    let mut at: Option<OwnedFd> = None;
    while let Some(part) = parts.next() {
        let from = at.as_ref().map_or(root, AsFd::as_fd);
        if parts.peek().is_none() {
            return rustix::fs::openat(from, part, flags, mode);
        }
        at = Some(rustix::fs::openat(from, part, ON_THE_WAY, Mode::empty())?);
    }
    rustix::fs::openat(root, ".", flags, mode)
}

/// Opens a folder beneath `root`, creating what is missing of its path with `mode`.
///
/// # Errors
/// What the system says: that a part is a link, or no folder.
pub fn make_folders(root: impl AsFd, path: &str, mode: Mode) -> Result<OwnedFd, Errno> {
    let mut at = open(root, "", A_FOLDER, Mode::empty())?;
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            return Err(Errno::XDEV);
        }
        match rustix::fs::mkdirat(&at, part, mode) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        at = rustix::fs::openat(&at, part, A_FOLDER, Mode::empty())?;
    }
    Ok(at)
}

/// Opens a folder that is the server's alone, creating it if it is missing.
///
/// # Errors
/// What the system says.
pub fn private_folder(parent: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    match rustix::fs::mkdirat(parent, name, PRIVATE_FOLDER) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let folder = rustix::fs::openat(parent, name, A_FOLDER, Mode::empty())?;
    rustix::fs::fchmod(&folder, PRIVATE_FOLDER)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    type Way = fn(BorrowedFd<'_>, &str, OFlags, Mode) -> Result<OwnedFd, Errno>;
    /// Both must say the same, whichever a system takes.
    const WAYS: [Way; 2] = [at_once, step_by_step];

    fn root(path: &Path) -> OwnedFd {
        rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    fn read(way: Way, root: &OwnedFd, path: &str) -> Result<String, Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let mut file = fs::File::from(way(root.as_fd(), path, flags, Mode::empty())?);
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|_| Errno::ISDIR)?;
        Ok(text)
    }

    #[test]
    fn nothing_leads_outside() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "outside").unwrap();
        let inside = folder.path().join("root");
        fs::create_dir_all(inside.join("a/b")).unwrap();
        fs::write(inside.join("a/b/file"), "inside").unwrap();
        symlink("../secret", inside.join("up")).unwrap();
        symlink(folder.path(), inside.join("all")).unwrap();
        symlink("b", inside.join("a/to_b")).unwrap();
        symlink("/proc/self/root", inside.join("magic")).unwrap();
        let root = root(&inside);
        for way in WAYS {
            assert_eq!(read(way, &root, "a/b/file").unwrap(), "inside");
            let fine = way(root.as_fd(), "", A_FOLDER, Mode::empty());
            assert!(fine.is_ok());
            for path in [
                "up",
                "all/secret",
                "a/to_b/file",
                "magic",
                "magic/etc/passwd",
                "..",
                "../secret",
                "a/../../secret",
                "a/b/../../../secret",
                "/etc/passwd",
            ] {
                let error = read(way, &root, path).unwrap_err();
                let told = [Errno::LOOP, Errno::NOTDIR, Errno::XDEV, Errno::NOENT];
                assert!(told.contains(&error), "{path}: {error:?}");
            }
            assert_eq!(read(way, &root, "a/missing").unwrap_err(), Errno::NOENT);
        }
    }

    #[test]
    fn folders_are_made_beneath_and_never_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("root")).unwrap();
        fs::create_dir_all(folder.path().join("elsewhere")).unwrap();
        symlink("../elsewhere", folder.path().join("root/link")).unwrap();
        let root = root(&folder.path().join("root"));
        make_folders(&root, "x/y/z", PRIVATE_FOLDER).unwrap();
        assert!(folder.path().join("root/x/y/z").is_dir());
        assert!(make_folders(&root, "link/x", PRIVATE_FOLDER).is_err());
        assert!(make_folders(&root, "../x", PRIVATE_FOLDER).is_err());
        assert_eq!(fs::read_dir(folder.path().join("elsewhere")).unwrap().count(), 0);
    }
}
