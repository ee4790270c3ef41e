//! The liveness mirror in Redis (contract 02 §8): `ws:{id}`, `ws:{id}:url`, `ws:{id}:internal_url`.

use async_trait::async_trait;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{Heard, LivenessMirror, Located, MirrorError};
use redis::pipe;
use secrecy::SecretString;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::connection::{Connection, RedisError};
use super::notices;

/// Commands in one pipeline.
const CHUNK: usize = 500;
/// How long an address is kept, in seconds.
const ADDRESS_SECONDS: u64 = 300;

/// Writes the keys, and hears of their expiry.
pub struct RedisMirror {
    connection: Connection,
    notices: Mutex<mpsc::Receiver<WorkspaceId>>,
    /// Ends with the mirror.
    _reader: AbortOnDropHandle<()>,
}

impl RedisMirror {
    /// Begins to connect. Redis may be away: the mirror finds it later.
    ///
    /// # Errors
    /// When the URL cannot be understood.
    pub fn connect(url: &SecretString) -> Result<Self, RedisError> {
        let connection = Connection::new(url)?;
        let (sender, receiver) = mpsc::channel(notices::MAX_WAITING);
        let reader = tokio::spawn(notices::read(connection.clone(), sender));
        Ok(Self {
            connection,
            notices: Mutex::new(receiver),
            _reader: AbortOnDropHandle::new(reader),
        })
    }
}

#[async_trait]
impl LivenessMirror for RedisMirror {
    async fn heard(&self, batch: &[Heard]) -> Result<(), MirrorError> {
        for chunk in batch.chunks(CHUNK) {
            let mut pipeline = pipe();
            for heard in chunk {
                let seconds = heard.ttl.as_secs().max(1);
                pipeline.set_ex(key(heard.id), "online", seconds).ignore();
            }
            self.connection.run::<()>("refresh liveness keys", &pipeline).await?;
        }
        Ok(())
    }

    async fn located(&self, batch: &[Located]) -> Result<(), MirrorError> {
        for chunk in batch.chunks(CHUNK) {
            let mut pipeline = pipe();
            for located in chunk {
                let id = located.id;
                pipeline.set_ex(format!("ws:{id}:url"), &located.url, ADDRESS_SECONDS).ignore();
                let key = format!("ws:{id}:internal_url");
                pipeline.set_ex(key, &located.internal_url, ADDRESS_SECONDS).ignore();
            }
            self.connection.run::<()>("write addresses", &pipeline).await?;
        }
        Ok(())
    }

    async fn clear(&self, ids: &[WorkspaceId]) -> Result<(), MirrorError> {
        for chunk in ids.chunks(CHUNK) {
            let mut pipeline = pipe();
            for id in chunk {
                let address = format!("ws:{id}:url");
                let internal = format!("ws:{id}:internal_url");
                pipeline.del(&[key(*id), address, internal]).ignore();
            }
            self.connection.run::<()>("clear liveness keys", &pipeline).await?;
        }
        Ok(())
    }

    async fn next_notice(&self) -> Option<WorkspaceId> {
        self.notices.lock().await.recv().await
    }

    fn is_reachable(&self) -> bool {
        self.connection.is_reachable()
    }
}

impl std::fmt::Debug for RedisMirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisMirror").finish_non_exhaustive()
    }
}

fn key(id: WorkspaceId) -> String {
    format!("ws:{id}")
}
