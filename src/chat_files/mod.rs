//! Files that people and agents attach to messages (contract 07 §5).
//!
//! The server keeps them itself, in its data directory. Owns what each workspace may still add;
//! a restart counts that anew from the disk, and deletes what was only half there.

mod folder;
pub mod name;
mod upload;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use isomer_actors::domain::ids::WorkspaceId;
use tokio::fs::File;
use tokio::sync::{OnceCell, Semaphore};

use self::folder::{Folder, NotOpened};
pub use self::upload::{Stored, Upload};

/// Uploads under way at once.
const MAX_UPLOADS: usize = 16;
/// Of these to one workspace.
const MAX_UPLOADS_EACH: usize = 4;

/// Why a file was not stored or not found.
#[derive(Debug, thiserror::Error)]
pub enum ChatFilesError {
    /// Too many uploads are under way.
    #[error("too many uploads are under way")]
    Busy,
    /// The workspace would have more than it may.
    #[error("the files of this workspace would take more than {limit} bytes")]
    Full { limit: u64 },
    /// The workspace was purged meanwhile.
    #[error("the workspace is gone")]
    Gone,
    #[error("there is no such file")]
    NotFound,
    /// A link, a folder, a pipe.
    #[error("it is not a regular file")]
    NotAFile,
    #[error("the disk did not {operation}")]
    Disk { operation: &'static str, source: std::io::Error },
}

/// The files of all workspaces. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ChatFiles(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: Folder,
    /// What the files of one workspace may take, in bytes.
    limit: u64,
    uploads: Arc<Semaphore>,
    /// Of workspaces that were uploaded to since the start.
    ledgers: DashMap<WorkspaceId, Arc<Ledger>>,
}

/// What one workspace has.
#[derive(Debug)]
struct Ledger {
    /// In bytes, counted from the disk by whoever comes first.
    used: OnceCell<AtomicU64>,
    uploads: Arc<Semaphore>,
}

impl ChatFiles {
    /// Opens the folder inside `data_dir`, deletes what is only half there, and the files of
    /// workspaces that are `gone`: purged while the process ended. That a workspace is not known is no
    /// reason: it may be another database's. `limit` is in bytes.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub async fn open(
        data_dir: &Path,
        limit: u64,
        gone: impl Fn(WorkspaceId) -> bool + Send + 'static,
    ) -> Result<Self, ChatFilesError> {
        let data_dir = data_dir.to_owned();
        let folder = blocking("open the folder of chat files", move || {
            let folder = Folder::open(&data_dir)?;
            folder.sweep(&gone)?;
            Ok(folder)
        })
        .await?;
        let uploads = Arc::new(Semaphore::new(MAX_UPLOADS));
        Ok(Self(Arc::new(Shared { folder, limit, uploads, ledgers: DashMap::new() })))
    }

    /// Deletes the files of workspaces that are gone for good.
    ///
    /// # Errors
    /// When the disk refuses; some may be deleted then.
    pub async fn forget(&self, gone: Vec<WorkspaceId>) -> Result<(), ChatFilesError> {
        let shared = Arc::clone(&self.0);
        blocking("delete files of purged workspaces", move || {
            for id in gone {
                shared.folder.delete(id)?;
                shared.ledgers.remove(&id);
            }
            Ok(())
        })
        .await
    }

    /// Begins an upload to a workspace. Nothing of it is there before [`Upload::keep`].
    ///
    /// # Errors
    /// `Busy`, or `Disk` when what is there cannot be counted.
    pub async fn begin(&self, id: WorkspaceId) -> Result<Upload, ChatFilesError> {
        let ledger = Arc::clone(
            self.0
                .ledgers
                .entry(id)
                .or_insert_with(|| {
                    let uploads = Arc::new(Semaphore::new(MAX_UPLOADS_EACH));
                    Arc::new(Ledger { used: OnceCell::new(), uploads })
                })
                .value(),
        );
        let places = [&ledger.uploads, &self.0.uploads]
            .map(|uploads| Arc::clone(uploads).try_acquire_owned());
        let [Ok(one), Ok(all)] = places else {
            return Err(ChatFilesError::Busy);
        };
        let folder = self.0.folder.clone();
        let count =
            || async { blocking("count files", move || folder.used(id)).await.map(AtomicU64::new) };
        ledger.used.get_or_try_init(count).await?;
        let charge = Charge { ledger, bytes: 0, limit: self.0.limit };
        Ok(Upload::new(self.0.folder.clone(), id, charge, [one, all]))
    }

    /// Opens a file by the name it is stored under, and returns its size in bytes.
    ///
    /// # Errors
    /// `NotFound`, `NotAFile`, or `Disk`.
    pub async fn find(&self, id: WorkspaceId, stored: &str) -> Result<(File, u64), ChatFilesError> {
        if name::given(stored).is_none() {
            return Err(ChatFilesError::NotFound);
        }
        let (folder, stored) = (self.0.folder.clone(), stored.to_owned());
        let found = blocking("open a file", move || Ok(folder.find(id, &stored))).await?;
        match found {
            Ok((file, size)) => Ok((File::from_std(file), size)),
            Err(NotOpened::Missing) => Err(ChatFilesError::NotFound),
            Err(NotOpened::NotAFile) => Err(ChatFilesError::NotAFile),
            Err(NotOpened::Failed(source)) => {
                Err(ChatFilesError::Disk { operation: "open a file", source })
            }
        }
    }
}

/// Bytes that an upload takes of what its workspace may have; given back unless kept.
#[derive(Debug)]
struct Charge {
    ledger: Arc<Ledger>,
    bytes: u64,
    limit: u64,
}

impl Charge {
    fn add(&mut self, bytes: u64) -> Result<(), ChatFilesError> {
        let (limit, full) = (self.limit, ChatFilesError::Full { limit: self.limit });
        let Some(used) = self.ledger.used.get() else { return Err(full) };
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= limit);
        used.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).map_err(|_| full)?;
        self.bytes += bytes;
        Ok(())
    }

    fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(used) = self.ledger.used.get() {
            used.fetch_sub(self.bytes, Ordering::AcqRel);
        }
    }
}

/// Runs what blocks where it may, and says what failed.
async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, ChatFilesError> {
    let failed = |source| ChatFilesError::Disk { operation, source };
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(failed),
        Err(_) => Err(failed(std::io::ErrorKind::Interrupted.into())),
    }
}
