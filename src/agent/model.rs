//! Answers through an OpenAI-compatible chat completions endpoint.
//!
//! Every message stands alone: no conversation is kept. Error texts reach
//! callers and the platform, so they hold the status of the endpoint and
//! never its words, which may quote the key.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::platform::{bounded_body, chain};
use super::{AgentConfig, AgentError, OpenAi, http_client, settings};

/// Longest time for one whole answer, streamed or not.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// Most bytes of an endpoint's answer, and of one line of its stream.
const BODY_LIMIT: usize = 1024 * 1024;
/// Most bytes of text in one answer; longer ones are an error.
const TEXT_LIMIT: usize = 128 * 1024;

/// Why the model gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ModelError {
    #[error("the model did not answer within {} s", ANSWER_LIMIT.as_secs())]
    TooSlow,
    #[error("the model endpoint cannot be reached: {0}")]
    Unreachable(String),
    #[error("the model endpoint answered {0}")]
    Status(StatusCode),
    #[error("the model endpoint's answer broke off")]
    BrokeOff,
    #[error("the model endpoint's answer is not a chat completion")]
    NotACompletion,
    #[error("the model's answer is longer than {TEXT_LIMIT} bytes")]
    TooLong,
}

/// One model behind one endpoint.
#[derive(Debug)]
pub(super) struct Model {
    client: Client,
    url: Url,
    key: SecretString,
    model: String,
    persona: String,
}

/// An answer as it is written, piece by piece.
#[derive(Debug)]
pub(super) struct Deltas {
    source: Source,
    deadline: Instant,
    total: usize,
}

#[derive(Debug)]
enum Source {
    Lines {
        response: Response,
        buffer: Vec<u8>,
    },
    /// From an endpoint that does not stream.
    Whole(Option<Response>),
    Done,
}

impl Model {
    pub(super) fn new(config: &AgentConfig, openai: &OpenAi) -> Result<Self, AgentError> {
        let base = openai.base_url.trim_end_matches('/');
        let url: Url = format!("{base}/chat/completions").parse().map_err(|_| {
            AgentError::Setting(settings::SettingError::Value {
                name: "OPENAI_BASE_URL".into(),
                value: base.into(),
                accepted: "an http or https URL",
            })
        })?;
        let role = config.role.as_deref().unwrap_or("a helpful agent in a team");
        Ok(Self {
            client: http_client(&url, None)?,
            url,
            key: openai.api_key.clone(),
            model: openai.model.clone(),
            persona: format!("You are {}. Your role: {role}.", config.name),
        })
    }

    /// The whole answer to `text`.
    pub(super) async fn answer(&self, text: &str) -> Result<String, ModelError> {
        let deadline = Instant::now() + ANSWER_LIMIT;
        let response = self.ask(text, false, deadline).await?;
        whole(response, deadline).await
    }

    /// The answer to `text` as it is written.
    pub(super) async fn stream(&self, text: &str) -> Result<Deltas, ModelError> {
        let deadline = Instant::now() + ANSWER_LIMIT;
        let response = self.ask(text, true, deadline).await?;
        let kind = response.headers().get(CONTENT_TYPE);
        let streams = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        let source = match streams {
            true => Source::Lines { response, buffer: Vec::new() },
            false => Source::Whole(Some(response)),
        };
        Ok(Deltas { source, deadline, total: 0 })
    }

    async fn ask(
        &self,
        text: &str,
        stream: bool,
        deadline: Instant,
    ) -> Result<Response, ModelError> {
        let body = json!({
            "model": self.model,
            "stream": stream,
            "messages": [
                {"role": "system", "content": self.persona},
                {"role": "user", "content": text},
            ],
        });
        let request = self.client.post(self.url.clone());
        let request = request.bearer_auth(self.key.expose_secret()).json(&body);
        let response = timeout_at(deadline, request.send())
            .await
            .map_err(|_| ModelError::TooSlow)?
            .map_err(|error| ModelError::Unreachable(chain(&error.without_url())))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(ModelError::Status(status)),
        }
    }
}

impl Deltas {
    /// The next piece of text, `None` at the end.
    ///
    /// # Cancel safety
    /// Not cancel safe for an endpoint that does not stream: a dropped call
    /// loses the answer. Callers drop the whole stream with it.
    pub(super) async fn next(&mut self) -> Result<Option<String>, ModelError> {
        let piece = match &mut self.source {
            Source::Done => return Ok(None),
            Source::Whole(response) => match response.take() {
                Some(response) => Some(whole(response, self.deadline).await?),
                None => None,
            },
            Source::Lines { response, buffer } => {
                next_line(response, buffer, self.deadline).await?
            }
        };
        match &piece {
            Some(piece) => self.total += piece.len(),
            None => self.source = Source::Done,
        }
        if self.total > TEXT_LIMIT {
            return Err(ModelError::TooLong);
        }
        Ok(piece)
    }
}

async fn whole(response: Response, deadline: Instant) -> Result<String, ModelError> {
    let body = timeout_at(deadline, bounded_body(response, BODY_LIMIT))
        .await
        .map_err(|_| ModelError::TooSlow)?
        .ok_or(ModelError::BrokeOff)?;
    let answer: Value = serde_json::from_slice(&body).map_err(|_| ModelError::NotACompletion)?;
    let text = answer.pointer("/choices/0/message/content").and_then(Value::as_str);
    match text {
        Some(text) if text.len() > TEXT_LIMIT => Err(ModelError::TooLong),
        Some(text) => Ok(text.to_owned()),
        None => Err(ModelError::NotACompletion),
    }
}

/// Reads server-sent events until one holds text. `None` after `[DONE]`; a
/// stream that ends without it was cut.
async fn next_line(
    response: &mut Response,
    buffer: &mut Vec<u8>,
    deadline: Instant,
) -> Result<Option<String>, ModelError> {
    loop {
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            match read_line(&line)? {
                Line::Text(text) => return Ok(Some(text)),
                Line::End => return Ok(None),
                Line::Other => {}
            }
        }
        if buffer.len() > BODY_LIMIT {
            return Err(ModelError::NotACompletion);
        }
        let chunk = timeout_at(deadline, response.chunk())
            .await
            .map_err(|_| ModelError::TooSlow)?
            .map_err(|_| ModelError::BrokeOff)?;
        buffer.extend_from_slice(&chunk.ok_or(ModelError::BrokeOff)?);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Text(String),
    End,
    Other,
}

fn read_line(line: &[u8]) -> Result<Line, ModelError> {
    let line = std::str::from_utf8(line).map_err(|_| ModelError::NotACompletion)?;
    let Some(data) = line.trim_end().strip_prefix("data:").map(str::trim_start) else {
        return Ok(Line::Other);
    };
    if data == "[DONE]" {
        return Ok(Line::End);
    }
    let event: Value = serde_json::from_str(data).map_err(|_| ModelError::NotACompletion)?;
    if event.get("error").is_some_and(|error| !error.is_null()) {
        return Err(ModelError::BrokeOff);
    }
    let text = event.pointer("/choices/0/delta/content").and_then(Value::as_str);
    Ok(match text {
        Some(text) if !text.is_empty() => Line::Text(text.to_owned()),
        _ => Line::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_stream_are_told_apart() {
        let delta = br#"data: {"choices":[{"delta":{"content":"he"}}]}"#;
        assert_eq!(read_line(delta).unwrap(), Line::Text("he".into()));
        assert_eq!(read_line(b"data:[DONE]\r\n").unwrap(), Line::End);
        for other in ["", ": ping", "event: x", r#"data: {"choices":[]}"#] {
            assert_eq!(read_line(other.as_bytes()).unwrap(), Line::Other, "{other}");
        }
        assert!(read_line(b"data: {").is_err());
        assert!(read_line(br#"data: {"error":{"message":"sk-1"}}"#).is_err());
        assert!(read_line(b"data: \xff").is_err());
    }
}
