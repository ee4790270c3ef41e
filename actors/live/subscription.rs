//! One subscriber's end: first what it missed, from the store, then the live tail.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use tracing::warn;

use super::{Audience, Frame, Live};
use crate::domain::ids::Seq;
use crate::ports::EventQuery;

/// Events read from the store at once.
const PAGE: usize = 500;
/// Frames handed over at once.
const MANY: usize = 256;

/// What comes next on a subscription.
#[derive(Debug)]
pub enum Next {
    /// At least one, in order.
    Frames(Vec<Arc<Frame>>),
    /// The subscriber was too slow; it resumes with the last sequence it got.
    Slow,
    /// The hub restarted or the store failed while catching up; the subscriber resumes.
    Interrupted,
}

/// A stream of frames. Dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    live: Live,
    audience: Audience,
    frames: mpsc::Receiver<Arc<Frame>>,
    slow: Arc<AtomicBool>,
    missed: Option<Missed>,
    /// Recorded frames up to here were handed over or are not wanted.
    told: Seq,
    ready: VecDeque<Arc<Frame>>,
}

/// What is still to be read from the store: sequences in `(after, up_to]`.
#[derive(Debug)]
struct Missed {
    after: Seq,
    up_to: Seq,
}

impl Subscription {
    pub(crate) fn new(
        live: Live,
        audience: Audience,
        frames: mpsc::Receiver<Arc<Frame>>,
        slow: Arc<AtomicBool>,
        since: Option<Seq>,
        from: Seq,
    ) -> Self {
        let missed = since.filter(|after| *after < from).map(|after| Missed { after, up_to: from });
        let told = since.map_or(from, |since| since.max(from));
        Self { live, audience, frames, slow, missed, told, ready: VecDeque::new() }
    }

    /// Waits for the next frames.
    ///
    /// # Cancel safety
    /// Cancel safe: frames that were not returned come with the next call.
    pub async fn next(&mut self) -> Next {
        loop {
            if !self.ready.is_empty() {
                return Next::Frames(self.ready.drain(..).collect());
            }
            if self.missed.is_some() {
                if !self.read_missed().await {
                    return Next::Interrupted;
                }
                continue;
            }
            let mut frames = Vec::new();
            if self.frames.recv_many(&mut frames, MANY).await == 0 {
                return if self.slow.load(Ordering::Acquire) {
                    Next::Slow
                } else {
                    Next::Interrupted
                };
            }
            let told = self.told;
            self.ready.extend(frames.into_iter().filter(|f| f.seq().is_none_or(|seq| seq > told)));
        }
    }

    /// Reads one page; returns whether the subscription can go on.
    async fn read_missed(&mut self) -> bool {
        let Some(missed) = &self.missed else {
            return true;
        };
        let query = EventQuery {
            workspace: match self.audience {
                Audience::Only(id) => Some(id),
                _ => None,
            },
            after_seq: Some(missed.after),
            up_to_seq: Some(missed.up_to),
            ascending: true,
            limit: PAGE,
            ..EventQuery::default()
        };
        let up_to = missed.up_to;
        let page = match self.live.store.events(&query).await {
            Ok(page) => page,
            Err(error) => {
                warn!(error = %crate::chain_of(&error), "a subscriber could not catch up");
                return false;
            }
        };
        self.missed = match page.last() {
            Some(last) if page.len() == PAGE => Some(Missed { after: last.seq, up_to }),
            _ => None,
        };
        let frames = page.iter().map(|recorded| Arc::new(Frame::recorded(recorded)));
        let reach = &self.live.reach;
        self.ready.extend(frames.filter(|frame| reach.admits(self.audience, frame)));
        true
    }
}
