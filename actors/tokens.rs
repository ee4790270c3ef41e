//! Access tokens: the in-memory index, and the writes that keep it true.
//!
//! Checking a known token has no error path: it is a look-up in memory. A token that memory
//! does not know may have been issued by another node, so the store is asked, and while
//! the store is down such a token is neither accepted nor called wrong.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use dashmap::DashMap;
use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use crate::api::RuntimeError;
use crate::domain::ids::WorkspaceId;
use crate::domain::token::{NewOrgToken, NewToken, Owner, TokenHash, TokenRow};
use crate::indexes::Indexes;
use crate::ports::{Clock, Store, StoreError};

/// A workspace may have this many live tokens (contract 05 §5).
pub const MAX_LIVE_PER_WORKSPACE: u32 = 50;
/// At most this many organisation tokens are listed (contract 05 §6).
const MAX_ORG_LISTED: usize = 500;
/// How long a hash that the store does not know is answered from memory.
const MISS_FOR: Duration = Duration::from_secs(2);
/// Misses remembered at most; beyond that all are forgotten.
const MAX_MISSES: usize = 10_000;

/// A live token.
#[derive(Clone, Debug)]
pub struct KnownToken {
    pub id: Uuid,
    pub owner: Owner,
    /// The first characters of the token, shown to people.
    pub prefix: [u8; 8],
}

/// Live tokens by hash.
#[derive(Debug, Default)]
pub struct TokenIndex {
    live: DashMap<TokenHash, Entry>,
    by_workspace: DashMap<WorkspaceId, HashSet<TokenHash>>,
    workspace_tokens: AtomicUsize,
}

#[derive(Debug)]
struct Entry {
    known: KnownToken,
    /// Milliseconds since 1970; 0 when never used.
    last_used: AtomicI64,
    /// Used since its time was last written.
    used: AtomicBool,
}

impl TokenIndex {
    /// Takes a row over; returns whether the token was live before.
    pub(crate) fn put(&self, row: &TokenRow) -> bool {
        if row.revoked_at.is_some() {
            return self.remove(&row.hash);
        }
        let entry = Entry {
            known: KnownToken { id: row.id, owner: row.owner, prefix: prefix(&row.prefix) },
            last_used: AtomicI64::new(row.last_used_at.map_or(0, |at| at.timestamp_millis())),
            used: AtomicBool::new(false),
        };
        if let Some(present) = self.live.get(&row.hash) {
            return present.known.id == row.id;
        }
        if let Owner::Workspace(id) = row.owner {
            self.by_workspace.entry(id).or_default().insert(row.hash);
            self.workspace_tokens.fetch_add(1, Ordering::AcqRel);
        }
        self.live.insert(row.hash, entry).is_some()
    }

    fn remove(&self, hash: &TokenHash) -> bool {
        let Some((_, entry)) = self.live.remove(hash) else {
            return false;
        };
        if let Owner::Workspace(id) = entry.known.owner {
            self.workspace_tokens.fetch_sub(1, Ordering::AcqRel);
            if let Some(mut hashes) = self.by_workspace.get_mut(&id) {
                hashes.remove(hash);
            }
        }
        true
    }

    /// Drops every token of a workspace.
    pub(crate) fn drop_workspace(&self, id: WorkspaceId) {
        let hashes = self.by_workspace.remove(&id).map(|(_, hashes)| hashes);
        for hash in hashes.unwrap_or_default() {
            if self.live.remove(&hash).is_some() {
                self.workspace_tokens.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    fn find(&self, hash: &TokenHash, now: DateTime<Utc>) -> Option<KnownToken> {
        let entry = self.live.get(hash)?;
        entry.last_used.store(now.timestamp_millis(), Ordering::Relaxed);
        entry.used.store(true, Ordering::Relaxed);
        Some(entry.known.clone())
    }

    /// Returns the uses since the last call.
    pub(crate) fn take_uses(&self) -> BTreeMap<Uuid, DateTime<Utc>> {
        let mut uses = BTreeMap::new();
        for entry in &self.live {
            if entry.used.swap(false, Ordering::Relaxed)
                && let Some(at) =
                    DateTime::from_timestamp_millis(entry.last_used.load(Ordering::Relaxed))
            {
                uses.insert(entry.known.id, at);
            }
        }
        uses
    }

    fn last_used(&self, hash: &TokenHash) -> Option<DateTime<Utc>> {
        let at = self.live.get(hash)?.last_used.load(Ordering::Relaxed);
        if at == 0 { None } else { DateTime::from_timestamp_millis(at) }
    }
}

/// The handle by which the edge checks and manages tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    indexes: Arc<Indexes>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    misses: Arc<Mutex<BTreeMap<[u8; 32], Instant>>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn new(indexes: Arc<Indexes>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { indexes, store, clock, misses: Arc::default() }
    }

    /// Finds a live token in memory. Notes the use, which is written behind.
    pub fn find(&self, hash: &TokenHash) -> Option<KnownToken> {
        self.indexes.tokens.find(hash, self.clock.now())
    }

    /// Finds a live token in memory, else in the store.
    ///
    /// # Errors
    /// `Unavailable` when memory does not know it and the store cannot be asked:
    /// the caller lets nobody in and says that it cannot tell.
    pub async fn authenticate(&self, hash: &TokenHash) -> Result<Option<KnownToken>, RuntimeError> {
        if let Some(known) = self.find(hash) {
            return Ok(Some(known));
        }
        if self.misses.lock().get(&hash.0).is_some_and(|at| at.elapsed() < MISS_FOR) {
            return Ok(None);
        }
        match self.store.find_token(*hash).await {
            Ok(Some(row)) if row.revoked_at.is_none() => {
                self.indexes.put_token(&row);
                Ok(self.find(hash))
            }
            Ok(_) => {
                self.remember_miss(hash);
                Ok(None)
            }
            Err(error) => Err(RuntimeError::Unavailable(Some(error))),
        }
    }

    /// Issues a token of a workspace. `Ok(false)`: it has [`MAX_LIVE_PER_WORKSPACE`] already.
    ///
    /// # Errors
    /// `NotFound` for an unknown workspace; the store's otherwise.
    pub async fn issue(
        &self,
        workspace: WorkspaceId,
        token: &NewToken,
    ) -> Result<bool, RuntimeError> {
        let at = self.clock.now();
        let added = self.store.add_token(workspace, token, MAX_LIVE_PER_WORKSPACE, at).await;
        let added = added.map_err(refused_as_not_found)?;
        if added {
            self.indexes.put_token(&TokenRow {
                id: token.id,
                hash: token.hash,
                prefix: token.prefix.clone(),
                owner: Owner::Workspace(workspace),
                name: None,
                created_by: None,
                created_at: at,
                last_used_at: None,
                revoked_at: None,
            });
        }
        Ok(added)
    }

    /// Revokes a token of a workspace, effective before this returns. `Ok(false)`: not live.
    ///
    /// # Errors
    /// The store's; the token then still lives.
    pub async fn revoke(&self, workspace: WorkspaceId, id: Uuid) -> Result<bool, RuntimeError> {
        let revoked = self.store.revoke_token(workspace, id, self.clock.now()).await?;
        Ok(self.take_revoked(revoked))
    }

    /// Lists the live tokens of a workspace, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<TokenRow>, RuntimeError> {
        let rows = self.store.workspace_tokens(workspace, limit, offset).await?;
        Ok(self.with_uses(rows))
    }

    /// Issues an organisation token.
    ///
    /// # Errors
    /// The store's.
    pub async fn issue_org(&self, new: &NewOrgToken) -> Result<(), RuntimeError> {
        let at = self.clock.now();
        self.store.add_org_token(new, at).await?;
        self.indexes.put_token(&TokenRow {
            id: new.token.id,
            hash: new.token.hash,
            prefix: new.token.prefix.clone(),
            owner: Owner::Org { scope: new.scope, org_id: new.org_id },
            name: new.name.clone(),
            created_by: Some(new.created_by.clone()),
            created_at: at,
            last_used_at: None,
            revoked_at: None,
        });
        Ok(())
    }

    /// Revokes an organisation token, effective before this returns. `Ok(false)`: not live.
    ///
    /// # Errors
    /// The store's; the token then still lives.
    pub async fn revoke_org(&self, id: Uuid) -> Result<bool, RuntimeError> {
        let revoked = self.store.revoke_org_token(id, self.clock.now()).await?;
        Ok(self.take_revoked(revoked))
    }

    /// Lists the live organisation tokens, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_org(&self) -> Result<Vec<TokenRow>, RuntimeError> {
        let rows = self.store.org_tokens(MAX_ORG_LISTED).await?;
        Ok(self.with_uses(rows))
    }

    /// Returns whether any workspace token is live.
    pub fn any_workspace_token(&self) -> bool {
        self.indexes.tokens.workspace_tokens.load(Ordering::Acquire) > 0
    }

    fn take_revoked(&self, row: Option<TokenRow>) -> bool {
        row.inspect(|row| self.indexes.put_token(row)).is_some()
    }

    fn with_uses(&self, mut rows: Vec<TokenRow>) -> Vec<TokenRow> {
        for row in &mut rows {
            row.last_used_at = row.last_used_at.max(self.indexes.tokens.last_used(&row.hash));
        }
        rows
    }

    fn remember_miss(&self, hash: &TokenHash) {
        let mut misses = self.misses.lock();
        if misses.len() >= MAX_MISSES {
            misses.retain(|_, at| at.elapsed() < MISS_FOR);
        }
        if misses.len() < MAX_MISSES {
            misses.insert(hash.0, Instant::now());
        }
    }
}

impl From<StoreError> for RuntimeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => Self::Unavailable(Some(error)),
            StoreError::Unknown { .. } => Self::Unknown,
            StoreError::Refused { .. } => Self::Refused(error),
        }
    }
}

fn refused_as_not_found(error: StoreError) -> RuntimeError {
    match error {
        StoreError::Refused { .. } => RuntimeError::NotFound,
        other => other.into(),
    }
}

fn prefix(text: &str) -> [u8; 8] {
    let mut bytes = [b' '; 8];
    let taken = text.len().min(8);
    bytes[..taken].copy_from_slice(&text.as_bytes()[..taken]);
    bytes
}
