//! Small periodic work: token changes of other nodes, token uses, and what other nodes recorded.
//!
//! Owns the time up to which token changes were read. A restart reads a little twice.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::{debug, warn};

use crate::address::Address;
use crate::context::Context;
use crate::live::Frame;
use crate::ports::Relay;

/// How often token changes are read: a revocation on another node works within twice this.
const TOKENS_EVERY: Duration = Duration::from_secs(2);
/// Clocks of nodes may differ by this much.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(10);
/// Token uses are written every so many rounds.
const USES_EVERY: u32 = 15;

/// What the token keeper is told.
#[derive(Debug)]
pub enum TokensMsg {
    /// Read changes, then wait again.
    Tick,
    /// Write the uses now.
    Flush(oneshot::Sender<()>),
}

/// Keeps the token index true. Holds when it last read.
#[derive(Clone)]
pub struct TokenKeeper {
    pub(crate) address: Address<TokensMsg>,
    pub(crate) context: Context,
}

/// What the token keeper holds between messages.
#[derive(Debug)]
pub struct State {
    since: DateTime<Utc>,
    rounds: u32,
}

impl Actor for TokenKeeper {
    type Msg = TokensMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<TokensMsg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        me.send_after(TOKENS_EVERY, || TokensMsg::Tick);
        Ok(State { since: self.context.clock.now() - CLOCK_SKEW, rounds: 0 })
    }

    async fn handle(
        &self,
        me: ActorRef<TokensMsg>,
        message: TokensMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        match message {
            TokensMsg::Tick => {
                self.read_changes(state).await;
                state.rounds += 1;
                if state.rounds.is_multiple_of(USES_EVERY) {
                    self.write_uses().await;
                }
                me.send_after(TOKENS_EVERY, || TokensMsg::Tick);
            }
            TokensMsg::Flush(reply) => {
                self.write_uses().await;
                let _ = reply.send(());
            }
        }
        Ok(())
    }
}

impl TokenKeeper {
    async fn read_changes(&self, state: &mut State) {
        let now = self.context.clock.now();
        match self.context.store.tokens_changed(state.since).await {
            Ok(rows) => {
                for row in &rows {
                    self.context.indexes.put_token(row);
                }
                state.since = now - CLOCK_SKEW;
            }
            Err(error) => debug!(error = %crate::chain_of(&error), "token changes were not read"),
        }
    }

    /// A use that is not written is written with the next one.
    async fn write_uses(&self) {
        let uses = self.context.indexes.tokens.take_uses();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = self.context.store.write_token_use(&uses).await {
            warn!(error = %crate::chain_of(&error), tokens = uses.len(), "token uses were lost");
        }
    }
}

/// What the relay is told.
#[derive(Debug)]
pub enum RelayMsg {
    /// Wait for the next thing to pass on.
    Next,
}

/// Passes recorded events to other nodes, and hints of theirs to the journal. Holds nothing:
/// a lost publish is a delay elsewhere, because the store is what nodes catch up from.
#[derive(Clone)]
pub struct RelayActor {
    pub(crate) address: Address<RelayMsg>,
    pub(crate) context: Context,
    pub(crate) port: Arc<dyn Relay>,
    pub(crate) frames: Arc<Mutex<mpsc::Receiver<Arc<Frame>>>>,
}

/// How long one message waits, so that the actor can be stopped.
const RELAY_WAIT: Duration = Duration::from_secs(1);
/// Frames published at once.
const RELAY_MANY: usize = 256;

impl Actor for RelayActor {
    type Msg = RelayMsg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<RelayMsg>, (): ()) -> Result<(), ActorProcessingErr> {
        me.send_message(RelayMsg::Next)?;
        Ok(())
    }

    async fn handle(
        &self,
        me: ActorRef<RelayMsg>,
        RelayMsg::Next: RelayMsg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        let mut frames = self.frames.lock().await;
        let mut batch = Vec::new();
        tokio::select! {
            count = frames.recv_many(&mut batch, RELAY_MANY) => {
                if count > 0 {
                    self.publish(&batch).await;
                }
            }
            hint = self.port.next_hint() => match hint {
                Some(()) => self.context.journal.catch_up(),
                // No other nodes: only the frames are to be thrown away.
                None => _ = tokio::time::timeout(RELAY_WAIT, frames.recv_many(&mut batch, RELAY_MANY)).await,
            },
            () = tokio::time::sleep(RELAY_WAIT) => {}
        }
        me.send_message(RelayMsg::Next)?;
        Ok(())
    }
}

impl RelayActor {
    async fn publish(&self, batch: &[Arc<Frame>]) {
        let texts: Vec<Arc<str>> =
            batch.iter().filter_map(|frame| text(&frame.envelope())).collect();
        if let Err(error) = self.port.publish(&texts).await {
            debug!(error = %crate::chain_of(&error), "not relayed");
        }
    }
}

fn text(bytes: &Bytes) -> Option<Arc<str>> {
    std::str::from_utf8(bytes).ok().map(Arc::from)
}
