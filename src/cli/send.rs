//! `isomer send`: say something to an agent, as a person does.

use std::io::{self, Read as _};
use std::time::Duration;

use clap::Args;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::Common;
use super::client::{Client, Request};
use super::error::{CliError, Done};
use super::output::Output;
use super::text::{paragraph, visible};
use super::workspace::{self, Found};

/// Between two looks at a message that waits.
const EVERY: Duration = Duration::from_millis(500);
/// Longer than the server takes to say that the time is over.
const GRACE: Duration = Duration::from_secs(10);
/// Longest text, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// What to say to whom.
#[derive(Clone, Debug, Args)]
pub struct SendArgs {
    /// Its name, its id, or the beginning of its id
    workspace: String,
    /// What to say; `-` reads it from stdin
    #[arg(required = true)]
    text: Vec<String>,
    /// If the message has to wait for its agent, wait for the answer, too
    #[arg(long)]
    wait_queued: bool,
    /// Seconds to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    #[command(flatten)]
    pub common: Common,
}

/// # Errors
/// When it cannot be said, or is answered with an error.
pub async fn run(args: SendArgs) -> Done {
    let (client, output) = args.common.session()?;
    let found = workspace::find(&client, &args.workspace).await?;
    let text = text(args.text).await?;
    let limit = Duration::from_secs(args.timeout);
    let deadline = Instant::now() + limit;
    let path = found.path("/a2a");
    let headers = [("x-timeout", args.timeout.to_string())];
    let request = Request {
        method: Method::POST,
        path: &path,
        body: Some(message(&text)),
        headers: &headers,
        limit: Some(limit + GRACE),
    };
    let reply = client.call(request).await?.success(&client)?;
    let answer: Value = reply.json()?;
    if reply.status != StatusCode::ACCEPTED {
        return show(output, &answer);
    }
    if !args.wait_queued {
        return receipt(output, &found, &answer);
    }
    show(output, &delivered(&client, &found, &answer, deadline).await?)
}

async fn text(words: Vec<String>) -> Done<String> {
    if words != ["-"] {
        return Ok(words.join(" "));
    }
    let read = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        io::stdin().lock().take(MOST_BYTES + 1).read_to_string(&mut text).map(|_| text)
    });
    let read = read.await.map_err(|error| CliError::failed(error.to_string()))?;
    let text = read.map_err(|error| CliError::failed(format!("stdin cannot be read: {error}")))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(CliError::failed("stdin is longer than 1 MiB"));
    }
    Ok(text)
}

fn message(text: &str) -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "message/send",
        "params": {"message": {
            "kind": "message", "role": "user", "messageId": Uuid::new_v4(),
            "parts": [{"kind": "text", "text": text}],
        }},
    })
}

fn receipt(output: Output, found: &Found, answer: &Value) -> Done {
    if output.json {
        return output.document(answer);
    }
    let id = visible(answer["message_id"].as_str().unwrap_or_default());
    let said = visible(answer["message"].as_str().unwrap_or("the message waits for its agent"));
    output.line(format!("{said}\nmessage {id} for {}", found.label))
}

/// Waits for the end of a message that waits; returns what its agent answered.
async fn delivered(client: &Client, to: &Found, receipt: &Value, deadline: Instant) -> Done<Value> {
    let id: Option<Uuid> = receipt["message_id"].as_str().and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| CliError::failed("the receipt names no message"))?;
    let path = to.path(&format!("/messages/{id}"));
    loop {
        let mut message: Value = client.get(&path).await?.json()?;
        let state = message["state"].as_str().unwrap_or_default().to_owned();
        match state.as_str() {
            "delivered" => return Ok(message["response"].take()),
            "failed" | "expired" | "cancelled" => {
                let why = message["last_error"].as_str().unwrap_or("no reason is known");
                return Err(CliError::failed(format!("the message is {state}: {why}")));
            }
            _ => {}
        }
        let next = Instant::now() + EVERY;
        if next > deadline {
            let message = format!("the message is still {state}; it may be delivered yet");
            return Err(CliError::failed(message).hint(format!("its receipt is {path}")));
        }
        sleep_until(next).await;
    }
}

fn show(output: Output, answer: &Value) -> Done {
    let failed = answer.get("error").filter(|error| !error.is_null());
    if output.json {
        output.document(answer)?;
    }
    if let Some(error) = failed {
        let text = error["message"].as_str().unwrap_or("it gave no reason");
        let failed = CliError::failed(format!("the agent answered with an error: {text}"));
        return Err(CliError { told: output.json, ..failed });
    }
    if output.json {
        return Ok(());
    }
    let texts = texts(&answer["result"]);
    if !texts.is_empty() {
        return output.line(paragraph(&texts.join("\n")));
    }
    let what = match answer["result"]["status"]["state"].as_str() {
        Some(state) => format!("its task is {}", visible(state)),
        None => "it answered without text; --json shows what".to_owned(),
    };
    output.line(what)
}

/// The texts of a message, or of a task: what it says of its state, and what came of it. Results of
/// protocol 1.0 lie one level deeper.
fn texts(result: &Value) -> Vec<&str> {
    let inner = ["message", "task"].iter().find_map(|key| result.get(*key));
    let result = inner.unwrap_or(result);
    let mut texts = parts(result);
    if texts.is_empty() {
        texts = result["artifacts"].as_array().into_iter().flatten().flat_map(parts).collect();
    }
    if texts.is_empty() {
        texts = parts(&result["status"]["message"]);
    }
    texts
}

fn parts(holder: &Value) -> Vec<&str> {
    holder["parts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|part| part["text"].as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_messages_and_tasks() {
        let parts = json!([{"kind": "text", "text": "a"}, {"kind": "data"}, {"text": "b"}]);
        for result in [
            json!({"kind": "message", "parts": parts}),
            json!({"message": {"parts": parts}}),
            json!({"kind": "task", "artifacts": [{"parts": parts}], "status": {"message": {}}}),
            json!({"task": {"status": {"state": "working", "message": {"parts": parts}}}}),
        ] {
            assert_eq!(texts(&result), ["a", "b"], "{result}");
        }
        assert!(texts(&Value::Null).is_empty());
    }
}
