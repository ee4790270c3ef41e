//! Requests for approval: an agent asks, somebody else decides, or time does.
//!
//! Every step is recorded on the workspace that asked, together with its row, by the journal. Of
//! several who decide at once the store lets one win; the others decide again on what is then.

mod drafts;
pub(crate) mod expiry;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use self::expiry::ExpiryMsg;
use crate::address::Address;
use crate::api::{Note, Noted, RuntimeError};
use crate::directory::Directory;
use crate::domain::approval::{
    Approval, Ballot, Decider, MAX_REQUIRED, NewApproval, NotDecided, Status, Verdict,
};
use crate::domain::change::Effect;
use crate::domain::ids::WorkspaceId;
use crate::ports::{ApprovalQuery, Clock, NamedApproval, Store, StoreError};

/// Each try that fails means that another decision was written, and so many are not.
const MAX_TRIES: u32 = MAX_REQUIRED + 2;

/// How requests are treated.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a request may wait.
    pub lifetime: Duration,
    /// How many different identities must approve, if the request does not ask for more.
    pub required: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { lifetime: Duration::from_secs(600), required: 1 }
    }
}

/// What an agent asks for. Already validated.
#[derive(Clone, Debug)]
pub struct Request {
    pub task_id: String,
    pub action: String,
    pub reason: String,
    /// An object.
    pub context: Value,
    /// How many must approve; fewer than the rules say is the same as what they say.
    pub required: u32,
    /// The credential it is made with.
    pub requested_by: String,
}

/// A request that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requested {
    pub id: Uuid,
    pub expires_at: DateTime<Utc>,
    pub required: u32,
}

/// A decision that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// `Pending` while more must approve.
    pub status: Status,
    pub approvals: u32,
    pub required: u32,
}

/// Why a decision was not written.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    #[error(transparent)]
    NotDecided(#[from] NotDecided),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// The handle to requests. Cheap to clone.
#[derive(Clone)]
pub struct Approvals {
    pub(crate) directory: Directory,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) expiry: Address<ExpiryMsg>,
    pub(crate) rules: Rules,
}

impl std::fmt::Debug for Approvals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Approvals").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Approvals {
    /// Takes in a request, and tells the parent of who asks.
    ///
    /// # Errors
    /// `Full` when too many wait already; `NotFound`, `Removed`, or as elsewhere.
    pub async fn request(
        &self,
        workspace: WorkspaceId,
        request: Request,
    ) -> Result<Requested, RuntimeError> {
        let lifetime = TimeDelta::from_std(self.rules.lifetime).unwrap_or(TimeDelta::MAX);
        let required = request.required.max(self.rules.required).clamp(1, MAX_REQUIRED);
        let new = NewApproval {
            id: Uuid::new_v4(),
            task_id: request.task_id,
            action: request.action,
            reason: request.reason,
            context: request.context,
            required,
            requested_by: request.requested_by,
            lifetime,
        };
        let noted = self.note_request(workspace, &new).await?;
        self.tell_expiry();
        Ok(Requested { id: new.id, expires_at: noted.at + lifetime, required })
    }

    async fn note_request(
        &self,
        workspace: WorkspaceId,
        new: &NewApproval,
    ) -> Result<Noted, RuntimeError> {
        let drafts = vec![drafts::requested(new)];
        let effects = vec![Effect::RequestApproval(Box::new(new.clone()))];
        if let Some(parent) = self.directory.peers(workspace).parent {
            let own = Note { workspace, drafts: drafts.clone(), effects: effects.clone() };
            let escalated = vec![drafts::escalated(new, workspace)];
            let above = Note { workspace: parent, drafts: escalated, effects: Vec::new() };
            match self.directory.record_together(vec![own, above]).await {
                // The parent left in between: then there is nobody to tell.
                Err(RuntimeError::Removed | RuntimeError::NotFound) => {}
                result => return result,
            }
        }
        self.directory.record(workspace, drafts, effects).await
    }

    /// Takes in a decision. When it returns, it is durable; of several that would settle the
    /// request exactly one does.
    ///
    /// # Errors
    /// [`DecideError`]; nothing was decided unless it is `Unknown`.
    pub async fn decide(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        by: &Decider,
        verdict: Verdict,
        decided_by: &str,
    ) -> Result<Decided, DecideError> {
        for _ in 0..MAX_TRIES {
            let found = self.store.approval(workspace, id).await.map_err(RuntimeError::from)?;
            let approval = found.ok_or(NotDecided::Closed)?;
            let ruling = approval.rule(by, verdict, self.clock.now())?;
            let ballot = Ballot {
                approval: id,
                expect: approval.approvals,
                ruling,
                verdict,
                identity: by.identity(),
                decided_by: decided_by.to_owned(),
            };
            let drafts = drafts::decided(&approval, &ballot);
            let effects = vec![Effect::DecideApproval(Box::new(ballot))];
            match self.directory.record(workspace, drafts, effects).await {
                Ok(_) => {
                    self.tell_expiry();
                    let (status, approvals) = (ruling.status, ruling.approvals);
                    return Ok(Decided { status, approvals, required: approval.required });
                }
                Err(RuntimeError::Superseded) => {}
                Err(RuntimeError::Removed) => return Err(NotDecided::Closed.into()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(RuntimeError::Overloaded { retry_after: Duration::from_secs(1) }.into())
    }

    /// Returns one request as it stands now.
    ///
    /// # Errors
    /// The store's.
    pub async fn one(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
    ) -> Result<Option<Approval>, StoreError> {
        let found = self.store.approval(workspace, id).await?;
        Ok(found.map(|approval| approval.at(self.clock.now())))
    }

    /// Lists requests as they stand now, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(
        &self,
        workspace: Option<WorkspaceId>,
        status: Option<Status>,
        before: Option<(DateTime<Utc>, Uuid)>,
        limit: usize,
    ) -> Result<Vec<NamedApproval>, StoreError> {
        let now = self.clock.now();
        let query = ApprovalQuery { workspace, status, before, now, limit };
        let mut found = self.store.approvals(&query).await?;
        for named in &mut found {
            named.approval = named.approval.clone().at(now);
        }
        Ok(found)
    }

    /// What waits has changed: one message that is queued tells of all of it.
    fn tell_expiry(&self) {
        if self.expiry.waiting() == 0 {
            let _ = self.expiry.cast(ExpiryMsg::Changed);
        }
    }
}
