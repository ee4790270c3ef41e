//! Rotation, online: other wrapping key (`rewrap`), or new seeds and every value anew (`reseed`).
//!
//! What is left to do is what the database says is left: a job killed at any point is started again
//! and goes on. Every write is a compare-and-set on what was read, so concurrent writers and
//! other copies of the job win or lose whole rows, and lose nothing. Each new wrapping and each
//! new blob is opened again before it replaces the old one.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use isomer_actors::ports::{Clock, StoreError};
use isomer_seal::blob::Format;
use isomer_seal::context::{Context, Scope};
use isomer_seal::{Cause, v3};
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};
use uuid::Uuid;

use super::custody::Custody;
use super::error::{KeyError, Outage};
use super::ports::{AuditRow, DataKeyRow, Due, JobKind, JobRow, JobState, Reseal, SecretRow};
use super::vault::{SECRET, Vault};

/// Data keys or values in one batch.
const BATCH: usize = 100;
/// Calls at KMS side by side.
const SIDE_BY_SIDE: usize = 8;
/// How long a claimed data key is left alone by others: longer than a batch takes.
const CLAIM: TimeDelta = TimeDelta::seconds(10);
/// Between two passes that found nothing to do but are not done.
const IDLE: Duration = Duration::from_millis(250);
/// Passes in a row without progress until the job ends incomplete. Longer than a claim.
const MAX_IDLE: u32 = 60;
/// Between two attempts while KMS cannot be reached, and how many.
const OUTAGE_WAIT: Duration = Duration::from_secs(5);
const MAX_OUTAGE_WAITS: u32 = 120;
/// Seeds and values a second, unless told otherwise.
pub const DEFAULT_RATE: u32 = 1_000;

/// Why a rotation did not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    #[error("no key is configured: there is nothing to rotate")]
    NoKey,
    #[error("SECRETS_WRITE_FORMAT={0}: reseeding writes format 3")]
    WriteFormat(i32),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Told of every step.
pub type Progress = Arc<dyn Fn(&JobRow) + Send + Sync>;

/// Rotates. Cheap to clone.
#[derive(Clone)]
pub struct Rotation {
    vault: Vault,
    custody: Custody,
    clock: Arc<dyn Clock>,
    progress: Progress,
    /// Seeds and values a second.
    rate: u32,
}

impl std::fmt::Debug for Rotation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rotation").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Rotation {
    /// Returns a rotation that does at most `rate` seeds and values a second.
    pub fn new(
        vault: Vault,
        custody: Custody,
        clock: Arc<dyn Clock>,
        progress: Progress,
        rate: u32,
    ) -> Self {
        Self { vault, custody, clock, progress, rate: rate.max(1) }
    }

    /// Runs a rotation of this kind to its end; goes on with one that was interrupted.
    ///
    /// # Errors
    /// [`RotationError`]; starting it again goes on where it stopped.
    ///
    /// # Cancel safety
    /// Cancel safe, like a kill.
    pub async fn run(&self, kind: JobKind, actor: &str) -> Result<JobRow, RotationError> {
        self.check(kind)?;
        let ring = self.vault.ring().ok_or(RotationError::NoKey)?;
        self.custody.ensure().await?;
        let due = Due::NotUnder(ring.active());
        let now = self.clock.now();
        let new = JobRow {
            id: Uuid::new_v4(),
            kind,
            state: JobState::Running,
            cutoff: now,
            total: 0,
            done: 0,
            failed: 0,
            started_by: actor.to_owned(),
            started_at: now,
            updated_at: now,
            finished_at: None,
        };
        let mut job = self.vault.store().open_job(&new).await.map_err(KeyError::from)?;
        let left = self.left(&job, &due).await?;
        job.total = job.total.max(job.done + left);
        self.audit(actor, kind, "started", &job).await?;
        info!(kind = kind.as_str(), job = %job.id, left, "rotation runs");
        let result = match kind {
            JobKind::Rewrap => self.rewrap(&mut job, &due).await,
            JobKind::Reseed => self.reseed(&mut job).await,
        };
        job.state = match &result {
            Ok(()) if job.failed == 0 => JobState::Finished,
            _ => JobState::Incomplete,
        };
        if job.state == JobState::Finished {
            job.finished_at = Some(self.clock.now());
            job.total = job.done;
        }
        self.save(&mut job).await?;
        self.audit(actor, kind, job.state.as_str(), &job).await?;
        info!(
            kind = kind.as_str(),
            state = job.state.as_str(),
            failed = job.failed,
            "rotation ended"
        );
        result.map(|()| job).map_err(RotationError::from)
    }

    /// Says whether a rotation of this kind can be run with the configured keys.
    ///
    /// # Errors
    /// `NoKey`, `WriteFormat`.
    pub fn check(&self, kind: JobKind) -> Result<(), RotationError> {
        match self.vault.writes() {
            _ if self.vault.ring().is_none() => Err(RotationError::NoKey),
            Format::Bound => Ok(()),
            other if kind == JobKind::Reseed => Err(RotationError::WriteFormat(other.number())),
            _ => Ok(()),
        }
    }

    async fn left(&self, job: &JobRow, due: &Due) -> Result<i64, KeyError> {
        let store = self.vault.store();
        Ok(match job.kind {
            JobKind::Rewrap => store.count_due(due).await?,
            JobKind::Reseed => {
                let seeds = store.count_due(&Due::ActiveBefore(job.cutoff)).await?;
                seeds + store.count_stale().await?
            }
        })
    }

    // ---- rewrap

    async fn rewrap(&self, job: &mut JobRow, due: &Due) -> Result<(), KeyError> {
        let mut failed = HashSet::new();
        let mut idle = 0;
        loop {
            let began = Instant::now();
            let rows = self.claim(due).await?;
            let rows: Vec<_> = rows.into_iter().filter(|row| !failed.contains(&row.id)).collect();
            let count = rows.len();
            let results: Vec<_> = stream::iter(rows)
                .map(|row| async move {
                    let result = self.patient(|| self.rewrap_one(&row)).await;
                    (row, result)
                })
                .buffer_unordered(SIDE_BY_SIDE)
                .collect()
                .await;
            for (row, result) in results {
                match result {
                    Ok(true) => job.done += 1,
                    // Somebody else did it.
                    Ok(false) => {}
                    Err(KeyError::Refused(refused)) => {
                        failed.insert(row.id);
                        self.report_seed(job, &row, refused.0).await?;
                    }
                    Err(error) => return Err(error),
                }
            }
            job.failed = i64::try_from(failed.len()).unwrap_or(i64::MAX);
            self.save(job).await?;
            let left = self.vault.store().count_due(due).await?;
            if left <= job.failed {
                return Ok(());
            }
            idle = if count == 0 { idle + 1 } else { 0 };
            if idle > MAX_IDLE {
                job.failed = left;
                return Ok(());
            }
            self.pace(count, began).await;
        }
    }

    async fn rewrap_one(&self, row: &DataKeyRow) -> Result<bool, KeyError> {
        let ring = self.vault.ring().ok_or(Cause::NoKey)?;
        let tenant = self.vault.tenant();
        let seed = ring.unwrap(&row.wrapped, tenant, row.scope, row.id).await?;
        let wrapped = ring.wrap(&seed, tenant, row.scope, row.id).await?;
        let again = ring.unwrap(&wrapped, tenant, row.scope, row.id).await?;
        if !again.is(&seed) {
            return Err(Cause::Unwrap.into());
        }
        let at = self.clock.now();
        Ok(self.vault.store().rewrap_data_key(row.id, row.version, &wrapped, at).await?)
    }

    // ---- reseed

    async fn reseed(&self, job: &mut JobRow) -> Result<(), KeyError> {
        let mut idle = 0;
        loop {
            let before = job.done;
            self.replace_seeds(job).await?;
            let mut failed = 0;
            for global in [true, false] {
                failed += self.reseal_values(job, global).await?;
            }
            self.patient(|| self.custody.reseal()).await?;
            self.destroy(job).await?;
            job.failed = failed;
            self.save(job).await?;

            let store = self.vault.store();
            let left = self.left(job, &Due::ActiveBefore(job.cutoff)).await?;
            if left == 0 && failed == 0 && store.count_retired().await? == 0 {
                self.custody.raise_minimum(Format::Bound).await?;
                return Ok(());
            }
            let only_failures = left == failed && failed > 0;
            idle = if job.done == before { idle + 1 } else { 0 };
            if only_failures || idle > MAX_IDLE {
                job.failed = failed.max(left).max(1);
                return Ok(());
            }
            sleep(IDLE).await;
        }
    }

    /// Gives every scope whose seed is from before the job a new one. From then on writers use it.
    async fn replace_seeds(&self, job: &mut JobRow) -> Result<(), KeyError> {
        let due = Due::ActiveBefore(job.cutoff);
        loop {
            let began = Instant::now();
            let rows = self.claim(&due).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let count = rows.len();
            let results: Vec<_> = stream::iter(rows)
                .map(|row| async move { self.patient(|| self.replace_seed(&row)).await })
                .buffer_unordered(SIDE_BY_SIDE)
                .collect()
                .await;
            for result in results {
                job.done += i64::from(result?);
            }
            self.save(job).await?;
            self.pace(count, began).await;
        }
    }

    async fn replace_seed(&self, row: &DataKeyRow) -> Result<bool, KeyError> {
        let (new, seed) = self.vault.new_data_key(row.scope).await?;
        let ring = self.vault.ring().ok_or(Cause::NoKey)?;
        let again = ring.unwrap(&new.wrapped, self.vault.tenant(), row.scope, new.id).await?;
        if !again.is(&seed) {
            return Err(Cause::Unwrap.into());
        }
        let done = self.vault.store().replace_data_key(row.id, &new, self.clock.now()).await?;
        self.vault.seeds().forget_active(row.scope);
        Ok(done)
    }

    /// Seals anew what is not in format 3 under an active seed; returns how many do not open.
    async fn reseal_values(&self, job: &mut JobRow, global: bool) -> Result<i64, KeyError> {
        let mut after = None;
        let mut failed = 0;
        loop {
            let began = Instant::now();
            let rows = self.vault.store().stale_secrets(global, after, BATCH).await?;
            let Some(last) = rows.last() else {
                return Ok(failed);
            };
            after = Some(last.id);
            let count = rows.len();
            let results: Vec<_> = stream::iter(rows)
                .map(|row| async move {
                    let result = self.patient(|| self.reseal_one(&row)).await;
                    (row, result)
                })
                .buffer_unordered(SIDE_BY_SIDE)
                .collect()
                .await;
            let mut batch = Vec::with_capacity(results.len());
            for (row, result) in results {
                match result {
                    Ok(reseal) => batch.push(reseal),
                    // Its seed went between reading and opening: it was sealed anew.
                    Err(KeyError::Refused(refused)) if refused.0 == Cause::DataKeyGone => {}
                    Err(KeyError::Refused(refused)) => {
                        failed += 1;
                        self.report(job, &row, refused.0).await?;
                    }
                    Err(error) => return Err(error),
                }
            }
            batch.sort_unstable_by_key(|reseal| reseal.old.id);
            if !batch.is_empty() {
                match self.vault.store().reseal(global, &batch).await {
                    Ok(written) => job.done += i64::try_from(written).unwrap_or_default(),
                    // Another job has replaced the new seeds already: the next pass takes its own.
                    Err(error @ StoreError::Refused { .. }) => {
                        warn!(error = %isomer_actors::chain_of(&error), "a batch was refused");
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            self.save(job).await?;
            self.pace(count, began).await;
        }
    }

    /// Opens a value, seals it as the next version, and opens that to be sure.
    async fn reseal_one(&self, row: &SecretRow) -> Result<Reseal, KeyError> {
        let value = self.vault.open(row).await?;
        let value = value.expose_secret().as_bytes();
        let held = self.vault.active(row.scope, self.clock.now()).await?;
        let version = row.version + 1;
        let sealed = self.vault.bind(&held, row.scope, &row.key, version, value)?;
        let context = Context {
            purpose: SECRET,
            tenant: self.vault.tenant(),
            scope: row.scope,
            key: &row.key,
            version,
        };
        let again = v3::parse(&sealed.bytes)?.open(&held.seed, &context)?;
        if again.as_slice() != value {
            return Err(Cause::Authentication.into());
        }
        Ok(Reseal { old: row.clone(), sealed })
    }

    /// Destroys retired seeds that no row needs.
    async fn destroy(&self, job: &JobRow) -> Result<(), KeyError> {
        let gone: HashSet<Uuid> = self.vault.store().destroy_retired().await?.into_iter().collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.vault.seeds().forget(|id, _| gone.contains(&id));
        let entry = |id: &Uuid| AuditRow {
            detail: Some(id.to_string()),
            ..self.entry(&job.started_by, "destroy", "ok")
        };
        let rows: Vec<_> = gone.iter().map(entry).collect();
        Ok(self.vault.store().audit(&rows).await?)
    }

    // ---- shared

    async fn claim(&self, due: &Due) -> Result<Vec<DataKeyRow>, KeyError> {
        let now = self.clock.now();
        Ok(self.vault.store().claim_data_keys(due, now, now + CLAIM, BATCH).await?)
    }

    /// Waits an outage of KMS out, within a bound.
    async fn patient<T, F, Fut>(&self, attempt: F) -> Result<T, KeyError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, KeyError>>,
    {
        for _ in 0..MAX_OUTAGE_WAITS {
            match attempt().await {
                Err(KeyError::Unavailable(Outage::Unreachable)) => {
                    warn!("KMS cannot be reached: the rotation waits");
                    sleep(OUTAGE_WAIT).await;
                }
                result => return result,
            }
        }
        Err(Outage::Unreachable.into())
    }

    async fn pace(&self, count: usize, began: Instant) {
        let share = f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / f64::from(self.rate);
        sleep(Duration::from_secs_f64(share).saturating_sub(began.elapsed())).await;
    }

    async fn save(&self, job: &mut JobRow) -> Result<(), KeyError> {
        job.updated_at = self.clock.now();
        job.total = job.total.max(job.done);
        self.vault.store().save_job(job).await?;
        (self.progress)(job);
        Ok(())
    }

    async fn report_seed(
        &self,
        job: &JobRow,
        row: &DataKeyRow,
        cause: Cause,
    ) -> Result<(), KeyError> {
        warn!(data_key = %row.id, "a seed does not open and was left as it is");
        let mut entry = self.entry(&job.started_by, "rewrap", "failed");
        entry.workspace = row.scope.workspace();
        entry.detail = Some(format!("data key {}: {}", row.id, cause.as_str()));
        Ok(self.vault.store().audit(&[entry]).await?)
    }

    async fn report(&self, job: &JobRow, row: &SecretRow, cause: Cause) -> Result<(), KeyError> {
        warn!(
            key = row.key,
            scope = row.scope.text(),
            "a secret does not open and was left as it is"
        );
        let mut entry = self.entry(&job.started_by, "reseed", "failed");
        entry.workspace = row.scope.workspace();
        entry.key = Some(row.key.clone());
        entry.format = Some(row.format);
        entry.detail = Some(cause.as_str().to_owned());
        Ok(self.vault.store().audit(&[entry]).await?)
    }

    async fn audit(
        &self,
        actor: &str,
        kind: JobKind,
        outcome: &'static str,
        job: &JobRow,
    ) -> Result<(), KeyError> {
        let mut entry = self.entry(actor, kind.as_str(), outcome);
        entry.detail = Some(format!("job {} done {} failed {}", job.id, job.done, job.failed));
        Ok(self.vault.store().audit(&[entry]).await?)
    }

    fn entry(&self, actor: &str, action: &'static str, outcome: &'static str) -> AuditRow {
        AuditRow {
            at: self.clock.now(),
            actor: actor.to_owned(),
            action,
            workspace: Scope::Global.workspace(),
            key: None,
            format: None,
            outcome,
            detail: None,
        }
    }
}
