//! Delegations: sees to it that every task that was given comes to its end.
//!
//! Owns nothing: a delegation is a row that changes together with its source's history, its task
//! a message in the target's mailbox under the same id. A restart, or a kill between the two, is
//! made up for by looking for delegations whose message says more than they do.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::json;
use tokio::sync::Semaphore;
use tracing::{Instrument, debug, debug_span, warn};

use crate::address::Address;
use crate::api::RuntimeError;
use crate::directory::Directory;
use crate::domain::delegation::{Delegation, Status, Turn, result_text};
use crate::domain::message::{Message, NewMessage, Origin, State as MessageState, priority};
use crate::mailroom::MailError;
use crate::ports::DelegationKey;

/// Between two looks for delegations that are stuck.
const TICK: Duration = Duration::from_secs(5);
/// The first look after a start: whoever was killed has left nothing under way.
const SOON: Duration = Duration::from_secs(1);
/// A delegation that moved so lately is not stuck.
const STUCK_AFTER: TimeDelta = TimeDelta::seconds(10);
/// Stuck ones taken on at once.
const AT_ONCE: usize = 500;
/// Delegations worked on at the same time.
const MAX_WORK: usize = 64;
/// Beyond so many waiting messages more are left to the next look.
const MAX_BACKLOG: u64 = 10_000;
/// Ended ones are forgotten after this, every so many ticks, so many at once.
const KEEP_ENDED: TimeDelta = TimeDelta::days(7);
const FORGET_EVERY: u64 = 120;
const FORGET_AT_ONCE: usize = 1_000;
/// How long a task waits for its target.
const TIME_TO_LIVE: TimeDelta = TimeDelta::days(1);
/// Longest result that is kept, in bytes.
const MAX_RESULT: usize = 256 << 10;

/// What the keeper of delegations is told.
#[derive(Debug)]
pub enum DelegationsMsg {
    /// A new one is to be sent.
    Begin(Box<Delegation>),
    /// The message of one moved.
    Moved(Box<Message>),
    /// Look for those that are stuck; then wait again.
    Tick,
}

/// The actor.
#[derive(Clone, Debug)]
pub struct Delegations {
    directory: Directory,
    work: Arc<Semaphore>,
}

impl Delegations {
    pub(crate) fn new(directory: Directory) -> Self {
        Self { directory, work: Arc::new(Semaphore::new(MAX_WORK)) }
    }

    pub(crate) fn address(&self) -> Address<DelegationsMsg> {
        self.directory.context().mailroom.shared.delegations.clone()
    }
}

impl Actor for Delegations {
    type Msg = DelegationsMsg;
    /// Ticks so far.
    type State = u64;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<DelegationsMsg>,
        (): (),
    ) -> Result<u64, ActorProcessingErr> {
        me.send_after(SOON, || DelegationsMsg::Tick);
        Ok(0)
    }

    async fn handle(
        &self,
        me: ActorRef<DelegationsMsg>,
        message: DelegationsMsg,
        ticks: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        let address = self.address();
        address.received();
        match message {
            // What is left out is found by the next look.
            _ if address.waiting() > MAX_BACKLOG => {}
            DelegationsMsg::Begin(delegation) => {
                let keeper = self.clone();
                self.start(async move { keeper.send(&delegation).await }).await;
            }
            DelegationsMsg::Moved(message) => {
                let keeper = self.clone();
                self.start(async move { keeper.follow(&message).await }).await;
            }
            DelegationsMsg::Tick => {
                *ticks += 1;
                self.look(*ticks).await;
                me.send_after(TICK, || DelegationsMsg::Tick);
            }
        }
        Ok(())
    }
}

impl Delegations {
    /// Works beside the mailbox, on so many at once.
    async fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Ok(place) = Arc::clone(&self.work).acquire_owned().await else { return };
        let span = debug_span!("delegations");
        tokio::spawn(
            async move {
                work.await;
                drop(place);
            }
            .instrument(span),
        );
    }

    async fn look(&self, ticks: u64) {
        let context = self.directory.context();
        let now = context.clock.now();
        let before = if ticks == 1 { now } else { now - STUCK_AFTER };
        match context.store.stuck_delegations(before, AT_ONCE).await {
            Ok(stuck) => {
                for delegation in stuck {
                    let keeper = self.clone();
                    self.start(async move { keeper.resume(&delegation).await }).await;
                }
            }
            Err(error) => {
                debug!(error = %crate::chain_of(&error), "delegations could not be read");
            }
        }
        if ticks.is_multiple_of(FORGET_EVERY) {
            let forgotten = context.store.forget_delegations(now - KEEP_ENDED, FORGET_AT_ONCE);
            if let Err(error) = forgotten.await {
                debug!(error = %crate::chain_of(&error), "delegations could not be forgotten");
            }
        }
    }

    /// Takes up one whose message says more, or was never posted.
    async fn resume(&self, delegation: &Delegation) {
        match self.directory.context().store.message(delegation.id).await {
            Ok(Some(message)) => self.settle(delegation, &message).await,
            Ok(None) => self.send(delegation).await,
            Err(error) => debug!(error = %crate::chain_of(&error), "a message could not be read"),
        }
    }

    /// Puts the task into the mailbox of its target. Doing it again changes nothing.
    async fn send(&self, delegation: &Delegation) {
        if delegation.status == Status::Pending {
            self.turn(delegation, Turn::Dispatched).await;
        }
        let room = &self.directory.context().mailroom;
        let error = match room.post(self.task(delegation)).await {
            Ok(_) if !self.directory.takes_now(delegation.target) => {
                self.turn(delegation, Turn::Queued).await;
                return;
            }
            Ok(_) => return,
            Err(error @ (MailError::NoWorkspace | MailError::Full { .. })) => error.to_string(),
            // Nothing is lost: it is stuck until the next look.
            Err(error) => return debug!(%error, "a delegation could not be posted"),
        };
        self.turn(delegation, Turn::Failed { error }).await;
    }

    fn task(&self, delegation: &Delegation) -> NewMessage {
        let at = self.directory.context().clock.now();
        // Agents of the contract read `type`, those of A2A 0.3 `kind`.
        let part = json!({"kind": "text", "type": "text", "text": delegation.task});
        let body = json!({
            "jsonrpc": "2.0",
            "id": delegation.id,
            "method": "message/send",
            "params": {"message": {
                "kind": "message",
                "role": "user",
                "messageId": delegation.delegation_id,
                "parts": [part],
                "metadata": {"delegation_id": delegation.delegation_id},
            }},
        });
        NewMessage {
            id: delegation.id,
            to: delegation.target,
            from: Some(delegation.source),
            priority: priority::TASK,
            body: Arc::from(body.to_string()),
            method: "message/send".to_owned(),
            key: Some(delegation.delegation_id.clone()),
            headers: None,
            origin: Origin::Delegation,
            at,
            expires_at: at + TIME_TO_LIVE,
        }
    }

    /// Follows a message that moved.
    async fn follow(&self, message: &Message) {
        let store = &self.directory.context().store;
        let (Some(source), Some(id)) = (message.new.from, message.new.key.as_deref()) else {
            return;
        };
        let delegation = match store.delegation(source, DelegationKey::Id(id)).await {
            Ok(Some(delegation)) => delegation,
            Ok(None) => return,
            Err(error) => {
                return debug!(error = %crate::chain_of(&error), "a delegation could not be read");
            }
        };
        match message.state {
            MessageState::Queued if message.last_error.is_some() => {
                self.turn(&delegation, Turn::Queued).await;
            }
            MessageState::Queued | MessageState::Dispatched => {}
            // The notice came without the answer.
            MessageState::Delivered => self.resume(&delegation).await,
            _ => self.settle(&delegation, message).await,
        }
    }

    /// Moves one to where its message is.
    async fn settle(&self, delegation: &Delegation, message: &Message) {
        let turn = match message.state {
            MessageState::Delivered => {
                let answer = message.response.as_deref().unwrap_or_default();
                let mut text = result_text(answer);
                text.truncate(text.floor_char_boundary(MAX_RESULT));
                Turn::Completed { text }
            }
            MessageState::Queued => Turn::Queued,
            MessageState::Dispatched => return,
            state => {
                let error = message.last_error.clone();
                Turn::Failed { error: error.unwrap_or_else(|| state.as_str().to_owned()) }
            }
        };
        self.turn(delegation, turn).await;
    }

    /// Records a turn, unless it came too late.
    async fn turn(&self, delegation: &Delegation, turn: Turn) {
        if delegation.status.is_terminal() {
            return;
        }
        match self.directory.turn_delegation(delegation, turn, false).await {
            Ok(_) => {}
            Err(error @ (RuntimeError::Removed | RuntimeError::NotFound)) => {
                debug!(%error, "nobody waits for the delegation any more");
            }
            Err(error) => warn!(%error, "a delegation could not be moved on, trying again"),
        }
    }
}
