//! Agents over HTTP.

use std::error::Error;
use std::io::ErrorKind;

use async_trait::async_trait;
use axum::http::{HeaderValue, header};
use futures_util::{StreamExt, stream};

use super::clients::Clients;
use super::{Agents, Broken, Limits, Reply, ReplyBody, Request, SendError};

/// Sends over connections that are pinned to vetted addresses and used again.
#[derive(Debug, Default)]
pub struct HttpAgents {
    clients: Clients,
}

#[async_trait]
impl Agents for HttpAgents {
    async fn send(&self, request: Request) -> Result<Reply, SendError> {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        let Request { to, headers, body, limits } = request;
        let client = self.clients.pinned(&to).await.ok_or(SendError::Unbuildable)?;
        let sending = client.post(to.url).headers(headers).header(header::CONTENT_TYPE, JSON);
        let answered = limits.within(sending.body(body).send()).await.ok_or(SendError::Busy)?;
        let response = answered.map_err(|error| classify(&error))?;
        Ok(Reply {
            status: response.status(),
            content_type: response.headers().get(header::CONTENT_TYPE).cloned(),
            length: response.content_length(),
            body: body_of(response, limits),
        })
    }
}

fn body_of(response: reqwest::Response, limits: Limits) -> ReplyBody {
    stream::unfold(Some(response), move |response| async move {
        let mut response = response?;
        match limits.within(response.chunk()).await {
            Some(Ok(Some(bytes))) => Some((Ok(bytes), Some(response))),
            Some(Ok(None)) => None,
            Some(Err(_)) => Some((Err(Broken::Cut), None)),
            None => Some((Err(Broken::TimedOut), None)),
        }
    })
    .boxed()
}

/// Tells agents that are busy from those that are not there (contract 04 §3.6).
fn classify(error: &reqwest::Error) -> SendError {
    if error.is_builder() {
        return SendError::Unbuildable;
    }
    if error.is_timeout() || was_closed(error) {
        return SendError::Busy;
    }
    SendError::Unreachable
}

/// Whether the agent closed the connection before it answered.
fn was_closed(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && (error.is_incomplete_message() || error.is_canceled() || error.is_closed())
        {
            return true;
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            let kind = error.kind();
            let closed = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
            if closed.contains(&kind) || kind == ErrorKind::UnexpectedEof {
                return true;
            }
        }
        cause = error.source();
    }
    false
}
