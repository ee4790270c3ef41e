//! The hash chain that makes one workspace's history tamper-evident.
//!
//! `hash = SHA-256(domain ‖ prev_hash ‖ fields)`, every variable field
//! prefixed with its length, JSON in one canonical form: stores reorder keys
//! and respell numbers, so the bytes that were sent cannot be the ones hashed.

use std::fmt::Write as _;

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use super::event::Event;

/// Separates these hashes from any other use of SHA-256.
const DOMAIN: &[u8] = b"isomer.structure_event.v1";

/// What precedes the first event of a workspace.
pub const GENESIS: [u8; 32] = [0; 32];

/// Returns the hash that `event` must carry after `event.prev_hash`.
pub fn hash(event: &Event) -> [u8; 32] {
    let change = serde_json::to_value(&event.change).unwrap_or(Value::Null);
    let mut sha = Sha256::new();
    sha.update(DOMAIN);
    sha.update(event.prev_hash);
    sha.update(event.id.as_bytes());
    sha.update(event.workspace.0.as_bytes());
    sha.update(event.version.to_be_bytes());
    sha.update(event.at.timestamp_micros().to_be_bytes());
    field(&mut sha, event.kind.as_bytes());
    field(&mut sha, canonical(&event.payload).as_bytes());
    field(&mut sha, canonical(&change).as_bytes());
    field(&mut sha, event.agent_id.as_ref().map_or(&[], |id| id.as_bytes().as_slice()));
    field(&mut sha, event.target_id.as_ref().map_or(&[], |id| id.0.as_bytes().as_slice()));
    sha.finalize().into()
}

fn field(sha: &mut Sha256, bytes: &[u8]) {
    sha.update((bytes.len() as u64).to_be_bytes());
    sha.update(bytes);
}

/// Returns `value` with keys sorted by bytes, no spaces, and each number in one spelling.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => write_number(number, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(i, out);
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                separate(i, out);
                write_string(key, out);
                out.push(':');
                write_canonical(item, out);
            }
            out.push('}');
        }
        Value::String(text) => write_string(text, out),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Null => out.push_str("null"),
    }
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

/// Strings need no JSON escapes here, only an unambiguous end.
fn write_string(text: &str, out: &mut String) {
    let _ = write!(out, "{}:{text}", text.len());
}

/// Whole numbers print as whole numbers, also when a store kept them as `1.0` or `1e2`, and
/// whether they come back as integers or floats.
fn write_number(number: &Number, out: &mut String) {
    if let Some(n) = number.as_i64() {
        let _ = write!(out, "{n}");
    } else if let Some(n) = number.as_u64() {
        let _ = write!(out, "{n}");
    } else if let Some(n) = number.as_f64() {
        if n == 0.0 {
            out.push('0');
        } else if n.fract() == 0.0 {
            // Written out, as decimal stores do; the shortest digits read back as the same float.
            let _ = write!(out, "{n}");
        } else {
            let _ = write!(out, "{n:e}");
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use super::super::ids::WorkspaceId;
    use super::super::record::Delta;
    use super::*;

    fn event() -> Event {
        Event {
            id: Uuid::from_u128(1),
            workspace: WorkspaceId(Uuid::from_u128(2)),
            version: 1,
            kind: "WORKSPACE_ONLINE".into(),
            payload: json!({"a": 1}),
            change: Delta { tier: Some(3), ..Delta::default() },
            agent_id: None,
            target_id: None,
            at: DateTime::from_timestamp(9, 1_000).unwrap(),
            prev_hash: GENESIS,
            hash: GENESIS,
        }
    }

    #[test]
    fn every_field_counts() {
        let base = hash(&event());
        let changed = [
            Event { id: Uuid::from_u128(7), ..event() },
            Event { workspace: WorkspaceId(Uuid::from_u128(7)), ..event() },
            Event { version: 2, ..event() },
            Event { kind: "WORKSPACE_OFFLINE".into(), ..event() },
            Event { payload: json!({"a": 2}), ..event() },
            Event { change: Delta::default(), ..event() },
            Event { agent_id: Some(Uuid::nil()), ..event() },
            Event { target_id: Some(WorkspaceId(Uuid::nil())), ..event() },
            Event { at: DateTime::from_timestamp(9, 2_000).unwrap(), ..event() },
            Event { prev_hash: [1; 32], ..event() },
        ];
        for other in changed {
            assert_ne!(hash(&other), base, "{other:?}");
        }
    }

    #[test]
    fn what_was_hashed_before_stays_true() {
        let hex: String = hash(&event()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "f1ee635667108902b306b86ca90fb9bd07f6e24d317a90907b4386d0a82adde4");
    }

    #[test]
    fn spelling_does_not_count() {
        let one = json!({"b": 1.0, "a": [100, 0.5, "x"], "c": -0.0});
        let other: Value = serde_json::from_str(r#"{"c":0,"a":[1e2,5e-1,"x"],"b":1}"#).unwrap();
        assert_eq!(canonical(&one), canonical(&other));
    }

    #[test]
    fn strings_cannot_run_into_each_other() {
        assert_ne!(canonical(&json!(["a,1:b"])), canonical(&json!(["a", "b"])));
        assert_ne!(canonical(&json!({"a": "b"})), canonical(&json!({"a:1:b": ""})));
    }

    proptest! {
        #[test]
        fn whole_floats_survive_a_decimal_store(n in -1e25f64..1e25) {
            let n = n.trunc();
            let decimal: Value = serde_json::from_str(&format!("{n}")).unwrap();
            prop_assert_eq!(canonical(&json!(n)), canonical(&decimal));
        }

        #[test]
        fn numbers_survive_a_decimal_store(n in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            // PostgreSQL keeps JSONB numbers as decimals and prints them without an exponent.
            let decimal: Value = serde_json::from_str(&format!("{n}")).unwrap();
            prop_assert_eq!(canonical(&json!(n)), canonical(&decimal));
        }
    }
}
