//! The live hub: every event to everybody who may see it, in order, without holes.
//!
//! The journal tells it of recorded events in the order of their sequences; beats tell it of
//! live-only ones. A subscriber says where it stopped and gets the rest from the store
//! before the live tail. One that cannot keep up is cut off and resumes.

mod frame;
pub mod hub;
mod subscription;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::sync::mpsc;

pub use self::frame::Frame;
use self::hub::{HubMsg, MAX_WAITING, Subscriber};
pub use self::subscription::{Next, Subscription};
use crate::address::Address;
use crate::api::RuntimeError;
use crate::domain::event::{Recorded, live_only};
use crate::domain::ids::{Seq, WorkspaceId};
use crate::indexes::Indexes;
use crate::metrics::Metrics;
use crate::ports::StructureStore;

/// Shards of the hub: each delivers to its own part of the subscribers.
pub const SHARDS: usize = 4;
/// Live-only frames are dropped, and counted, while this many messages wait for a shard.
const MAX_BACKLOG: u64 = 50_000;
/// How long subscribing may take.
const SUBSCRIBE_LIMIT: Duration = Duration::from_secs(5);
/// Frames on their way to other nodes at most; beyond that they find out by themselves.
const MAX_RELAYED: usize = 10_000;

/// Which events a subscriber gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All of them.
    Everything,
    /// Those of workspaces that this one may talk to.
    Peers(WorkspaceId),
    /// Those of exactly this workspace.
    Only(WorkspaceId),
}

/// What shards and handle share.
#[derive(Debug)]
pub struct Reach {
    indexes: Arc<Indexes>,
    pub(crate) metrics: Arc<Metrics>,
    /// By shard, so that a restarted one begins at none.
    subscribers: [AtomicUsize; SHARDS],
    recorded: AtomicI64,
}

impl Reach {
    fn recorded_seq(&self) -> Seq {
        self.recorded.load(Ordering::Acquire)
    }

    /// Returns whether `audience` may see `frame`.
    fn admits(&self, audience: Audience, frame: &Frame) -> bool {
        match audience {
            Audience::Everything => true,
            Audience::Only(id) => id == frame.workspace,
            Audience::Peers(id) => self.indexes.hierarchy.read().may_talk(id, frame.workspace),
        }
    }
}

/// The handle to the hub. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    reach: Arc<Reach>,
    shards: Arc<[Address<HubMsg>]>,
    next_shard: Arc<AtomicUsize>,
    store: Arc<dyn StructureStore>,
    relay: Option<mpsc::Sender<Arc<Frame>>>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Live {
    /// Returns a hub whose subscribers were told everything up to `recorded`, and the
    /// frames that other nodes are to be told of.
    pub(crate) fn new(
        indexes: Arc<Indexes>,
        metrics: Arc<Metrics>,
        store: Arc<dyn StructureStore>,
        recorded: Seq,
    ) -> (Self, mpsc::Receiver<Arc<Frame>>) {
        let reach = Reach {
            indexes,
            metrics,
            subscribers: Default::default(),
            recorded: AtomicI64::new(recorded),
        };
        let (relay, relayed) = mpsc::channel(MAX_RELAYED);
        let live = Self {
            reach: Arc::new(reach),
            shards: (0..SHARDS).map(|_| Address::default()).collect(),
            next_shard: Arc::default(),
            store,
            relay: Some(relay),
        };
        (live, relayed)
    }

    /// Subscribes. With `since`, everything recorded after it comes first.
    ///
    /// # Errors
    /// `Unavailable` while the hub restarts.
    pub async fn subscribe(
        &self,
        audience: Audience,
        since: Option<Seq>,
    ) -> Result<Subscription, RuntimeError> {
        let (frames, received) = mpsc::channel(MAX_WAITING);
        let slow = Arc::new(AtomicBool::new(false));
        let subscriber = Subscriber { audience, frames, slow: Arc::clone(&slow) };
        let shard = self.next_shard.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        let from = self.shards[shard]
            .call(SUBSCRIBE_LIMIT, |reply| HubMsg::Subscribe(subscriber, reply))
            .await
            .map_err(|_| RuntimeError::Unavailable(None))?;
        Ok(Subscription::new(self.clone(), audience, received, slow, since, from))
    }

    /// Returns the last sequence that subscribers were told of.
    pub fn last_seq(&self) -> Seq {
        self.recorded_seq()
    }

    /// Returns how many subscribers there are.
    pub fn subscribers(&self) -> usize {
        self.reach.subscribers.iter().map(|shard| shard.load(Ordering::Acquire)).sum()
    }

    pub(crate) fn recorded_seq(&self) -> Seq {
        self.reach.recorded_seq()
    }

    pub(crate) fn shards(&self) -> &[Address<HubMsg>] {
        &self.shards
    }

    pub(crate) fn reach(&self) -> Arc<Reach> {
        Arc::clone(&self.reach)
    }

    /// Tells everybody of recorded events, which continue the sequence. Those already told
    /// are left out. Called by one task at a time.
    pub(crate) fn record(&self, events: Vec<Recorded>) {
        let told = self.recorded_seq();
        let new: Vec<_> =
            events.iter().filter(|r| r.seq > told).map(|r| Arc::new(Frame::recorded(r))).collect();
        let Some(last) = new.last().and_then(|frame| frame.seq()) else {
            return;
        };
        self.reach.recorded.store(last, Ordering::Release);
        if let Some(relay) = &self.relay {
            for frame in &new {
                // Full: other nodes look for themselves before long.
                let _ = relay.try_send(Arc::clone(frame));
            }
        }
        for shard in self.shards.iter() {
            let _ = shard.cast(HubMsg::Publish(new.clone()));
        }
    }

    /// Tells subscribers of a heartbeat. Costs one atomic when there are none.
    pub(crate) fn beat(&self, id: WorkspaceId, at: DateTime<Utc>, active: i32, uptime: i32) {
        if self.subscribers() > 0 {
            self.tell(Frame::heartbeat(id, at, active, uptime));
        }
    }

    /// Tells subscribers that the current task of a workspace is another one.
    pub(crate) fn task_updated(&self, id: WorkspaceId, at: DateTime<Utc>, payload: &Value) {
        if self.subscribers() > 0 {
            self.tell(Frame::live(live_only::TASK_UPDATED, id, at, payload));
        }
    }

    /// Tells subscribers of an agent's answer to a message from the canvas.
    pub fn answered(&self, id: WorkspaceId, at: DateTime<Utc>, payload: &Value) {
        if self.subscribers() > 0 {
            self.tell(Frame::live(live_only::A2A_RESPONSE, id, at, payload));
        }
    }

    /// Tells subscribers of something about a workspace that is not recorded.
    pub(crate) fn tell_of(
        &self,
        kind: &'static str,
        id: WorkspaceId,
        at: DateTime<Utc>,
        payload: &Value,
    ) {
        if self.subscribers() > 0 {
            self.tell(Frame::live(kind, id, at, payload));
        }
    }

    /// Tells subscribers what an agent says to people.
    pub fn said(&self, id: WorkspaceId, at: DateTime<Utc>, payload: &Value) {
        if self.subscribers() > 0 {
            self.tell(Frame::live(live_only::AGENT_MESSAGE, id, at, payload));
        }
    }

    /// Tells subscribers of a row of the activity log. The payload is made only if there are any.
    pub(crate) fn logged(
        &self,
        id: WorkspaceId,
        at: DateTime<Utc>,
        payload: impl FnOnce() -> Value,
    ) {
        if self.subscribers() > 0 {
            self.tell(Frame::live(live_only::ACTIVITY_LOGGED, id, at, &payload()));
        }
    }

    /// Tells those who see everything of something that concerns no workspace.
    pub fn announce(&self, kind: &'static str, at: DateTime<Utc>, payload: &Value) {
        if self.subscribers() > 0 {
            self.tell(Frame::live(kind, WorkspaceId(uuid::Uuid::nil()), at, payload));
        }
    }

    fn tell(&self, frame: Frame) {
        let frame = Arc::new(frame);
        for shard in self.shards.iter() {
            if shard.waiting() > MAX_BACKLOG {
                self.reach.metrics.live_dropped.inc();
            } else {
                let _ = shard.cast(HubMsg::Publish(vec![Arc::clone(&frame)]));
            }
        }
    }
}
