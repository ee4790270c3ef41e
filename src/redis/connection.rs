//! One connection that reconnects by itself, and says so once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use isomer_actors::ports::MirrorError;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, Pipeline};
use secrecy::{ExposeSecret, SecretString};
use tracing::{info, warn};

/// How long one exchange may take, connecting included. The library's own limit is 500 ms.
pub const CALL_LIMIT: Duration = Duration::from_secs(2);
/// The wait before connecting again grows to this.
pub const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Why Redis cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The message of the library is left out: it may repeat the URL.
    #[error(
        "REDIS_URL: it cannot be understood; redis://[user:password@]host[:port][/db] is accepted"
    )]
    Url,
}

/// A shared connection. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    manager: Arc<tokio::sync::Mutex<Option<ConnectionManager>>>,
    reachable: Arc<AtomicBool>,
}

impl Connection {
    /// Parses the URL; connects when first used.
    pub fn new(url: &SecretString) -> Result<Self, RedisError> {
        let client = Client::open(url.expose_secret()).map_err(|_| RedisError::Url)?;
        Ok(Self { client, manager: Arc::default(), reachable: Arc::new(AtomicBool::new(true)) })
    }

    /// Runs a pipeline.
    ///
    /// # Errors
    /// After [`CALL_LIMIT`] at the latest, when Redis does not answer.
    pub async fn run<T: FromRedisValue>(
        &self,
        operation: &'static str,
        pipeline: &Pipeline,
    ) -> Result<T, MirrorError> {
        let call = async {
            let mut manager = self.manager().await?;
            pipeline.query_async::<T>(&mut manager).await
        };
        let result = match tokio::time::timeout(CALL_LIMIT, call).await {
            Ok(result) => result.map_err(|error| MirrorError { operation, source: error.into() }),
            Err(elapsed) => Err(MirrorError { operation, source: elapsed.into() }),
        };
        self.note(result.as_ref().err());
        result
    }

    /// Returns whether Redis answered last time.
    pub fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    /// Returns the client, for connections of another kind.
    pub fn client(&self) -> &Client {
        &self.client
    }

    async fn manager(&self) -> redis::RedisResult<ConnectionManager> {
        let mut manager = self.manager.lock().await;
        if let Some(manager) = manager.as_ref() {
            return Ok(manager.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CALL_LIMIT))
            .set_response_timeout(Some(CALL_LIMIT))
            .set_max_delay(MAX_BACKOFF);
        let connected = ConnectionManager::new_with_config(self.client.clone(), config).await?;
        Ok(manager.insert(connected).clone())
    }

    /// Logs when Redis is lost and found, not at every call.
    fn note(&self, error: Option<&MirrorError>) {
        let was = self.reachable.swap(error.is_none(), Ordering::Relaxed);
        match error {
            Some(error) if was => warn!(
                error = %isomer_actors::chain_of(error),
                "Redis cannot be reached: liveness keys are not mirrored, nobody is judged for it"
            ),
            None if !was => info!("Redis answers again"),
            _ => {}
        }
    }
}
