//! Which installation this is: what it started is known by its id, and nothing else is ever ended.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tracing::warn;
use uuid::Uuid;

use super::folder::Folder;

const FILE: &str = "installation";
/// Longer than any id.
const LONGEST: u64 = 64;

/// The id of this data folder, kept in it as `installation`.
#[derive(Debug)]
pub struct Installation {
    id: Uuid,
    /// Locked while this server runs; the system unlocks it when the server ends.
    _file: File,
    alone: bool,
}

impl Installation {
    /// Reads the id; the first time, one is made. Blocks.
    ///
    /// # Errors
    /// What the system says, or that the file holds no id.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir)?;
        let folder = Folder::open(data_dir)?;
        let mut file = folder.append(FILE)?;
        let alone = match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => true,
            Err(Errno::WOULDBLOCK) => false,
            Err(error) => return Err(error.into()),
        };
        let text = folder.read(FILE, LONGEST)?.unwrap_or_default();
        let id = if text.is_empty() && alone {
            let id = Uuid::new_v4();
            file.write_all(id.to_string().as_bytes())?;
            file.sync_all()?;
            id
        } else {
            let text = String::from_utf8_lossy(&text);
            text.trim().parse().map_err(|_| io::Error::other("it holds no installation id"))?
        };
        if !alone {
            warn!(
                "another server uses the same data folder: what is left of earlier ones is not ended"
            );
        }
        Ok(Self { id, _file: file, alone })
    }

    /// Returns the id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Returns whether no other server uses this data folder: what bears its id and is not ours was
    /// left by one that has ended.
    pub fn alone(&self) -> bool {
        self.alone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_stays_and_one_server_is_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Installation::open(folder.path()).unwrap();
        let second = Installation::open(folder.path()).unwrap();
        assert_eq!(first.id(), second.id());
        assert!(first.alone() && !second.alone());
        drop((first, second));
        assert!(Installation::open(folder.path()).unwrap().alone());
        let other = tempfile::tempdir().unwrap();
        assert_ne!(
            Installation::open(other.path()).unwrap().id(),
            Installation::open(folder.path()).unwrap().id()
        );
    }
}
