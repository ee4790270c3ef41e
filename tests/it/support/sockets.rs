//! A WebSocket as a subscriber sees it.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A subscriber.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects, or returns the status that refused it.
    pub async fn try_open(
        address: &str,
        query: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, u16> {
        let url = format!("{}/ws{query}", address.replace("http://", "ws://"));
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects as the administrator.
    pub async fn open(address: &str, query: &str) -> Self {
        let bearer = format!("Bearer {}", super::ADMIN);
        Self::try_open(address, query, &[("authorization", &bearer)]).await.unwrap()
    }

    /// Returns the next event, or how the socket was closed.
    pub async fn next(&mut self, limit: Duration) -> Result<Value, Option<u16>> {
        loop {
            let message = tokio::time::timeout(limit, self.0.next()).await;
            match message.unwrap_or_else(|_| panic!("no event within {limit:?}")) {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|f| f.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Skips to the next event of a kind and workspace.
    pub async fn until(&mut self, kind: &str, workspace: &str, limit: Duration) -> Value {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            let event = self.next(left).await.unwrap_or_else(|code| panic!("closed: {code:?}"));
            if event["event"] == kind && event["workspace_id"] == workspace {
                return event;
            }
        }
    }
}
