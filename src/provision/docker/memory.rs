//! Secrets that are given by file: in the host's memory, private to the server's user, mounted into one
//! container each.
//!
//! A tmpfs of the container itself exists only once its agent runs, and the engine cannot write into one. So
//! the files lie in `/dev/shm`, which is a tmpfs on every Linux, before the agent starts.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use isomer_actors::domain::ids::WorkspaceId;
use uuid::Uuid;

use super::spec::SECRETS_FILE;

const MEMORY: &str = "/dev/shm";
/// What `statfs` calls file systems in memory.
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

/// The folder of this installation's secrets. Everything here blocks.
#[derive(Clone, Debug)]
pub struct SecretsFolder(PathBuf);

impl SecretsFolder {
    /// Opens it, creating what is missing.
    ///
    /// # Errors
    /// It does not lie in memory, or is not private to this process's user: no secret may be put there.
    pub fn open(installation: Uuid) -> io::Result<Self> {
        Self::open_in(Path::new(MEMORY), installation)
    }

    fn open_in(memory: &Path, installation: Uuid) -> io::Result<Self> {
        let root = memory.join(format!("isomer-{installation}"));
        private(&root)?;
        let kind = rustix::fs::statfs(&root)?.f_type;
        if !IN_MEMORY.contains(&(kind as u32)) {
            return Err(io::Error::other("the folder for secrets does not lie in memory"));
        }
        Ok(Self(root))
    }

    /// Puts the secrets of one workspace there, all at once; returns their folder.
    ///
    /// # Errors
    /// What the system says; the former ones may be there still.
    pub fn put(&self, id: WorkspaceId, bytes: &[u8]) -> io::Result<PathBuf> {
        let folder = self.0.join(id.to_string());
        private(&folder)?;
        let draft = folder.join(format!(".{}", Uuid::new_v4()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(bytes)?;
        std::fs::rename(draft, folder.join(SECRETS_FILE))?;
        Ok(folder)
    }

    /// Removes the secrets of one workspace.
    ///
    /// # Errors
    /// What the system says; nothing to remove is no failure.
    pub fn remove(&self, id: WorkspaceId) -> io::Result<()> {
        match std::fs::remove_dir_all(self.0.join(id.to_string())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Removes the secrets of all workspaces but those to keep.
    ///
    /// # Errors
    /// What the system says.
    pub fn retain(&self, keep: impl Fn(WorkspaceId) -> bool) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.0)? {
            let entry = entry?;
            let id = entry.file_name().to_str().and_then(WorkspaceId::parse_loose);
            if id.is_none_or(|id| !keep(id)) {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Makes a folder for this user alone, or sees that it is one: others may write in `/dev/shm`, too.
fn private(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = std::fs::symlink_metadata(path)?;
    let own = found.is_dir()
        && found.uid() == rustix::process::getuid().as_raw()
        && found.mode() & 0o077 == 0;
    if own { Ok(()) } else { Err(io::Error::other("the folder for secrets is not private")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> SecretsFolder {
        SecretsFolder::open(Uuid::new_v4()).unwrap()
    }

    impl SecretsFolder {
        fn gone(self) {
            std::fs::remove_dir_all(self.0).unwrap();
        }
    }

    #[test]
    fn secrets_lie_in_memory_and_are_private() {
        let (folder, id, other) = (folder(), WorkspaceId::random(), WorkspaceId::random());
        let own = folder.put(id, b"{}").unwrap();
        folder.put(id, b"{\"KEY\":\"open sesame\"}").unwrap();
        folder.put(other, b"{}").unwrap();
        let file = own.join(SECRETS_FILE);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), r#"{"KEY":"open sesame"}"#);
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&own).unwrap().mode() & 0o777, 0o700);
        folder.retain(|id| id == other).unwrap();
        assert!(!own.exists() && folder.0.join(other.to_string()).exists());
        folder.remove(other).unwrap();
        folder.remove(other).unwrap();
        folder.gone();
    }

    #[test]
    fn a_disk_and_a_planted_folder_are_refused() {
        let disk = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let error = SecretsFolder::open_in(disk.path(), Uuid::new_v4()).unwrap_err();
        assert!(error.to_string().contains("memory"), "{error}");
        let (memory, id) = (tempfile::tempdir_in(MEMORY).unwrap(), Uuid::new_v4());
        std::os::unix::fs::symlink("/tmp", memory.path().join(format!("isomer-{id}"))).unwrap();
        let error = SecretsFolder::open_in(memory.path(), id).unwrap_err();
        assert!(error.to_string().contains("private"), "{error}");
    }
}
