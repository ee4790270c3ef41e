//! Laws and golden examples of the translation.

mod golden;
mod laws;
mod refusals;
mod streams;

use isomer_actors::domain::dialect::Generation;
use serde_json::{Value, json};

use super::*;

/// Translates a request, and returns it with what translates its answers.
fn ask(request: &Value) -> (Value, Answers) {
    let translated = super::request(request.to_string().as_bytes()).expect("a known method");
    let translated = translated.expect("it can be said");
    (read(&translated.body), translated.answers)
}

/// Returns the error that a request is refused with.
fn refused(request: &Value) -> Value {
    let answer = super::request(request.to_string().as_bytes()).expect("a known method");
    read(&answer.expect_err("it cannot be said"))["error"].clone()
}

/// Returns what a sender of `generation` who sent a message hears of `result`.
fn hear(generation: Generation, result: &Value) -> Value {
    let answers = sent(generation, Operation::Send);
    let response = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
    let answer = answers.response(response.as_bytes());
    let answer = answer.unwrap_or_else(|error| panic!("{}", String::from_utf8_lossy(&error)));
    read(&answer)["result"].clone()
}

/// Returns what translates the answers to a plain request of a sender of `generation`.
fn sent(generation: Generation, operation: Operation) -> Answers {
    let method = operation.name(generation).expect("it has the operation");
    ask(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}})).1
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}
