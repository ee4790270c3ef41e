//! The least that an agent can do: read a JSON-RPC request, answer its id with a small message.

use std::io::{self, Write as _};

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
}

/// Serves until killed.
pub async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    io::stdout().flush()?;
    axum::serve(listener, Router::new().route("/", post(answer))).await
}

async fn answer(body: Bytes) -> Response {
    let Ok(Call { id }) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let message = json!({
        "kind": "message", "role": "agent", "messageId": "1f0c2a52-3c30-4c8e-9d0e-6a3f1f7f2b11",
        "parts": [{"kind": "text", "text": "the quarterly report is summarised"}],
    });
    let answer = json!({"jsonrpc": "2.0", "id": id, "result": message}).to_string();
    ([(header::CONTENT_TYPE, "application/json")], answer).into_response()
}
