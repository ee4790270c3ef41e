//! JSON that is stored as it is up to a bound, and beyond it by its beginning.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::domain::text::cut;

/// Longest body that is stored whole, in bytes of compact JSON: 64 KiB.
pub const MAX_BODY: usize = 64 << 10;
/// How much of a longer one is kept, in bytes. Escaped it is at most six times as long, so that
/// what stands for a body is within the bound too.
const BEGINNING: usize = 8 << 10;

/// JSON text of at most [`MAX_BODY`] bytes, without NULs. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(Arc<str>);

impl Body {
    /// Returns the JSON value null, which is not the absence of a body.
    pub fn null() -> Self {
        Self(Arc::from("null"))
    }

    /// Returns a body of this value.
    pub fn of(value: &Value) -> Self {
        let text = value.to_string();
        if text.len() > MAX_BODY {
            return Self::beginning(&text, text.len());
        }
        // Escaped in JSON text; a store keeps neither it nor its escape.
        if text.contains("\\u0000") {
            Self(without_nul(value).to_string().into())
        } else {
            Self(text.into())
        }
    }

    /// Returns a body of JSON text. What is too long is not parsed. `None`: it is not JSON.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > MAX_BODY {
            return Some(Self::cut_short(text));
        }
        serde_json::from_slice(text).ok().map(|value| Self::of(&value))
    }

    /// Returns what stands for text that is not stored whole.
    pub fn cut_short(text: &[u8]) -> Self {
        // Some bytes more, so that the cut falls between characters and not at the slice's end.
        let some = &text[..text.len().min(BEGINNING + 4)];
        Self::beginning(&String::from_utf8_lossy(some), text.len())
    }

    /// Takes over text that a store has kept. `None`: it is not JSON.
    pub fn stored(text: String) -> Option<Self> {
        serde_json::from_str::<&RawValue>(&text).is_ok().then(|| Self(text.into()))
    }

    /// Returns the JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the value.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or(Value::Null)
    }

    fn beginning(text: &str, bytes: usize) -> Self {
        let beginning: Cow<'_, str> = match cut(text, BEGINNING) {
            text if text.contains('\0') => text.replace('\0', "\u{fffd}").into(),
            text => text.into(),
        };
        let body =
            json!({"truncated": true, "bytes": bytes, "beginning": cut(&beginning, BEGINNING)});
        Self(body.to_string().into())
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

fn without_nul(value: &Value) -> Value {
    let clean = |text: &str| text.replace('\0', "\u{fffd}");
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(items) => items.iter().map(without_nul).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, item)| (clean(key), without_nul(item))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fits_is_stored_as_it_is() {
        let value = json!({"b": [1, 2.5, null], "a": "é\n\"🦀"});
        assert_eq!(Body::of(&value).value(), value);
        assert_eq!(Body::parse(b" [1 , 2] ").unwrap().as_str(), "[1,2]");
        assert_eq!(Body::parse(b"nope"), None);
        assert_eq!(Body::null().value(), Value::Null);
        let body = serde_json::to_string(&json!({"body": 1})).unwrap();
        assert_eq!(serde_json::to_string(&Body::parse(body.as_bytes())).unwrap(), body);
        let nul = Body::of(&json!({"k\0": ["v\0"], "t": "\\u0000"}));
        assert_eq!(nul.value(), json!({"k\u{fffd}": ["v\u{fffd}"], "t": "\\u0000"}));
    }

    #[test]
    fn what_is_too_long_is_told_by_its_beginning() {
        let just = Value::String("x".repeat(MAX_BODY - 2));
        assert_eq!(Body::of(&just).value(), just);
        let long = Value::String("é".repeat(MAX_BODY));
        let cut = Body::of(&long).value();
        assert_eq!((&cut["truncated"], &cut["bytes"]), (&json!(true), &json!(2 * MAX_BODY + 2)));
        assert!(long.to_string().starts_with(cut["beginning"].as_str().unwrap()));
        assert_eq!(Body::parse(long.to_string().as_bytes()).unwrap().value(), cut);
    }

    proptest! {
        #[test]
        fn any_bytes_become_a_body_within_the_bound(
            piece in proptest::collection::vec(any::<u8>(), 0..40), times in 1_usize..4_000,
        ) {
            let bytes = piece.repeat(times);
            let body = Body::parse(&bytes).unwrap_or_else(|| Body::cut_short(&bytes));
            prop_assert!(body.as_str().len() <= MAX_BODY);
            prop_assert!(serde_json::from_str::<Value>(body.as_str()).is_ok());
            prop_assert_eq!(without_nul(&body.value()), body.value());
        }

        #[test]
        fn what_stands_for_a_text_is_its_beginning(text in "[^\0]{0,50}", times in 1_usize..2_000) {
            let text = text.repeat(times);
            let body = Body::cut_short(text.as_bytes()).value();
            prop_assert_eq!(&body["bytes"], &json!(text.len()));
            prop_assert_eq!(body["beginning"].as_str().unwrap(), cut(&text, BEGINNING));
        }
    }
}
