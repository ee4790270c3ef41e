//! Expiry notices: hints that a liveness key has gone. Redis loses them freely; the sweep is
//! the truth.

use std::time::Duration;

use futures_util::StreamExt;
use isomer_actors::domain::ids::WorkspaceId;
use redis::{AsyncCommands, RedisResult};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::connection::{CALL_LIMIT, Connection, MAX_BACKOFF};

/// Notices that wait at most; more are dropped, being hints.
pub const MAX_WAITING: usize = 1_024;
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// Reads notices for as long as somebody takes them.
pub async fn read(connection: Connection, notices: mpsc::Sender<WorkspaceId>) {
    let mut backoff = FIRST_BACKOFF;
    while !notices.is_closed() {
        match subscribe(&connection, &notices, &mut backoff).await {
            Ok(()) => debug!("the subscription to expiry notices ended"),
            Err(error) => debug!(%error, "no subscription to expiry notices"),
        }
        tokio::time::sleep(jittered(backoff)).await;
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
}

async fn subscribe(
    connection: &Connection,
    notices: &mpsc::Sender<WorkspaceId>,
    backoff: &mut Duration,
) -> RedisResult<()> {
    let client = connection.client();
    let ask = async {
        enable(client).await?;
        let mut pubsub = client.get_async_pubsub().await?;
        let database = client.get_connection_info().redis_settings().db();
        pubsub.subscribe(format!("__keyevent@{database}__:expired")).await?;
        Ok::<_, redis::RedisError>(pubsub)
    };
    let mut pubsub = tokio::time::timeout(CALL_LIMIT * 2, ask).await.map_err(|_| {
        redis::RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut))
    })??;
    *backoff = FIRST_BACKOFF;
    let mut messages = pubsub.on_message();
    while let Some(message) = messages.next().await {
        let key: String = message.get_payload()?;
        if let Some(id) = workspace_of(&key) {
            // Full: the sweep finds it.
            let _ = notices.try_send(id);
        }
    }
    Ok(())
}

/// Sees to it that Redis sends notices of expired keys, keeping what it sends already.
async fn enable(client: &redis::Client) -> RedisResult<()> {
    const NAME: &str = "notify-keyspace-events";
    let mut connection = client.get_multiplexed_async_connection().await?;
    let flags: Result<Vec<String>, _> =
        redis::cmd("CONFIG").arg("GET").arg(NAME).query_async(&mut connection).await;
    let flags = flags.ok().and_then(|pair| pair.into_iter().nth(1)).unwrap_or_default();
    let Some(wanted) = with_expiry(&flags) else {
        return Ok(());
    };
    let set: RedisResult<()> =
        redis::cmd("CONFIG").arg("SET").arg(NAME).arg(&wanted).query_async(&mut connection).await;
    match set {
        Ok(()) => info!(flags = wanted, "set notify-keyspace-events"),
        Err(_) => warn!(
            "notify-keyspace-events lacks E and x and may not be set here: deaths are found by \
             the sweep alone, which is at most a second later"
        ),
    }
    let _: RedisResult<()> = connection.ping().await;
    Ok(())
}

/// Returns the flags that are needed, `None` when they are there (`A` contains `x`).
fn with_expiry(flags: &str) -> Option<String> {
    let mut wanted = flags.to_owned();
    if !flags.contains('E') {
        wanted.push('E');
    }
    if !flags.contains('x') && !flags.contains('A') {
        wanted.push('x');
    }
    (wanted != flags).then_some(wanted)
}

/// Only keys of exactly the form `ws:{id}` are liveness keys.
fn workspace_of(key: &str) -> Option<WorkspaceId> {
    WorkspaceId::parse_strict(key.strip_prefix("ws:")?)
}

/// Many nodes must not come back in step.
fn jittered(wait: Duration) -> Duration {
    let mut byte = [0u8];
    let _ = getrandom::fill(&mut byte);
    wait.mul_f64(0.5 + f64::from(byte[0]) / 510.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_added_and_kept() {
        assert_eq!(with_expiry(""), Some("Ex".into()));
        assert_eq!(with_expiry("Kg"), Some("KgEx".into()));
        assert_eq!(with_expiry("AKE"), None);
        assert_eq!(with_expiry("xE"), None);
    }

    #[test]
    fn only_liveness_keys_count() {
        let id = WorkspaceId::random();
        assert_eq!(workspace_of(&format!("ws:{id}")), Some(id));
        for other in
            [format!("ws:{id}:url"), "ws:x".into(), format!("xs:{id}"), format!("ws:{{{id}}}")]
        {
            assert_eq!(workspace_of(&other), None, "{other}");
        }
    }
}
