//! The ledger: the one writer of mailboxes.
//!
//! Owns the queue of steps. What has queued up while the last transaction ran goes into the next
//! one. After a commit, and before anybody is answered, the counts in the cells are brought up to
//! date and subscribers told. A restart loses nothing acknowledged: callers get no answer, and
//! the counts are read anew.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::json;
use tokio::sync::oneshot;
use tracing::{Instrument, debug_span, error, warn};

use super::dispatch::DispatchMsg;
use super::{MailError, Mailroom};
use crate::delegations::DelegationsMsg;
use crate::domain::event::live_only;
use crate::domain::ids::WorkspaceId;
use crate::domain::message::{Message, Origin, State as MessageState};
use crate::ports::{MessageOutcome, MessageStep, StoreError};

/// Steps in one transaction at most.
const MAX_BATCH: usize = 512;
/// Bytes of bodies in one transaction, about.
const MAX_BATCH_BYTES: usize = 16 << 20;
/// Steps waiting at most.
const MAX_QUEUE: usize = 20_000;
/// How long a transaction may take before its outcome counts as unknown.
const STORE_LIMIT: Duration = Duration::from_secs(8);
/// The wait before counting is tried again.
const COUNT_AGAIN: Duration = Duration::from_secs(1);
/// Mailboxes counted at once.
const COUNT_PAGE: usize = 5_000;

type Reply = oneshot::Sender<Result<MessageOutcome, MailError>>;

/// What the ledger is told.
#[derive(Debug)]
pub enum LedgerMsg {
    /// Take this step.
    Write(MessageStep, Reply),
    /// A transaction ended.
    Done(Vec<(MessageStep, Reply)>, Result<Vec<MessageOutcome>, MailError>),
    /// A transaction ended without saying how: its task panicked.
    Lost(String),
    /// Read how much waits.
    Count,
    /// Reading that ended.
    Counted(Result<Vec<(WorkspaceId, u32)>, StoreError>),
    /// Answer once nothing is queued.
    Drain(oneshot::Sender<()>),
}

/// The actor.
#[derive(Clone, Debug)]
pub struct Ledger(pub(crate) Mailroom);

/// What the ledger holds between messages.
#[derive(Debug, Default)]
pub struct State {
    queue: VecDeque<(MessageStep, Reply)>,
    writing: bool,
    /// The counts may be wrong: they are read before anything else is written.
    uncounted: bool,
    draining: Vec<oneshot::Sender<()>>,
}

impl Actor for Ledger {
    type Msg = LedgerMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<LedgerMsg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        me.send_message(LedgerMsg::Count)?;
        Ok(State::default())
    }

    async fn handle(
        &self,
        me: ActorRef<LedgerMsg>,
        message: LedgerMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.0.shared.ledger.received();
        match message {
            LedgerMsg::Write(step, reply) if state.queue.len() < MAX_QUEUE => {
                state.queue.push_back((step, reply));
            }
            LedgerMsg::Write(_, reply) => _ = reply.send(Err(MailError::Overloaded)),
            LedgerMsg::Done(steps, result) => {
                state.writing = false;
                state.uncounted |= matches!(result, Err(MailError::Unknown));
                self.answer(steps, result);
            }
            LedgerMsg::Lost(reason) => {
                error!(reason, "a transaction of the ledger was lost");
                state.writing = false;
                state.uncounted = true;
            }
            LedgerMsg::Count => state.uncounted = true,
            LedgerMsg::Counted(Ok(counts)) => {
                state.writing = false;
                self.adopt(&counts);
            }
            LedgerMsg::Counted(Err(error)) => {
                warn!(error = %crate::chain_of(&error), "mailboxes could not be counted");
                state.writing = false;
                me.send_after(COUNT_AGAIN, || LedgerMsg::Count);
            }
            LedgerMsg::Drain(reply) => state.draining.push(reply),
        }
        self.next(&me, state);
        Ok(())
    }
}

impl Ledger {
    /// Starts what may run now: at most one transaction, or a count beside none.
    fn next(&self, me: &ActorRef<LedgerMsg>, state: &mut State) {
        if state.writing {
            return;
        }
        if state.uncounted {
            state.uncounted = false;
            state.writing = true;
            self.start_counting(me.clone());
        } else if !state.queue.is_empty() {
            state.writing = true;
            self.start_writing(me.clone(), take_batch(&mut state.queue));
        } else {
            for drained in state.draining.drain(..) {
                let _ = drained.send(());
            }
        }
    }

    fn start_writing(&self, me: ActorRef<LedgerMsg>, batch: Vec<(MessageStep, Reply)>) {
        let store = self.0.shared.store.clone();
        let metrics = self.0.shared.metrics.clone();
        let span = debug_span!("ledger", kind = "write", steps = batch.len());
        let writing = async move {
            let (steps, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            metrics.ledger_batch.observe(steps.len() as f64);
            let timer = metrics.ledger_commit.start_timer();
            let written = tokio::time::timeout(STORE_LIMIT, store.write_messages(&steps)).await;
            timer.observe_duration();
            let result = match written {
                Ok(Ok(outcomes)) => Ok(outcomes),
                Ok(Err(error)) => Err(refused(&error)),
                Err(_) => Err(MailError::Unknown),
            };
            (steps.into_iter().zip(replies).collect(), result)
        };
        let work = tokio::spawn(writing.instrument(span));
        tokio::spawn(async move {
            let _ = me.send_message(match work.await {
                Ok((batch, result)) => LedgerMsg::Done(batch, result),
                Err(lost) => LedgerMsg::Lost(lost.to_string()),
            });
        });
    }

    fn start_counting(&self, me: ActorRef<LedgerMsg>) {
        let store = self.0.shared.store.clone();
        tokio::spawn(async move {
            let (mut all, mut after) = (Vec::new(), None);
            let counted = loop {
                match store.mailboxes(after, COUNT_PAGE).await {
                    Ok(page) => {
                        let full = page.len() == COUNT_PAGE;
                        after = page.last().map(|(id, _)| *id);
                        all.extend(page);
                        if !full {
                            break Ok(all);
                        }
                    }
                    Err(error) => break Err(error),
                }
            };
            let _ = me.send_message(LedgerMsg::Counted(counted));
        });
    }

    /// Takes over how much waits.
    fn adopt(&self, counts: &[(WorkspaceId, u32)]) {
        let shared = &self.0.shared;
        for cell in &shared.indexes.cells {
            cell.waiting.store(0, Ordering::Release);
        }
        for (id, waiting) in counts {
            if let Some(cell) = shared.indexes.cell(*id) {
                cell.waiting.store(*waiting, Ordering::Release);
                cell.has_mail.store(true, Ordering::Release);
                if *waiting > 0 {
                    let _ = shared.dispatch.cast(DispatchMsg::Poke(*id));
                }
            }
        }
    }

    /// Memory first, then subscribers, then the callers.
    fn answer(
        &self,
        batch: Vec<(MessageStep, Reply)>,
        result: Result<Vec<MessageOutcome>, MailError>,
    ) {
        let outcomes = match result {
            Ok(outcomes) => outcomes,
            Err(error) => {
                for (_, reply) in batch {
                    let _ = reply.send(Err(error));
                }
                return;
            }
        };
        for ((step, reply), outcome) in batch.into_iter().zip(outcomes) {
            self.absorb(&step, &outcome);
            let _ = reply.send(Ok(outcome));
        }
    }

    fn absorb(&self, step: &MessageStep, outcome: &MessageOutcome) {
        match (step, outcome) {
            (MessageStep::Post(new), MessageOutcome::Posted(Some(posted))) if posted.new => {
                self.count(new.to, 1);
                let message = Message {
                    seq: 0,
                    new: new.clone(),
                    state: MessageState::Queued,
                    attempts: 0,
                    updated_at: new.at,
                    last_error: None,
                    response: None,
                    lease: None,
                };
                self.tell(&message);
                self.0.shared.metrics.messages_posted.inc();
                let _ = self.0.shared.dispatch.cast(DispatchMsg::Posted(new.to));
                if let Some(bell) = self.0.shared.collectors.get(&new.to) {
                    bell.notify_waiters();
                }
            }
            (_, MessageOutcome::Leased(messages)) => {
                messages.iter().for_each(|message| self.tell(message));
            }
            (_, MessageOutcome::Settled(Some(message))) => self.moved(message),
            (_, MessageOutcome::Changed(messages)) => {
                messages.iter().for_each(|message| self.moved(message));
            }
            _ => {}
        }
    }

    /// A message that was not terminal is something else now.
    fn moved(&self, message: &Message) {
        if message.new.origin == Origin::Delegation {
            let moved = DelegationsMsg::Moved(Box::new(message.clone()));
            let _ = self.0.shared.delegations.cast(moved);
        }
        if message.state.is_terminal() {
            self.count(message.new.to, -1);
            let state = message.state.as_str();
            self.0.shared.metrics.messages_ended.with_label_values(&[state]).inc();
        } else {
            let _ = self.0.shared.dispatch.cast(DispatchMsg::Posted(message.new.to));
        }
        self.tell(message);
    }

    fn count(&self, id: WorkspaceId, by: i32) {
        if let Some(cell) = self.0.shared.indexes.cell(id) {
            cell.has_mail.store(true, Ordering::Release);
            let moved = |waiting: u32| Some(waiting.saturating_add_signed(by));
            let _ = cell.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, moved);
        }
    }

    fn tell(&self, message: &Message) {
        let new = &message.new;
        let payload = json!({
            "message_id": new.id,
            "state": message.state,
            "source_id": new.from,
            "attempts": message.attempts,
            "last_error": message.last_error,
            "queue_depth": self.0.waiting(new.to),
        });
        let at = self.0.shared.clock.now();
        self.0.shared.live.tell_of(live_only::MESSAGE_STATE, new.to, at, &payload);
    }
}

/// Takes steps for one transaction, in order.
fn take_batch(queue: &mut VecDeque<(MessageStep, Reply)>) -> Vec<(MessageStep, Reply)> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while let Some(first) = queue.pop_front() {
        if let MessageStep::Post(new) = &first.0 {
            bytes += new.body.len();
        }
        batch.push(first);
        if batch.len() >= MAX_BATCH || bytes >= MAX_BATCH_BYTES {
            break;
        }
    }
    batch
}

fn refused(error: &StoreError) -> MailError {
    match error {
        StoreError::Unknown { .. } => {
            error!(error = %crate::chain_of(error), "the outcome of a write of messages is unknown");
            MailError::Unknown
        }
        StoreError::Refused { .. } | StoreError::Unavailable { .. } => {
            warn!(error = %crate::chain_of(error), "messages could not be written");
            MailError::Unavailable
        }
    }
}
