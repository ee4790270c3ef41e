//! Reading request bodies as contract 00 §1 says, and naming the field that is wrong.
//!
//! The content type is ignored, only the first JSON value counts, unknown keys are ignored, and
//! keys match in any case.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
};
use serde_json::Value;

use super::error::ApiError;
use super::state::App;

/// How long a client may take to send its body.
const BODY_LIMIT: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read and thrown away, and for how long: a client that
/// is still sending when the connection closes sees that, and not the answer (RFC 9112 §9.6).
const LINGER_BYTES: usize = 32 << 20;
const LINGER: Duration = Duration::from_secs(2);
/// An escaped NUL, which no store can keep.
const ESCAPED_NUL: &[u8] = b"\\u0000";

/// What is wrong with a body: the field, if one can be named, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadInput {
    pub field: String,
    pub reason: String,
}

impl BadInput {
    pub fn new(field: &str, reason: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason: reason.into() }
    }

    /// Returns the 400 with the contract's text.
    pub fn with_text(self, text: &str) -> ApiError {
        ApiError::bad_request(text).field(&self.field, self.reason)
    }
}

/// A request body, read within limits.
#[derive(Clone, Debug)]
pub struct Input(pub Bytes);

impl FromRequest<App> for Input {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let limit = app.config.http.max_body_bytes;
        read(request.into_body(), limit).await.map(Self)
    }
}

impl Input {
    /// Reads a body of a route whose bodies may be longer than others, up to `limit` bytes.
    ///
    /// # Errors
    /// As of every body.
    pub async fn within(request: Request, limit: usize) -> Result<Self, ApiError> {
        read(request.into_body(), limit).await.map(Self)
    }

    /// Parses the first JSON value.
    ///
    /// # Errors
    /// What is wrong with which field.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, BadInput> {
        let mut json = serde_json::Deserializer::from_slice(&self.0);
        let parsed = serde_path_to_error::deserialize(AnyCase(&mut json)).map_err(|error| {
            let path = error.path().to_string();
            let message = error.inner().to_string();
            let field = duplicate(&message).unwrap_or_else(|| named(&path));
            BadInput::new(field, reason(error.inner()))
        })?;
        match memchr::memmem::find(&self.0, ESCAPED_NUL) {
            Some(_) => self.refuse_nul().map(|()| parsed),
            None => Ok(parsed),
        }
    }

    /// Parses the first JSON value, or 400 with the contract's text.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn parse_or<T: DeserializeOwned>(&self, text: &str) -> Result<T, ApiError> {
        self.parse().map_err(|bad| bad.with_text(text))
    }

    /// Overwrites the body, where its buffer is ours alone.
    pub fn erase(self) {
        if let Ok(mut bytes) = self.0.try_into_mut() {
            zeroize::Zeroize::zeroize(&mut bytes[..]);
        }
    }

    fn refuse_nul(&self) -> Result<(), BadInput> {
        let mut json = serde_json::Deserializer::from_slice(&self.0);
        let value = <Value as serde::Deserialize>::deserialize(&mut json)
            .map_err(|error| BadInput::new("body", reason(&error)))?;
        match nul_in(&value, "body") {
            Some(field) => Err(BadInput::new(&field, "it contains a NUL character")),
            None => Ok(()),
        }
    }
}

async fn read(mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let limited = Limited::new(&mut body, limit).collect();
    match tokio::time::timeout(BODY_LIMIT, limited).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let _ = tokio::time::timeout(LINGER, throw_away(body)).await;
            Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request body too large")
                .field("body", format!("at most {limit} bytes are accepted")))
        }
        Ok(Err(_)) => Err(ApiError::bad_request("failed to read request body")),
        Err(_) => Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "request body timed out")
            .field("body", format!("it must arrive within {} s", BODY_LIMIT.as_secs()))),
    }
}

async fn throw_away(mut body: Body) {
    let mut thrown = 0;
    while thrown < LINGER_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        thrown += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// Returns the field that was given twice, which serde tells only in its message.
fn duplicate(message: &str) -> Option<&str> {
    message.strip_prefix("duplicate field `")?.split('`').next()
}

/// Names a field: of a nested one as much as helps.
fn named(path: &str) -> &str {
    /// Longest path that is shown, in bytes.
    const MAX_BYTES: usize = 80;
    let field = path.split('[').next().unwrap_or(path);
    match field {
        "" | "." | "?" => "body",
        _ => &field[..field.floor_char_boundary(MAX_BYTES)],
    }
}

/// serde_json's messages end with a position and may quote a value; values may be secrets.
fn reason(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early".to_owned(),
        serde_json::error::Category::Syntax if error.to_string().contains("recursion") => {
            "it is nested too deeply".to_owned()
        }
        serde_json::error::Category::Syntax => {
            format!("it is not valid JSON at line {}, column {}", error.line(), error.column())
        }
        serde_json::error::Category::Data => expectation(&error.to_string()),
        serde_json::error::Category::Io => "it could not be read".to_owned(),
    }
}

/// Keeps only what was expected.
fn expectation(message: &str) -> String {
    match message.split_once("expected ") {
        Some((_, rest)) => {
            let what = rest.split(" at line").next().unwrap_or(rest);
            format!("expected {what}")
        }
        None if message.starts_with("duplicate field") => "it is given twice".to_owned(),
        None => "it has the wrong type".to_owned(),
    }
}

fn nul_in(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| path.to_owned()),
        Value::Array(items) => items.iter().find_map(|item| nul_in(item, path)),
        Value::Object(map) => map.iter().find_map(|(key, item)| {
            let path = if path == "body" { key.clone() } else { format!("{path}.{key}") };
            if key.contains('\0') { Some(path) } else { nul_in(item, &path) }
        }),
        _ => None,
    }
}

/// Matches the keys of the outermost object in any case, without copying the body.
struct AnyCase<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AnyCase<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(FoldKeys(visitor))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct FoldKeys<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for FoldKeys<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Folded(map))
    }
}

struct Folded<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Folded<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(mut key) = self.0.next_key::<Cow<'de, str>>()? else {
            return Ok(None);
        };
        if key.bytes().any(|b| b.is_ascii_uppercase()) {
            key.to_mut().make_ascii_lowercase();
        }
        seed.deserialize(key.as_ref().into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

/// Deserializes a field whose presence matters: absent is `None`, null is `Some(None)`.
///
/// # Errors
/// As for the inner type.
pub fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: serde::Deserialize<'de>,
    D: Deserializer<'de>,
{
    serde::Deserialize::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Sample {
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        tier: Option<i32>,
        #[serde(default, deserialize_with = "present")]
        parent_id: Option<Option<String>>,
    }

    fn parse(text: &str) -> Result<Sample, BadInput> {
        Input(Bytes::copy_from_slice(text.as_bytes())).parse()
    }

    #[test]
    fn keys_match_in_any_case_and_the_rest_is_ignored() {
        let sample = parse(r#"{"NAME":"a","Tier":2,"more":[{"x":1}],"Parent_ID":null} trailing"#);
        let expected = Sample { name: Some("a".into()), tier: Some(2), parent_id: Some(None) };
        assert_eq!(sample, Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, field, reason) in [
            ("", "body", "it ends too early"),
            ("[]", "body", "expected an object"),
            ("{", "body", "it ends too early"),
            (r#"{"tier":"x"}"#, "tier", "expected i32"),
            (r#"{"tier":99999999999}"#, "tier", "expected i32"),
            (r#"{"name":5}"#, "name", "expected a string"),
            (r#"{"name":"a\u0000b"}"#, "name", "it contains a NUL character"),
            (r#"{"name":"a","NAME":"b"}"#, "name", "it is given twice"),
        ] {
            let bad = parse(text).unwrap_err();
            assert_eq!((bad.field.as_str(), bad.reason.as_str()), (field, reason), "{text}");
        }
    }

    #[test]
    fn depth_is_harmless() {
        let deep = format!(r#"{{"other":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert!(parse(&deep).is_ok(), "ignored keys are skipped without recursion");
        #[derive(Debug, Deserialize)]
        struct Card {
            #[serde(rename = "card")]
            _card: Value,
        }
        let deep = format!(r#"{{"card":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        let bad = Input(Bytes::from(deep)).parse::<Card>().unwrap_err();
        assert_eq!(bad.reason, "it is nested too deeply");
    }

    #[test]
    fn an_escaped_backslash_is_not_a_nul() {
        assert!(parse(r#"{"name":"a\\u0000b"}"#).is_ok());
    }

    #[test]
    fn invalid_utf8_is_refused() {
        let bad = Input(Bytes::from_static(b"{\"name\":\"\xff\"}")).parse::<Sample>().unwrap_err();
        assert!(bad.reason.starts_with("it is not valid JSON"), "{bad:?}");
    }
}
