//! Whether this server is the only one on its data folder: then what bears the installation's mark, and is
//! not its own, was left by one that has ended.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tracing::warn;

use super::super::folder::Folder;

const FILE: &str = "processes.lock";

/// Held while this server runs; the system gives it back when the server ends.
#[derive(Debug)]
pub(super) struct Lease {
    _file: File,
    alone: bool,
}

impl Lease {
    /// Takes it if nobody holds it. Blocks, but for no other server.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn take(data_dir: &Path) -> io::Result<Self> {
        let file = Folder::open(data_dir)?.append(FILE)?;
        let alone = match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => true,
            Err(Errno::WOULDBLOCK) => false,
            Err(error) => return Err(error.into()),
        };
        if !alone {
            warn!(
                "another server uses the same data folder: what is left of earlier ones is not ended"
            );
        }
        Ok(Self { _file: file, alone })
    }

    /// Returns whether no other server uses the data folder.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lease::take(folder.path()).unwrap();
        let second = Lease::take(folder.path()).unwrap();
        assert!(first.is_alone() && !second.is_alone());
        drop((first, second));
        assert!(Lease::take(folder.path()).unwrap().is_alone());
    }
}
