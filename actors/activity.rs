//! The log batcher: writes activity behind those who log it, and before those who record it.
//!
//! Groups whatever has queued up while the last transaction ran into the next one. After a
//! commit it tells subscribers. A restart loses nothing: the rows lie in a queue beside the
//! actor until they are stored, and a row that is written twice is stored once. A kill of the
//! process loses what nobody waited for and was not stored yet.

pub(crate) mod janitor;
mod queue;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::SubsecRound;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tracing::{Instrument, debug_span, info, warn};
use uuid::Uuid;

pub use self::janitor::Keeping;
use self::queue::{Queue, Waiting};
use crate::address::Address;
use crate::context::Context;
use crate::domain::activity::{Entry, Logged};
use crate::domain::ids::WorkspaceId;
use crate::metrics::Metrics;
use crate::ports::{Clock, Refusal, Store, StoreError};

/// How long callers wait until their row is stored.
pub const RECORD_LIMIT: Duration = Duration::from_secs(10);
/// How long readers wait until what was logged before can be read.
pub const SETTLE_LIMIT: Duration = Duration::from_secs(2);
/// How long a transaction may take before its outcome counts as unknown.
const STORE_LIMIT: Duration = Duration::from_secs(8);
/// How often it is written who sent something.
const SENT_EVERY: Duration = Duration::from_secs(1);
/// The wait after a first failure; each further one doubles it.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(10);

/// Why a row was not stored, or not surely.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A rule of the store is against it, such as that the workspace exists.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// Nothing was written.
    #[error("the store is unavailable")]
    Unavailable,
    /// Too much is waiting. Nothing was written.
    #[error("the activity log is overloaded")]
    Overloaded,
    /// It may have been written.
    #[error("the outcome is unknown")]
    Unknown,
}

/// What the batcher is told.
#[derive(Debug)]
pub(crate) enum ActivityMsg {
    /// Something is in the queue.
    Wake,
    /// The wait after a failure is over.
    Retry,
    /// Write who sent something, then wait again.
    Tick,
    /// Write everything; answers whether all of it was written.
    Flush(oneshot::Sender<bool>),
}

/// The handle to the activity log. Cheap to clone.
#[derive(Clone)]
pub struct Activity {
    pub(crate) address: Address<ActivityMsg>,
    queue: Arc<Queue>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Activity").field("waiting", &self.queue.len()).finish_non_exhaustive()
    }
}

impl Activity {
    pub(crate) fn new(clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self { address: Address::default(), queue: Arc::default(), clock, metrics }
    }

    /// Logs an entry and returns its id once it is stored. Dropping the future does not recall
    /// it.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn record(&self, entry: Entry) -> Result<Uuid, RecordError> {
        let (reply, answer) = oneshot::channel();
        if !self.queue.push(self.stamped(entry), Some(reply)) {
            return Err(RecordError::Overloaded);
        }
        self.wake();
        match tokio::time::timeout(RECORD_LIMIT, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(RecordError::Unknown),
        }
    }

    /// Logs an entry behind the caller, who learns nothing of it. While too many wait it is
    /// dropped and counted.
    pub fn log(&self, entry: Entry) {
        if self.queue.push(self.stamped(entry), None) {
            self.wake();
            return;
        }
        self.metrics.activity_dropped.inc();
        if let Some(rows) = self.queue.dropped() {
            warn!(rows, "activity was not logged: too much is waiting for the store");
        }
    }

    /// Waits until everything logged so far can be read, at most [`SETTLE_LIMIT`]. Returns
    /// whether it can; at once when the store cannot be written now.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn settle(&self) -> bool {
        tokio::time::timeout(SETTLE_LIMIT, self.queue.settled()).await.unwrap_or(false)
    }

    /// Lets whoever logs more than the store takes wait until half of the queue is free, so that
    /// rows are late rather than lost. Costs a look while there is room.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn keep_pace(&self) {
        if self.queue.is_crowded() {
            self.settle().await;
        }
    }

    fn stamped(&self, entry: Entry) -> Logged {
        let at = self.clock.now().trunc_subsecs(6);
        Logged { id: Uuid::new_v4(), at, entry: entry.bounded() }
    }

    /// One message is enough, however many rows came meanwhile. A new actor looks by itself.
    fn wake(&self) {
        if self.queue.must_tell() && self.address.cast(ActivityMsg::Wake).is_err() {
            self.queue.told.store(false, Ordering::Release);
        }
    }
}

/// The actor.
#[derive(Clone)]
pub(crate) struct Batcher {
    pub(crate) activity: Activity,
    pub(crate) context: Context,
}

/// What the actor holds between messages.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// In a row.
    failures: u32,
    /// A retry is on its way.
    retrying: bool,
}

/// How a transaction went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing was waiting.
    Idle,
    Written,
    Failed,
}

impl Actor for Batcher {
    type Msg = ActivityMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<ActivityMsg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        // A predecessor may have left something.
        me.send_message(ActivityMsg::Wake)?;
        me.send_after(SENT_EVERY, || ActivityMsg::Tick);
        Ok(State::default())
    }

    async fn handle(
        &self,
        me: ActorRef<ActivityMsg>,
        message: ActivityMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.activity.address.received();
        match message {
            ActivityMsg::Wake => {
                // Before looking: what comes from now on tells again.
                self.activity.queue.told.store(false, Ordering::Release);
                // During an outage each caller who waits costs a try, others wait for the retry.
                if !state.retrying || self.activity.queue.is_recording() {
                    self.work(&me, state).await;
                }
            }
            ActivityMsg::Retry => {
                state.retrying = false;
                self.work(&me, state).await;
            }
            ActivityMsg::Tick => {
                self.write_sent().await;
                me.send_after(SENT_EVERY, || ActivityMsg::Tick);
            }
            ActivityMsg::Flush(reply) => {
                let mut step = Step::Written;
                while step == Step::Written {
                    step = self.step(state).await;
                }
                let _ = reply.send(self.write_sent().await && step == Step::Idle);
            }
        }
        Ok(())
    }
}

impl Batcher {
    /// Runs one transaction, so that other messages have their turn between two.
    async fn work(&self, me: &ActorRef<ActivityMsg>, state: &mut State) {
        match self.step(state).await {
            Step::Idle => {}
            Step::Written => self.activity.wake(),
            Step::Failed if state.retrying => {}
            Step::Failed => {
                state.retrying = true;
                me.send_after(retry_after(state.failures), || ActivityMsg::Retry);
            }
        }
    }

    async fn step(&self, state: &mut State) -> Step {
        let queue = &self.activity.queue;
        let batch = queue.batch();
        if batch.is_empty() {
            return Step::Idle;
        }
        let metrics = &self.context.metrics;
        metrics.activity_batch.observe(batch.len() as f64);
        let timer = metrics.activity_commit.start_timer();
        let span = debug_span!("activity", kind = "commit", rows = batch.len());
        let (results, error) = append(self.context.store.as_ref(), &batch).instrument(span).await;
        timer.observe_duration();
        let finished = queue.finish(results.len());
        // What those who wait may read is there before they are told.
        for (waiting, result) in finished.into_iter().zip(results) {
            self.finish(waiting, result);
        }
        let Some(error) = error else {
            *state = State::default();
            queue.advance(false);
            return Step::Written;
        };
        self.failed(&error, state);
        Step::Failed
    }

    fn finish(&self, waiting: Waiting, result: Result<(), Refusal>) {
        let row = &waiting.row;
        let result = match result {
            Ok(()) => {
                if row.entry.effects.outbound
                    && let Some(source) = row.entry.source
                {
                    self.activity.queue.note_sent(WorkspaceId(source), row.at);
                }
                if row.entry.is_announced() {
                    self.context.live.logged(row.entry.workspace, row.at, || row.entry.payload());
                }
                Ok(row.id)
            }
            Err(refusal) => {
                self.context.metrics.activity_refused.inc();
                let (workspace, kind) = (row.entry.workspace, &row.entry.kind);
                info!(%workspace, kind, %refusal, "the store keeps no such activity");
                Err(RecordError::Refused(refusal))
            }
        };
        if let Some(reply) = waiting.reply {
            let _ = reply.send(result);
        }
    }

    /// Those who wait are told; what nobody waits for stays for the retry.
    fn failed(&self, error: &StoreError, state: &mut State) {
        let queue = &self.activity.queue;
        self.context.metrics.activity_failures.inc();
        let why = match error {
            StoreError::Unknown { .. } => RecordError::Unknown,
            _ => RecordError::Unavailable,
        };
        for waiting in queue.give_up_recording() {
            if let Some(reply) = waiting.reply {
                let _ = reply.send(Err(why.clone()));
            }
        }
        state.failures = state.failures.saturating_add(1);
        let waiting = queue.len();
        warn!(error = %crate::chain_of(error), waiting, "activity was not written, trying again");
        queue.advance(true);
    }

    /// Writes who sent something; what fails is written with the next. Returns whether it was
    /// written.
    async fn write_sent(&self) -> bool {
        let queue = &self.activity.queue;
        let sent = queue.take_sent();
        if sent.is_empty() {
            return true;
        }
        let write = self.context.store.write_outbound(&sent);
        let why = match tokio::time::timeout(STORE_LIMIT, write).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => crate::chain_of(&error),
            Err(_) => format!("no answer within {STORE_LIMIT:?}"),
        };
        warn!(error = why, workspaces = sent.len(), "who sent something was not written");
        for (id, at) in sent {
            queue.note_sent(id, at);
        }
        false
    }
}

/// What became of rows, each in its turn.
type Results = Vec<Result<(), Refusal>>;

/// Appends a batch; when it is refused, row by row, so that only the refused one suffers.
/// Returns what became of the first rows, and the error that ended it.
async fn append(store: &dyn Store, batch: &[Arc<Logged>]) -> (Results, Option<StoreError>) {
    match bounded(store, batch).await {
        Ok(results) => (results, None),
        Err(StoreError::Refused { .. }) if batch.len() > 1 => {
            let mut results = Vec::with_capacity(batch.len());
            for row in batch {
                match bounded(store, std::slice::from_ref(row)).await {
                    Ok(alone) => results.extend(alone),
                    Err(StoreError::Refused { refusal, .. }) => results.push(Err(refusal)),
                    Err(error) => return (results, Some(error)),
                }
            }
            (results, None)
        }
        Err(StoreError::Refused { refusal, .. }) => (vec![Err(refusal)], None),
        Err(error) => (Vec::new(), Some(error)),
    }
}

async fn bounded(store: &dyn Store, rows: &[Arc<Logged>]) -> Result<Results, StoreError> {
    let known = match tokio::time::timeout(STORE_LIMIT, store.append_activity(rows)).await {
        Ok(result) => result?,
        Err(elapsed) => {
            let source = elapsed.into();
            return Err(StoreError::Unknown { operation: "append activity", source });
        }
    };
    let result = |known: bool| if known { Ok(()) } else { Err(Refusal::WorkspaceUnknown) };
    Ok(known.into_iter().map(result).collect())
}

fn retry_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY)
}
