//! Denies what nobody decided in time.
//!
//! Sleeps until the first request that waits expires; a new request or decision lets it look a
//! little later, once for many, and set its alarm anew. Owns nothing but the alarm: a restart, of
//! the server too, looks at once.
//! Reads and decisions do not wait for it: past its time a request counts as denied.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tracing::{Instrument, debug, debug_span, warn};

use super::drafts;
use crate::address::Address;
use crate::api::RuntimeError;
use crate::context::Context;
use crate::directory::Directory;
use crate::domain::change::Effect;
use crate::ports::{DueApproval, StoreError};

/// The longest sleep: the wall clock may be set, and other nodes take in requests too.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(60);
/// The wait after something could not be read or written.
const AGAIN: Duration = Duration::from_secs(1);
/// From a change to the look at it: shorter than any request waits, long enough for many changes.
const SETTLE: Duration = Duration::from_millis(200);
/// Requests read at once.
const PAGE: usize = 256;
/// Requests expired side by side.
const TOGETHER: usize = 32;

/// What it is told.
#[derive(Debug)]
pub enum ExpiryMsg {
    /// What waits has changed.
    Changed,
    /// The alarm went off.
    Look,
}

/// The actor.
#[derive(Clone)]
pub struct Expiry {
    pub(crate) address: Address<ExpiryMsg>,
    pub(crate) context: Context,
    pub(crate) directory: Directory,
}

/// What the actor holds between messages.
#[derive(Debug, Default)]
pub struct State {
    alarm: Option<(Instant, JoinHandle<()>)>,
}

impl State {
    fn set(&mut self, me: ActorRef<ExpiryMsg>, wait: Duration) {
        self.clear();
        let ring = async move {
            tokio::time::sleep(wait).await;
            let _ = me.send_message(ExpiryMsg::Look);
        };
        self.alarm = Some((Instant::now() + wait, tokio::spawn(ring)));
    }

    fn clear(&mut self) {
        if let Some((_, alarm)) = self.alarm.take() {
            alarm.abort();
        }
    }

    fn rings_within(&self, wait: Duration) -> bool {
        self.alarm.as_ref().is_some_and(|(at, _)| *at <= Instant::now() + wait)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Actor for Expiry {
    type Msg = ExpiryMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<ExpiryMsg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        me.send_message(ExpiryMsg::Look)?;
        Ok(State::default())
    }

    async fn handle(
        &self,
        me: ActorRef<ExpiryMsg>,
        message: ExpiryMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        match message {
            ExpiryMsg::Changed if state.rings_within(SETTLE) => {}
            ExpiryMsg::Changed => state.set(me, SETTLE),
            ExpiryMsg::Look => {
                let wait = self.look().instrument(debug_span!("approvals", kind = "look")).await;
                state.set(me, wait);
            }
        }
        Ok(())
    }
}

impl Expiry {
    /// Denies what is due; returns when to look again.
    async fn look(&self) -> Duration {
        match self.deny_due().await {
            Ok(true) => {}
            Ok(false) => return AGAIN,
            Err(error) => {
                warn!(error = %crate::chain_of(&error), "expired approvals could not be read");
                return AGAIN;
            }
        }
        match self.context.store.approvals_waiting().await {
            Ok(waiting) => {
                let pending = i64::try_from(waiting.pending).unwrap_or(i64::MAX);
                self.context.metrics.approvals_pending.set(pending);
                let now = self.context.clock.now();
                // What is due already was not to be denied just now.
                let left = |at: DateTime<Utc>| (at - now).to_std().ok().filter(|d| !d.is_zero());
                let left = waiting.next.map(|at| left(at).unwrap_or(AGAIN));
                left.map_or(LOOK_AT_LEAST_EVERY, |left| left.min(LOOK_AT_LEAST_EVERY))
            }
            Err(error) => {
                debug!(error = %crate::chain_of(&error), "pending approvals were not counted");
                AGAIN
            }
        }
    }

    /// Returns whether all that is due is denied now.
    async fn deny_due(&self) -> Result<bool, StoreError> {
        loop {
            let due = self.context.store.due_approvals(self.context.clock.now(), PAGE).await?;
            let mut ends = Vec::with_capacity(due.len());
            for some in due.chunks(TOGETHER) {
                let mut denying = JoinSet::new();
                for one in some {
                    denying.spawn(deny(self.directory.clone(), *one));
                }
                ends.extend(denying.join_all().await);
            }
            let more = due.len() == PAGE && ends.contains(&End::Denied);
            if !more || ends.contains(&End::Failed) {
                return Ok(!ends.contains(&End::Failed));
            }
        }
    }
}

/// What became of one that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Denied,
    /// Somebody was quicker.
    Gone,
    /// It is tried again.
    Failed,
}

async fn deny(directory: Directory, due: DueApproval) -> End {
    use RuntimeError::{NotFound, Removed, Superseded};
    let effects = vec![Effect::ExpireApproval(due.id)];
    match directory.record(due.workspace, drafts::expired(&due), effects).await {
        Ok(_) => End::Denied,
        Err(Superseded | Removed | NotFound) => End::Gone,
        Err(error) => {
            debug!(id = %due.id, error = %crate::chain_of(&error), "not expired, trying again");
            End::Failed
        }
    }
}
