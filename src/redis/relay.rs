//! The relay between nodes: `events:broadcast` (contract 03 §6).
//!
//! The channel carries the WebSocket's envelope. Ours has one more key, `origin`, so that a node
//! knows its own messages. What arrives is only a hint: the store is read for what it was.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use isomer_actors::ports::{MirrorError, Relay};
use redis::pipe;
use secrecy::SecretString;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;
use uuid::Uuid;

use super::connection::{CALL_LIMIT, Connection, MAX_BACKOFF, RedisError};

const CHANNEL: &str = "events:broadcast";
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// Publishes what this node recorded, and hears that others have.
pub struct RedisRelay {
    connection: Connection,
    origin: Uuid,
    /// Hints that come together are one.
    hint: Arc<Notify>,
    _reader: AbortOnDropHandle<()>,
}

impl RedisRelay {
    /// Begins to connect. Redis may be away: the relay finds it later.
    ///
    /// # Errors
    /// When the URL cannot be understood.
    pub fn connect(url: &SecretString, origin: Uuid) -> Result<Self, RedisError> {
        let connection = Connection::new(url)?;
        let hint = Arc::new(Notify::new());
        let reader = tokio::spawn(read(connection.clone(), origin, Arc::clone(&hint)));
        Ok(Self { connection, origin, hint, _reader: AbortOnDropHandle::new(reader) })
    }
}

#[async_trait]
impl Relay for RedisRelay {
    async fn publish(&self, frames: &[Arc<str>]) -> Result<(), MirrorError> {
        let mut pipeline = pipe();
        for frame in frames {
            pipeline.publish(CHANNEL, tagged(frame, self.origin)).ignore();
        }
        self.connection.run("publish events", &pipeline).await
    }

    async fn next_hint(&self) -> Option<()> {
        self.hint.notified().await;
        Some(())
    }
}

impl std::fmt::Debug for RedisRelay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisRelay").field("origin", &self.origin).finish_non_exhaustive()
    }
}

async fn read(connection: Connection, origin: Uuid, hint: Arc<Notify>) {
    let mut backoff = FIRST_BACKOFF;
    loop {
        let subscribed = async {
            let mut pubsub = connection.client().get_async_pubsub().await?;
            pubsub.subscribe(CHANNEL).await?;
            Ok::<_, redis::RedisError>(pubsub)
        };
        if let Ok(Ok(mut pubsub)) = tokio::time::timeout(CALL_LIMIT, subscribed).await {
            backoff = FIRST_BACKOFF;
            // Messages may have been missed until now.
            hint.notify_one();
            let mut messages = pubsub.on_message();
            while let Some(message) = messages.next().await {
                let own = message.get_payload::<String>().is_ok_and(|text| is_from(&text, origin));
                if !own {
                    hint.notify_one();
                }
            }
            debug!("the subscription to other nodes ended");
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
}

/// Inserts the origin before the last brace.
fn tagged(frame: &str, origin: Uuid) -> String {
    match frame.strip_suffix('}') {
        Some(open) => format!(r#"{open},"origin":"{origin}"}}"#),
        None => frame.to_owned(),
    }
}

fn is_from(text: &str, origin: Uuid) -> bool {
    text.ends_with(&format!(r#","origin":"{origin}"}}"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_its_own_messages() {
        let (here, there) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let text = tagged(r#"{"event":"X"}"#, here);
        assert!(is_from(&text, here) && !is_from(&text, there));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["origin"], here.to_string());
        assert!(!is_from(r#"{"event":"X"}"#, here));
    }
}
