//! Requests for approval, and who may settle them (contract 04 §5).

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::ids::WorkspaceId;

/// The most people whose approval one request may need.
pub const MAX_REQUIRED: u32 = 5;
/// Requests of one workspace that may wait at the same time.
pub const MAX_PENDING: u32 = 100;
/// Who is said to have denied what nobody decided in time.
pub const EXPIRED: &str = "auto-expired";
/// Who is said to have denied what a workspace had asked for when it was removed.
pub const WITHDRAWN: &str = "workspace-removed";

/// Life of a request. `Escalated` is part of the agreed spelling and never set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "snake_case", as = ApprovalStatus)]
pub enum Status {
    Pending,
    Approved,
    Denied,
    Escalated,
}

impl Status {
    const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Denied, Self::Escalated];

    /// Returns the spelling of wire and database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Escalated => "escalated",
        }
    }

    /// Parses the spelling of wire and database.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What somebody says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Verdict {
    Approved,
    Denied,
}

impl Verdict {
    /// Returns the spelling of wire and database.
    pub fn as_str(self) -> &'static str {
        Status::from(self).as_str()
    }

    /// Parses the spelling of wire and database.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Approved, Self::Denied].into_iter().find(|verdict| verdict.as_str() == text)
    }
}

impl From<Verdict> for Status {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approved => Self::Approved,
            Verdict::Denied => Self::Denied,
        }
    }
}

/// Who decides, as authenticated. What they call themselves is not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decider {
    /// Somebody who may administrate, by the name of their credential.
    Admin(String),
    /// The agent of a workspace, whichever of its tokens it used.
    Workspace(WorkspaceId),
}

impl Decider {
    /// Returns the name that is stored and compared.
    pub fn identity(&self) -> String {
        match self {
            Self::Admin(name) => name.clone(),
            Self::Workspace(id) => format!("workspace:{id}"),
        }
    }
}

/// A request as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    pub id: Uuid,
    pub workspace: WorkspaceId,
    pub task_id: Option<String>,
    pub action: String,
    pub reason: Option<String>,
    /// An object.
    pub context: Value,
    pub status: Status,
    /// What the last who decided called themselves.
    pub decided_by: Option<String>,
    /// Who that was, as authenticated. `None` after an expiry.
    pub decided_by_identity: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// From then on it counts as denied.
    pub expires_at: DateTime<Utc>,
    /// How many different identities must approve.
    pub required: u32,
    /// How many have.
    pub approvals: u32,
    /// The credential it was made with.
    pub requested_by: String,
    /// In the order they were made.
    pub decisions: Vec<Decision>,
}

/// What one of those who decide has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who, as authenticated.
    pub identity: String,
    pub verdict: Verdict,
    /// What they called themselves.
    pub decided_by: String,
    pub decided_at: DateTime<Utc>,
}

/// What a decision makes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// `Pending` while more must approve.
    pub status: Status,
    /// How many have approved now.
    pub approvals: u32,
}

/// Why a decision does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDecided {
    #[error("a workspace does not decide what it asked for itself")]
    OwnRequest,
    #[error("it is decided or its time is over")]
    Closed,
    #[error("this identity has approved it already; somebody else must approve it too")]
    ApprovedAlready,
}

impl Approval {
    /// Returns it as it stands at `now`: past its time it is denied, written or not.
    #[must_use]
    pub fn at(mut self, now: DateTime<Utc>) -> Self {
        if self.status == Status::Pending && self.expires_at <= now {
            self.status = Status::Denied;
            self.decided_by = Some(EXPIRED.to_owned());
            self.decided_at = Some(self.expires_at);
        }
        self
    }

    /// Decides what a decision makes of it. One denial denies; approvals count once an identity.
    ///
    /// # Errors
    /// Why it does not count; then nothing changes.
    pub fn rule(
        &self,
        by: &Decider,
        verdict: Verdict,
        now: DateTime<Utc>,
    ) -> Result<Ruling, NotDecided> {
        if *by == Decider::Workspace(self.workspace) {
            return Err(NotDecided::OwnRequest);
        }
        if self.status != Status::Pending || self.expires_at <= now {
            return Err(NotDecided::Closed);
        }
        if verdict == Verdict::Denied {
            return Ok(Ruling { status: Status::Denied, approvals: self.approvals });
        }
        let identity = by.identity();
        let approved = |d: &Decision| d.verdict == Verdict::Approved && d.identity == identity;
        if self.decisions.iter().any(approved) {
            return Err(NotDecided::ApprovedAlready);
        }
        let approvals = self.approvals + 1;
        let enough = approvals >= self.required;
        let status = if enough { Status::Approved } else { Status::Pending };
        Ok(Ruling { status, approvals })
    }
}

/// A request to be stored. The store adds the time of its event.
#[derive(Clone, Debug)]
pub struct NewApproval {
    pub id: Uuid,
    pub task_id: String,
    pub action: String,
    pub reason: String,
    pub context: Value,
    pub required: u32,
    pub requested_by: String,
    /// How long it may wait.
    pub lifetime: chrono::TimeDelta,
}

/// A decision to be stored, if the request is still what it was made on.
#[derive(Clone, Debug)]
pub struct Ballot {
    pub approval: Uuid,
    /// How many had approved.
    pub expect: u32,
    pub ruling: Ruling,
    pub verdict: Verdict,
    pub identity: String,
    pub decided_by: String,
}

#[cfg(test)]
mod tests;
