//! JSON-RPC on its way in and out, in the types of the protocol's crate. Pure.
//!
//! Whatever comes in has an answer: a call is made, everything else is refused and says why.

use rmcp::model::{
    CallToolRequestMethod, CallToolRequestParams, ConstString, ErrorCode, ErrorData,
    InitializeResultMethod, JsonObject, ListToolsRequestMethod, PingRequestMethod, ProtocolVersion,
    RequestId, ServerJsonRpcMessage, ServerResult,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest part of a name that an answer repeats, in bytes.
const MAX_ECHO: usize = 100;
/// What every notification's method begins with.
const NOTIFICATIONS: &str = "notifications/";

/// What a body is.
#[derive(Debug)]
pub enum Incoming {
    Call {
        id: RequestId,
        call: Call,
    },
    /// Wants no answer. Clients of the contract may send an id all the same.
    Notification {
        id: Option<RequestId>,
    },
    /// Cannot be done.
    Refused {
        id: Option<RequestId>,
        error: ErrorData,
    },
    /// Is not JSON.
    Unparsable(ErrorData),
}

/// What is asked for.
#[derive(Debug)]
pub enum Call {
    /// With the version that the client would like to speak.
    Initialize(Option<ProtocolVersion>),
    Ping,
    ListTools,
    CallTool(CallToolRequestParams),
}

/// Reads the first JSON value of a body (contract 00 §1).
pub fn read(body: &[u8]) -> Incoming {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next() {
        Some(Ok(Value::Object(object))) => request(object),
        Some(Ok(Value::Array(_))) => refused(None, invalid("body", "one request at a time")),
        Some(Ok(_)) => refused(None, invalid("body", "expected an object")),
        // The position is the client's own affair, and a quoted value might be a secret.
        Some(Err(_)) | None => {
            Incoming::Unparsable(ErrorData::parse_error("parse error: the body is not JSON", None))
        }
    }
}

fn request(mut object: JsonObject) -> Incoming {
    let id = match object.remove("id") {
        None | Some(Value::Null) => None,
        Some(id) => match RequestId::deserialize(id) {
            Ok(id) => Some(id),
            Err(_) => return refused(None, invalid("id", "expected a whole number or a string")),
        },
    };
    if object.get("jsonrpc").is_some_and(|version| version != "2.0") {
        return refused(id, invalid("jsonrpc", "2.0 is accepted"));
    }
    let Some(Value::String(method)) = object.remove("method") else {
        return refused(id, invalid("method", "expected a string"));
    };
    if method.starts_with(NOTIFICATIONS) {
        return Incoming::Notification { id };
    }
    let Some(id) = id else {
        return refused(None, invalid("id", "it is required"));
    };
    match call(&method, object.remove("params")) {
        Ok(call) => Incoming::Call { id, call },
        Err(error) => refused(Some(id), error),
    }
}

fn call(method: &str, params: Option<Value>) -> Result<Call, ErrorData> {
    match method {
        InitializeResultMethod::VALUE => initialize(object("params", params)?),
        PingRequestMethod::VALUE => Ok(Call::Ping),
        ListToolsRequestMethod::VALUE => object("params", params).map(|_| Call::ListTools),
        CallToolRequestMethod::VALUE => call_tool(object("params", params)?),
        _ => {
            let text = format!("method not found: {}", echo(method));
            Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, text, None))
        }
    }
}

/// Only the version matters here; clients of the contract leave out everything.
fn initialize(mut params: JsonObject) -> Result<Call, ErrorData> {
    let version = match params.remove("protocolVersion") {
        None | Some(Value::Null) => None,
        Some(version) => Some(
            ProtocolVersion::deserialize(version)
                .map_err(|_| bad_params("protocolVersion", "expected a string"))?,
        ),
    };
    Ok(Call::Initialize(version))
}

fn call_tool(mut params: JsonObject) -> Result<Call, ErrorData> {
    let name = match params.remove("name") {
        Some(Value::String(name)) => name,
        None => return Err(bad_params("name", "it is required")),
        Some(_) => return Err(bad_params("name", "expected a string")),
    };
    let arguments = object("arguments", params.remove("arguments"))?;
    Ok(Call::CallTool(CallToolRequestParams::new(name).with_arguments(arguments)))
}

fn object(field: &str, value: Option<Value>) -> Result<JsonObject, ErrorData> {
    match value {
        None | Some(Value::Null) => Ok(JsonObject::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(bad_params(field, "expected an object")),
    }
}

fn refused(id: Option<RequestId>, error: ErrorData) -> Incoming {
    Incoming::Refused { id, error }
}

fn invalid(field: &str, reason: &str) -> ErrorData {
    ErrorData::invalid_request(format!("invalid request: {field}: {reason}"), None)
}

/// Returns the error for a parameter that is wrong, naming it.
pub fn bad_params(field: &str, reason: &str) -> ErrorData {
    let data = json!({"field": field, "reason": reason});
    ErrorData::invalid_params(format!("{field}: {reason}"), Some(data))
}

/// Returns as much of a client's own word as an answer repeats.
pub fn echo(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_ECHO)]
}

/// Returns the answer to a request.
pub fn answer(id: Option<RequestId>, outcome: Result<ServerResult, ErrorData>) -> Value {
    let message = match (id, outcome) {
        (Some(id), Ok(mut result)) => {
            // No revision that is negotiated here knows the newer types' discriminator.
            result.strip_result_type_for_legacy_peer();
            ServerJsonRpcMessage::response(result, id)
        }
        (id, Err(error)) => ServerJsonRpcMessage::error(error, id),
        (None, Ok(_)) => return acknowledged(None),
    };
    let mut value = serde_json::to_value(message).unwrap_or_default();
    if let Value::Object(object) = &mut value {
        // JSON-RPC 2.0 §5 wants it, the crate leaves it out.
        object.entry("id").or_insert(Value::Null);
    }
    value
}

/// Returns what the contract answers to a notification.
pub fn acknowledged(id: Option<RequestId>) -> Value {
    json!({"jsonrpc": "2.0", "id": id})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(body: &str) -> (Value, i64, String) {
        let answer = match read(body.as_bytes()) {
            Incoming::Refused { id, error } => answer(id, Err(error)),
            Incoming::Unparsable(error) => answer(None, Err(error)),
            other => panic!("{other:?}"),
        };
        let error = &answer["error"];
        let message = error["message"].as_str().unwrap().to_owned();
        (answer["id"].clone(), error["code"].as_i64().unwrap(), message)
    }

    #[test]
    fn what_cannot_be_done_says_why() {
        for (body, id, code, message) in [
            ("", json!(null), -32700, "parse error: the body is not JSON"),
            ("{\"id\":1", json!(null), -32700, "parse error: the body is not JSON"),
            ("[]", json!(null), -32600, "invalid request: body: one request at a time"),
            ("7", json!(null), -32600, "invalid request: body: expected an object"),
            ("{}", json!(null), -32600, "invalid request: method: expected a string"),
            (
                r#"{"id":1,"result":{}}"#,
                json!(1),
                -32600,
                "invalid request: method: expected a string",
            ),
            (
                r#"{"id":1.5,"method":"ping"}"#,
                json!(null),
                -32600,
                "invalid request: id: expected a whole number or a string",
            ),
            (
                r#"{"id":1,"jsonrpc":"1.0","method":"ping"}"#,
                json!(1),
                -32600,
                "invalid request: jsonrpc: 2.0 is accepted",
            ),
            (r#"{"method":"ping"}"#, json!(null), -32600, "invalid request: id: it is required"),
            (
                r#"{"id":"a","method":"prompts/list"}"#,
                json!("a"),
                -32601,
                "method not found: prompts/list",
            ),
            (
                r#"{"id":2,"method":"tools/list","params":[]}"#,
                json!(2),
                -32602,
                "params: expected an object",
            ),
            (r#"{"id":2,"method":"tools/call"}"#, json!(2), -32602, "name: it is required"),
            (
                r#"{"id":2,"method":"tools/call","params":{"name":1}}"#,
                json!(2),
                -32602,
                "name: expected a string",
            ),
            (
                r#"{"id":2,"method":"tools/call","params":{"name":"x","arguments":1}}"#,
                json!(2),
                -32602,
                "arguments: expected an object",
            ),
            (
                r#"{"id":2,"method":"initialize","params":{"protocolVersion":1}}"#,
                json!(2),
                -32602,
                "protocolVersion: expected a string",
            ),
        ] {
            assert_eq!(error(body), (id, code, message.to_owned()), "{body}");
        }
    }

    #[test]
    fn calls_are_told_from_notifications() {
        assert!(matches!(
            read(br#"{"jsonrpc":"2.0","id":"x","method":"ping"} trailing"#),
            Incoming::Call { call: Call::Ping, .. }
        ));
        assert!(matches!(
            read(br#"{"id":0,"method":"initialize"}"#),
            Incoming::Call { call: Call::Initialize(None), .. }
        ));
        for (body, expected) in [
            (r#"{"method":"notifications/initialized"}"#, json!(null)),
            (r#"{"method":"notifications/initialized","id":null,"params":7}"#, json!(null)),
            (r#"{"method":"notifications/cancelled","id":9}"#, json!(9)),
        ] {
            let Incoming::Notification { id } = read(body.as_bytes()) else { panic!("{body}") };
            assert_eq!(acknowledged(id), json!({"jsonrpc": "2.0", "id": expected}));
        }
    }

    fn json_values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            prop_oneof![
                "ping",
                "tools/list",
                "tools/call",
                "initialize",
                "notifications/initialized"
            ]
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            let key =
                prop_oneof!["jsonrpc", "id", "method", "params", "name", "arguments", "\\PC{0,4}",];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(key, inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_parsed_and_any_refusal_is_well_formed(body in json_values()) {
            let (id, error) = match read(body.to_string().as_bytes()) {
                Incoming::Refused { id, error } => (id, error),
                Incoming::Unparsable(error) => panic!("{error} for {body}"),
                Incoming::Call { .. } | Incoming::Notification { .. } => return Ok(()),
            };
            let answer = answer(id, Err(error));
            prop_assert_eq!(&answer["jsonrpc"], "2.0");
            prop_assert!(answer.get("id").is_some() && answer.get("result").is_none());
            prop_assert!(answer["error"]["code"].is_i64() && answer["error"]["message"].is_string());
        }

        #[test]
        fn any_bytes_are_read(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            read(&body);
        }

        #[test]
        fn an_echo_is_short(text in "\\PC{0,200}") {
            prop_assert!(echo(&text).len() <= MAX_ECHO && text.starts_with(echo(&text)));
        }
    }
}
