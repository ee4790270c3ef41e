//! What a server on this machine needs of it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::Path;

use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getrlimit, getuid};

use super::Check;
use crate::app::ADMIN_TOKEN_FILE;
use crate::cli::place::Place;

/// Below this, in bytes, a database soon cannot be written.
const LITTLE_SPACE: u64 = 1 << 30;
const NO_SPACE: u64 = 100 << 20;
/// Descriptors that ten thousand connections need, and some for files.
const FEW_FILES: u64 = 10_240;

/// Runs the checks.
pub fn checks(place: &Place) -> Vec<Check> {
    let mut checks = Vec::new();
    match &place.data_dir {
        None => checks.push(Check::wrong(
            "data-folder",
            "no data folder is known: HOME is not set",
            "set HOME or ISOMER_DATA_DIR",
        )),
        Some(folder) => {
            checks.push(data_folder(folder));
            checks.extend(token_file(&folder.join(ADMIN_TOKEN_FILE)));
            checks.extend(space(folder));
        }
    }
    checks.push(open_files());
    checks
}

fn data_folder(folder: &Path) -> Check {
    const NAME: &str = "data-folder";
    let shown = folder.display();
    let Ok(found) = fs::metadata(folder) else {
        let says = format!("{shown} is not there, or not for this user");
        let fix = "a server makes it when it starts; ISOMER_DATA_DIR names another";
        return Check::warning(NAME, says, fix);
    };
    if !found.is_dir() {
        return Check::wrong(NAME, format!("{shown} is no folder"), "move it away");
    }
    if found.mode() & 0o022 != 0 {
        let says = format!("others may write into {shown} (mode {:o})", found.mode() & 0o777);
        return Check::wrong(NAME, says, format!("chmod go-w '{shown}'"));
    }
    if access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let says = format!("{shown} cannot be used by this user (its owner is {})", found.uid());
        return Check::wrong(NAME, says, "run as its owner, or set ISOMER_DATA_DIR");
    }
    Check::ok(NAME, format!("{shown} is this user's"))
}

fn token_file(path: &Path) -> Option<Check> {
    const NAME: &str = "token-file";
    let shown = path.display();
    // None is no fault: the token may be given in the environment.
    let found = fs::metadata(path).ok()?;
    let mode = found.permissions().mode() & 0o777;
    Some(if mode & 0o077 != 0 {
        let says = format!("other users may read {shown} (mode {mode:o})");
        let fix = format!("chmod 600 '{shown}'; if others had the time, delete it and restart");
        Check::wrong(NAME, says, fix)
    } else if found.uid() != getuid().as_raw() {
        let says = format!("{shown} belongs to user {}", found.uid());
        Check::warning(NAME, says, "run as the user who runs the server")
    } else {
        Check::ok(NAME, format!("{shown} is for its owner only"))
    })
}

fn space(folder: &Path) -> Option<Check> {
    const NAME: &str = "disk-space";
    let found = folder.ancestors().find_map(|folder| statvfs(folder).ok())?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let says = format!("{} MiB are free for {}", free >> 20, folder.display());
    let fix = "make room, or move the data folder (ISOMER_DATA_DIR)";
    Some(match free {
        0..NO_SPACE => Check::wrong(NAME, says, fix),
        NO_SPACE..LITTLE_SPACE => Check::warning(NAME, says, fix),
        _ => Check::ok(NAME, says),
    })
}

fn open_files() -> Check {
    const NAME: &str = "open-files";
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < FEW_FILES => Check::warning(
            NAME,
            format!("a server started from here may open {limit} files and connections"),
            format!("`ulimit -n {FEW_FILES}` before it, or LimitNOFILE= in its unit"),
        ),
        Some(limit) => Check::ok(NAME, format!("{limit} files and connections may be open")),
        None => Check::ok(NAME, "any number of files and connections may be open"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn files_for_everybody_are_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(ADMIN_TOKEN_FILE);
        assert!(token_file(&path).is_none());
        fs::write(&path, "token").unwrap();
        for (mode, level) in [(0o644, Level::Wrong), (0o640, Level::Wrong), (0o600, Level::Ok)] {
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let check = token_file(&path).unwrap();
            assert_eq!(check.level, level, "{mode:o}");
            assert!(!check.says.contains("token\n"));
        }
        for (mode, level) in [(0o777, Level::Wrong), (0o755, Level::Ok), (0o700, Level::Ok)] {
            fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(data_folder(folder.path()).level, level, "{mode:o}");
        }
        assert_eq!(data_folder(&path).level, Level::Wrong);
        assert_eq!(data_folder(&folder.path().join("none")).level, Level::Warning);
    }
}
