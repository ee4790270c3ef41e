//! What key custody asks of a store. PostgreSQL and SQLite implement it; one conformance suite
//! runs against both.
//!
//! The store sees sealed bytes, names and wrapped seeds, and nothing else.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use isomer_actors::domain::change::{NewSecret, NewSecrets, NewSeed};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::StoreError;
use isomer_seal::blob::Format;
use isomer_seal::context::Scope;
use uuid::Uuid;

/// Who wraps seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderKind {
    Static,
    Kms,
}

impl ProviderKind {
    /// Returns the database spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Kms => "kms",
        }
    }

    /// Parses the database spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Static, Self::Kms].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The key that wraps: a KMS key ARN, or the id of a static key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WrappingKey {
    pub provider: ProviderKind,
    pub key_id: String,
}

/// A seed as the provider wrapped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    pub by: WrappingKey,
    pub bytes: Vec<u8>,
}

/// A wrapped seed to be stored as its scope's active one.
#[derive(Clone, Debug)]
pub struct NewDataKey {
    pub id: Uuid,
    pub scope: Scope,
    pub wrapped: Wrapped,
}

impl NewDataKey {
    /// Returns the data key that came with a new workspace.
    pub fn of(workspace: WorkspaceId, seed: &NewSeed) -> Self {
        let provider = ProviderKind::parse(seed.provider).expect("the vault wrote it");
        let by = WrappingKey { provider, key_id: seed.provider_key_id.clone() };
        Self {
            id: seed.id,
            scope: Scope::Workspace(workspace.0),
            wrapped: Wrapped { by, bytes: seed.wrapped.clone() },
        }
    }
}

/// A stored wrapped seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeyRow {
    pub id: Uuid,
    pub scope: Scope,
    pub wrapped: Wrapped,
    /// New values are sealed under it. Retired ones only open old values.
    pub active: bool,
    /// Counts its wrappings.
    pub version: i64,
}

/// Which data keys a rotation is still to deal with.
#[derive(Clone, Debug)]
pub enum Due {
    /// Wrapped by another key than this one.
    NotUnder(WrappingKey),
    /// Active, and made before this time.
    ActiveBefore(DateTime<Utc>),
}

/// Data keys.
#[async_trait]
pub trait DataKeyStore: Send + Sync {
    /// Returns the active data key of a scope.
    async fn active_data_key(&self, scope: Scope) -> Result<Option<DataKeyRow>, StoreError>;

    /// Returns a data key, active or retired.
    async fn data_key(&self, id: Uuid) -> Result<Option<DataKeyRow>, StoreError>;

    /// Adds an active data key unless the scope has one; returns whether it was added.
    /// Unknown workspace: `Refused`.
    async fn add_data_key(&self, new: &NewDataKey, at: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Retires `old` and adds `new` in one step, unless `old` is no longer the active one;
    /// returns whether it was done.
    async fn replace_data_key(
        &self,
        old: Uuid,
        new: &NewDataKey,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Replaces the wrapping of a data key whose version is `expect`; returns whether it was done.
    async fn rewrap_data_key(
        &self,
        id: Uuid,
        expect: i64,
        wrapped: &Wrapped,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Claims at most `limit` data keys that are due, for nobody else until `until`. Those that
    /// others have claimed or locked are skipped, not waited for.
    async fn claim_data_keys(
        &self,
        due: &Due,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<DataKeyRow>, StoreError>;

    /// Counts the data keys that are due, claimed or not.
    async fn count_due(&self, due: &Due) -> Result<i64, StoreError>;

    /// Deletes retired data keys that nothing needs any more; returns them.
    async fn destroy_retired(&self) -> Result<Vec<Uuid>, StoreError>;

    /// Counts retired data keys.
    async fn count_retired(&self) -> Result<i64, StoreError>;

    /// Returns every key that wraps a seed, and how many.
    async fn wrapping_keys(&self) -> Result<Vec<(WrappingKey, i64)>, StoreError>;
}

/// A secret as it is listed: without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretMeta {
    pub key: String,
    pub scope: Scope,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A stored sealed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRow {
    pub id: Uuid,
    pub scope: Scope,
    pub key: String,
    /// Counts its writes.
    pub version: i64,
    /// The column as it is: it may be of a later version.
    pub format: i32,
    pub bytes: Vec<u8>,
}

/// A sealed value to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub format: Format,
    pub bytes: Vec<u8>,
    /// The data key it is sealed under; `None` below format 3.
    pub data_key: Option<Uuid>,
}

/// One write of a secret.
#[derive(Clone, Debug)]
pub struct SecretWrite {
    pub scope: Scope,
    pub key: String,
    /// The version it was decided on; 0 when there was no row.
    pub expect: i64,
    pub sealed: Sealed,
    pub at: DateTime<Utc>,
}

/// One value sealed anew by a rotation: the same value, the next version.
#[derive(Clone, Debug)]
pub struct Reseal {
    /// The row as it was read; anything else in the store wins.
    pub old: SecretRow,
    pub sealed: Sealed,
}

/// Secrets.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Lists the secrets of a scope, by key.
    async fn list_secrets(&self, scope: Scope) -> Result<Vec<SecretMeta>, StoreError>;

    /// Returns one secret.
    async fn secret(&self, scope: Scope, key: &str) -> Result<Option<SecretRow>, StoreError>;

    /// Returns the global secrets and those of a workspace, as of one moment.
    async fn secrets_for(&self, workspace: Uuid) -> Result<Vec<SecretRow>, StoreError>;

    /// Writes a secret and its audit row, if its version is still the expected one and its data
    /// key is still active; returns whether it was written. Unknown workspace: `Refused`.
    async fn put_secret(&self, write: &SecretWrite, audit: &AuditRow) -> Result<bool, StoreError>;

    /// Deletes a secret and writes its audit row; returns whether there was one.
    async fn delete_secret(
        &self,
        scope: Scope,
        key: &str,
        audit: &AuditRow,
    ) -> Result<bool, StoreError>;

    /// Returns the workspaces, not removed, that get the global secret `key`: those without one
    /// of their own by that name. By id, at most `limit`.
    async fn dependents(&self, key: &str, limit: usize) -> Result<Vec<Uuid>, StoreError>;

    /// Returns a page of the secrets that are not sealed in format 3 under an active data key:
    /// global ones or those of workspaces, by row id, after `after`.
    async fn stale_secrets(
        &self,
        global: bool,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<SecretRow>, StoreError>;

    /// Counts them, in both tables.
    async fn count_stale(&self) -> Result<i64, StoreError>;

    /// Writes resealed values of one table in one transaction. Rows that have moved on, or that
    /// a writer holds, are left alone. Returns how many were written.
    async fn reseal(&self, global: bool, batch: &[Reseal]) -> Result<usize, StoreError>;

    /// Counts secrets by format column.
    async fn formats(&self) -> Result<Vec<(i32, i64)>, StoreError>;
}

/// The check value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyRow {
    pub tenant: String,
    pub version: i64,
    pub data_key: Uuid,
    pub sealed: Vec<u8>,
}

/// Who did what to which secret. Never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    pub at: DateTime<Utc>,
    pub actor: String,
    pub action: &'static str,
    pub workspace: Option<Uuid>,
    pub key: Option<String>,
    pub format: Option<i32>,
    pub outcome: &'static str,
    pub detail: Option<String>,
}

impl AuditRow {
    /// Returns the rows for the secrets that came with a new workspace.
    pub fn first_secrets(id: WorkspaceId, secrets: &NewSecrets, at: DateTime<Utc>) -> Vec<Self> {
        let row = |secret: &NewSecret| Self {
            at,
            actor: secrets.actor.clone(),
            action: "set",
            workspace: Some(id.0),
            key: Some(secret.key.clone()),
            format: Some(secret.format),
            outcome: "ok",
            detail: None,
        };
        secrets.rows.iter().map(row).collect()
    }
}

/// An audit row as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct AuditEntry {
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    #[serde(rename = "workspace_id")]
    #[schema(required)]
    pub workspace: Option<Uuid>,
    #[schema(required)]
    pub key: Option<String>,
    #[schema(required)]
    pub format: Option<i32>,
    pub outcome: String,
    #[schema(required)]
    pub detail: Option<String>,
}

/// What a rotation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RotationKind)]
pub enum JobKind {
    /// Wraps every seed under the active key.
    Rewrap,
    /// Makes new seeds and seals every value anew.
    Reseed,
}

impl JobKind {
    /// Returns the database spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rewrap => "rewrap",
            Self::Reseed => "reseed",
        }
    }

    /// Parses the database spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Rewrap, Self::Reseed].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RotationState)]
pub enum JobState {
    Running,
    Finished,
    /// Ended with values that could not be read: starting it again begins anew. Or stopped by an
    /// error: starting it again goes on.
    Incomplete,
}

impl JobState {
    /// Returns the database spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Incomplete => "incomplete",
        }
    }

    /// Parses the database spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Running, Self::Finished, Self::Incomplete];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

/// A rotation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Rotation)]
pub struct JobRow {
    pub id: Uuid,
    pub kind: JobKind,
    pub state: JobState,
    /// Seeds made before this are replaced (reseed). Kept while the job goes on after a kill.
    pub cutoff: DateTime<Utc>,
    /// Seeds and values to deal with.
    pub total: i64,
    pub done: i64,
    pub failed: i64,
    pub started_by: String,
    pub started_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    #[schema(required)]
    pub finished_at: Option<DateTime<Utc>>,
}

/// The check value, the audit trail and the rotations.
#[async_trait]
pub trait CustodyStore: Send + Sync {
    /// Returns the check value, once there is one.
    async fn custody(&self) -> Result<Option<CustodyRow>, StoreError>;

    /// Writes the check value if its version is still `expect`, 0 for none; returns whether it
    /// was written.
    async fn put_custody(
        &self,
        row: &CustodyRow,
        expect: i64,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Appends audit rows, all or none.
    async fn audit(&self, rows: &[AuditRow]) -> Result<(), StoreError>;

    /// Returns the newest audit rows below `before`, newest first.
    async fn audit_trail(
        &self,
        workspace: Option<Uuid>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// Returns the unfinished job of this kind, set to running; else stores and returns `new`. One
    /// that ended with values that could not be read begins again, with the cutoff of `new`.
    async fn open_job(&self, new: &JobRow) -> Result<JobRow, StoreError>;

    /// Writes state, counts and times of a job.
    async fn save_job(&self, job: &JobRow) -> Result<(), StoreError>;

    /// Returns the newest jobs, newest first.
    async fn jobs(&self, limit: usize) -> Result<Vec<JobRow>, StoreError>;
}

/// Everything that key custody asks of a store.
pub trait KeyStore: DataKeyStore + SecretStore + CustodyStore + 'static {}
impl<T: DataKeyStore + SecretStore + CustodyStore + 'static> KeyStore for T {}
