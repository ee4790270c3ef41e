//! The journal: the one writer of structure.
//!
//! Owns the queue of changes. Groups whatever has queued up while the last transaction ran
//! into the next one, so that a thousand transitions cost a few statements. After a commit,
//! and before anybody is answered, it brings the indexes up to date and tells subscribers.
//! A restart loses nothing acknowledged: callers get no answer and reload, and the indexes
//! catch up from the store.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::Value;
use tokio::sync::oneshot;
use tracing::{Instrument, debug, debug_span, error, info, warn};

use crate::address::{Address, CallError};
use crate::domain::change::Group;
use crate::domain::dialect::Dialect;
use crate::domain::event::Recorded;
use crate::domain::ids::{Seq, WorkspaceId};
use crate::indexes::Indexes;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::ports::{EventQuery, IndexRow, Outcome, Refusal, Store, StoreError};

/// Groups in one transaction at most.
const MAX_BATCH: usize = 512;
/// Groups waiting at most; beyond that callers are told to come back.
const MAX_QUEUE: usize = 20_000;
/// How long callers wait for their commit.
pub const COMMIT_LIMIT: Duration = Duration::from_secs(10);
/// How long a transaction may take before its outcome counts as unknown.
const STORE_LIMIT: Duration = Duration::from_secs(8);
/// The wait before catching up is tried again.
const CATCH_UP_AGAIN: Duration = Duration::from_secs(1);
/// Events read at once when catching up.
const CATCH_UP_PAGE: usize = 1_000;

/// Why a group was not committed, or not surely.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A workspace has moved on: load it and decide again.
    #[error("a workspace has changed meanwhile")]
    Conflict,
    /// A rule of the store is against it.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// Nothing was written.
    #[error("the store is unavailable")]
    Unavailable,
    /// Too much is waiting. Nothing was written.
    #[error("the journal is overloaded")]
    Overloaded,
    /// It may have been written: load before trusting memory.
    #[error("the outcome is unknown")]
    Unknown,
}

type Reply = oneshot::Sender<Result<Seq, CommitError>>;

/// What the journal is told.
#[derive(Debug)]
pub enum JournalMsg {
    /// Commit this group; the answer is its first sequence.
    Commit(Group, Reply),
    /// A transaction ended.
    Done(Box<Batch>, Vec<Result<Seq, CommitError>>),
    /// A transaction ended without saying how: its task panicked.
    Lost(String),
    /// Something may have been written behind our back: read it.
    CatchUp,
    /// Catching up ended; up to where.
    CaughtUp(Result<Seq, StoreError>),
    /// Answer once nothing is queued.
    Settle(oneshot::Sender<()>),
}

/// Groups of one transaction and whom to answer.
#[derive(Debug, Default)]
pub struct Batch {
    groups: Vec<Group>,
    replies: Vec<Reply>,
}

/// The handle to the journal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal(pub(crate) Address<JournalMsg>);

impl Journal {
    /// Commits a group whole or not at all, and returns its first sequence.
    ///
    /// When this returns, memory and subscribers know. Dropping the future does not recall it.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn commit(&self, group: Group) -> Result<Seq, CommitError> {
        match self.0.call(COMMIT_LIMIT, |reply| JournalMsg::Commit(group, reply)).await {
            Ok(result) => result,
            Err(CallError::Down) => Err(CommitError::Unavailable),
            Err(CallError::NoAnswer) => Err(CommitError::Unknown),
        }
    }

    /// Asks it to read what others have written.
    pub fn catch_up(&self) {
        let _ = self.0.cast(JournalMsg::CatchUp);
    }
}

/// The actor.
#[derive(Clone)]
pub struct JournalActor {
    pub(crate) address: Address<JournalMsg>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) indexes: Arc<Indexes>,
    pub(crate) live: Live,
    pub(crate) metrics: Arc<Metrics>,
}

/// What the actor holds between messages.
#[derive(Debug, Default)]
pub struct State {
    queue: VecDeque<(Group, Reply)>,
    committing: bool,
    /// The store may hold events that the indexes have not seen.
    behind: bool,
    catching_up: bool,
    /// Who waits for the queue to be empty.
    settling: Vec<oneshot::Sender<()>>,
}

impl Actor for JournalActor {
    type Msg = JournalMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<JournalMsg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        // A predecessor may have committed what it could no longer tell.
        me.send_message(JournalMsg::CatchUp)?;
        Ok(State::default())
    }

    async fn handle(
        &self,
        me: ActorRef<JournalMsg>,
        message: JournalMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        match message {
            JournalMsg::Commit(group, reply) => {
                if state.queue.len() >= MAX_QUEUE {
                    let _ = reply.send(Err(CommitError::Overloaded));
                } else {
                    state.queue.push_back((group, reply));
                }
            }
            JournalMsg::Done(batch, results) => {
                state.committing = false;
                let unknown = results.iter().any(|r| matches!(r, Err(CommitError::Unknown)));
                state.behind |= unknown;
                self.settle(*batch, results, state);
            }
            JournalMsg::Lost(why) => {
                error!(why, "a transaction was lost, its outcome is unknown");
                state.committing = false;
                state.behind = true;
            }
            JournalMsg::CatchUp => state.behind = true,
            JournalMsg::CaughtUp(result) => self.caught_up(&me, result, state),
            JournalMsg::Settle(reply) => state.settling.push(reply),
        }
        self.next(&me, state);
        Ok(())
    }
}

impl JournalActor {
    /// Starts whatever may run now: at most one transaction, and catching up beside none.
    fn next(&self, me: &ActorRef<JournalMsg>, state: &mut State) {
        if state.committing || state.catching_up {
            return;
        }
        if state.behind {
            state.behind = false;
            state.catching_up = true;
            self.start_catching_up(me.clone());
        } else if !state.queue.is_empty() {
            state.committing = true;
            let batch = take_batch(&mut state.queue);
            self.metrics.journal_batch.observe(batch.groups.len() as f64);
            self.start_commit(me.clone(), batch);
        } else {
            for settled in state.settling.drain(..) {
                let _ = settled.send(());
            }
        }
    }

    fn start_commit(&self, me: ActorRef<JournalMsg>, batch: Batch) {
        let store = Arc::clone(&self.store);
        let metrics = Arc::clone(&self.metrics);
        let span = debug_span!("journal", kind = "commit", groups = batch.groups.len());
        let committing = async move {
            let timer = metrics.journal_commit.start_timer();
            let results = commit(store.as_ref(), &batch.groups).await;
            timer.observe_duration();
            (batch, results)
        };
        let work = tokio::spawn(committing.instrument(span));
        tokio::spawn(async move {
            let _ = me.send_message(match work.await {
                Ok((batch, results)) => JournalMsg::Done(Box::new(batch), results),
                // The replies went with it: their callers know that they know nothing.
                Err(lost) => JournalMsg::Lost(lost.to_string()),
            });
        });
    }

    /// Memory first, then subscribers, then the callers.
    fn settle(&self, batch: Batch, results: Vec<Result<Seq, CommitError>>, state: &mut State) {
        let mut recorded = Vec::new();
        for (group, result) in batch.groups.into_iter().zip(&results) {
            let Ok(first) = result else { continue };
            let mut seq = *first;
            for change in group {
                self.indexes.absorb(&change);
                for event in change.events {
                    recorded.push(Recorded { seq, event });
                    seq += 1;
                }
            }
        }
        recorded.sort_unstable_by_key(|r| r.seq);
        self.metrics.events_recorded.inc_by(recorded.len() as u64);
        self.tell(recorded, state);
        for (reply, result) in batch.replies.into_iter().zip(results) {
            let _ = reply.send(result);
        }
    }

    /// A gap means that something else was committed in between: then subscribers are told
    /// of all of it, in order, from the store.
    fn tell(&self, recorded: Vec<Recorded>, state: &mut State) {
        match recorded.first() {
            Some(first) if first.seq != self.live.recorded_seq() + 1 => state.behind = true,
            _ => self.live.record(recorded),
        }
    }

    fn start_catching_up(&self, me: ActorRef<JournalMsg>) {
        let (store, indexes, live) =
            (Arc::clone(&self.store), Arc::clone(&self.indexes), self.live.clone());
        let catching_up = async move { catch_up(store.as_ref(), &indexes, &live).await };
        let work = tokio::spawn(catching_up.instrument(debug_span!("journal", kind = "catch_up")));
        tokio::spawn(async move {
            let result = work.await.unwrap_or_else(|lost| {
                Err(StoreError::Unknown { operation: "catch up", source: lost.into() })
            });
            let _ = me.send_message(JournalMsg::CaughtUp(result));
        });
    }

    fn caught_up(
        &self,
        me: &ActorRef<JournalMsg>,
        result: Result<Seq, StoreError>,
        state: &mut State,
    ) {
        state.catching_up = false;
        match result {
            Ok(seq) => debug!(seq, "the indexes have caught up with the store"),
            Err(error) => {
                warn!(error = %crate::chain_of(&error), "catching up failed, trying again");
                let me = me.clone();
                me.send_after(CATCH_UP_AGAIN, || JournalMsg::CatchUp);
            }
        }
    }
}

/// Takes groups for one transaction: no workspace twice, in order, at most [`MAX_BATCH`].
fn take_batch(queue: &mut VecDeque<(Group, Reply)>) -> Batch {
    let mut batch = Batch::default();
    let mut touched: HashSet<WorkspaceId> = HashSet::new();
    let mut later = VecDeque::new();
    while let Some((group, reply)) = queue.pop_front() {
        let clashes = group.iter().any(|change| touched.contains(&change.after.id));
        touched.extend(group.iter().map(|change| change.after.id));
        if clashes {
            later.push_back((group, reply));
        } else {
            batch.groups.push(group);
            batch.replies.push(reply);
        }
        if batch.groups.len() == MAX_BATCH {
            break;
        }
    }
    while let Some(held) = later.pop_back() {
        queue.push_front(held);
    }
    batch
}

/// Commits a batch; when it is refused, group by group, so that only the refused one suffers.
async fn commit(store: &dyn Store, groups: &[Group]) -> Vec<Result<Seq, CommitError>> {
    match bounded(store, groups).await {
        Ok(outcomes) => outcomes.into_iter().map(outcome).collect(),
        Err(StoreError::Refused { .. }) if groups.len() > 1 => {
            let mut results = Vec::with_capacity(groups.len());
            for group in groups {
                let alone = bounded(store, std::slice::from_ref(group)).await;
                results.push(match alone {
                    Ok(outcomes) => {
                        outcomes.into_iter().next().map_or(Err(CommitError::Unknown), outcome)
                    }
                    Err(error) => Err(refused(error)),
                });
            }
            results
        }
        Err(error) => {
            let all = refused(error);
            groups.iter().map(|_| Err(again(&all))).collect()
        }
    }
}

async fn bounded(store: &dyn Store, groups: &[Group]) -> Result<Vec<Outcome>, StoreError> {
    match tokio::time::timeout(STORE_LIMIT, store.commit(groups)).await {
        Ok(result) => result,
        Err(elapsed) => {
            Err(StoreError::Unknown { operation: "commit changes", source: elapsed.into() })
        }
    }
}

fn outcome(outcome: Outcome) -> Result<Seq, CommitError> {
    match outcome {
        Outcome::Committed { first_seq } => Ok(first_seq),
        Outcome::Conflict => Err(CommitError::Conflict),
    }
}

fn refused(error: StoreError) -> CommitError {
    match error {
        StoreError::Refused { refusal, .. } => {
            info!(%refusal, "the store refused a change");
            CommitError::Refused(refusal)
        }
        StoreError::Unavailable { .. } => {
            warn!(error = %crate::chain_of(&error), "changes could not be committed");
            CommitError::Unavailable
        }
        StoreError::Unknown { .. } => {
            error!(error = %crate::chain_of(&error), "the outcome of a commit is unknown");
            CommitError::Unknown
        }
    }
}

fn again(error: &CommitError) -> CommitError {
    match error {
        CommitError::Conflict => CommitError::Conflict,
        CommitError::Refused(refusal) => CommitError::Refused(refusal.clone()),
        CommitError::Unavailable => CommitError::Unavailable,
        CommitError::Overloaded => CommitError::Overloaded,
        CommitError::Unknown => CommitError::Unknown,
    }
}

/// Brings indexes and subscribers to where the store is.
async fn catch_up(store: &dyn Store, indexes: &Indexes, live: &Live) -> Result<Seq, StoreError> {
    let mut at = live.recorded_seq();
    loop {
        let page = store
            .events(&EventQuery {
                after_seq: Some(at),
                ascending: true,
                limit: CATCH_UP_PAGE,
                ..EventQuery::default()
            })
            .await?;
        let Some(last) = page.last() else {
            return Ok(at);
        };
        at = last.seq;
        let mut touched: HashMap<WorkspaceId, Option<&Option<Value>>> = HashMap::new();
        for Recorded { event, .. } in &page {
            let card = touched.entry(event.workspace).or_default();
            *card = event.change.agent_card.as_ref().or(*card);
        }
        for (id, card) in touched {
            reload(store, indexes, id, card).await?;
        }
        live.record(page);
    }
}

/// Reads one row again, and tells its actor to do the same. `card` is its new agent card, if it
/// got another one.
async fn reload(
    store: &dyn Store,
    indexes: &Indexes,
    id: WorkspaceId,
    card: Option<&Option<Value>>,
) -> Result<(), StoreError> {
    let loaded = store.load(id).await?;
    if let Some(record) = loaded.record {
        indexes.put_row(&IndexRow {
            id,
            name: record.name,
            parent_id: record.parent_id,
            forwarded_to: record.forwarded_to,
            status: record.status,
            runtime: record.runtime.into(),
            had_tokens: loaded.had_tokens,
            dialect: card.map(|card| Dialect::of_card(card.as_ref(), record.url.as_deref())),
            url: record.url,
            delivery_mode: record.delivery_mode,
            budget_limit: record.budget_limit,
            max_concurrent_tasks: record.max_concurrent_tasks,
        });
    }
    let actor = indexes.cell(id).and_then(|cell| cell.actor.read().clone());
    if let Some(actor) = actor {
        let _ = actor.send_message(crate::workspace::WorkspaceMsg::Reload);
    }
    Ok(())
}
