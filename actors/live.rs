//! The live hub. Skeleton: signatures only.
#![allow(unused_variables, clippy::todo, missing_debug_implementations)]
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::api::RuntimeError;
use crate::domain::ids::{Seq, WorkspaceId};

/// One event on its way to subscribers, serialised once and shared.
#[derive(Debug)]
pub struct Frame;

impl Frame {
    /// `None` for live-only events.
    pub fn seq(&self) -> Option<Seq> { todo!() }
    /// The envelope of contract 03 §4: exactly four keys. Valid UTF-8.
    pub fn envelope(&self) -> Bytes { todo!() }
    /// The same with a fifth key `seq` when the event is recorded, for subscribers that asked with `?since=`.
    pub fn sequenced(&self) -> Bytes { todo!() }
    /// `data: {"type","timestamp":<unix ms>,"data"}` and a blank line (contract 03 §5).
    pub fn sse(&self) -> Bytes { todo!() }
    /// The same preceded by an `id: <seq>` line when recorded.
    pub fn sse_sequenced(&self) -> Bytes { todo!() }
}

/// Which events a subscriber gets.
#[derive(Clone, Copy, Debug)]
pub enum Audience {
    Everything,
    /// Events of workspaces that this one may talk to.
    Peers(WorkspaceId),
    /// Events of exactly this workspace.
    Only(WorkspaceId),
}

#[derive(Clone)]
pub struct Live;

impl Live {
    /// `since`: get everything recorded after it first (then no holes and no doubles).
    pub async fn subscribe(&self, audience: Audience, since: Option<Seq>) -> Result<Subscription, RuntimeError> { todo!() }
    /// The last sequence that subscribers were told.
    pub fn last_seq(&self) -> Seq { todo!() }
    pub fn subscribers(&self) -> usize { todo!() }
}

pub struct Subscription;

/// What comes next on a subscription.
#[derive(Debug)]
pub enum Next {
    /// At least one, in order.
    Frames(Vec<Arc<Frame>>),
    /// The subscriber was too slow: close with 1013, it resumes with `since`.
    Slow,
    /// The hub was restarted or the store failed in the middle of catching up: close with 1013 too ("resume").
    Interrupted,
}

impl Subscription {
    /// Cancel safe.
    pub async fn next(&mut self) -> Next { todo!() }
}

/// A recorded or live-only event's time is the server clock at send time.
pub type SentAt = DateTime<Utc>;
