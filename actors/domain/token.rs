//! Access tokens: who they speak for. The tokens themselves never come here, only hashes.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ids::WorkspaceId;

/// SHA-256 of a token's text (contract 05 §5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

/// Whom a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// One workspace's agent.
    Workspace(WorkspaceId),
    /// The organisation, with the power of `scope`.
    Org { scope: OrgScope, org_id: Option<WorkspaceId> },
}

/// What an organisation token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrgScope {
    /// Everything an administrator may.
    Admin,
    /// Only register workspaces (design §7, join token).
    Join,
}

impl OrgScope {
    /// Returns the wire and database spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Join => "join",
        }
    }

    /// Parses the wire and database spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Admin, Self::Join].into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A workspace token to be stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub id: Uuid,
    pub hash: TokenHash,
    /// The first eight characters, shown to people.
    pub prefix: String,
}

/// An organisation token to be stored.
#[derive(Clone, Debug)]
pub struct NewOrgToken {
    pub token: NewToken,
    pub name: Option<String>,
    pub created_by: String,
    pub scope: OrgScope,
    pub org_id: Option<WorkspaceId>,
}

/// A stored token, live or revoked.
#[derive(Clone, Debug)]
pub struct TokenRow {
    pub id: Uuid,
    pub hash: TokenHash,
    pub prefix: String,
    pub owner: Owner,
    pub name: Option<String>,
    pub created_by: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}
