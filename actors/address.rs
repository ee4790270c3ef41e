//! Where a supervised actor can be reached, across its restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use ractor::{ActorRef, Message};
use tokio::sync::oneshot;

/// A handle to an actor that its supervisor may restart. Cheap to clone.
///
/// Counts the messages that wait, because ractor's mailboxes are unbounded and silent.
pub struct Address<M> {
    inner: Arc<Inner<M>>,
}

struct Inner<M> {
    actor: RwLock<Option<ActorRef<M>>>,
    waiting: AtomicU64,
}

/// Why a message got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Not running now: nothing was delivered.
    #[error("the actor is not running")]
    Down,
    /// Delivered; it ended or took too long, so the message may have had its effect.
    #[error("the actor gave no answer")]
    NoAnswer,
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<M> Default for Address<M> {
    fn default() -> Self {
        let inner = Inner { actor: RwLock::new(None), waiting: AtomicU64::new(0) };
        Self { inner: Arc::new(inner) }
    }
}

impl<M> std::fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl<M: Message> Address<M> {
    /// Sends without waiting.
    ///
    /// # Errors
    /// `Down` when there is nobody to receive it.
    pub fn cast(&self, message: M) -> Result<(), CallError> {
        let actor = self.inner.actor.read();
        let actor = actor.as_ref().ok_or(CallError::Down)?;
        self.inner.waiting.fetch_add(1, Ordering::Relaxed);
        actor.send_message(message).map_err(|_| {
            self.received();
            CallError::Down
        })
    }

    /// Sends and waits for the answer, at most `limit`.
    ///
    /// # Errors
    /// [`CallError`]. Dropping the future does not recall the message.
    pub async fn call<T>(
        &self,
        limit: Duration,
        message: impl FnOnce(oneshot::Sender<T>) -> M,
    ) -> Result<T, CallError> {
        let (reply, answer) = oneshot::channel();
        self.cast(message(reply))?;
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) | Err(_) => Err(CallError::NoAnswer),
        }
    }

    /// Points at a started actor, whose mailbox is empty.
    pub fn set(&self, actor: Option<ActorRef<M>>) {
        self.inner.waiting.store(0, Ordering::Relaxed);
        *self.inner.actor.write() = actor;
    }

    /// Returns the actor, if it runs.
    pub fn get(&self) -> Option<ActorRef<M>> {
        self.inner.actor.read().clone()
    }
}

impl<M> Address<M> {
    /// Called by the actor for each message it begins.
    pub fn received(&self) {
        let _ = self
            .inner
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    }

    /// Returns how many messages wait.
    pub fn waiting(&self) -> u64 {
        self.inner.waiting.load(Ordering::Relaxed)
    }
}
