//! Mailboxes: messages that wait for their agents, each with a receipt.
//!
//! What is posted is stored before it is acknowledged. The ledger writes; the dispatcher leases
//! messages, one lease at a time each, and hands them to the [`Courier`]; agents that collect
//! lease theirs themselves. Nothing of a message is held in memory while it waits.

pub mod dispatch;
pub mod ledger;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use dashmap::DashMap;
use parking_lot::Mutex;
use tokio::sync::{Notify, OnceCell};
use uuid::Uuid;

use self::dispatch::DispatchMsg;
use self::ledger::LedgerMsg;
use crate::address::{Address, CallError};
use crate::cells::Cell;
use crate::delegations::DelegationsMsg;
use crate::domain::ids::WorkspaceId;
use crate::domain::message::{Delivery, Message, NewMessage, Verdict};
use crate::indexes::Indexes;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::ports::{Clock, Lease, MessageOutcome, MessageStep, Posted, Store};

/// How long a step may take, its place in the queue included.
const STEP_LIMIT: Duration = Duration::from_secs(10);
/// Messages that an agent collects at once, at most.
pub const MAX_COLLECTED: usize = 100;
/// Stale messages cancelled in one step.
const DROP_AT_ONCE: usize = 1_000;

/// Hands messages to agents. `src/` implements it.
#[async_trait]
pub trait Courier: Send + Sync + 'static {
    /// Tries once to deliver a message, within its own limits of time.
    ///
    /// # Cancel safety
    /// Dropped when the process ends; the message is then delivered again.
    async fn deliver(&self, message: &Message) -> Delivery;
}

/// Why a mailbox did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The mailbox holds as many messages as it may.
    #[error("the mailbox is full: {limit} messages wait")]
    Full { limit: u32 },
    /// There is no such workspace.
    #[error("workspace not found")]
    NoWorkspace,
    /// Too much waits to be written. Nothing was.
    #[error("too much waits to be written")]
    Overloaded,
    /// The store cannot be reached. Nothing was written.
    #[error("the store is unavailable")]
    Unavailable,
    /// It may have been written: post again with the same key, or read.
    #[error("the outcome is unknown")]
    Unknown,
}

/// How mailboxes behave.
#[derive(Clone, Copy, Debug)]
pub struct MailSettings {
    /// Messages that may wait for one workspace.
    pub limit: u32,
    /// How long a message is kept after it ended.
    pub keep_ended: TimeDelta,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self { limit: 1_000, keep_ended: TimeDelta::days(7) }
    }
}

/// The handle to mailboxes. Cheap to clone.
#[derive(Clone)]
pub struct Mailroom {
    pub(crate) shared: Arc<Shared>,
}

/// What the handle and both actors share.
pub(crate) struct Shared {
    pub(crate) ledger: Address<LedgerMsg>,
    pub(crate) dispatch: Address<DispatchMsg>,
    /// Told of messages that are delegations.
    pub(crate) delegations: Address<DelegationsMsg>,
    pub(crate) indexes: Arc<Indexes>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) live: Live,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) settings: MailSettings,
    /// Set once the edge is there.
    pub(crate) courier: OnceCell<Arc<dyn Courier>>,
    /// Leases of this process's deliveries: renewed also when the dispatcher was restarted.
    pub(crate) flights: Mutex<HashMap<Uuid, WorkspaceId>>,
    /// Agents that wait for something to collect.
    pub(crate) collectors: DashMap<WorkspaceId, Arc<Notify>>,
}

impl std::fmt::Debug for Mailroom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailroom").field("ledger", &self.shared.ledger).finish_non_exhaustive()
    }
}

impl Mailroom {
    /// Says who hands messages over, and begins. Later calls change nothing.
    pub fn employ(&self, courier: Arc<dyn Courier>) {
        if self.shared.courier.set(courier).is_ok() {
            let _ = self.shared.dispatch.cast(DispatchMsg::Tick { again: false });
        }
    }

    /// Returns how many messages of a workspace have not ended.
    pub fn waiting(&self, id: WorkspaceId) -> u32 {
        self.shared.indexes.cell(id).map_or(0, |cell| cell.waiting.load(Ordering::Acquire))
    }

    /// Returns whether a workspace has or had messages that are not forgotten yet: whether a key
    /// can be one that is known.
    pub fn has_mail(&self, id: WorkspaceId) -> bool {
        self.shared.indexes.cell(id).is_some_and(|cell| cell.has_mail.load(Ordering::Acquire))
    }

    /// Keeps a message. When this returns it is stored.
    ///
    /// A message of the same key that waits or was delivered is not kept twice: the answer is
    /// where that one stands.
    ///
    /// # Errors
    /// [`MailError`].
    ///
    /// # Cancel safety
    /// Dropping the future does not recall it.
    pub async fn post(&self, new: NewMessage) -> Result<Posted, MailError> {
        let cell = self.shared.indexes.cell(new.to).ok_or(MailError::NoWorkspace)?;
        let limit = self.shared.settings.limit;
        let _place = Posting::enter(&cell, limit).ok_or(MailError::Full { limit })?;
        match self.step(MessageStep::Post(new)).await? {
            MessageOutcome::Posted(posted) => posted.ok_or(MailError::NoWorkspace),
            _ => Err(MailError::Unknown),
        }
    }

    /// Leases messages to an agent that collects: those after `after`, oldest first. They come
    /// back to the mailbox unless acknowledged within `lease`.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn collect(
        &self,
        to: WorkspaceId,
        after: i64,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Message>, MailError> {
        // Agents ask all the time: an empty mailbox costs no statement.
        if self.waiting(to) == 0 {
            return Ok(Vec::new());
        }
        let at = self.shared.clock.now();
        let until = at + TimeDelta::from_std(lease).unwrap_or(TimeDelta::MAX);
        let limit = limit.min(MAX_COLLECTED);
        let lease = Lease { to, id: Uuid::new_v4(), at, until, after: Some(after), limit };
        match self.step(MessageStep::Lease(lease)).await? {
            MessageOutcome::Leased(messages) => Ok(messages),
            _ => Err(MailError::Unknown),
        }
    }

    /// Returns a future that ends when something arrives for a workspace from now on, or at
    /// `until`.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub fn arrival(
        &self,
        to: WorkspaceId,
        until: tokio::time::Instant,
    ) -> impl Future<Output = ()> + use<> {
        let bell = Arc::clone(&self.shared.collectors.entry(to).or_default());
        // Before it is polled: what arrives between two looks rings, too.
        let ring = Arc::clone(&bell).notified_owned();
        let listening = Listening { shared: Arc::clone(&self.shared), to, bell: Some(bell) };
        async move {
            let _ = tokio::time::timeout_at(until, ring).await;
            drop(listening);
        }
    }

    /// Ends a message of a workspace, or puts it back, whoever has it.
    ///
    /// Returns it as it stands after that; `None` when it is not there or had ended before.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn end(
        &self,
        to: WorkspaceId,
        id: Uuid,
        verdict: Verdict,
    ) -> Result<Option<Message>, MailError> {
        let at = self.shared.clock.now();
        match self.step(MessageStep::End { id, to, verdict, at }).await? {
            MessageOutcome::Settled(message) => Ok(message.map(|message| *message)),
            _ => Err(MailError::Unknown),
        }
    }

    /// Cancels queued messages that were posted before `before`; returns how many.
    ///
    /// # Errors
    /// [`MailError`]; those cancelled until then stay so.
    pub async fn drop_stale(
        &self,
        to: Option<WorkspaceId>,
        before: DateTime<Utc>,
    ) -> Result<usize, MailError> {
        let mut dropped = 0;
        loop {
            let at = self.shared.clock.now();
            let step = MessageStep::Drop { to, before, at, limit: DROP_AT_ONCE };
            let MessageOutcome::Changed(messages) = self.step(step).await? else {
                return Err(MailError::Unknown);
            };
            dropped += messages.len();
            if messages.len() < DROP_AT_ONCE {
                return Ok(dropped);
            }
        }
    }

    /// Lets the dispatcher look at a workspace from which there was a sign of life. Costs one
    /// atomic while nothing waits for it.
    pub(crate) fn poke(&self, cell: &Cell) {
        if cell.waiting.load(Ordering::Acquire) > 0 {
            let _ = self.shared.dispatch.cast(DispatchMsg::Poke(cell.id));
        }
    }

    pub(crate) async fn step(&self, step: MessageStep) -> Result<MessageOutcome, MailError> {
        let written = self.shared.ledger.call(STEP_LIMIT, |reply| LedgerMsg::Write(step, reply));
        match written.await {
            Ok(result) => result,
            Err(CallError::Down) => Err(MailError::Unavailable),
            Err(CallError::NoAnswer) => Err(MailError::Unknown),
        }
    }
}

/// Somebody who waits for something to collect.
struct Listening {
    shared: Arc<Shared>,
    to: WorkspaceId,
    bell: Option<Arc<Notify>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.bell.take();
        self.shared.collectors.remove_if(&self.to, |_, bell| Arc::strong_count(bell) == 1);
    }
}

/// A post on its way, which takes a place in its mailbox already.
struct Posting<'a>(&'a AtomicU32);

impl<'a> Posting<'a> {
    fn enter(cell: &'a Cell, limit: u32) -> Option<Self> {
        let others = cell.posting.fetch_add(1, Ordering::AcqRel);
        let place = Self(&cell.posting);
        let waiting = cell.waiting.load(Ordering::Acquire);
        (waiting.saturating_add(others) < limit).then_some(place)
    }
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
