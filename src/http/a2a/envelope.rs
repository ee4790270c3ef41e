//! Messages on their way in (contract 04 §3.3). Pure: bytes in, bytes out.
//!
//! Only what is missing is added; everything else keeps the very bytes it came with, numbers of
//! any size included.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::http::json::BadInput;

/// The members of an object, each as it was written.
type Object = BTreeMap<String, Box<RawValue>>;

/// A message as the agent gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub body: Bytes,
    /// The JSON-RPC method; empty when there is none that is a string.
    pub method: String,
}

/// Makes a JSON-RPC request of what a client sent. `fresh_id` gives the ids that are missing.
///
/// # Errors
/// What is wrong: not JSON, or not an object.
pub fn normalise(body: &Bytes, mut fresh_id: impl FnMut() -> Uuid) -> Result<Message, BadInput> {
    let (mut object, read) = outermost(body)?;
    let method = object.get("method").and_then(|raw| serde_json::from_str(raw.get()).ok());
    let method: String = method.unwrap_or_default();
    let with_id = object.get("params").and_then(|params| with_message_id(params, &mut fresh_id));
    let complete = object.contains_key("jsonrpc");
    if complete && with_id.is_none() {
        return Ok(Message { body: body.slice(..read), method });
    }
    if !complete {
        object.retain(|key, _| key == "method" || key == "params");
        object.insert("jsonrpc".to_owned(), raw(&"2.0")?);
        object.insert("id".to_owned(), raw(&fresh_id())?);
        for key in ["method", "params"] {
            if !object.contains_key(key) {
                object.insert(key.to_owned(), raw(&())?);
            }
        }
    }
    if let Some(params) = with_id {
        object.insert("params".to_owned(), params);
    }
    let body = serde_json::to_vec(&object).map_err(|error| bad(&error))?;
    Ok(Message { body: body.into(), method })
}

/// Reads the first JSON value and tells where it ends.
fn outermost(body: &[u8]) -> Result<(Object, usize), BadInput> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>();
    let first = match values.next() {
        Some(Ok(first)) => first,
        Some(Err(error)) => return Err(bad(&error)),
        None => return Err(BadInput::new("body", "it is empty")),
    };
    let end = values.byte_offset();
    if !first.get().starts_with('{') {
        return Err(BadInput::new("body", "expected an object"));
    }
    let object = serde_json::from_str(first.get()).map_err(|error| bad(&error))?;
    Ok((object, end))
}

/// Returns params whose message got an id, if it is an object without one.
fn with_message_id(
    params: &RawValue,
    fresh_id: &mut impl FnMut() -> Uuid,
) -> Option<Box<RawValue>> {
    let mut params: Object = object(params)?;
    let mut message: Object = object(params.get("message")?)?;
    if message.contains_key("messageId") {
        return None;
    }
    message.insert("messageId".to_owned(), raw(&fresh_id()).ok()?);
    params.insert("message".to_owned(), raw(&message).ok()?);
    raw(&params).ok()
}

fn object(raw: &RawValue) -> Option<Object> {
    raw.get().starts_with('{').then(|| serde_json::from_str(raw.get()).ok()).flatten()
}

fn raw(value: &impl serde::Serialize) -> Result<Box<RawValue>, BadInput> {
    serde_json::value::to_raw_value(value).map_err(|error| bad(&error))
}

fn bad(error: &serde_json::Error) -> BadInput {
    use serde_json::error::Category;
    let reason = match error.classify() {
        Category::Eof => "it ends too early".to_owned(),
        _ => format!("it is not valid JSON (line {}, column {})", error.line(), error.column()),
    };
    BadInput::new("body", reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Result<Message, BadInput> {
        normalise(&Bytes::copy_from_slice(text.as_bytes()), Uuid::nil)
    }

    fn body(text: &str) -> Value {
        serde_json::from_slice(&read(text).unwrap().body).unwrap()
    }

    const NIL: &str = "00000000-0000-0000-0000-000000000000";

    #[test]
    fn a_bare_message_gets_envelope_and_ids() {
        let text = r#"{"id":"mine","x":1,"method":"message/send","params":{"message":{"role":"user"},"n":12345678901234567890123}}"#;
        let message = read(text).unwrap();
        assert_eq!(message.method, "message/send");
        let expected = format!(
            r#"{{"id":"{NIL}","jsonrpc":"2.0","method":"message/send","params":{{"message":{{"messageId":"{NIL}","role":"user"}},"n":12345678901234567890123}}}}"#
        );
        assert_eq!(message.body, expected, "other keys go, numbers stay");
        assert_eq!(
            body("{}"),
            json!({"jsonrpc": "2.0", "id": NIL, "method": null, "params": null})
        );
    }

    #[test]
    fn what_is_complete_is_not_touched() {
        let text = r#"{ "jsonrpc":"2.0", "id":"custom-id-123", "extra":[1e400],
            "method":"SendMessage", "params":{"message":{"messageId":"m"}} }"#;
        let message = read(&format!("{text} trailing")).unwrap();
        assert_eq!((message.body, message.method.as_str()), (text.into(), "SendMessage"));
        for text in [r#"{"jsonrpc":null}"#, r#"{"jsonrpc":"2.0","params":{"message":"text"}}"#] {
            assert_eq!(read(text).unwrap().body, text);
        }
        let completed = body(r#"{"jsonrpc":"2.0","id":7,"more":1,"params":{"message":{}}}"#);
        let params = json!({"message": {"messageId": NIL}});
        assert_eq!(completed, json!({"jsonrpc": "2.0", "id": 7, "more": 1, "params": params}));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, reason) in [
            ("", "it is empty"),
            ("  ", "it is empty"),
            ("{", "it ends too early"),
            ("[]", "expected an object"),
            ("\"x\"", "expected an object"),
            ("nope", "it is not valid JSON (line 1, column 2)"),
        ] {
            let bad = read(text).unwrap_err();
            assert_eq!((bad.field.as_str(), bad.reason.as_str()), ("body", reason), "{text}");
        }
        assert!(normalise(&Bytes::from_static(b"{\"a\":\"\xff\"}"), Uuid::nil).is_err());
    }

    #[test]
    fn depth_is_harmless() {
        let deep = format!(r#"{{"params":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&deep).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = normalise(&Bytes::from(bytes), Uuid::nil);
        }

        #[test]
        fn a_second_time_changes_nothing(
            method in ".{0,12}", text in ".{0,40}", id in any::<i64>(), full in any::<bool>(),
        ) {
            let mut sent = json!({"method": method, "params": {"message": {"text": text}, "n": id}});
            if full {
                sent["jsonrpc"] = json!("2.0");
                sent["id"] = json!(id);
            }
            let once = read(&sent.to_string()).unwrap();
            let read_back: Value = serde_json::from_slice(&once.body).unwrap();
            prop_assert_eq!(&read_back["params"]["message"]["text"], &json!(text));
            prop_assert_eq!(&read_back["method"], &json!(method));
            if full {
                prop_assert_eq!(&read_back["id"], &json!(id));
            }
            let twice = normalise(&once.body, Uuid::new_v4).unwrap();
            prop_assert_eq!(once, twice);
        }
    }
}
