//! A real shell beside a real agent, through the terminal's WebSocket; and what the agent wrote.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::in_both_modes;
use crate::support::{ADMIN, Client, Mode, SOON, Server, eventually};

in_both_modes!(
    a_shell_runs_where_the_agent_is,
    a_shell_ends_with_its_client_and_its_client_with_it,
    only_so_many_terminals_are_open,
    logs_are_read_and_followed,
);

/// A page's terminal.
struct Terminal {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    shown: String,
}

impl Terminal {
    async fn open(server: &Server, id: &str, query: &str, bearer: &str) -> Result<Self, u16> {
        let address = server.address.replace("http://", "ws://");
        let url = format!("{address}/workspaces/{id}/terminal{query}");
        let mut request = url.into_client_request().unwrap();
        let bearer = HeaderValue::from_str(&format!("Bearer {bearer}")).unwrap();
        request.headers_mut().insert("authorization", bearer);
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self { socket, shown: String::new() }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn types(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Reads until the screen has shown a text.
    async fn shows(&mut self, text: &str) {
        let until = Instant::now() + SOON;
        while !self.shown.contains(text) {
            let left = until.saturating_duration_since(Instant::now());
            let message = timeout(left, self.socket.next()).await;
            let shown = &self.shown;
            let message = message.unwrap_or_else(|_| panic!("no {text:?} in {shown:?}"));
            match message.unwrap().unwrap() {
                Message::Binary(bytes) => {
                    assert!((1..=4_096).contains(&bytes.len()));
                    self.shown.push_str(&String::from_utf8_lossy(&bytes));
                }
                Message::Ping(_) => {}
                other => panic!("{other:?} after {:?}", self.shown),
            }
        }
        self.shown.clear();
    }

    /// Reads to the end and returns the close code.
    async fn closed(mut self) -> Option<u16> {
        loop {
            match timeout(SOON, self.socket.next()).await.expect("an end") {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

/// Creates a workspace whose agent the server runs, and waits for it.
async fn agent(admin: &Client, name: &str) -> String {
    let id = admin.create(json!({"name": name, "runtime": "isomer"})).await;
    eventually("online agent", Duration::from_secs(20), || async {
        (admin.status(&id).await == "online").then_some(())
    })
    .await;
    id
}

/// Returns the entries of terminals in the log, oldest first.
async fn entries(admin: &Client, id: &str) -> Vec<Value> {
    let log = admin.get(&format!("/workspaces/{id}/activity?type=terminal")).await.expect(200);
    log.as_array().unwrap().iter().rev().cloned().collect()
}

async fn a_shell_runs_where_the_agent_is(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = agent(&admin, "Ada").await;
    let mut terminal = Terminal::open(&server, &id, "?cols=97&rows=31", ADMIN).await.unwrap();
    // What is typed is echoed; the answer is what the shell made of it.
    terminal.types("echo $((40 + 2))-$WORKSPACE_ID\r").await;
    terminal.shows(&format!("42-{id}")).await;
    terminal.types("stty size\r").await;
    terminal.shows("31 97").await;
    terminal.types(r#"{"resize":{"cols":123,"rows":45}}"#).await;
    terminal.types("stty size\r").await;
    terminal.shows("45 123").await;
    // Control characters are typed like others.
    terminal.types("sh -c 'echo rea\"\"dy; exec sleep 1000'\r").await;
    terminal.shows("ready").await;
    terminal.socket.send(Message::binary(vec![3])).await.unwrap();
    terminal.types("echo after-$((1 + 1))\r").await;
    terminal.shows("after-2").await;
    terminal.types("seq 1 50000 | tail -n 1 && seq 1 20000; echo done-$((2 + 1))\r").await;
    terminal.shows("done-3").await;
    // What it leaves lies where the files are read.
    terminal.types("exit 7\r").await;
    assert_eq!(terminal.closed().await, Some(1000));

    let log = eventually("two entries", SOON, || async {
        let log = entries(&admin, &id).await;
        (log.len() == 2).then_some(log)
    })
    .await;
    let methods: Vec<_> = log.iter().map(|entry| &entry["method"]).collect();
    assert_eq!(methods, ["open", "close"]);
    assert_eq!(log[0]["request_body"], json!({"by": "admin-token", "cols": 97, "rows": 31}));
    assert!(log[1]["duration_ms"].as_i64().is_some());
    let summary = log[1]["summary"].as_str().unwrap();
    assert!(
        summary.contains("admin-token") && summary.contains("the shell has ended"),
        "{summary}"
    );
    let told = serde_json::to_string(&log).unwrap();
    assert!(!told.contains("stty") && !told.contains("after-"), "never the content");
}

async fn a_shell_ends_with_its_client_and_its_client_with_it(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let id = agent(&admin, "Ada").await;
    let own = server.agent_token(&id);
    let mut terminal = Terminal::open(&server, &id, "", &own).await.unwrap();
    terminal.types("echo pid-$$-; (trap '' HUP TERM; sleep 977) &\r").await;
    let pid = loop {
        terminal.types("\r").await;
        let message = timeout(SOON, terminal.socket.next()).await.unwrap().unwrap().unwrap();
        if let Message::Binary(bytes) = message {
            terminal.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
        let number = terminal.shown.split("pid-").filter_map(|rest| rest.split('-').next());
        if let Some(pid) = number.into_iter().find_map(|text| text.parse::<u32>().ok()) {
            break pid;
        }
    };
    let alive = |pid: u32| std::path::Path::new(&format!("/proc/{pid}")).exists();
    assert!(alive(pid));
    drop(terminal);
    eventually("killed shell", SOON, || async { (!alive(pid)).then_some(()) }).await;
    let log = eventually("two entries", SOON, || async {
        let log = entries(&admin, &id).await;
        (log.len() == 2).then_some(log)
    })
    .await;
    assert!(log[1]["summary"].as_str().unwrap().contains("the client has left"));
    assert!(log.iter().all(|entry| entry["source_id"] == id.as_str()));

    // A revoked token closes it, and so does the end of the server.
    let minted = admin.post(&format!("/workspaces/{id}/tokens"), json!({})).await.json();
    let second = minted["auth_token"].as_str().unwrap().to_owned();
    let terminal = Terminal::open(&server, &id, "", &second).await.unwrap();
    let tokens = admin.get(&format!("/workspaces/{id}/tokens")).await.expect(200);
    let prefix = &second[..8];
    let token = tokens["tokens"].as_array().unwrap().iter().find(|token| token["prefix"] == prefix);
    let revoke = format!("/workspaces/{id}/tokens/{}", token.unwrap()["id"].as_str().unwrap());
    admin.delete(&revoke).await.expect(200);
    assert_eq!(terminal.closed().await, Some(1008));
    let terminal = Terminal::open(&server, &id, "", ADMIN).await.unwrap();
    let closing = tokio::spawn(terminal.closed());
    tokio::task::block_in_place(|| server.stop());
    assert_eq!(closing.await.unwrap(), Some(1001));
}

async fn only_so_many_terminals_are_open(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = agent(&admin, "Ada").await;
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(Terminal::open(&server, &id, "", ADMIN).await.unwrap());
    }
    assert_eq!(Terminal::open(&server, &id, "", ADMIN).await.err(), Some(429));
    open.pop();
    eventually("a free place", SOON, || async {
        Terminal::open(&server, &id, "", ADMIN).await.ok().map(drop)
    })
    .await;
}

async fn logs_are_read_and_followed(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = agent(&admin, "Ada").await;
    let path = format!("/workspaces/{id}/logs");
    let all = eventually("lines", SOON, || async {
        let reply = admin.get(&path).await;
        reply.expect(200);
        assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
        (reply.text.lines().count() >= 2).then_some(reply.text)
    })
    .await;
    let last = admin.get(&format!("{path}?tail=1")).await;
    assert_eq!(last.text.lines().count(), 1, "{}", last.text);
    assert!(!all.contains(&server.agent_token(&id)));

    let url = format!("{}{path}?tail=1&follow=1", server.address);
    let follow = || reqwest::Client::new().get(&url).bearer_auth(ADMIN).send();
    let mut lines = follow().await.unwrap();
    assert_eq!(lines.status(), 200);
    // A new run writes new lines.
    admin.post(&format!("/workspaces/{id}/restart"), json!({})).await.expect(200);
    let mut read = Vec::new();
    while read.iter().filter(|byte| **byte == b'\n').count() < 3 {
        let piece = timeout(Duration::from_secs(20), lines.chunk()).await.unwrap().unwrap();
        read.extend_from_slice(&piece.expect("more lines"));
    }
    let mut readers = vec![lines];
    while readers.len() < 16 {
        readers.push(follow().await.unwrap());
        assert_eq!(readers.last().unwrap().status(), 200);
    }
    assert_eq!(follow().await.unwrap().status(), 429);
}
