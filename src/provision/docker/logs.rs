//! What agents wrote, as the engine keeps it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::LogsOptions;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::engine::{Engine, EngineError};
use crate::provision::{LogRange, Logs};

/// Chunks that wait for their reader.
const CHUNKS: usize = 64;
/// How long a follower waits for the next container of a workspace: longer than the longest pause
/// between two starts.
const NEXT_RUN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Returns the output of the container `id`, and of those of the same `name` after it if it is followed.
pub fn read(engine: Arc<Engine>, name: String, id: String, range: LogRange) -> Logs {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    tokio::spawn(async move {
        tokio::select! {
            () = copy(&engine, &name, id, range, &sender) => {}
            () = sender.closed() => {}
        }
    });
    stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    })
    .boxed()
}

async fn copy(
    engine: &Engine,
    name: &str,
    mut id: String,
    range: LogRange,
    to: &mpsc::Sender<io::Result<Bytes>>,
) {
    let mut tail = range.tail.to_string();
    loop {
        if let Err(error) = one(engine, &id, range.follow, &tail, to).await {
            let _ = to.send(Err(io::Error::other(error.to_string()))).await;
            return;
        }
        if !range.follow {
            return;
        }
        let Some(next) = next(engine, name, &id).await else { return };
        id = next;
        "all".clone_into(&mut tail);
    }
}

/// Copies the output of one container.
async fn one(
    engine: &Engine,
    id: &str,
    follow: bool,
    tail: &str,
    to: &mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), EngineError> {
    let tail = tail.to_owned();
    let options =
        LogsOptions { follow, stdout: true, stderr: true, tail, ..LogsOptions::default() };
    let mut chunks = engine.docker().await?.logs(id, Some(options));
    while let Some(chunk) = chunks.next().await {
        if to.send(Ok(chunk?.into_bytes())).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Waits for another container of that name.
async fn next(engine: &Engine, name: &str, last: &str) -> Option<String> {
    let until = Instant::now() + NEXT_RUN;
    while Instant::now() < until {
        let found = engine.inspect(name).await.ok().and_then(|found| found.id);
        if let Some(id) = found.filter(|id| id != last) {
            return Some(id);
        }
        sleep(LOOK_EVERY).await;
    }
    None
}
