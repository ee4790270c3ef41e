//! What signatures of agent cards are made over.
//!
//! The specification (A2A 1.0 §8.4.1) wants members with default values left out, but for those
//! that are required or were set on purpose; a received card does not tell the last. The public
//! SDKs leave out every empty text, list and object, or sign what they send. Each of these forms
//! says the same of the agent, so a signature over any of them is one of this card.

use serde_json::{Map, Value};

use super::jcs::canonical;

const SIGNATURES: &str = "signatures";
/// Required members, which stay when they are empty, by the list or object they are in.
const REQUIRED: [(&str, &[&str]); 4] = [
    (
        "",
        &[
            "name",
            "description",
            "supportedInterfaces",
            "version",
            "capabilities",
            "defaultInputModes",
            "defaultOutputModes",
            "skills",
        ],
    ),
    ("supportedInterfaces", &["url", "protocolBinding", "protocolVersion"]),
    ("provider", &["url", "organization"]),
    ("skills", &["id", "name", "description", "tags"]),
];

/// Returns the canonical forms that `card` may have been signed in, without its signatures.
pub fn payloads(card: &Map<String, Value>) -> Vec<String> {
    let mut card = card.clone();
    card.remove(SIGNATURES);
    let mut forms = of(&card);
    if without_echo(&mut card) {
        forms.extend(of(&card));
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

fn of(card: &Map<String, Value>) -> Vec<String> {
    let card = Value::Object(card.clone());
    let kept = |keep_required| {
        let tidy = without_empty(&card, "", keep_required);
        canonical(&tidy.unwrap_or_else(|| Value::Object(Map::new())))
    };
    vec![canonical(&card), kept(true), kept(false)]
}

/// Leaves out what is empty; `None` when nothing is left. `within` names the member that
/// `value`, or the list that it is in, is.
fn without_empty(value: &Value, within: &str, keep_required: bool) -> Option<Value> {
    let required = |key: &str| {
        keep_required
            && REQUIRED.iter().any(|(outer, keys)| *outer == within && keys.contains(&key))
    };
    match value {
        Value::Object(members) => {
            let tidy = members.iter().filter_map(|(key, member)| {
                // Deeper down, names mean other things.
                let inner = if within.is_empty() { key.as_str() } else { "-" };
                let tidy = without_empty(member, inner, keep_required);
                let tidy = tidy.or_else(|| required(key).then(|| emptied(member)).flatten());
                Some((key.clone(), tidy?))
            });
            let tidy: Map<_, _> = tidy.collect();
            (!tidy.is_empty()).then_some(Value::Object(tidy))
        }
        Value::Array(items) => {
            let tidy = items.iter().filter_map(|item| without_empty(item, within, keep_required));
            let tidy: Vec<_> = tidy.collect();
            (!tidy.is_empty()).then_some(Value::Array(tidy))
        }
        Value::String(text) if text.is_empty() => None,
        Value::Null => None,
        other => Some(other.clone()),
    }
}

/// What is left of an empty member that is required.
fn emptied(member: &Value) -> Option<Value> {
    match member {
        Value::Object(_) => Some(Value::Object(Map::new())),
        Value::Array(_) => Some(Value::Array(Vec::new())),
        Value::String(_) => Some(Value::String(String::new())),
        _ => None,
    }
}

/// Takes off the members of 0.3 that servers add to a signed card of 1.0 for older readers, if
/// they say nothing that its signed interfaces do not say. Returns whether there were some.
fn without_echo(card: &mut Map<String, Value>) -> bool {
    let Some(Value::Array(signed)) = card.get("supportedInterfaces") else { return false };
    let text =
        |value: &'_ Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let is_signed = |url: Option<String>, transport: Option<String>, version: Option<String>| {
        signed.iter().any(|interface| {
            url.is_some()
                && text(interface, "url") == url
                && (transport.is_none() || text(interface, "protocolBinding") == transport)
                && (version.is_none() || text(interface, "protocolVersion") == version)
        })
    };
    let whole = Value::Object(card.clone());
    let own = ["url", "preferredTransport", "protocolVersion"].map(|key| text(&whole, key));
    let [url, transport, version] = own;
    if url.is_none() || !is_signed(url, transport, version) {
        return false;
    }
    let more = card.get("additionalInterfaces").and_then(Value::as_array);
    let more = more.map(Vec::as_slice).unwrap_or_default();
    if !more.iter().all(|one| is_signed(text(one, "url"), text(one, "transport"), None)) {
        return false;
    }
    let extended = card.get("capabilities").and_then(|has| has.get("extendedAgentCard")).cloned();
    let echoed = card.get("supportsAuthenticatedExtendedCard").cloned();
    if echoed.is_some() && echoed != extended {
        return false;
    }
    let echo = [
        "url",
        "preferredTransport",
        "protocolVersion",
        "additionalInterfaces",
        "supportsAuthenticatedExtendedCard",
    ];
    for key in echo {
        card.remove(key);
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn forms(card: &Value) -> Vec<String> {
        payloads(card.as_object().unwrap())
    }

    #[test]
    fn the_specifications_example_is_one_of_them() {
        let card = json!({
            "name": "Example Agent",
            "description": "",
            "capabilities": {"streaming": false, "pushNotifications": false, "extensions": []},
            "skills": [],
            "signatures": [{"protected": "x", "signature": "y"}],
        });
        let canonical = r#"{"capabilities":{"pushNotifications":false,"streaming":false},"description":"","name":"Example Agent","skills":[]}"#;
        assert!(forms(&card).contains(&canonical.to_owned()));
        let tidy = r#"{"capabilities":{"pushNotifications":false,"streaming":false},"name":"Example Agent"}"#;
        assert!(forms(&card).contains(&tidy.to_owned()));
    }

    #[test]
    fn what_says_something_is_never_left_out() {
        let card = json!({"name": "a", "x": {"y": [0, false, " ", {"z": 1}]}});
        assert_eq!(forms(&card), [canonical(&card)]);
        let deep = json!({"name": "a", "skills": [{"id": "", "x": {"id": ""}}]});
        let kept = r#"{"name":"a","skills":[{"id":""}]}"#;
        assert!(forms(&deep).contains(&kept.to_owned()));
    }

    #[test]
    fn an_echo_of_older_members_is_none_of_it() {
        let interface =
            |url: &str| json!({"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "0.3"});
        let signed = json!({"name": "a", "supportedInterfaces": [interface("u"), interface("v")]});
        let with = |more: Value| {
            let mut card = signed.clone();
            card.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            forms(&card).contains(&canonical(&signed))
        };
        let own = json!({"url": "u", "preferredTransport": "JSONRPC", "protocolVersion": "0.3",
            "additionalInterfaces": [{"url": "v", "transport": "JSONRPC"}]});
        assert!(with(own));
        assert!(with(json!({"url": "v"})));
        for more in [
            json!({"url": "w"}),
            json!({"url": "u", "preferredTransport": "GRPC"}),
            json!({"url": "u", "protocolVersion": "1.0"}),
            json!({"url": "u", "additionalInterfaces": [{"url": "w", "transport": "JSONRPC"}]}),
            json!({"url": "u", "supportsAuthenticatedExtendedCard": true}),
            json!({"url": "u", "description": "x"}),
            json!({"preferredTransport": "JSONRPC"}),
        ] {
            assert!(!with(more.clone()), "{more}");
        }
    }
}
