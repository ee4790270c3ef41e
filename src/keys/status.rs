//! How key custody stands: for `isomer keys status` and `GET /admin/keys`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::KeyError;
use super::ports::JobRow;
use super::vault::Vault;

/// Jobs that are shown.
const JOBS: usize = 10;

/// How key custody stands. Names and counts only.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = KeyStatus)]
pub struct Status {
    /// `kms`, `static`, or `none`.
    pub provider: &'static str,
    /// The key that wraps new seeds: an ARN, or the id of a static key.
    #[schema(required)]
    pub key_id: Option<String>,
    pub tenant: String,
    /// The format of new values.
    pub write_format: i32,
    /// The oldest format that is still read.
    pub minimum_format: i32,
    /// Seeds by the key that wraps them.
    pub seeds: Vec<SeedCount>,
    /// Replaced seeds that some value still needs.
    pub retired_seeds: i64,
    /// Values by format.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub values: BTreeMap<i32, i64>,
    /// Values that are not in format 3 under an active seed.
    pub stale_values: i64,
    /// The newest rotations.
    pub jobs: Vec<JobRow>,
}

/// How many seeds one key wraps.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SeedCount {
    pub provider: &'static str,
    pub key_id: String,
    pub seeds: i64,
    /// It is the key that wraps new seeds.
    pub current: bool,
}

/// Reads how things stand.
///
/// # Errors
/// `Store`.
pub async fn read(vault: &Vault) -> Result<Status, KeyError> {
    let store = vault.store();
    let active = vault.ring().map(super::ring::KeyRing::active);
    let seeds = store.wrapping_keys().await?.into_iter().map(|(key, seeds)| SeedCount {
        provider: key.provider.as_str(),
        current: active.as_ref() == Some(&key),
        key_id: key.key_id,
        seeds,
    });
    Ok(Status {
        provider: active.as_ref().map_or("none", |key| key.provider.as_str()),
        tenant: vault.tenant().to_owned(),
        write_format: vault.writes().number(),
        minimum_format: vault.minimum(),
        seeds: seeds.collect(),
        retired_seeds: store.count_retired().await?,
        values: store.formats().await?.into_iter().collect(),
        stale_values: store.count_stale().await?,
        jobs: store.jobs(JOBS).await?,
        key_id: active.map(|key| key.key_id),
    })
}
