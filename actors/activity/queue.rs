//! Rows on their way to the store. The queue outlives the actor: a row stays in it until it is
//! stored or given up, so that a restart loses none.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use uuid::Uuid;

use super::RecordError;
use crate::domain::activity::Logged;
use crate::domain::ids::WorkspaceId;

/// Rows waiting at most.
pub(super) const MAX_ROWS: usize = 10_000;
/// Bytes waiting at most: bodies may be long.
const MAX_BYTES: usize = 64 << 20;
/// Rows in one transaction at most.
pub(super) const MAX_BATCH: usize = 512;
/// Bytes in one transaction at most, unless one row alone has more.
const MAX_BATCH_BYTES: usize = 4 << 20;
/// Between two warnings that rows were dropped.
const WARN_EVERY: Duration = Duration::from_secs(60);

pub(super) type Reply = oneshot::Sender<Result<Uuid, RecordError>>;

/// A row that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) row: Arc<Logged>,
    /// Who wants to know; `None` for rows that nobody waits for.
    pub(super) reply: Option<Reply>,
    number: u64,
    bytes: usize,
}

/// How far the actor is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Every row up to this number is stored or given up.
    done: u64,
    /// The store cannot be written now.
    away: bool,
}

#[derive(Debug, Default)]
struct Inner {
    rows: VecDeque<Waiting>,
    bytes: usize,
    /// Of the last row that was put in.
    last: u64,
    /// Rows with somebody who waits.
    recording: usize,
    dropped: u64,
    warned: Option<Instant>,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    progress: watch::Sender<Progress>,
    /// The actor has been told that there is something.
    pub(super) told: AtomicBool,
    /// When workspaces last sent something, as far as that is not written.
    sent: Mutex<BTreeMap<WorkspaceId, DateTime<Utc>>>,
}

impl Queue {
    /// Puts a row at the end. Returns whether there was room.
    pub(super) fn push(&self, row: Logged, reply: Option<Reply>) -> bool {
        let bytes = row.entry.weight();
        let mut inner = self.inner.lock();
        if inner.rows.len() >= MAX_ROWS || inner.bytes + bytes > MAX_BYTES {
            return false;
        }
        inner.last += 1;
        inner.bytes += bytes;
        inner.recording += usize::from(reply.is_some());
        let number = inner.last;
        inner.rows.push_back(Waiting { row: Arc::new(row), reply, number, bytes });
        true
    }

    /// Counts a row that found no room. Returns how many did since the last warning, when it is
    /// time for another.
    pub(super) fn dropped(&self) -> Option<u64> {
        let mut inner = self.inner.lock();
        inner.dropped += 1;
        let now = Instant::now();
        if inner.warned.is_some_and(|at| now < at + WARN_EVERY) {
            return None;
        }
        inner.warned = Some(now);
        Some(std::mem::take(&mut inner.dropped))
    }

    /// Returns the rows of the next transaction. They stay until [`Queue::finish`].
    pub(super) fn batch(&self) -> Vec<Arc<Logged>> {
        let inner = self.inner.lock();
        let mut bytes = 0;
        let fitting = inner.rows.iter().take(MAX_BATCH).take_while(|waiting| {
            let first = bytes == 0;
            bytes += waiting.bytes;
            first || bytes <= MAX_BATCH_BYTES
        });
        fitting.map(|waiting| Arc::clone(&waiting.row)).collect()
    }

    /// Takes the first `count` rows out, which are stored or given up.
    pub(super) fn finish(&self, count: usize) -> Vec<Waiting> {
        let mut inner = self.inner.lock();
        let count = count.min(inner.rows.len());
        let finished: Vec<_> = inner.rows.drain(..count).collect();
        for waiting in &finished {
            inner.bytes -= waiting.bytes;
            inner.recording -= usize::from(waiting.reply.is_some());
        }
        finished
    }

    /// Takes out every row that somebody waits for.
    pub(super) fn give_up_recording(&self) -> Vec<Waiting> {
        let mut inner = self.inner.lock();
        if inner.recording == 0 {
            return Vec::new();
        }
        let (given_up, rows): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut inner.rows)
            .into_iter()
            .partition(|waiting| waiting.reply.is_some());
        inner.rows = rows;
        inner.recording = 0;
        inner.bytes -= given_up.iter().map(|waiting| waiting.bytes).sum::<usize>();
        given_up.into()
    }

    /// Returns whether somebody waits for a row.
    pub(super) fn is_recording(&self) -> bool {
        self.inner.lock().recording > 0
    }

    /// Whether so much waits that whoever adds should wait, too.
    pub(super) fn is_crowded(&self) -> bool {
        let inner = self.inner.lock();
        inner.rows.len() > MAX_ROWS / 2 || inner.bytes > MAX_BYTES / 2
    }

    pub(super) fn len(&self) -> usize {
        self.inner.lock().rows.len()
    }

    /// Tells those who wait how far everything is, after rows were taken out.
    pub(super) fn advance(&self, away: bool) {
        let done = {
            let inner = self.inner.lock();
            inner.rows.front().map_or(inner.last, |first| first.number - 1)
        };
        self.progress.send_replace(Progress { done, away });
    }

    /// Waits until every row that is in the queue now is stored or given up. Returns whether
    /// that is so; at once when the store is away.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn settled(&self) -> bool {
        let last = self.inner.lock().last;
        let mut progress = self.progress.subscribe();
        let settled = progress.wait_for(|now| now.done >= last || now.away).await;
        settled.is_ok_and(|now| now.done >= last)
    }

    /// Notes that a workspace sent something.
    pub(super) fn note_sent(&self, id: WorkspaceId, at: DateTime<Utc>) {
        let mut sent = self.sent.lock();
        let latest = sent.entry(id).or_insert(at);
        *latest = at.max(*latest);
    }

    /// Takes the times at which workspaces sent something.
    pub(super) fn take_sent(&self) -> BTreeMap<WorkspaceId, DateTime<Utc>> {
        std::mem::take(&mut *self.sent.lock())
    }

    /// Returns whether the actor still has to be told that there is something.
    pub(super) fn must_tell(&self) -> bool {
        !self.told.swap(true, Ordering::AcqRel)
    }
}
