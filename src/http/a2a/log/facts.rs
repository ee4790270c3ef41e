//! What an agent says of its own work, beside the answer (contract 04 §3.7).

use isomer_actors::domain::activity::{Body, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The facts of one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `result.metadata.tool_trace`.
    pub tool_trace: Option<Body>,
    /// `result.usage`, else `usage`.
    pub usage: Option<Usage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Outcome<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    /// 1.0 says what the result is.
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    task: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    tool_trace: Option<&'a RawValue>,
}

impl Facts {
    /// Reads a JSON-RPC response in one pass; what is of another shape tells nothing.
    pub fn read(body: &[u8]) -> Self {
        let envelope: Envelope<'_> = serde_json::from_slice(body).unwrap_or_default();
        let outcome: Outcome<'_> = read(envelope.result);
        let inner: Outcome<'_> = read(outcome.message.or(outcome.task));
        let trace = [outcome.metadata, inner.metadata]
            .into_iter()
            .find_map(|metadata| read::<Metadata<'_>>(metadata).tool_trace);
        let usage = [outcome.usage, inner.usage, envelope.usage];
        Self {
            tool_trace: trace.and_then(|trace| Body::parse(trace.get().as_bytes())),
            usage: usage.into_iter().flatten().find_map(|usage| Usage::read(usage.get())),
        }
    }
}

fn read<'a, T: Default + Deserialize<'a>>(raw: Option<&'a RawValue>) -> T {
    // An array would be read as an object's fields in their order.
    let object = raw.filter(|raw| raw.get().starts_with('{'));
    object.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn facts(body: &Value) -> (Option<Value>, Option<(i64, i64)>) {
        let facts = Facts::read(body.to_string().as_bytes());
        (facts.tool_trace.map(|trace| trace.value()), facts.usage.map(|u| (u.input, u.output)))
    }

    #[test]
    fn facts_are_found_where_the_contract_says() {
        let usage = json!({"input_tokens": 7, "output_tokens": 9});
        let metadata = json!({"tool_trace": [{"tool": "search"}]});
        let trace = Some(metadata["tool_trace"].clone());
        for (body, wanted) in [
            (
                json!({"result": {"metadata": metadata, "usage": usage}}),
                (trace.clone(), Some((7, 9))),
            ),
            (json!({"result": {"parts": []}, "usage": usage}), (None, Some((7, 9)))),
            (json!({"result": {"message": {"metadata": metadata}}}), (trace, None)),
            (json!({"result": {"usage": "much"}, "usage": usage}), (None, Some((7, 9)))),
            (json!({"result": "text"}), (None, None)),
            (json!({"result": [1, 2, 3]}), (None, None)),
            (json!({"error": {"code": 1}}), (None, None)),
            (json!([1]), (None, None)),
        ] {
            assert_eq!(facts(&body), wanted, "{body}");
        }
        let null = Facts::read(br#"{"result":{"metadata":{"tool_trace":null}}}"#);
        assert_eq!(null, Facts::default());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Facts::read(&bytes);
        }
    }
}
