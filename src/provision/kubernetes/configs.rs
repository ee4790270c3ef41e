//! The files of `/configs`, read from the server's disk for a Secret.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::Failure;

/// The API server takes objects of little more than 1 MiB.
pub const MAX_BYTES: u64 = 900 << 10;
const MAX_FILES: usize = 512;
const MAX_DEPTH: usize = 16;

/// Files by their path below `/configs`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Reads all regular files of a folder; links are not followed. A folder that is not there is empty.
/// Blocks.
///
/// # Errors
/// [`Failure`]: too much for one object of the cluster, or unreadable.
pub fn read(folder: &Path) -> Result<Files, Failure> {
    let mut found = Found::default();
    match found.add(folder, "", 0) {
        Ok(()) => Ok(found.files),
        Err(Stop::Refused(reason)) => Err(Failure::hopeless(reason)),
        Err(Stop::Io(error)) => {
            tracing::warn!(folder = %folder.display(), %error, "files of an agent cannot be read");
            Err(Failure::new("its files cannot be read; the server's log says why"))
        }
    }
}

enum Stop {
    Refused(String),
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[derive(Default)]
struct Found {
    files: Files,
    bytes: u64,
}

impl Found {
    fn add(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), Stop> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && depth == 0 => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let Some(path) = entry.file_name().to_str().and_then(|name| below(prefix, name)) else {
                let reason = "a file of /configs has a name that Kubernetes does not take";
                return Err(Stop::Refused(reason.to_owned()));
            };
            if kind.is_dir() {
                if depth == MAX_DEPTH {
                    return Err(Stop::Refused(format!("/configs is deeper than {MAX_DEPTH}")));
                }
                self.add(&entry.path(), &path, depth + 1)?;
            } else if kind.is_file() {
                self.read(&entry.path(), path)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, file: &Path, path: String) -> Result<(), Stop> {
        // It may have become a link since it was listed.
        let no_links = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(no_links).open(file)?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES - self.bytes + 1).read_to_end(&mut bytes)?;
        self.bytes += bytes.len() as u64;
        if self.bytes > MAX_BYTES || self.files.len() == MAX_FILES {
            let most = MAX_BYTES >> 10;
            return Err(Stop::Refused(format!(
                "/configs is too large for Kubernetes: at most {most} KiB in {MAX_FILES} files"
            )));
        }
        self.files.insert(path, bytes);
        Ok(())
    }
}

/// Returns a path as a volume takes it: it refuses those that begin with two dots.
fn below(prefix: &str, name: &str) -> Option<String> {
    if prefix.is_empty() {
        return (!name.starts_with("..")).then(|| name.to_owned());
    }
    Some(format!("{prefix}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_path_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&folder.path().join("none")).unwrap().is_empty());
        std::fs::create_dir_all(folder.path().join("skills/a")).unwrap();
        std::fs::write(folder.path().join("config.yaml"), "name: Ada").unwrap();
        std::fs::write(folder.path().join("skills/a/SKILL.md"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        let files = read(folder.path()).unwrap();
        let paths: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(paths, ["config.yaml", "skills/a/SKILL.md"]);
        assert_eq!(files["config.yaml"], b"name: Ada");
    }

    #[test]
    fn too_much_is_refused_and_exactly_enough_is_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), vec![0; MAX_BYTES as usize - 1]).unwrap();
        std::fs::write(folder.path().join("b"), "x").unwrap();
        assert_eq!(read(folder.path()).unwrap().len(), 2);
        std::fs::write(folder.path().join("c"), "x").unwrap();
        let failure = read(folder.path()).unwrap_err();
        assert!(failure.hopeless && failure.reason.contains("900 KiB"), "{failure:?}");
    }

    #[test]
    fn names_that_a_volume_refuses_are_refused_before() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("..data"), "x").unwrap();
        assert!(read(folder.path()).unwrap_err().hopeless);
    }
}
