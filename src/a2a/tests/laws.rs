//! There and back is the same, and nothing panics.

use Generation::{V03, V10};
use proptest::prelude::*;
use serde_json::Map;

use super::*;

/// Any JSON, not deep.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        // What has a meaning somewhere.
        prop::sample::select(vec![
            "message",
            "task",
            "text",
            "file",
            "data",
            "user",
            "agent",
            "ROLE_USER",
            "working",
            "TASK_STATE_WORKING",
            "status-update",
            "SendMessage",
            "message/send",
            "tasks/get",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let key = prop_oneof![
            ".{0,6}",
            prop::sample::select(vec![
                "kind",
                "type",
                "text",
                "raw",
                "url",
                "data",
                "file",
                "bytes",
                "uri",
                "metadata",
                "message",
                "task",
                "statusUpdate",
                "artifactUpdate",
                "status",
                "state",
                "role",
                "parts",
                "artifact",
                "artifacts",
                "history",
                "params",
                "result",
                "error",
                "code",
                "configuration",
                "blocking",
                "historyLength",
                "messageId",
                "id",
                "taskId",
                "final",
                "configs",
                "authentication",
                "schemes",
                "pushNotificationConfig",
                "value",
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An object whose members mean nothing here.
fn extra() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("x-[a-z]{1,4}", json(), 0..3)
        .prop_map(|members| members.into_iter().collect())
}

fn with(mut value: Value, extra: Map<String, Value>) -> Value {
    value.as_object_mut().unwrap().extend(extra);
    value
}

fn optional(value: Value, key: &'static str, member: Option<Value>) -> Value {
    let member = member.map(|member| (key.to_owned(), member));
    with(value, member.into_iter().collect())
}

fn parts() -> impl Strategy<Value = Value> {
    let text = ".{0,8}".prop_map(|text| json!({"kind": "text", "text": text}));
    let named = || (prop::option::of("[a-z.]{1,5}"), prop::option::of("[a-z/]{1,5}"));
    let file = ("(bytes|uri)", "[a-zA-Z0-9=/:]{0,8}", named(), extra()).prop_map(
        |(key, content, (name, kind), extra)| {
            let file = with(json!({key: content}), extra);
            let file = optional(file, "name", name.map(Value::from));
            json!({"kind": "file", "file": optional(file, "mimeType", kind.map(Value::from))})
        },
    );
    let data = extra().prop_map(|data| json!({"kind": "data", "data": data}));
    let part = (prop_oneof![text, file, data], extra(), prop::option::of(extra())).prop_map(
        |(part, extra, metadata)| {
            optional(with(part, extra), "metadata", metadata.map(Value::Object))
        },
    );
    prop::collection::vec(part, 0..4).prop_map(Value::from)
}

fn messages() -> impl Strategy<Value = Value> {
    ("[a-z0-9]{1,6}", "(user|agent)", parts(), prop::option::of("[a-z]{1,4}"), extra()).prop_map(
        |(id, role, parts, context, extra)| {
            let message = json!({"kind": "message", "messageId": id, "role": role, "parts": parts});
            optional(with(message, extra), "contextId", context.map(Value::from))
        },
    )
}

fn statuses() -> impl Strategy<Value = Value> {
    let states = prop::sample::select(vec![
        "unknown",
        "submitted",
        "working",
        "completed",
        "failed",
        "canceled",
        "input-required",
        "rejected",
        "auth-required",
    ]);
    (states, prop::option::of(messages()), extra()).prop_map(|(state, message, extra)| {
        optional(with(json!({"state": state}), extra), "message", message)
    })
}

fn artifacts() -> impl Strategy<Value = Value> {
    ("[a-z]{1,4}", parts(), extra())
        .prop_map(|(id, parts, extra)| with(json!({"artifactId": id, "parts": parts}), extra))
}

fn things() -> impl Strategy<Value = Value> {
    let lists = (
        prop::option::of(prop::collection::vec(messages(), 0..3)),
        prop::option::of(prop::collection::vec(artifacts(), 0..3)),
    );
    let task = (statuses(), lists, extra()).prop_map(|(status, (history, artifacts), extra)| {
        let task = json!({"kind": "task", "id": "t", "contextId": "c", "status": status});
        let task = optional(with(task, extra), "history", history.map(Value::from));
        optional(task, "artifacts", artifacts.map(Value::from))
    });
    let status = (statuses(), any::<bool>(), extra()).prop_map(|(status, last, extra)| {
        with(
            json!({"kind": "status-update", "taskId": "t", "contextId": "c",
            "status": status, "final": last}),
            extra,
        )
    });
    let artifact = (artifacts(), prop::option::of(any::<bool>()), extra()).prop_map(
        |(artifact, append, extra)| {
            let event = json!({"kind": "artifact-update", "taskId": "t", "contextId": "c",
                "artifact": artifact});
            optional(with(event, extra), "append", append.map(Value::from))
        },
    );
    prop_oneof![messages(), task, status, artifact]
}

proptest! {
    #[test]
    fn what_is_said_there_and_back_is_the_same(thing in things()) {
        let newer = hear(V10, &thing);
        prop_assert_eq!(newer.as_object().unwrap().len(), 1);
        prop_assert_eq!(hear(V03, &newer), thing);
    }

    #[test]
    fn what_is_asked_there_and_back_is_the_same(
        message in messages(), blocking in any::<bool>(), extra in extra(), id in any::<i64>(),
    ) {
        let configuration = json!({"blocking": blocking, "historyLength": 4});
        let params = with(json!({"message": message, "configuration": configuration}), extra);
        for method in ["message/send", "message/stream"] {
            let asked = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
            prop_assert_eq!(&ask(&ask(&asked).0).0, &asked);
        }
    }

    #[test]
    fn any_json_is_answered(value in json(), params in json()) {
        use Operation::*;
        let every = [
            Send, Stream, GetTask, ListTasks, CancelTask, Subscribe, CreatePush, GetPush, ListPush,
            DeletePush, ExtendedCard,
        ];
        let text = value.to_string();
        let _ = super::super::request(text.as_bytes());
        for (operation, generation) in every.iter().flat_map(|o| Generation::ALL.map(|g| (o, g))) {
            let Some(method) = operation.name(generation) else { continue };
            let call = json!({"id": 1, "method": method, "params": params}).to_string();
            if let Some(Err(error)) = super::super::request(call.as_bytes()) {
                prop_assert!(read(&error)["error"]["code"].is_i64());
            }
            let call = json!({"id": 1, "method": method}).to_string();
            let Some(Ok(translated)) = super::super::request(call.as_bytes()) else { continue };
            for response in [text.clone(), json!({"result": value}).to_string(),
                json!({"error": value}).to_string()]
            {
                let (Ok(answer) | Err(answer)) = translated.answers.response(response.as_bytes());
                prop_assert!(read(&answer).is_object());
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = super::super::request(&bytes);
        let (Ok(answer) | Err(answer)) = sent(V03, Operation::Send).response(&bytes);
        prop_assert!(read(&answer).is_object());
    }
}

#[test]
fn depth_is_harmless() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let part = format!(r#"{{"kind":"data","data":{{"x":{deep}}}}}"#);
    let request = format!(
        r#"{{"id":1,"method":"message/send","params":{{"message":{{"parts":[{part}]}}}}}}"#
    );
    let translated = super::super::request(request.as_bytes()).unwrap().unwrap();
    assert!(translated.body.len() > deep.len());
}
