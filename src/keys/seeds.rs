//! Unwrapped seeds in memory: fresh for 5 minutes, and for an hour while KMS is down.
//!
//! Owns the only plaintext seeds of the process. Never on disk; erased on eviction. One caller at
//! a time unwraps a seed; the others wait for it, or use the stale one where there is one.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use isomer_seal::Cause;
use isomer_seal::context::Scope;
use isomer_seal::secret::Seed;
use parking_lot::RwLock;
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::error::{KeyError, Outage};
use super::metrics::KeyMetrics;
use super::ports::{DataKeyRow, KeyStore};
use super::ring::KeyRing;

/// How long a seed is used without asking again.
pub const FRESH: Duration = Duration::from_secs(300);
/// How long a seed is used while KMS cannot be reached.
pub const STALE: Duration = Duration::from_secs(3_600);
/// After a failed attempt, callers are answered from memory for this long.
const FAILED_FOR: Duration = Duration::from_millis(500);
/// Seeds in memory at most.
const MAX_HELD: usize = 200_000;

/// A seed that can be used now.
#[derive(Clone, Debug)]
pub struct Held {
    pub id: Uuid,
    pub seed: Arc<Seed>,
}

#[derive(Default)]
struct Slot {
    loaded: RwLock<Option<Loaded>>,
    loading: Mutex<Option<(Instant, Outage)>>,
}

#[derive(Clone)]
struct Loaded {
    seed: Arc<Seed>,
    scope: Scope,
    at: Instant,
}

/// Every seed in memory.
pub struct Seeds {
    slots: DashMap<Uuid, Arc<Slot>>,
    /// Which data key new values of a scope use. The store checks it with every write.
    active: DashMap<Scope, (Uuid, Instant)>,
    metrics: KeyMetrics,
}

impl std::fmt::Debug for Seeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seeds").field("held", &self.slots.len()).finish_non_exhaustive()
    }
}

impl Seeds {
    /// Returns an empty cache.
    pub fn new(metrics: KeyMetrics) -> Self {
        Self { slots: DashMap::new(), active: DashMap::new(), metrics }
    }

    /// Returns the seed of a data key.
    ///
    /// # Errors
    /// `Refused` when there is no such data key or it is not of this tenant, place and key;
    /// `Unavailable` when KMS is down and no seed is younger than an hour.
    ///
    /// # Cancel safety
    /// Cancel safe: another caller unwraps it then.
    pub async fn get(
        &self,
        id: Uuid,
        ring: &KeyRing,
        tenant: &str,
        store: &dyn KeyStore,
    ) -> Result<Arc<Seed>, KeyError> {
        let slot = Arc::clone(&self.slots.entry(id).or_default());
        let held = slot.loaded.read().clone();
        if let Some(held) = held.as_ref().filter(|held| held.at.elapsed() < FRESH) {
            self.count("hit");
            return Ok(Arc::clone(&held.seed));
        }
        let stale = held.filter(|held| held.at.elapsed() < STALE);
        let mut loading = match (slot.loading.try_lock(), &stale) {
            (Ok(loading), _) => loading,
            // Somebody is at it: what is here will do.
            (Err(_), Some(stale)) => {
                self.count("stale");
                return Ok(Arc::clone(&stale.seed));
            }
            (Err(_), None) => slot.loading.lock().await,
        };
        if let Some(held) = slot.loaded.read().as_ref().filter(|held| held.at.elapsed() < FRESH) {
            self.count("hit");
            return Ok(Arc::clone(&held.seed));
        }
        let remembered = loading.filter(|(at, _)| at.elapsed() < FAILED_FOR);
        let result = match remembered {
            Some((_, outage)) => Err(KeyError::Unavailable(outage)),
            None => self.load(id, ring, tenant, store).await,
        };
        match (result, stale) {
            (Ok(loaded), _) => {
                self.count("miss");
                let seed = Arc::clone(&loaded.seed);
                *slot.loaded.write() = Some(loaded);
                *loading = None;
                self.bound(id);
                Ok(seed)
            }
            (Err(KeyError::Unavailable(Outage::Unreachable)), Some(stale)) => {
                self.count("stale");
                *loading = remembered.or(Some((Instant::now(), Outage::Unreachable)));
                Ok(stale.seed)
            }
            (Err(error), _) => {
                if let KeyError::Unavailable(outage) = &error {
                    *loading = remembered.or(Some((Instant::now(), *outage)));
                }
                // A key that was disabled or destroyed must stop opening things.
                if !matches!(&error, KeyError::Store(_)) {
                    *slot.loaded.write() = None;
                }
                if matches!(&error, KeyError::Refused(_)) {
                    self.slots.remove(&id);
                }
                Err(error)
            }
        }
    }

    /// Returns the active data key of a scope, if it was seen lately.
    pub fn active(&self, scope: Scope) -> Option<Uuid> {
        self.active.get(&scope).filter(|entry| entry.1.elapsed() < FRESH).map(|entry| entry.0)
    }

    /// Remembers the active data key of a scope.
    pub fn set_active(&self, scope: Scope, id: Uuid) {
        self.active.insert(scope, (id, Instant::now()));
    }

    /// Forgets which data key a scope uses.
    pub fn forget_active(&self, scope: Scope) {
        self.active.remove(&scope);
    }

    /// Remembers a seed that was made here.
    pub fn put(&self, row: &DataKeyRow, seed: Seed) -> Arc<Seed> {
        let seed = Arc::new(seed);
        let loaded = Loaded { seed: Arc::clone(&seed), scope: row.scope, at: Instant::now() };
        *self.slots.entry(row.id).or_default().loaded.write() = Some(loaded);
        self.bound(row.id);
        seed
    }

    /// Forgets every seed of which `gone` holds.
    pub fn forget(&self, gone: impl Fn(Uuid, Scope) -> bool) {
        self.slots.retain(|id, slot| {
            let scope = slot.loaded.read().as_ref().map(|loaded| loaded.scope);
            !scope.is_some_and(|scope| gone(*id, scope))
        });
        self.active.retain(|scope, (id, _)| !gone(*id, *scope));
        self.shown();
    }

    /// Erases what is too old to be used even in an outage. Called on a timer.
    pub fn sweep(&self) {
        self.slots.retain(|_, slot| {
            let usable =
                slot.loaded.read().as_ref().is_some_and(|loaded| loaded.at.elapsed() < STALE);
            usable || slot.loading.try_lock().is_err()
        });
        self.active.retain(|_, (_, at)| at.elapsed() < FRESH);
        self.shown();
    }

    async fn load(
        &self,
        id: Uuid,
        ring: &KeyRing,
        tenant: &str,
        store: &dyn KeyStore,
    ) -> Result<Loaded, KeyError> {
        let row = store.data_key(id).await?.ok_or(Cause::DataKeyGone)?;
        let seed = ring.unwrap(&row.wrapped, tenant, row.scope, id).await?;
        Ok(Loaded { seed: Arc::new(seed), scope: row.scope, at: Instant::now() })
    }

    /// Keeps the cache within its bound: some other entry goes.
    fn bound(&self, keep: Uuid) {
        if self.slots.len() > MAX_HELD {
            let victim = self.slots.iter().map(|entry| *entry.key()).find(|id| *id != keep);
            if let Some(victim) = victim {
                self.slots.remove(&victim);
            }
        }
        if self.active.len() > MAX_HELD {
            self.active.clear();
        }
        self.shown();
    }

    fn shown(&self) {
        self.metrics.seeds_held.set(i64::try_from(self.slots.len()).unwrap_or(i64::MAX));
    }

    fn count(&self, result: &str) {
        self.metrics.seeds.with_label_values(&[result]).inc();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use chrono::DateTime;
    use isomer_seal::Plain;
    use isomer_seal::wrap::Pairs;
    use parking_lot::Mutex as Lock;
    use prometheus::Registry;
    use tempfile::TempDir;

    use super::*;
    use crate::keys::kms::{Kms, KmsApi, KmsError};
    use crate::keys::ports::{NewDataKey, ProviderKind};
    use crate::store::sqlite::SqliteStore;

    /// Keeps what it is given, counts, and fails as it is told to.
    #[derive(Default)]
    struct Keeper {
        kept: Lock<Vec<u8>>,
        fails: Lock<Option<KmsError>>,
        calls: AtomicUsize,
    }

    #[async_trait]
    impl KmsApi for Keeper {
        async fn encrypt(&self, _: &str, plain: &[u8], _: &Pairs) -> Result<Vec<u8>, KmsError> {
            *self.kept.lock() = plain.to_vec();
            Ok(vec![1])
        }

        async fn decrypt(&self, _: &str, _: &[u8], _: &Pairs) -> Result<Plain, KmsError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            // Others arrive meanwhile.
            tokio::task::yield_now().await;
            match *self.fails.lock() {
                Some(error) => Err(error),
                None => Ok(Plain::new(self.kept.lock().clone())),
            }
        }

        async fn data_key(&self, _: &str, _: &Pairs) -> Result<(Plain, Vec<u8>), KmsError> {
            Err(KmsError::Unreachable)
        }
    }

    struct Bench {
        api: Arc<Keeper>,
        ring: KeyRing,
        store: SqliteStore,
        seeds: Seeds,
        id: Uuid,
        seed: Seed,
        _folder: TempDir,
    }

    impl Bench {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(folder.path()).await.unwrap();
            let metrics = KeyMetrics::new(&Registry::new()).unwrap();
            let api = Arc::new(Keeper::default());
            let kms = Kms::new(Arc::clone(&api) as Arc<dyn KmsApi>, "a key", None, metrics.clone());
            let ring = KeyRing::new(Vec::new(), Some(kms), ProviderKind::Kms).unwrap();
            let (id, scope, seed) = (Uuid::new_v4(), Scope::Global, Seed::generate().unwrap());
            let wrapped = ring.wrap(&seed, "", scope, id).await.unwrap();
            let new = NewDataKey { id, scope, wrapped };
            let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
            use crate::keys::ports::DataKeyStore as _;
            assert!(store.add_data_key(&new, at).await.unwrap());
            Self { api, ring, store, seeds: Seeds::new(metrics), id, seed, _folder: folder }
        }

        async fn get(&self) -> Result<(), KeyError> {
            let seed = self.seeds.get(self.id, &self.ring, "", &self.store).await?;
            assert!(seed.is(&self.seed));
            Ok(())
        }

        fn fails(&self, error: Option<KmsError>) {
            *self.api.fails.lock() = error;
        }

        fn calls(&self) -> usize {
            self.api.calls.load(Ordering::SeqCst)
        }

        fn stale(&self) -> u64 {
            self.seeds.metrics.seeds.with_label_values(&["stale"]).get()
        }
    }

    /// The store is a real one, so the clock stands still only while it is moved.
    async fn later(by: Duration) {
        tokio::time::pause();
        tokio::time::advance(by).await;
        tokio::time::resume();
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_seed_is_fresh_for_five_minutes_and_unwrapped_once() {
        let bench = Bench::new().await;
        let asking = (0..50).map(|_| bench.get());
        for got in futures_util::future::join_all(asking).await {
            got.unwrap();
        }
        assert_eq!(bench.calls(), 1, "fifty at once");
        later(FRESH - SECOND * 10).await;
        bench.get().await.unwrap();
        assert_eq!(bench.calls(), 1);
        later(SECOND * 11).await;
        bench.get().await.unwrap();
        assert_eq!(bench.calls(), 2);
    }

    #[tokio::test]
    async fn in_an_outage_it_is_used_for_an_hour_and_no_longer() {
        let bench = Bench::new().await;
        bench.get().await.unwrap();
        bench.fails(Some(KmsError::Unreachable));
        later(FRESH + SECOND).await;
        bench.get().await.unwrap();
        assert_eq!(bench.stale(), 1);
        later(STALE - FRESH - SECOND * 30).await;
        bench.seeds.sweep();
        bench.get().await.unwrap();
        assert_eq!(bench.stale(), 2);
        later(SECOND * 60).await;
        let error = bench.get().await.unwrap_err();
        assert!(matches!(error, KeyError::Unavailable(Outage::Unreachable)), "{error:?}");
        bench.fails(None);
        later(SECOND * 60).await;
        bench.get().await.unwrap();
    }

    #[tokio::test]
    async fn a_refusal_erases_it() {
        let bench = Bench::new().await;
        bench.get().await.unwrap();
        bench.fails(Some(KmsError::Denied));
        later(FRESH + SECOND).await;
        for fails in [KmsError::Denied, KmsError::Unreachable] {
            bench.fails(Some(fails));
            let error = bench.get().await.unwrap_err();
            assert!(matches!(error, KeyError::Unavailable(_)), "{error:?}");
            later(SECOND).await;
        }
        assert_eq!(bench.stale(), 0, "nothing was served from memory");
        bench.seeds.sweep();
        assert_eq!(bench.seeds.slots.len(), 0);
    }
}
