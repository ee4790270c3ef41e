//! The in-memory token index and the writes that keep it true. Skeleton: signatures only.
#![allow(unused_variables, clippy::todo, missing_debug_implementations)]
use uuid::Uuid;

use crate::api::RuntimeError;
use crate::domain::ids::WorkspaceId;
use crate::domain::token::{NewOrgToken, NewToken, Owner, TokenHash, TokenRow};

#[derive(Clone)]
pub struct Tokens;

/// A live token.
#[derive(Clone, Debug)]
pub struct KnownToken {
    pub id: Uuid,
    pub owner: Owner,
    pub prefix: [u8; 8],
}

pub const MAX_LIVE_PER_WORKSPACE: u32 = 50;

impl Tokens {
    /// Memory only, no error path. Bumps `last_used_at` (written behind).
    pub fn find(&self, hash: &TokenHash) -> Option<KnownToken> { todo!() }
    /// Memory, then the store (another node may have issued it): `Err(Unavailable)` when the store
    /// is down and memory does not know it. Misses are cached for a moment.
    pub async fn authenticate(&self, hash: &TokenHash) -> Result<Option<KnownToken>, RuntimeError> { todo!() }
    /// `Ok(false)`: the cap of 50 live tokens is reached.
    pub async fn issue(&self, workspace: WorkspaceId, token: &NewToken) -> Result<bool, RuntimeError> { todo!() }
    /// `Ok(false)`: no such live token.
    pub async fn revoke(&self, workspace: WorkspaceId, id: Uuid) -> Result<bool, RuntimeError> { todo!() }
    pub async fn list(&self, workspace: WorkspaceId, limit: usize, offset: usize) -> Result<Vec<TokenRow>, RuntimeError> { todo!() }
    pub async fn issue_org(&self, token: &NewOrgToken) -> Result<(), RuntimeError> { todo!() }
    pub async fn revoke_org(&self, id: Uuid) -> Result<bool, RuntimeError> { todo!() }
    pub async fn list_org(&self) -> Result<Vec<TokenRow>, RuntimeError> { todo!() }
    /// Whether any workspace token is live.
    pub fn any_workspace_token(&self) -> bool { todo!() }
}
