//! A shard of the live hub: owns a part of the subscribers and hands each its frames.
//!
//! A restart loses no recorded event: its subscribers are cut off and resume by sequence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{mpsc, oneshot};

use super::{Audience, Frame, Reach};
use crate::address::Address;
use crate::domain::ids::Seq;

/// Frames that wait for one subscriber at most; one more and it is cut off.
pub const MAX_WAITING: usize = 1_024;

/// A subscriber as its shard sees it.
#[derive(Debug)]
pub struct Subscriber {
    pub audience: Audience,
    pub frames: mpsc::Sender<Arc<Frame>>,
    /// Set before the channel is closed on a subscriber that was too slow.
    pub slow: Arc<AtomicBool>,
}

/// What a shard is told.
#[derive(Debug)]
pub enum HubMsg {
    /// Frames in order.
    Publish(Vec<Arc<Frame>>),
    /// Answers with the last sequence that the subscriber will not get.
    Subscribe(Subscriber, oneshot::Sender<Seq>),
}

/// The actor.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) address: Address<HubMsg>,
    pub(crate) reach: Arc<Reach>,
    pub(crate) shard: usize,
}

/// What the actor holds between messages.
#[derive(Debug)]
pub struct State {
    subscribers: Vec<Subscriber>,
    told: Seq,
}

impl Actor for Hub {
    type Msg = HubMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<HubMsg>, (): ()) -> Result<State, ActorProcessingErr> {
        // What was published before now will not reach this mailbox.
        let state = State { subscribers: Vec::new(), told: self.reach.recorded_seq() };
        self.count(&state);
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<HubMsg>,
        message: HubMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        match message {
            HubMsg::Publish(frames) => {
                for frame in frames {
                    self.publish(&frame, state);
                }
            }
            HubMsg::Subscribe(subscriber, reply) => {
                if reply.send(state.told).is_ok() {
                    state.subscribers.push(subscriber);
                    self.count(state);
                }
            }
        }
        Ok(())
    }
}

impl Hub {
    fn publish(&self, frame: &Arc<Frame>, state: &mut State) {
        if let Some(seq) = frame.seq() {
            state.told = state.told.max(seq);
        }
        state.subscribers.retain(|subscriber| self.deliver(subscriber, frame));
        self.count(state);
    }

    fn count(&self, state: &State) {
        self.reach.subscribers[self.shard].store(state.subscribers.len(), Ordering::Release);
    }

    /// Returns whether the subscriber stays.
    fn deliver(&self, subscriber: &Subscriber, frame: &Arc<Frame>) -> bool {
        if !self.reach.admits(subscriber.audience, frame) {
            return !subscriber.frames.is_closed();
        }
        match subscriber.frames.try_send(Arc::clone(frame)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                subscriber.slow.store(true, Ordering::Release);
                self.reach.metrics.live_cut.inc();
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}
