//! One upload: files that are written aside, and then all there at once, or not at all.

use isomer_actors::domain::ids::WorkspaceId;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::folder::{Folder, taken};
use super::{Charge, ChatFilesError, blocking, name};

const STORE: &str = "store a file";

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// As people gave it, made safe.
    pub name: String,
    /// The name under which it is found.
    pub stored: String,
    /// In bytes.
    pub size: u64,
}

/// An upload under way. Dropped before [`Upload::keep`], it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    folder: Folder,
    id: WorkspaceId,
    charge: Charge,
    staged: Vec<Staged>,
    places: [OwnedSemaphorePermit; 2],
}

/// A file that is being written.
#[derive(Debug)]
struct Staged {
    file: File,
    temporary: Temporary,
    name: String,
    size: u64,
}

/// The name of a file that is being written: deleted when dropped.
#[derive(Debug)]
struct Temporary {
    folder: Folder,
    name: String,
}

impl Upload {
    pub(super) fn new(
        folder: Folder,
        id: WorkspaceId,
        charge: Charge,
        places: [OwnedSemaphorePermit; 2],
    ) -> Self {
        Self { folder, id, charge, staged: Vec::new(), places }
    }

    /// Begins the next file, under a name that [`name::sanitised`] made.
    ///
    /// # Errors
    /// `Full`, or `Disk`.
    pub async fn add(&mut self, name: String) -> Result<(), ChatFilesError> {
        self.charge.add(taken(0))?;
        let temporary = Temporary { folder: self.folder.clone(), name: hex(random()?) };
        let folder = self.folder.clone();
        // Both come back together: a caller who goes away meanwhile leaves no file either.
        let begin = move || folder.begin(&temporary.name).map(|file| (file, temporary));
        let (file, temporary) = blocking(STORE, begin).await?;
        self.staged.push(Staged { file: File::from_std(file), temporary, name, size: 0 });
        Ok(())
    }

    /// Adds to the file that was begun last.
    ///
    /// # Errors
    /// `Full`, or `Disk`.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ChatFilesError> {
        let Some(staged) = self.staged.last_mut() else { return Ok(()) };
        let size = staged.size + bytes.len() as u64;
        self.charge.add(taken(size) - taken(staged.size))?;
        staged.size = size;
        staged.file.write_all(bytes).await.map_err(failed)
    }

    /// Makes all files those of the workspace. When it returns they are on the disk.
    ///
    /// # Errors
    /// `Gone` when the workspace does not exist any more, or `Disk`; nothing is stored then.
    pub async fn keep(
        self,
        exists: impl Fn(WorkspaceId) -> bool + Send + 'static,
    ) -> Result<Vec<Stored>, ChatFilesError> {
        let Self { folder, id, charge, staged, places } = self;
        let (mut stored, mut moves, mut temporaries) = (Vec::new(), Vec::new(), Vec::new());
        for mut staged in staged {
            staged.file.flush().await.map_err(failed)?;
            staged.file.sync_all().await.map_err(failed)?;
            let at = name::stored(random()?, &staged.name);
            moves.push((staged.temporary.name.clone(), at.clone()));
            temporaries.push(staged.temporary);
            stored.push(Stored { name: staged.name, stored: at, size: staged.size });
        }
        // Finished also when the caller goes away meanwhile: what is counted is what is there.
        let kept = blocking(STORE, move || {
            folder.keep(id, &moves)?;
            // A purge deletes the folder after the row is gone: either it sees these files, or
            // this sees that the row is gone.
            let exists = exists(id);
            if exists {
                charge.keep();
            } else {
                folder.delete(id)?;
            }
            drop((temporaries, places));
            Ok(exists)
        });
        if kept.await? { Ok(stored) } else { Err(ChatFilesError::Gone) }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let (folder, name) = (self.folder.clone(), std::mem::take(&mut self.name));
        match Handle::try_current() {
            Ok(runtime) => _ = runtime.spawn_blocking(move || folder.abandon(&name)),
            Err(_) => folder.abandon(&name),
        }
    }
}

fn failed(source: std::io::Error) -> ChatFilesError {
    ChatFilesError::Disk { operation: STORE, source }
}

fn random() -> Result<[u8; 16], ChatFilesError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| failed(std::io::ErrorKind::Other.into()))?;
    Ok(bytes)
}

fn hex(bytes: [u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use isomer_actors::domain::ids::WorkspaceId;

    use crate::chat_files::{ChatFiles, ChatFilesError};

    async fn files(data_dir: &Path) -> ChatFiles {
        ChatFiles::open(data_dir, 1 << 20, |_| false).await.unwrap()
    }

    fn entries(folder: &Path) -> usize {
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }

    #[tokio::test]
    async fn a_workspace_that_goes_meanwhile_takes_the_upload_along() {
        let data_dir = tempfile::tempdir().unwrap();
        let (files, id) = (files(data_dir.path()).await, WorkspaceId::random());
        let mut upload = files.begin(id).await.unwrap();
        upload.add("a.txt".to_owned()).await.unwrap();
        upload.write(b"text").await.unwrap();
        let kept = upload.keep(|_| false).await;
        assert!(matches!(kept, Err(ChatFilesError::Gone)), "{kept:?}");
        assert_eq!(entries(&data_dir.path().join("chat")), 1, "only where files come in");
        assert_eq!(entries(&data_dir.path().join("chat/incoming")), 0);
    }

    #[tokio::test]
    async fn what_is_dropped_takes_no_room() {
        let data_dir = tempfile::tempdir().unwrap();
        let (files, id) = (files(data_dir.path()).await, WorkspaceId::random());
        for _ in 0..3 {
            let mut upload = files.begin(id).await.unwrap();
            upload.add("a.txt".to_owned()).await.unwrap();
            upload.write(&[0; 600_000]).await.unwrap();
        }
        let mut upload = files.begin(id).await.unwrap();
        upload.add("a.txt".to_owned()).await.unwrap();
        upload.write(&[0; 1 << 20]).await.unwrap();
        let more = upload.write(&[0]).await;
        assert!(matches!(more, Err(ChatFilesError::Full { limit: 1_048_576 })), "{more:?}");
        let stored = upload.keep(|_| true).await.unwrap();
        let (_, size) = files.find(id, &stored[0].stored).await.unwrap();
        assert_eq!(size, 1 << 20);
        let more = files.begin(id).await.unwrap().add("b".to_owned()).await;
        assert!(matches!(more, Err(ChatFilesError::Full { .. })), "{more:?}");
    }
}
