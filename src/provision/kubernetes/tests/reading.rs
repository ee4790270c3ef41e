//! Logs.

use bytes::Bytes;
use futures_util::TryStreamExt;

use super::*;

/// Returns a whole log.
pub async fn text(backend: &KubernetesBackend, range: LogRange) -> Result<String, Unavailable> {
    let chunks = backend.logs(id(), range).await?;
    let chunks: Vec<Bytes> =
        tokio::time::timeout(DEADLINE, chunks.try_collect()).await.unwrap().unwrap();
    Ok(String::from_utf8(chunks.concat()).unwrap())
}

const LAST: LogRange = LogRange { tail: 200, follow: false };

#[tokio::test]
async fn an_agent_that_runs_is_followed() {
    let stage = Stage::of("logs-running").await;
    let follow = LogRange { follow: true, ..LAST };
    assert_eq!(text(&stage.backend, follow).await.unwrap(), "ready\nbusy\n");
    stage.server.played().await;
}

#[tokio::test]
async fn of_one_that_crashed_the_last_run_is_read() {
    let stage = Stage::of("logs-crashed").await;
    let follow = LogRange { follow: true, ..LAST };
    assert_eq!(text(&stage.backend, follow).await.unwrap(), "ValueError: no model\n");
    stage.server.played().await;
}

#[tokio::test]
async fn one_that_never_began_and_one_that_is_gone_are_not_running() {
    let stage = Stage::of("logs-none").await;
    for _ in 0..2 {
        assert_eq!(text(&stage.backend, LAST).await, Err(Unavailable::NotRunning));
    }
    stage.server.played().await;
}

#[tokio::test]
async fn a_log_that_may_not_be_read_says_so() {
    let stage = Stage::of("logs-forbidden").await;
    let refused = text(&stage.backend, LAST).await.unwrap_err().to_string();
    assert!(refused.contains("may not get pods/log"), "{refused}");
    stage.server.played().await;
}
