//! The liveness mirror: tells other readers who was heard of, in pipelines.
//!
//! Owns the addresses and deletions that wait to be mirrored. A restart loses those, and a key
//! that stays too long expires by itself: the mirror decides nothing.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tracing::{Instrument, debug, debug_span};

use crate::address::Address;
use crate::context::Context;
use crate::domain::ids::WorkspaceId;
use crate::ports::{Heard, LivenessMirror, Located, MirrorError};

/// How long a beat waits at most before it is mirrored.
const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// Addresses and deletions that wait at most; older ones are forgotten.
const MAX_PENDING: usize = 20_000;

/// What the mirror is told.
#[derive(Debug)]
pub enum MirrorMsg {
    /// Mirror what is marked, then wait again.
    Tick,
    /// A workspace has this address.
    Located { id: WorkspaceId, url: String, internal_url: String },
    /// A workspace is not to be found any more.
    Clear(WorkspaceId),
    /// Mirror what is marked now.
    Flush(oneshot::Sender<()>),
}

/// The actor.
#[derive(Clone)]
pub struct Mirror {
    pub(crate) address: Address<MirrorMsg>,
    pub(crate) context: Context,
    pub(crate) port: std::sync::Arc<dyn LivenessMirror>,
}

/// What the actor holds between messages.
#[derive(Debug, Default)]
pub struct State {
    located: Vec<Located>,
    cleared: Vec<WorkspaceId>,
}

impl Actor for Mirror {
    type Msg = MirrorMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<MirrorMsg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        me.send_after(FLUSH_EVERY, || MirrorMsg::Tick);
        Ok(State::default())
    }

    async fn handle(
        &self,
        me: ActorRef<MirrorMsg>,
        message: MirrorMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        match message {
            MirrorMsg::Tick => {
                self.flush(state).instrument(debug_span!("mirror", kind = "tick")).await;
                me.send_after(FLUSH_EVERY, || MirrorMsg::Tick);
            }
            MirrorMsg::Flush(reply) => {
                self.flush(state).await;
                let _ = reply.send(());
            }
            MirrorMsg::Located { id, url, internal_url } => {
                state.cleared.retain(|cleared| *cleared != id);
                if state.located.len() < MAX_PENDING {
                    state.located.push(Located { id, url, internal_url });
                }
            }
            MirrorMsg::Clear(id) => {
                state.located.retain(|located| located.id != id);
                if state.cleared.len() < MAX_PENDING {
                    state.cleared.push(id);
                }
            }
        }
        Ok(())
    }
}

impl Mirror {
    /// Deletions last: a beat that was marked before its workspace went must not outlive it.
    async fn flush(&self, state: &mut State) {
        let patience = &self.context.indexes.patience;
        let heard: Vec<_> = self
            .context
            .heard
            .take()
            .into_iter()
            .filter(|cell| cell.status().is_heard())
            .map(|cell| Heard {
                id: cell.id,
                ttl: if cell.is_external() { patience.external_ttl } else { patience.ttl },
            })
            .collect();
        if !heard.is_empty() {
            self.context.metrics.mirror_batch.observe(heard.len() as f64);
            self.note(self.port.heard(&heard).await);
        }
        let located = std::mem::take(&mut state.located);
        if !located.is_empty() {
            self.note(self.port.located(&located).await);
        }
        let cleared = std::mem::take(&mut state.cleared);
        if !cleared.is_empty() {
            self.note(self.port.clear(&cleared).await);
        }
    }

    /// The adapter logs when it loses and finds its server; here every failure counts.
    fn note(&self, result: Result<(), MirrorError>) {
        if let Err(error) = result {
            self.context.metrics.mirror_failures.inc();
            debug!(error = %crate::chain_of(&error), "not mirrored");
        }
    }
}
