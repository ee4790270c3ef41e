//! What callers ask: from a body to a checked [`Call`].

use serde_json::{Map, Value};

use super::{Code, Generation, RpcError};

/// A checked call.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::agent) struct Call {
    pub id: Value,
    pub generation: Generation,
    pub request: Request,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::agent) enum Request {
    Send(Prompt),
    Stream(Prompt),
    GetTask(String),
    CancelTask(String),
}

/// What was said to the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct Prompt {
    /// The text parts, one per line.
    pub text: String,
    /// What its sender calls the message; the same when it is delivered again.
    pub message_id: Option<String>,
    /// To be repeated in the answer; a fresh one is made when absent.
    pub context_id: Option<String>,
    /// The task this message wants to continue.
    pub task_id: Option<String>,
}

type Refused<T> = Result<T, RpcError>;
type Object = Map<String, Value>;

/// Reads one JSON-RPC call. `version` is the `A2A-Version` header.
///
/// # Errors
/// The error to answer with, and the id to answer under: null when the body
/// does not tell it.
pub(in crate::agent) fn parse(
    body: &[u8],
    version: Option<&str>,
) -> Result<Call, (Value, RpcError)> {
    let envelope = envelope(body).map_err(|error| (Value::Null, error))?;
    let id = id(&envelope).map_err(|error| (Value::Null, error))?;
    match request(&envelope, version) {
        Ok((generation, request)) => Ok(Call { id, generation, request }),
        Err(error) => Err((id, error)),
    }
}

fn envelope(body: &[u8]) -> Refused<Object> {
    let value = serde_json::from_slice(body)
        .map_err(|error| RpcError::new(Code::Parse, format!("the body is not JSON: {error}")))?;
    match value {
        Value::Object(envelope) => Ok(envelope),
        Value::Array(_) => Err(invalid("a batch is not accepted; send one call per request")),
        _ => Err(invalid("the body must be a JSON-RPC 2.0 object")),
    }
}

fn id(envelope: &Object) -> Refused<Value> {
    match envelope.get("id") {
        Some(id @ (Value::String(_) | Value::Number(_) | Value::Null)) => Ok(id.clone()),
        Some(_) => Err(invalid("id must be a string, a number or null")),
        None => Err(invalid("id is required; notifications are not part of A2A")),
    }
}

fn request(envelope: &Object, version: Option<&str>) -> Refused<(Generation, Request)> {
    if envelope.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid("jsonrpc must be \"2.0\""));
    }
    let method = match envelope.get("method") {
        Some(Value::String(method)) => method.as_str(),
        _ => return Err(invalid("method is required and must be a string")),
    };
    accept_version(version)?;
    let params = || match envelope.get("params") {
        Some(Value::Object(params)) => Ok(params),
        _ => Err(RpcError::new(Code::InvalidParams, "params is required and must be an object")),
    };
    Ok(match method {
        "message/send" => (Generation::V03, Request::Send(prompt(params()?)?)),
        "SendMessage" => (Generation::V10, Request::Send(prompt(params()?)?)),
        "message/stream" => (Generation::V03, Request::Stream(prompt(params()?)?)),
        "SendStreamingMessage" => (Generation::V10, Request::Stream(prompt(params()?)?)),
        "tasks/get" => (Generation::V03, Request::GetTask(task(params()?)?)),
        "GetTask" => (Generation::V10, Request::GetTask(task(params()?)?)),
        "tasks/cancel" => (Generation::V03, Request::CancelTask(task(params()?)?)),
        "CancelTask" => (Generation::V10, Request::CancelTask(task(params()?)?)),
        other => return Err(not_served(other)),
    })
}

/// An absent or empty version means 0.3 by the specification; the method name
/// decides anyway.
fn accept_version(version: Option<&str>) -> Refused<()> {
    match version.map(str::trim).unwrap_or_default() {
        "" | "0.3" | "0.3.0" | "1.0" => Ok(()),
        other => {
            let other: String = other.chars().take(20).collect();
            let text = format!("A2A-Version is {other:?}; accepted: 0.3, 1.0");
            Err(RpcError::new(Code::Version, text))
        }
    }
}

/// Tells methods of the protocol that this agent lacks from unknown ones.
fn not_served(method: &str) -> RpcError {
    let name: String = method.chars().take(60).collect();
    if method.contains("ushNotificationConfig") {
        return RpcError::new(Code::PushNotSupported, "push notifications are not supported");
    }
    match method {
        "tasks/resubscribe" | "SubscribeToTask" | "tasks/list" | "ListTasks" => {
            RpcError::new(Code::Unsupported, format!("{name} is not supported by this agent"))
        }
        "agent/getAuthenticatedExtendedCard" | "GetExtendedAgentCard" => {
            RpcError::new(Code::NoExtendedCard, "there is no extended agent card")
        }
        _ => RpcError::new(Code::MethodNotFound, format!("unknown method {name:?}")),
    }
}

fn prompt(params: &Object) -> Refused<Prompt> {
    let message = match params.get("message") {
        Some(Value::Object(message)) => message,
        _ => return Err(bad("params.message is required and must be an object")),
    };
    let parts = match message.get("parts") {
        Some(Value::Array(parts)) if !parts.is_empty() => parts,
        _ => return Err(bad("params.message.parts must be a non-empty array")),
    };
    optional(message, "messageId")?;
    optional(message, "role")?;
    let mut texts = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        match part.as_object().map(|part| part.get("text")) {
            Some(Some(Value::String(text))) => texts.push(text.as_str()),
            Some(None) => {}
            Some(Some(_)) => {
                return Err(bad(format!("params.message.parts[{index}].text must be a string")));
            }
            None => {
                return Err(bad(format!("params.message.parts[{index}] must be an object")));
            }
        }
    }
    if texts.is_empty() {
        let text = "params.message.parts holds no text part; accepted: text";
        return Err(RpcError::new(Code::ContentType, text));
    }
    Ok(Prompt {
        text: texts.join("\n"),
        message_id: optional(message, "messageId")?,
        context_id: optional(message, "contextId")?,
        task_id: optional(message, "taskId")?,
    })
}

fn task(params: &Object) -> Refused<String> {
    match params.get("id") {
        Some(Value::String(id)) if !id.is_empty() => Ok(id.clone()),
        _ => Err(bad("params.id is required and must be a non-empty string")),
    }
}

/// A string of the message that may be missing, null or empty.
fn optional(message: &Object, field: &str) -> Refused<Option<String>> {
    match message.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(bad(format!("params.message.{field} must be a string"))),
    }
}

fn invalid(message: &str) -> RpcError {
    RpcError::new(Code::InvalidRequest, message)
}

fn bad(message: impl Into<String>) -> RpcError {
    RpcError::new(Code::InvalidParams, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Call, (Value, RpcError)> {
        parse(value.to_string().as_bytes(), None)
    }

    fn call(method: &str, params: Value) -> Value {
        json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
    }

    #[test]
    fn both_generations_of_a_message_are_read() {
        for (method, part, generation) in [
            ("message/send", json!({"kind": "text", "text": "hi"}), Generation::V03),
            ("message/send", json!({"type": "text", "text": "hi"}), Generation::V03),
            ("SendMessage", json!({"text": "hi"}), Generation::V10),
        ] {
            let message = json!({"role": "user", "parts": [part], "contextId": "c"});
            let call = read(&call(method, json!({"message": message}))).unwrap();
            assert_eq!((call.id, call.generation), (json!(7), generation));
            let prompt = Prompt {
                text: "hi".into(),
                message_id: None,
                context_id: Some("c".into()),
                task_id: None,
            };
            assert_eq!(call.request, Request::Send(prompt));
        }
    }

    #[test]
    fn text_parts_are_joined_and_others_skipped() {
        let parts = json!([{"text": "a"}, {"kind": "file", "file": {}}, {"text": "b"}]);
        let call = read(&call("message/stream", json!({"message": {"parts": parts}}))).unwrap();
        let Request::Stream(prompt) = call.request else { panic!("{call:?}") };
        assert_eq!(prompt.text, "a\nb");
    }

    #[test]
    fn every_refusal_has_its_code_and_names_the_field() {
        let message = |message: Value| call("message/send", json!({"message": message}));
        for (value, code, field) in [
            (json!(3), Code::InvalidRequest, "object"),
            (json!([]), Code::InvalidRequest, "batch"),
            (json!({"jsonrpc": "2.0", "method": "x"}), Code::InvalidRequest, "id"),
            (json!({"jsonrpc": "2.0", "id": {}}), Code::InvalidRequest, "id"),
            (json!({"id": 1, "method": "x"}), Code::InvalidRequest, "jsonrpc"),
            (json!({"jsonrpc": "2.0", "id": 1, "method": 2}), Code::InvalidRequest, "method"),
            (call("tasks/forget", json!({})), Code::MethodNotFound, "tasks/forget"),
            (call("message/send", json!([])), Code::InvalidParams, "params"),
            (call("message/send", json!({})), Code::InvalidParams, "params.message"),
            (message(json!({"parts": []})), Code::InvalidParams, "parts"),
            (message(json!({"parts": [1]})), Code::InvalidParams, "parts[0]"),
            (message(json!({"parts": [{"text": 1}]})), Code::InvalidParams, "parts[0].text"),
            (
                message(json!({"parts": [{"text": "x"}], "contextId": 1})),
                Code::InvalidParams,
                "contextId",
            ),
            (message(json!({"parts": [{"kind": "file"}]})), Code::ContentType, "text"),
            (call("tasks/get", json!({})), Code::InvalidParams, "params.id"),
            (call("tasks/resubscribe", json!({})), Code::Unsupported, "resubscribe"),
            (call("tasks/pushNotificationConfig/set", json!({})), Code::PushNotSupported, "push"),
            (call("GetExtendedAgentCard", json!({})), Code::NoExtendedCard, "card"),
        ] {
            let (_, error) = read(&value).unwrap_err();
            assert_eq!(error.code, code, "{value} {error:?}");
            assert!(error.message.contains(field), "{value} {error:?}");
        }
    }

    #[test]
    fn the_id_is_kept_with_the_error_when_it_is_known() {
        let value = json!({"jsonrpc": "2.0", "id": "custom-id-123", "method": "nope"});
        assert_eq!(read(&value).unwrap_err().0, json!("custom-id-123"));
    }

    #[test]
    fn unknown_versions_and_deep_nesting_are_refused() {
        let value = call("GetTask", json!({"id": "t"})).to_string();
        assert!(parse(value.as_bytes(), Some("1.0")).is_ok());
        let (_, error) = parse(value.as_bytes(), Some("2.0")).unwrap_err();
        assert_eq!(error.code, Code::Version);
        let (_, error) = parse("[".repeat(10_000).as_bytes(), None).unwrap_err();
        assert_eq!(error.code, Code::Parse);
    }

    proptest! {
        /// Any bytes get an answer, and any id that JSON-RPC allows comes back.
        #[test]
        fn any_body_is_answered(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            _ = parse(&body, None);
        }

        #[test]
        fn any_text_and_id_survive(text in ".{1,80}", id in any::<i64>(), version in ".{0,8}") {
            let value = json!({"jsonrpc": "2.0", "id": id, "method": "SendMessage",
                "params": {"message": {"parts": [{"text": text}]}}});
            let body = value.to_string();
            match parse(body.as_bytes(), Some(&version)) {
                Ok(call) => {
                    prop_assert_eq!(call.id, json!(id));
                    let Request::Send(prompt) = call.request else { panic!("not a send") };
                    prop_assert_eq!(prompt.text, text);
                }
                Err((found, error)) => {
                    prop_assert_eq!(found, json!(id));
                    prop_assert_eq!(error.code, Code::Version);
                }
            }
        }
    }
}
