//! What agents write, as the nodes keep it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, Limited};
use isomer_actors::domain::ids::WorkspaceId;
use kube::api::LogParams;
use kube::client::Body;
use kube::core::{Request, Status};
use tokio::time::timeout;

use super::cluster::{Refusal, Right, meaning};
use super::facts::{PodFacts, State};
use super::names::CONTAINER;
use super::{KubernetesBackend, LogRange, Logs, Unavailable};

/// Most bytes of a log that is not followed.
const MAX_BYTES: i64 = 4 << 20;
/// What is kept of an agent whose pod is gone, in lines and bytes.
const LAST_LINES: usize = 100;
const LAST_BYTES: usize = 16 << 10;
/// How long the first byte, and keeping the last words, may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(3);
/// Longest error of the API server that is read, in bytes.
const MAX_ERROR: usize = 64 << 10;

impl KubernetesBackend {
    pub(super) async fn read_logs(
        &self,
        id: WorkspaceId,
        range: LogRange,
    ) -> Result<Logs, Unavailable> {
        let Some(pod) = self.newest_pod(id).await? else {
            let kept = self.last_words.get(&id).map(|words| words.clone());
            let kept = kept.ok_or(Unavailable::NotRunning)?;
            return Ok(stream::iter([Ok(last_lines(&kept, range.tail))]).boxed());
        };
        let previous = match &pod.state {
            State::Running | State::Exited(_) => false,
            // Between two tries: the last one has written what matters.
            _ if pod.last_exit.is_some() => true,
            _ => return Err(Unavailable::NotRunning),
        };
        let follow = range.follow && pod.state == State::Running;
        Ok(self.stream(&pod.name, range.tail, follow, previous).await?)
    }

    async fn stream(
        &self,
        pod: &str,
        tail: usize,
        follow: bool,
        previous: bool,
    ) -> Result<Logs, Refusal> {
        let params = LogParams {
            container: Some(CONTAINER.to_owned()),
            follow,
            previous,
            limit_bytes: (!follow).then_some(MAX_BYTES),
            tail_lines: Some(i64::try_from(tail).unwrap_or(i64::MAX)),
            ..LogParams::default()
        };
        self.send(pod, &params).await
    }

    async fn newest_pod(&self, id: WorkspaceId) -> Result<Option<PodFacts>, Refusal> {
        let pods = self.cluster.pods_of(id).await?;
        let facts = pods.iter().filter_map(PodFacts::of).map(|(_, facts)| facts);
        Ok(facts.max_by(|a, b| (!a.leaving, &a.created).cmp(&(!b.leaving, &b.created))))
    }

    async fn send(&self, pod: &str, params: &LogParams) -> Result<Logs, Refusal> {
        let right = Right { verb: "get", resource: "pods/log" };
        let path = format!("/api/v1/namespaces/{}/pods", self.cluster.namespace);
        let request = Request::new(path).logs(pod, params);
        let request = request.map_err(|error| meaning(&kube::Error::BuildRequest(error), right))?;
        let sent = timeout(ANSWER_LIMIT, self.cluster.client.send(request.map(Body::from))).await;
        let answer = sent.map_err(|_| Refusal::later("the API server does not answer in time"))?;
        let answer = answer.map_err(|error| meaning(&error, right))?;
        if answer.status().is_success() {
            let chunks = answer.into_body().into_data_stream().map_err(std::io::Error::other);
            return Ok(chunks.boxed());
        }
        let code = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MAX_ERROR).collect();
        let text = timeout(ANSWER_LIMIT, body).await.ok().and_then(Result::ok);
        let text = text.map(|text| text.to_bytes()).unwrap_or_default();
        let status = serde_json::from_slice(&text)
            .unwrap_or_else(|_| Status { code, ..Status::failure("", "") });
        Err(meaning(&kube::Error::Api(Box::new(status)), right))
    }

    /// Keeps the end of what a failed agent wrote, before its pod goes. Best effort.
    pub(super) async fn keep_last_words(&self, id: WorkspaceId) {
        let read = async {
            let pod = self.newest_pod(id).await.ok()??;
            // The node may have started it again already.
            let previous = !matches!(pod.state, State::Exited(_)) && pod.last_exit.is_some();
            let chunks = self.stream(&pod.name, LAST_LINES, false, previous).await.ok()?;
            chunks.try_collect::<Vec<Bytes>>().await.ok()
        };
        let Ok(Some(chunks)) = timeout(LAST_WORDS_LIMIT, read).await else { return };
        let all = chunks.concat();
        let from = all.len().saturating_sub(LAST_BYTES);
        self.last_words.insert(id, Bytes::copy_from_slice(&all[from..]));
    }
}

/// Returns the last lines of a text.
fn last_lines(text: &Bytes, lines: usize) -> Bytes {
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let mut breaks = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    match lines.checked_sub(1) {
        None => Bytes::new(),
        Some(skip) => text.slice(breaks.nth(skip).map_or(0, |(at, _)| at + 1)..),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_the_last_lines() {
        let text = Bytes::from_static(b"a\nb\nc\n");
        for (lines, expected) in
            [(0, ""), (1, "c\n"), (2, "b\nc\n"), (3, "a\nb\nc\n"), (9, "a\nb\nc\n")]
        {
            assert_eq!(last_lines(&text, lines), expected.as_bytes(), "{lines}");
        }
        assert_eq!(last_lines(&Bytes::from_static(b"a\nb"), 1), &b"b"[..]);
    }
}
