//! Mailboxes: `a2a_queue` (contract 09 §6).

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::StoreError;
use crate::domain::ids::WorkspaceId;
use crate::domain::message::{Message, NewMessage, State, Verdict};

/// One step of mailboxes. Steps of one call are one transaction.
#[derive(Clone, Debug)]
pub enum MessageStep {
    /// Keeps a message, unless the same workspace has one of the same key that waits or was
    /// delivered.
    Post(NewMessage),
    /// Leases messages of a workspace that are due, the most urgent first, then the oldest.
    Lease(Lease),
    /// Says that the holders of these leases still work.
    Renew { leases: Vec<Uuid>, until: DateTime<Utc> },
    /// Ends a try, if the lease still holds.
    Settle { id: Uuid, lease: Uuid, verdict: Verdict, at: DateTime<Utc> },
    /// Ends a message of `to` that has not ended, whoever has it.
    End { id: Uuid, to: WorkspaceId, verdict: Verdict, at: DateTime<Utc> },
    /// Cancels queued messages that were posted before `before`, at most `limit`.
    Drop { to: Option<WorkspaceId>, before: DateTime<Utc>, at: DateTime<Utc>, limit: usize },
    /// Ends messages whose time is over and which nobody holds; requeues those whose lease is over.
    Expire { at: DateTime<Utc>, limit: usize },
    /// Forgets messages that ended before `before`.
    Forget { before: DateTime<Utc>, limit: usize },
}

/// Which messages to lease.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    pub to: WorkspaceId,
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// Only those that arrived after this one, oldest first: for agents that keep a cursor.
    pub after: Option<i64>,
    pub limit: usize,
}

/// What became of a step.
#[derive(Clone, Debug)]
pub enum MessageOutcome {
    /// Kept, or it was there already: then this is how it stands. An unknown workspace: `None`.
    Posted(Option<Posted>),
    Leased(Vec<Message>),
    Renewed,
    /// The message after the step; `None` when it had ended before, or the lease was not this one.
    Settled(Option<Box<Message>>),
    /// The messages that ended or changed.
    Changed(Vec<Message>),
    Forgotten(u64),
}

/// Where a posted message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    pub id: Uuid,
    pub state: State,
    /// It was not there before.
    pub new: bool,
}

/// Which messages to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct MessageQuery {
    /// To this workspace.
    pub to: Option<WorkspaceId>,
    /// From this workspace.
    pub from: Option<WorkspaceId>,
    pub state: Option<State>,
    /// Only those that arrived before this one.
    pub before: Option<i64>,
    pub limit: usize,
}

/// Messages that wait. All bodies are kept byte by byte.
#[async_trait]
pub trait MessageStore: Send + Sync {
    /// Takes all steps in one transaction and returns one outcome each, in order. Posts come
    /// first, then the others in order.
    ///
    /// # Errors
    /// On `Refused` and `Unavailable` nothing was written.
    async fn write_messages(
        &self,
        steps: &[MessageStep],
    ) -> Result<Vec<MessageOutcome>, StoreError>;

    /// Returns a message.
    async fn message(&self, id: Uuid) -> Result<Option<Message>, StoreError>;

    /// Returns the message of a workspace that waits or was delivered under a key.
    async fn message_by_key(
        &self,
        to: WorkspaceId,
        key: &str,
    ) -> Result<Option<Message>, StoreError>;

    /// Lists messages, without the bodies' answers.
    async fn messages(&self, query: &MessageQuery) -> Result<Vec<Message>, StoreError>;

    /// Returns the workspaces that have messages, and how many of those have not ended, after
    /// `after`, by id.
    async fn mailboxes(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<(WorkspaceId, u32)>, StoreError>;
}
