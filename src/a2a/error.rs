//! JSON-RPC errors: those of agents, and those that say what cannot be translated.

use isomer_actors::domain::dialect::Generation;
use serde_json::json;
use serde_json::value::RawValue;

use super::object::{Object, Said, Untranslatable, given, object, raw};

/// The codes of A2A, with the reason that 1.0 wants beside each. 0.3 has the first seven.
const CODES: [(i64, &str); 9] = [
    (-32001, "TASK_NOT_FOUND"),
    (-32002, "TASK_NOT_CANCELABLE"),
    (-32003, "PUSH_NOTIFICATION_NOT_SUPPORTED"),
    (-32004, "UNSUPPORTED_OPERATION"),
    (-32005, "CONTENT_TYPE_NOT_SUPPORTED"),
    (-32006, "INVALID_AGENT_RESPONSE"),
    (-32007, "EXTENDED_AGENT_CARD_NOT_CONFIGURED"),
    (-32008, "EXTENSION_SUPPORT_REQUIRED"),
    (-32009, "VERSION_NOT_SUPPORTED"),
];
/// The last code that 0.3 knows.
const LAST_OLD: i64 = -32007;
const INTERNAL: i64 = -32603;

/// An error that is answered to a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// Of 1.0; 0.3 gets what it has for it.
    code: i64,
    message: String,
}

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The method does not exist in the agent's generation.
    pub fn no_method(method: &str, agent: Generation) -> Self {
        let version = agent.version();
        Self::new(
            -32601,
            format!("{method} cannot be said in A2A {version}, which the agent speaks"),
        )
    }

    /// The operation exists in both and cannot be translated.
    pub fn unsupported(why: impl Into<String>) -> Self {
        Self::new(-32004, why)
    }

    /// Push notifications cannot be translated: they never pass by here.
    pub fn no_push(agent: Generation) -> Self {
        let version = agent.version();
        let text = "push notifications go past the platform, straight from the agent, which \
                    speaks another generation";
        Self::new(-32003, format!("{text} (A2A {version})"))
    }

    /// The sender asks for a version that is not known.
    pub fn version(asked: &str) -> Self {
        let asked: String = asked.chars().take(20).collect();
        Self::new(-32009, format!("A2A-Version is {asked:?}; translated are 0.3 and 1.0"))
    }

    /// The request is one of its generation's, and something in it cannot be said.
    pub fn params(why: &Untranslatable) -> Self {
        Self::new(-32602, why.to_string())
    }

    /// The agent's answer cannot be understood.
    pub fn answer(why: &Untranslatable) -> Self {
        Self::new(-32006, format!("the agent's answer cannot be translated: {why}"))
    }

    /// There is no memory for an event.
    pub fn overloaded() -> Self {
        Self::new(INTERNAL, "too much is under way, retry shortly")
    }

    /// Returns the whole response, in the words of `generation`.
    pub fn response(&self, id: &RawValue, generation: Generation) -> Vec<u8> {
        let error = raw(&json!({"code": self.code, "message": self.message}));
        let error = match translated(&error, generation) {
            Ok(error) => error,
            Err(_) => error,
        };
        let response = Object::from([
            ("jsonrpc".to_owned(), raw("2.0")),
            ("id".to_owned(), id.to_owned()),
            ("error".to_owned(), error),
        ]);
        raw(&response).get().as_bytes().to_vec()
    }
}

/// Translates an error object. The codes are the same but for two that 0.3 does not have, which
/// are internal errors there; the reason beside them keeps telling which.
///
/// # Errors
/// It is no object.
pub fn translated(value: &RawValue, to: Generation) -> Said<Box<RawValue>> {
    let mut error = object(value)?;
    let code = given(&error, "code").and_then(|code| code.get().parse::<i64>().ok());
    let known = CODES.into_iter().find(|(number, _)| Some(*number) == code);
    let Some((number, reason)) = known else { return Ok(raw(&error)) };
    let unknown_to_old = to == Generation::V03 && number < LAST_OLD;
    let info = json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "a2a-protocol.org",
    });
    let data = given(&error, "data");
    let data = match (to, data) {
        (Generation::V10, None) => Some(raw(&[info])),
        // Details of 1.0 are a list; whatever else becomes one of them.
        (Generation::V10, Some(data)) if !data.get().starts_with('[') => {
            let kind = raw("type.googleapis.com/google.protobuf.Value");
            let detail =
                Object::from([("@type".to_owned(), kind), ("value".to_owned(), data.to_owned())]);
            Some(raw(&[raw(&info), raw(&detail)]))
        }
        (Generation::V03, None) if unknown_to_old => Some(raw(&[info])),
        _ => None,
    };
    error.extend(data.map(|data| ("data".to_owned(), data)));
    if unknown_to_old {
        error.insert("code".to_owned(), raw(&INTERNAL));
    }
    Ok(raw(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn said(error: &Value, to: Generation) -> Value {
        serde_json::from_str(translated(&raw(error), to).unwrap().get()).unwrap()
    }

    #[test]
    fn codes_that_the_older_lacks_are_internal_there() {
        let newer = json!({"code": -32009, "message": "no", "x": 1});
        let older = said(&newer, Generation::V03);
        assert_eq!((&older["code"], &older["message"]), (&json!(-32603), &json!("no")));
        assert_eq!(older["data"][0]["reason"], "VERSION_NOT_SUPPORTED");
        assert_eq!(older["x"], 1);
        for plain in [
            json!({"code": -32001, "message": "gone", "data": {"taskId": "t"}}),
            json!({"code": -32601, "message": "what?"}),
            json!({"code": "odd"}),
            json!({}),
        ] {
            assert_eq!(said(&plain, Generation::V03), plain);
        }
    }

    #[test]
    fn the_newer_gets_a_reason() {
        let error = said(&json!({"code": -32001, "message": "gone"}), Generation::V10);
        assert_eq!(error["data"][0]["reason"], "TASK_NOT_FOUND");
        let error = said(&json!({"code": -32001, "data": {"taskId": "t"}}), Generation::V10);
        assert_eq!(error["data"][0]["reason"], "TASK_NOT_FOUND");
        assert_eq!(error["data"][1]["value"], json!({"taskId": "t"}));
        let listed = json!({"code": -32004, "data": [1]});
        assert_eq!(said(&listed, Generation::V10), listed);
        let plain = json!({"code": -32601, "message": "what?"});
        assert_eq!(said(&plain, Generation::V10), plain);
    }

    #[test]
    fn an_own_error_is_a_whole_response() {
        let response = RpcError::version("9.9").response(&raw("x"), Generation::V10);
        let response: Value = serde_json::from_slice(&response).unwrap();
        assert_eq!(response["id"], "x");
        assert_eq!(response["error"]["code"], -32009);
        assert_eq!(response["error"]["data"][0]["reason"], "VERSION_NOT_SUPPORTED");
    }
}
