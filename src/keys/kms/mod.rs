//! AWS KMS behind a port: time limits, retries with jitter, breaker, metrics.
//!
//! Every call passes a key id and an encryption context. An attempt has 1 s, a call 3 s in all.
//! The SDK's own retries are off: two layers of them would multiply.

#[cfg(feature = "kms")]
pub mod aws;
pub mod breaker;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use isomer_seal::secret::Seed;
use isomer_seal::wrap::Pairs;
use isomer_seal::{Cause, Plain};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use self::breaker::Breaker;
use super::error::{KeyError, Outage};
use super::metrics::KeyMetrics;

/// One attempt.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(1);
/// A call with its retries.
const CALL_LIMIT: Duration = Duration::from_secs(3);
/// Attempts at most.
const ATTEMPTS: u32 = 4;
/// The first wait between attempts; it doubles, and a random part of it is taken.
const BACKOFF: Duration = Duration::from_millis(50);

/// Why KMS did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KmsError {
    /// Not reached, not in time, throttled, or an error of its own. Worth another attempt.
    Unreachable,
    /// Disabled, deleted or forbidden key.
    Denied,
    /// The ciphertext is not of this key or context.
    Invalid,
}

/// The calls that are made.
#[async_trait]
pub trait KmsApi: Send + Sync {
    /// Encrypts at most 4 KiB.
    async fn encrypt(&self, key: &str, plain: &[u8], context: &Pairs) -> Result<Vec<u8>, KmsError>;

    /// Decrypts what `key` encrypted in `context`.
    async fn decrypt(&self, key: &str, sealed: &[u8], context: &Pairs) -> Result<Plain, KmsError>;

    /// Makes a data key: plain, and wrapped.
    async fn data_key(&self, key: &str, context: &Pairs) -> Result<(Plain, Vec<u8>), KmsError>;
}

/// KMS as the rest of key custody uses it. Cheap to clone.
#[derive(Clone)]
pub struct Kms {
    api: Arc<dyn KmsApi>,
    /// New wrappings use it.
    key: Arc<str>,
    /// Still opens what it wrapped, until that is rewrapped.
    previous: Option<Arc<str>>,
    breaker: Arc<Mutex<Breaker>>,
    metrics: KeyMetrics,
}

impl std::fmt::Debug for Kms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kms").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Kms {
    /// Returns KMS with `key` for new wrappings; `previous` still opens what it wrapped.
    pub fn new(
        api: Arc<dyn KmsApi>,
        key: &str,
        previous: Option<&str>,
        metrics: KeyMetrics,
    ) -> Self {
        let previous = previous.map(Arc::from);
        Self { api, key: key.into(), previous, breaker: Arc::default(), metrics }
    }

    /// Returns the key for new wrappings.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns whether `key` is one that an operator has named. A row of the database names the
    /// key of its seed; any other one that this process may use could be an attacker's.
    pub fn accepts(&self, key: &str) -> bool {
        *self.key == *key || self.previous.as_deref() == Some(key)
    }

    /// Wraps a seed under the active key.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn wrap(&self, seed: &Seed, context: &Pairs) -> Result<Vec<u8>, KeyError> {
        let call = || self.api.encrypt(&self.key, seed.expose(), context);
        self.call("encrypt", call).await
    }

    /// Unwraps a seed that `key` wrapped.
    ///
    /// # Errors
    /// `Unavailable`, or `Refused` when it is not of this key and context, or nobody named the key.
    pub async fn unwrap(
        &self,
        key: &str,
        wrapped: &[u8],
        context: &Pairs,
    ) -> Result<Seed, KeyError> {
        if !self.accepts(key) {
            return Err(Cause::NoKey.into());
        }
        let plain = self.call("decrypt", || self.api.decrypt(key, wrapped, context)).await?;
        Seed::from_slice(&plain).ok_or_else(|| Cause::Unwrap.into())
    }

    /// Unwraps what names no key, with the active key or the one before it.
    ///
    /// # Errors
    /// As [`Self::unwrap`].
    pub async fn unwrap_any(&self, wrapped: &[u8], context: &Pairs) -> Result<Seed, KeyError> {
        match (self.unwrap(&self.key, wrapped, context).await, &self.previous) {
            (Err(KeyError::Refused(_)), Some(key)) => self.unwrap(key, wrapped, context).await,
            (result, _) => result,
        }
    }

    /// Makes a data key: the seed, and itself wrapped.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn data_key(&self, context: &Pairs) -> Result<(Seed, Vec<u8>), KeyError> {
        let call = || self.api.data_key(&self.key, context);
        let (plain, wrapped) = self.call("generate_data_key", call).await?;
        let seed = Seed::from_slice(&plain).ok_or(Cause::Unwrap)?;
        Ok((seed, wrapped))
    }

    /// Runs attempts until one is answered, time is up, or the breaker opens.
    async fn call<T, F, Fut>(&self, operation: &'static str, attempt: F) -> Result<T, KeyError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, KmsError>>,
    {
        let deadline = Instant::now() + CALL_LIMIT;
        for number in 0..ATTEMPTS {
            if !self.breaker.lock().admit(Instant::now()) {
                self.count(operation, "breaker_open");
                break;
            }
            match self.attempt(operation, deadline, attempt()).await {
                Ok(value) => return Ok(value),
                Err(KmsError::Invalid) => return Err(Cause::Unwrap.into()),
                Err(KmsError::Denied) => return Err(Outage::Denied.into()),
                Err(KmsError::Unreachable) => {}
            }
            let wait = jittered(BACKOFF * 2u32.pow(number));
            if number + 1 == ATTEMPTS || Instant::now() + wait >= deadline {
                break;
            }
            sleep(wait).await;
        }
        Err(Outage::Unreachable.into())
    }

    async fn attempt<T>(
        &self,
        operation: &'static str,
        deadline: Instant,
        attempt: impl Future<Output = Result<T, KmsError>>,
    ) -> Result<T, KmsError> {
        let began = Instant::now();
        let limit = deadline.min(began + ATTEMPT_LIMIT);
        let result = timeout_at(limit, attempt).await.unwrap_or(Err(KmsError::Unreachable));
        let now = Instant::now();
        self.metrics.kms_seconds.observe((now - began).as_secs_f64());
        let outcome = match &result {
            Ok(_) => "ok",
            Err(KmsError::Unreachable) => "unreachable",
            Err(KmsError::Denied) => "denied",
            Err(KmsError::Invalid) => "invalid",
        };
        self.count(operation, outcome);
        let mut breaker = self.breaker.lock();
        let before = breaker.state(now);
        match &result {
            Err(KmsError::Unreachable) => breaker.failed(now),
            _ => breaker.succeeded(),
        }
        let after = breaker.state(now);
        drop(breaker);
        self.metrics.breaker.set(after as i64);
        if before != after {
            warn!(?before, ?after, "the breaker before KMS changed");
        }
        result
    }

    fn count(&self, operation: &str, outcome: &str) {
        self.metrics.kms_calls.with_label_values(&[operation, outcome]).inc();
    }
}

/// Returns a random part of `wait`, so that many callers do not come back together.
fn jittered(wait: Duration) -> Duration {
    let random = isomer_seal::random::<2>().map_or(u16::MAX, u16::from_be_bytes);
    wait.mul_f64(f64::from(random) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::*;

    struct Gone;

    #[async_trait]
    impl KmsApi for Gone {
        async fn encrypt(&self, _: &str, _: &[u8], _: &Pairs) -> Result<Vec<u8>, KmsError> {
            Err(KmsError::Unreachable)
        }

        async fn decrypt(&self, _: &str, _: &[u8], _: &Pairs) -> Result<Plain, KmsError> {
            Err(KmsError::Unreachable)
        }

        async fn data_key(&self, _: &str, _: &Pairs) -> Result<(Plain, Vec<u8>), KmsError> {
            Err(KmsError::Unreachable)
        }
    }

    /// Waits lie between attempts: nobody waits after the last one.
    #[tokio::test(start_paused = true)]
    async fn the_last_failure_is_told_at_once() {
        let between: Duration = (0..ATTEMPTS - 1).map(|number| BACKOFF * 2u32.pow(number)).sum();
        for _ in 0..50 {
            let metrics = KeyMetrics::new(&Registry::new()).unwrap();
            let kms = Kms::new(Arc::new(Gone), "a key", None, metrics);
            let began = Instant::now();
            kms.data_key(&[]).await.unwrap_err();
            // The paused clock counts whole milliseconds, rounded up.
            let rounded = Duration::from_millis(u64::from(ATTEMPTS));
            assert!(began.elapsed() <= between + rounded, "{:?}", began.elapsed());
        }
    }
}
