//! Clients built on the public SDKs, as processes of their own.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::fixtures::root;

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(40);

/// A program that sends what it is told to, with a public SDK.
pub struct SdkClient {
    pub name: &'static str,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

/// What a client got.
#[derive(Debug)]
pub struct Got {
    /// Events in the form of A2A 1.0.
    pub events: Vec<Value>,
    /// The kind and the text of the error that its SDK raised.
    pub error: Option<(String, String)>,
}

impl Got {
    /// Returns the events of a call without an error.
    #[track_caller]
    pub fn events(self) -> Vec<Value> {
        assert_eq!(self.error, None, "after {:?}", self.events);
        self.events
    }

    /// Returns the error of a call that has one.
    #[track_caller]
    pub fn error(self) -> (String, String) {
        self.error.unwrap_or_else(|| panic!("no error: {:?}", self.events))
    }
}

impl SdkClient {
    /// Starts the client built on the Python SDK.
    pub fn python() -> Self {
        let mut command = Command::new(root().join(".cache/python/bin/python"));
        command.arg(root().join("tests/fixtures/python_client/client.py"));
        Self::start("python", command)
    }

    /// Starts the client built on the JavaScript SDK.
    pub fn javascript() -> Self {
        let mut command = Command::new("node");
        command.arg("client.js").current_dir(root().join("tests/fixtures/js_agent"));
        Self::start("javascript", command)
    }

    fn start(name: &'static str, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the SDKs are installed by `make test`");
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { name, stdin, stdout, _child: child }
    }

    /// Has it run one command (`tests/fixtures/python_client/client.py` names the fields).
    pub async fn run(&mut self, command: &Value) -> Got {
        let line = format!("{command}\n");
        let asked = async {
            self.stdin.write_all(line.as_bytes()).await.unwrap();
            self.stdout.next_line().await.unwrap().expect("the client goes on")
        };
        let answer = tokio::time::timeout(LIMIT, asked).await;
        let answer = answer.unwrap_or_else(|_| panic!("{}: no answer in {LIMIT:?}", self.name));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let text = |key: &str| answer["error"][key].as_str().map(str::to_owned);
        Got {
            events: answer["events"].as_array().unwrap().clone(),
            error: text("kind").zip(text("text")),
        }
    }
}

/// Parts with one text.
pub fn text(text: &str) -> Value {
    json!([{"text": text}])
}
