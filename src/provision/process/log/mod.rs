//! What agents write: kept in two bounded files, and told to who follows.

mod file;
mod redact;

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use isomer_actors::domain::ids::WorkspaceId;
use parking_lot::Mutex;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::broadcast;
use tracing::warn;

pub(super) use redact::Redactor;

use super::super::folder::Folder;
use super::super::{LogRange, Logs};

/// Pieces that a slow follower may be behind.
const MAX_BEHIND: usize = 64;
/// Longest piece, in bytes.
const PIECE: usize = 16 * 1024;

/// The output of one workspace's agents. Cheap to share.
#[derive(Debug)]
pub(super) struct AgentLog {
    files: Mutex<file::Files>,
    followers: broadcast::Sender<Bytes>,
}

impl AgentLog {
    /// Opens the files of a workspace, whose folder is made if it is missing. Blocks.
    pub(super) fn open(data_dir: &Path, id: WorkspaceId) -> io::Result<Self> {
        let root = Folder::open(data_dir)?.within("workspaces")?.within(&id.to_string())?;
        Ok(Self::of(root.within("logs")?))
    }

    /// Opens them if there are any. Blocks.
    pub(super) fn existing(data_dir: &Path, id: WorkspaceId) -> io::Result<Self> {
        let root = Folder::open(data_dir)?.existing("workspaces")?.existing(&id.to_string())?;
        Ok(Self::of(root.existing("logs")?))
    }

    fn of(folder: Folder) -> Self {
        Self {
            files: Mutex::new(file::Files::new(folder)),
            followers: broadcast::Sender::new(MAX_BEHIND),
        }
    }

    /// Writes a piece and tells the followers. What cannot be written is still told.
    async fn write(self: &Arc<Self>, id: WorkspaceId, piece: Bytes) {
        let log = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || {
            let mut files = log.files.lock();
            let written = files.write(&piece);
            // Under the lock: a reader sees a piece in the files or among those to come, never in both.
            let _ = log.followers.send(piece);
            written
        });
        if let Ok(Err(error)) = written.await {
            warn!(workspace_id = %id, %error, "the output of an agent could not be kept");
        }
    }

    /// Returns the last lines, and what comes.
    pub(super) async fn read(self: &Arc<Self>, range: LogRange) -> io::Result<Logs> {
        let log = Arc::clone(self);
        let read = move || {
            let files = log.files.lock();
            let follower = range.follow.then(|| log.followers.subscribe());
            files.tail(range.tail).map(|tail| (tail, follower))
        };
        let (tail, follower) =
            tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
        let tail = stream::iter([Ok(Bytes::from(tail))]);
        Ok(match follower {
            None => tail.boxed(),
            Some(follower) => tail.chain(following(follower)).boxed(),
        })
    }
}

/// Returns what is told from now on. Who is too slow is told that something is missing.
fn following(
    follower: broadcast::Receiver<Bytes>,
) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold(follower, |mut follower| async move {
        use broadcast::error::RecvError;
        match follower.recv().await {
            Ok(piece) => Some((Ok(piece), follower)),
            Err(RecvError::Lagged(_)) => {
                let note =
                    Bytes::from_static(b"\n[some output was left out: the reader is too slow]\n");
                Some((Ok(note), follower))
            }
            Err(RecvError::Closed) => None,
        }
    })
}

/// Copies the output of a run until nobody can write any more, without the values of secrets.
///
/// # Cancel safety
/// What was read and could still be the beginning of a secret is lost.
pub(super) async fn copy(
    log: Arc<AgentLog>,
    id: WorkspaceId,
    mut output: Receiver,
    mut redactor: Redactor,
) {
    let mut buffer = zeroize::Zeroizing::new(vec![0; PIECE]);
    loop {
        match output.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(length) => {
                let piece = redactor.pass(&buffer[..length]);
                if !piece.is_empty() {
                    log.write(id, piece.into()).await;
                }
            }
        }
    }
    let rest = redactor.end();
    if !rest.is_empty() {
        log.write(id, rest.into()).await;
    }
}
