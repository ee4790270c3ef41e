use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::*;

const SNAPSHOT: &str = "docs/api/openapi.json";

fn parsed() -> Value {
    serde_json::from_str(&pretty().unwrap()).unwrap()
}

fn each_operation(document: &Value, mut look: impl FnMut(&str, &Value)) {
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            look(&format!("{method} {path}"), operation);
        }
    }
}

#[test]
fn the_snapshot_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SNAPSHOT);
    let current = pretty().unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(current.lines()).position(|(kept, now)| kept != now);
    assert!(
        kept == current,
        "{SNAPSHOT} is not what the handlers say, from line {} on. Look at the difference and \
         keep it: UPDATE=1 cargo test -p isomer --lib openapi",
        differs.unwrap_or_else(|| kept.lines().count().min(current.lines().count())) + 1,
    );
}

#[test]
fn every_operation_is_described_and_named_once() {
    let document = parsed();
    let tags: BTreeSet<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].to_string()).collect();
    let mut names = BTreeSet::new();
    each_operation(&document, |route, operation| {
        let name = operation["operationId"].as_str().unwrap_or_default();
        let first = name.chars().next().unwrap_or('-');
        assert!(first.is_ascii_lowercase() && !name.contains('_'), "{route}: {name}");
        assert!(names.insert(name.to_owned()), "{route}: {name} is taken");
        assert!(operation["summary"].as_str().is_some_and(|s| s.len() > 10), "{route}: summary");
        let tag = operation["tags"][0].to_string();
        assert!(tags.contains(&tag), "{route}: {tag}");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let in_path = parameters.iter().filter(|one| one["in"] == "path").count();
        assert_eq!(in_path, route.matches('{').count(), "{route}: path parameters");
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let said = answer["$ref"].is_string() || !answer["description"].to_string().is_empty();
            assert!(said, "{route}: {status}");
        }
    });
}

#[test]
fn every_reference_leads_somewhere() {
    fn look(value: &Value, document: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(target)) = map.get("$ref") {
                    let at = target.strip_prefix('#').unwrap_or_default();
                    assert!(document.pointer(at).is_some(), "{target}");
                }
                map.values().for_each(|inner| look(inner, document));
            }
            Value::Array(items) => items.iter().for_each(|inner| look(inner, document)),
            _ => {}
        }
    }
    let document = parsed();
    look(&document, &document);
}

#[test]
fn only_these_ask_nobody_who_they_are() {
    let mut open = BTreeSet::new();
    each_operation(&parsed(), |route, operation| {
        if operation["security"].is_null() {
            open.insert(route.to_owned());
        }
    });
    let expected = [
        "get /canvas/viewport",
        "get /health",
        "get /login",
        "get /metrics",
        "get /openapi.json",
        "get /ready",
        "get /workspaces/{id}",
        "post /logout",
    ];
    assert_eq!(open.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn tags_are_compared_weakly() {
    assert!(matches_tag(r#" W/"a""#, r#""a""#) && matches_tag("*", r#""a""#));
    assert!(!matches_tag(r#""b""#, r#""a""#));
}

#[test]
fn aliases_have_names_of_their_own() {
    assert_eq!(prefixed("admin", "listSecrets"), "adminListSecrets");
}
