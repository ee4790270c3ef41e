//! Answers through a model, against a tiny endpoint of our own.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use super::*;
use crate::agent::rpc::MAX_CALLS;

const KEY: &str = "sk-never-shown";

/// What the endpoint does with a request.
#[derive(Clone, Copy, PartialEq)]
enum Script {
    Answer,
    /// Ignores `stream` and answers as a whole.
    AnswerWhole,
    /// Refuses, and quotes the key as real endpoints do.
    Refuse,
    /// Sends one piece, then cuts the stream.
    Cut,
    /// Sends one piece, then nothing more.
    Hang,
}

struct FakeModel {
    url: String,
    asked: Arc<Mutex<Vec<Value>>>,
    runtime: Option<Runtime>,
}

impl FakeModel {
    fn start(script: Script) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .with_state((script, Arc::clone(&asked)));
        let (runtime, address) = fakes::serve(router, ([127, 0, 0, 1], 0).into());
        Self { url: format!("http://{address}/v1"), asked, runtime: Some(runtime) }
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

type Asked = Arc<Mutex<Vec<Value>>>;

async fn complete(
    State((script, asked)): State<(Script, Asked)>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    let authorized = headers["authorization"] == format!("Bearer {KEY}").as_str();
    let stream = body["stream"] == true && script != Script::AnswerWhole;
    asked.lock().push(body);
    if script == Script::Refuse || !authorized {
        let text = format!("Incorrect API key provided: {KEY}");
        return (StatusCode::UNAUTHORIZED, text).into_response();
    }
    if !stream {
        let message = json!({"role": "assistant", "content": "Hello you"});
        return axum::Json(json!({"choices": [{"message": message}]})).into_response();
    }
    let piece = |text: &str| {
        let event = json!({"choices": [{"delta": {"content": text}}]});
        format!("data: {event}\n\n")
    };
    let events = match script {
        Script::Cut | Script::Hang => vec![piece("Hel")],
        _ => vec![piece("Hel"), piece("lo you"), "data: [DONE]\n\n".to_owned()],
    };
    let events = futures_util::stream::iter(events.into_iter().map(Ok::<_, std::io::Error>));
    let body = match script {
        Script::Hang => {
            use futures_util::StreamExt;
            axum::body::Body::from_stream(events.chain(futures_util::stream::pending()))
        }
        _ => axum::body::Body::from_stream(events),
    };
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

fn thinking(platform: &FakePlatform, model: &FakeModel) -> AgentConfig {
    let openai = OpenAi {
        api_key: SecretString::from(KEY),
        base_url: model.url.clone(),
        model: "small".into(),
    };
    AgentConfig { openai: Some(openai), ..config(&platform.url()) }
}

fn text_of(events: &[Value], update: impl Fn(&Value) -> &Value) -> String {
    let texts = events.iter().filter_map(|event| update(event)["parts"][0]["text"].as_str());
    texts.collect()
}

#[tokio::test]
async fn a_message_is_answered_by_the_model() {
    let (platform, model) = (FakePlatform::start(), FakeModel::start(Script::Answer));
    let (_running, url) = serving(&platform, thinking(&platform, &model)).await;
    let answer = call(&url, "message/send", old_message("Hi")).await;
    assert_eq!(answer["result"]["parts"][0]["text"], "Hello you");
    let asked = model.asked.lock()[0].clone();
    assert_eq!(asked["model"], "small");
    assert_eq!(asked["messages"][1], json!({"role": "user", "content": "Hi"}));
}

#[tokio::test]
async fn an_answer_is_streamed_as_a_task_that_can_be_read_afterwards() {
    let (platform, model) = (FakePlatform::start(), FakeModel::start(Script::Answer));
    let (_running, url) = serving(&platform, thinking(&platform, &model)).await;

    let old = events(&url, "message/stream", old_message("Hi")).await;
    let kinds: Vec<_> = old.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["task", "artifact-update", "artifact-update", "status-update"]);
    assert_eq!(text_of(&old, |event| &event["artifact"]), "Hello you");
    assert_eq!(old[3]["status"]["state"], "completed");
    assert_eq!(old[3]["final"], true);

    let new = events(&url, "SendStreamingMessage", new_message("Hi")).await;
    assert_eq!(text_of(&new, |event| &event["artifactUpdate"]["artifact"]), "Hello you");
    let id = new[0]["task"]["id"].clone();
    let task = call(&url, "GetTask", json!({"id": id})).await;
    assert_eq!(task["result"]["status"]["state"], "TASK_STATE_COMPLETED");
    assert_eq!(task["result"]["artifacts"][0]["parts"][0]["text"], "Hello you");
    let again = call(&url, "CancelTask", json!({"id": id})).await;
    assert_eq!(again["error"]["code"], -32002);
    assert_eq!(again["error"]["data"][0]["reason"], "TASK_NOT_CANCELABLE");
}

#[tokio::test]
async fn a_message_that_is_delivered_again_is_not_thought_about_again() {
    let (platform, model) = (FakePlatform::start(), FakeModel::start(Script::Answer));
    let (_running, url) = serving(&platform, thinking(&platform, &model)).await;
    let message = |id: &str| {
        let mut params = old_message("Hi");
        params["message"]["messageId"] = json!(id);
        params
    };
    let before = model.asked.lock().len();
    for id in ["one", "one", "two"] {
        let answer = call(&url, "message/send", message(id)).await;
        assert_eq!(answer["result"]["parts"][0]["text"], "Hello you");
    }
    assert_eq!(model.asked.lock().len() - before, 2);
}

#[tokio::test]
async fn an_endpoint_that_does_not_stream_still_answers_a_stream() {
    let (platform, model) = (FakePlatform::start(), FakeModel::start(Script::AnswerWhole));
    let (_running, url) = serving(&platform, thinking(&platform, &model)).await;
    let old = events(&url, "message/stream", old_message("Hi")).await;
    assert_eq!(text_of(&old, |event| &event["artifact"]), "Hello you");
    assert_eq!(old.last().unwrap()["status"]["state"], "completed");
}

#[tokio::test]
async fn a_refusing_endpoint_shows_in_the_beats_and_the_key_nowhere() {
    let (platform, model) = (FakePlatform::start(), FakeModel::start(Script::Refuse));
    let (_running, url) = serving(&platform, thinking(&platform, &model)).await;
    let answer = call(&url, "message/send", old_message("Hi")).await;
    assert_eq!(answer["error"]["code"], -32603);
    let text = "the model endpoint answered 401 Unauthorized";
    assert_eq!(answer["error"]["message"], text);
    let streamed = events(&url, "message/stream", old_message("Hi")).await;
    let last = streamed.last().unwrap();
    assert_eq!(last["status"]["state"], "failed");
    assert_eq!(last["status"]["message"]["parts"][0]["text"], text);

    let beat = eventually("beat that tells", || {
        let facts = platform.seen();
        facts.beats.iter().find(|beat| beat.body["error_rate"] == 1.0).cloned()
    })
    .await;
    assert_eq!(beat.body["sample_error"], text);
    let facts = platform.seen();
    assert!(!format!("{answer} {streamed:?} {facts:?}").contains(KEY));
}

#[tokio::test]
async fn a_stream_that_is_cut_fails_its_task() {
    let (platform, model) = (FakePlatform::start(), FakeModel::start(Script::Cut));
    let (_running, url) = serving(&platform, thinking(&platform, &model)).await;
    let old = events(&url, "message/stream", old_message("Hi")).await;
    assert_eq!(text_of(&old, |event| &event["artifact"]), "Hel");
    assert_eq!(old.last().unwrap()["status"]["state"], "failed");
}

#[tokio::test]
async fn a_task_at_work_is_shown_early_and_can_be_cancelled() {
    let (platform, model) = (FakePlatform::start(), FakeModel::start(Script::Hang));
    let slow = DEADLINE * 2;
    let wanted = AgentConfig { heartbeat_every: slow, ..thinking(&platform, &model) };
    let (_running, url) = serving(&platform, wanted).await;
    let mut stream = Stream::open(&url, "Think!").await;
    let task = stream.next().await.unwrap();
    assert_eq!(task["status"]["state"], "working");
    let busy = beat_with(&platform, 1).await;
    assert_eq!(busy.body["current_task"], "Think!");

    let canceled = call(&url, "tasks/cancel", json!({"id": task["id"]})).await;
    assert_eq!(canceled["result"]["status"]["state"], "canceled");
    let mut last = task;
    while let Some(event) = stream.next().await {
        last = event;
    }
    assert_eq!((&last["status"]["state"], &last["final"]), (&json!("canceled"), &json!(true)));
    let idle = beat_with(&platform, 0).await;
    assert_eq!(idle.body["error_rate"], 0.0, "a cancelled call is not a failure");
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_task() {
    let (platform, model) = (FakePlatform::start(), FakeModel::start(Script::Hang));
    let (_running, url) = serving(&platform, thinking(&platform, &model)).await;
    let mut stream = Stream::open(&url, "Think!").await;
    let task = stream.next().await.unwrap();
    beat_with(&platform, 1).await;
    drop(stream);
    beat_with(&platform, 0).await;
    let read = call(&url, "tasks/get", json!({"id": task["id"]})).await;
    assert_eq!(read["result"]["status"]["state"], "canceled");
}

#[tokio::test]
async fn calls_beyond_the_limit_are_told_to_come_back() {
    let (platform, model) = (FakePlatform::start(), FakeModel::start(Script::Hang));
    let (_running, url) = serving(&platform, thinking(&platform, &model)).await;
    let mut streams = Vec::new();
    for _ in 0..MAX_CALLS {
        streams.push(Stream::open(&url, "Think!").await);
    }
    let call =
        json!({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": old_message("x")});
    let (status, answer) = super::post(&url, call.to_string()).await;
    assert_eq!((status, &answer["error"]["code"]), (503, &json!(-32603)));

    streams.pop();
    let mut other = None;
    for _ in 0..200 {
        let stream = Stream::try_open(&url, "Think!").await;
        if stream.response.status().is_success() {
            other = Some(stream);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(other.is_some(), "a place that was left is given again");
}

#[tokio::test]
async fn stopping_ends_the_streams_under_way() {
    let (platform, model) = (FakePlatform::start(), FakeModel::start(Script::Hang));
    let (running, url) = serving(&platform, thinking(&platform, &model)).await;
    let mut stream = Stream::open(&url, "Think!").await;
    let mut last = stream.next().await.unwrap();
    running.stop.cancel();
    while let Some(event) = stream.next().await {
        last = event;
    }
    assert_eq!(last["status"]["state"], "failed");
    assert_eq!(last["status"]["message"]["parts"][0]["text"], "the agent is stopping");
    assert_eq!(running.ended().await.unwrap(), Exit::Stopped);
}

/// A beat sent from now on that tells of so many calls under way.
async fn beat_with(platform: &FakePlatform, active: usize) -> fakes::Seen {
    let before = platform.seen().beats.len();
    eventually("beat with that many tasks", || {
        let facts = platform.seen();
        let found = facts.beats[before..].iter().find(|beat| beat.body["active_tasks"] == active);
        found.cloned()
    })
    .await
}

/// A stream of 0.3 events, read one at a time.
struct Stream {
    response: reqwest::Response,
    buffer: String,
}

impl Stream {
    async fn open(url: &str, text: &str) -> Self {
        let stream = Self::try_open(url, text).await;
        assert_eq!(stream.response.status(), 200);
        stream
    }

    async fn try_open(url: &str, text: &str) -> Self {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "message/stream",
            "params": old_message(text)});
        let response = client().post(url).json(&call).send().await.unwrap();
        Self { response, buffer: String::new() }
    }

    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let event = event.strip_prefix("data: ").map(str::to_owned);
                self.buffer = rest.to_owned();
                let Some(event) = event else { continue };
                return Some(serde_json::from_str::<Value>(&event).unwrap()["result"].clone());
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
