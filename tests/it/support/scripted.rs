//! An agent that answers every request with the same bytes, or with none.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{Client, SOON, eventually};

/// A listener of the test.
pub struct Scripted {
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
    work: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: Vec<String>,
    closed: usize,
}

impl Scripted {
    /// Listens; after a request it sends `answer` and closes, or stays silent when that is empty.
    pub async fn start(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        let open = answer.is_empty();
        Self::with(answer, open).await
    }

    /// Listens; after a request it sends `answer` and then nothing, until the other side leaves.
    pub async fn start_open(answer: impl Into<Vec<u8>>) -> Self {
        Self::with(answer.into(), true).await
    }

    async fn with(answer: Vec<u8>, open: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Seen>>::default();
        let work = tokio::spawn(serve(listener, answer.into(), open, Arc::clone(&seen)));
        Self { port, seen, work }
    }

    /// Creates a workspace whose agent this is; returns its id and token.
    pub async fn join(&self, admin: &Client, name: &str) -> (String, String) {
        let body = json!({"name": name, "external": true});
        let created = admin.post("/workspaces", body).await.expect(201);
        let id = created["id"].as_str().unwrap().to_owned();
        let body = json!({
            "id": id,
            "url": format!("http://localhost:{}", self.port),
            "agent_card": {"name": name},
        });
        admin.post("/registry/register", body).await.expect(200);
        (id, created["connection"]["auth_token"].as_str().unwrap().to_owned())
    }

    /// The same for an agent that stays to the end of the test.
    pub async fn join_for_good(self, admin: &Client, name: &str) -> (String, String) {
        let joined = self.join(admin, name).await;
        std::mem::forget(self);
        joined
    }

    /// The requests so far, head and body.
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().requests.clone()
    }

    /// Waits until somebody has closed a connection that was open.
    pub async fn left(&self) {
        let closed = || async { (self.seen.lock().closed > 0).then_some(()) };
        eventually("closed connection", SOON, closed).await;
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.work.abort();
    }
}

async fn serve(listener: TcpListener, answer: Arc<[u8]>, open: bool, seen: Arc<Mutex<Seen>>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(converse(socket, Arc::clone(&answer), open, Arc::clone(&seen)));
    }
}

async fn converse(mut socket: TcpStream, answer: Arc<[u8]>, open: bool, seen: Arc<Mutex<Seen>>) {
    let Some(request) = request(&mut socket).await else { return };
    seen.lock().requests.push(request);
    let _ = socket.write_all(&answer).await;
    if !open {
        let _ = socket.shutdown().await;
        return;
    }
    let mut rest = [0; 64];
    while !matches!(socket.read(&mut rest).await, Ok(0) | Err(_)) {}
    seen.lock().closed += 1;
}

/// Reads one request, as long as its `Content-Length` says.
async fn request(socket: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = socket.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head
            .split_once("content-length: ")
            .and_then(|(_, rest)| rest.lines().next()?.trim().parse::<usize>().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(text.into_owned());
        }
    }
}
