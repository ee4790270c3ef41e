//! An API server that plays recorded exchanges, and nothing else.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{Method, Response, Uri};
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// What a test waits for at most.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// One request and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// What the request has to hold, exactly; nothing is said without it.
    pub request: Option<Value>,
    #[serde(default = "fine")]
    pub status: u16,
    pub response: Option<Value>,
    /// The response of a log.
    pub text: Option<String>,
    /// The response of a watch, which stays open.
    pub events: Option<Vec<Event>>,
    /// What events wait for: it has happened when this was asked.
    pub label: Option<String>,
}

/// One event of a watch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The label of an exchange.
    pub after: Option<String>,
    pub event: Value,
}

fn fine() -> u16 {
    200
}

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub body: String,
}

struct Play {
    left: Mutex<Vec<Exchange>>,
    asked: Mutex<Vec<Asked>>,
    unexpected: Mutex<Vec<String>>,
    marks: watch::Sender<HashSet<String>>,
}

/// A server on loopback. Dropping it closes it.
pub struct Server {
    pub address: SocketAddr,
    play: Arc<Play>,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    pub async fn start(exchanges: Vec<Exchange>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, exchanges)
    }

    pub fn on(listener: TcpListener, exchanges: Vec<Exchange>) -> Self {
        let play = Arc::new(Play {
            left: Mutex::new(exchanges),
            asked: Mutex::default(),
            unexpected: Mutex::default(),
            marks: watch::Sender::default(),
        });
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&play));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, play, _task: AbortOnDropHandle::new(task) }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.play.asked.lock().clone()
    }

    /// Waits until everything was asked that was recorded.
    pub async fn played(&self) {
        let all = async {
            while !self.play.left.lock().is_empty() && self.play.unexpected.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(DEADLINE, all).await;
        self.finish();
    }

    /// Checks that exactly the recorded requests came.
    pub fn finish(&self) {
        let unexpected = self.play.unexpected.lock().clone();
        assert!(unexpected.is_empty(), "unexpected requests:\n{}", unexpected.join("\n"));
        let left = self.play.left.lock();
        let left: Vec<_> =
            left.iter().map(|next| format!("{} {}", next.method, next.path)).collect();
        assert!(left.is_empty(), "never asked: {left:#?}");
    }
}

impl Play {
    fn mark(&self, label: &str) {
        self.marks.send_modify(|marks| _ = marks.insert(label.to_owned()));
    }

    /// Takes the first recorded exchange with such a request.
    fn take(&self, asked: &Asked, query: &BTreeMap<String, String>) -> Option<Exchange> {
        let body: Option<Value> = serde_json::from_str(&asked.body).ok();
        let mut left = self.left.lock();
        let at = left.iter().position(|next| {
            next.method == asked.method
                && next.path == asked.path
                && next.query == *query
                && next.request.as_ref().is_none_or(|wanted| body.as_ref() == Some(wanted))
        })?;
        Some(left.remove(at))
    }
}

async fn answer(
    State(play): State<Arc<Play>>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response<Body> {
    let asked = Asked {
        method: method.to_string(),
        path: uri.path().to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let url = Url::parse(&format!("http://x/?{}", query.unwrap_or_default())).unwrap();
    let query = url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    play.asked.lock().push(asked.clone());
    let Some(exchange) = play.take(&asked, &query) else {
        let text = format!("{} {} {query:?}\n{}", asked.method, asked.path, asked.body);
        play.unexpected.lock().push(text);
        let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 418});
        return respond(418, "application/json", body.to_string().into());
    };
    if let Some(label) = &exchange.label {
        play.mark(label);
    }
    if let Some(events) = exchange.events {
        return respond(
            exchange.status,
            "application/json",
            Body::from_stream(play_events(&play, events)),
        );
    }
    if let Some(text) = exchange.text {
        return respond(exchange.status, "text/plain", text.into());
    }
    let body = exchange.response.expect("an exchange has an answer").to_string();
    respond(exchange.status, "application/json", body.into())
}

fn respond(status: u16, kind: &str, body: Body) -> Response<Body> {
    Response::builder().status(status).header("content-type", kind).body(body).unwrap()
}

/// Lines of JSON, each when its time has come; then silence, as of a quiet cluster.
fn play_events(
    play: &Play,
    events: Vec<Event>,
) -> impl futures_util::Stream<Item = Result<String, std::io::Error>> + use<> {
    let marks = play.marks.subscribe();
    let lines = stream::iter(events).then(move |next| {
        let mut marks = marks.clone();
        async move {
            if let Some(label) = next.after {
                marks.wait_for(|marks| marks.contains(&label)).await.unwrap();
            }
            Ok(format!("{}\n", next.event))
        }
    });
    lines.chain(stream::pending())
}

/// Returns where the recorded exchanges lie.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kubernetes")
}

/// Returns recorded exchanges. `$HASH` stands for the hash of what is wanted, and
/// `{"$object": [FILE, N], …}` for an object of a manifest with more fields.
pub fn recorded(name: &str, hash: &str) -> Vec<Exchange> {
    let path = folder().join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut all: Value = serde_json::from_str(&text.replace("$HASH", hash)).unwrap();
    resolve(&mut all);
    serde_json::from_value(all).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn resolve(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(resolve),
        Value::Object(fields) => {
            if let Some(object) = fields.remove("$object") {
                let file = folder().join("manifests").join(object[0].as_str().unwrap());
                let all: Value =
                    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
                let mut whole = all[object[1].as_u64().unwrap() as usize].clone();
                merge(&mut whole, std::mem::take(value));
                *value = whole;
            } else {
                fields.values_mut().for_each(resolve);
            }
        }
        _ => {}
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
