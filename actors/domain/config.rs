//! How a configuration document changes (contract 07 §3).

use serde_json::Value;

/// Joins a value to a document as PostgreSQL's `||` does for `jsonb`: objects are merged at their
/// top level, arrays are joined, and everything else counts as an array of itself.
pub fn joined(document: Value, value: Value) -> Value {
    match (document, value) {
        (Value::Object(mut document), Value::Object(value)) => {
            document.extend(value);
            Value::Object(document)
        }
        (document, value) => {
            let mut items = items(document);
            items.extend(self::items(value));
            Value::Array(items)
        }
    }
}

fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => vec![other],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_joined_at_the_top() {
        for (document, value, expected) in [
            (
                json!({"a": 1, "b": {"x": 1}}),
                json!({"b": {"y": 2}, "c": null}),
                json!({"a": 1, "b": {"y": 2}, "c": null}),
            ),
            (json!({}), json!({}), json!({})),
            (json!([1]), json!([2, 3]), json!([1, 2, 3])),
            (json!([1]), json!({"a": 1}), json!([1, {"a": 1}])),
            (json!({"a": 1}), json!([1]), json!([{"a": 1}, 1])),
            (json!({"a": 1}), json!(5), json!([{"a": 1}, 5])),
            (json!(1), json!("x"), json!([1, "x"])),
            (json!(null), json!(null), json!([null, null])),
        ] {
            assert_eq!(joined(document, value), expected);
        }
    }
}
