//! Examples in both generations, after the specification's.

use Generation::{V03, V10};

use super::*;

fn pairs() -> Vec<(Value, Value)> {
    vec![
        (
            json!({"kind": "text", "text": "Hello", "metadata": {"n": 1}}),
            json!({"text": "Hello", "metadata": {"n": 1}}),
        ),
        (
            json!({"kind": "file", "file": {"uri": "https://example.com/doc.pdf",
                "name": "doc.pdf", "mimeType": "application/pdf"}}),
            json!({"url": "https://example.com/doc.pdf", "filename": "doc.pdf",
                "mediaType": "application/pdf"}),
        ),
        (
            json!({"kind": "file", "file": {"bytes": "iVBORw0KGgo=", "mimeType": "image/png"}}),
            json!({"raw": "iVBORw0KGgo=", "mediaType": "image/png"}),
        ),
        (
            json!({"kind": "file", "file": {"uri": "https://a/b", "sha256": "00"}}),
            json!({"url": "https://a/b", "file": {"sha256": "00"}}),
        ),
        (
            json!({"kind": "data", "data": {"ticket": "REQ12312"}}),
            json!({"data": {"ticket": "REQ12312"}}),
        ),
        (
            json!({"kind": "data", "data": {"value": [1, null]}, "metadata": {"data_part_compat": true}}),
            json!({"data": [1, null]}),
        ),
        (
            json!({"kind": "data", "data": {"value": null},
                "metadata": {"data_part_compat": true, "x": 1}}),
            json!({"data": null, "metadata": {"x": 1}}),
        ),
    ]
}

#[test]
fn parts() {
    let old = |parts: &[Value]| json!({"kind": "message", "role": "agent", "messageId": "m", "parts": parts});
    let new = |parts: &[Value]| json!({"message": {"role": "ROLE_AGENT", "messageId": "m", "parts": parts}});
    for (older, newer) in pairs() {
        let (older, newer) = (old(&[older]), new(&[newer]));
        assert_eq!(hear(V10, &older), newer);
        assert_eq!(hear(V03, &newer), older);
    }
}

#[test]
fn parts_as_the_platforms_own_clients_write_them() {
    let message = |part: Value| json!({"messageId": "m", "role": "user", "parts": [part]});
    let send = |part: Value| {
        let params = json!({"message": message(part)});
        ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": params})).0
    };
    for part in [
        json!({"type": "text", "text": "hi"}),
        json!({"kind": "text", "text": "hi"}),
        json!({"text": "hi"}),
    ] {
        let sent = send(part);
        assert_eq!(sent["params"]["message"]["parts"], json!([{"text": "hi"}]));
        assert_eq!(sent["params"]["message"]["role"], "ROLE_USER");
        assert_eq!(sent["method"], "SendMessage");
    }
    let sent = send(json!({"kind": "file",
        "file": {"fileWithUri": "https://a/b", "bytes": null, "mimeType": "x/y"}}));
    let part = json!({"url": "https://a/b", "mediaType": "x/y"});
    assert_eq!(sent["params"]["message"]["parts"], json!([part]));
}

#[test]
fn a_request() {
    let old = json!({"jsonrpc": "2.0", "id": "7", "method": "message/send", "params": {
        "message": {"kind": "message", "role": "user", "messageId": "m", "contextId": "c",
            "taskId": "t", "referenceTaskIds": ["r"], "extensions": ["urn:x"],
            "parts": [{"kind": "text", "text": "tell me a joke"}]},
        "configuration": {"acceptedOutputModes": ["text/plain"], "blocking": false,
            "historyLength": 3},
        "metadata": {"a": {"kind": "text"}}}});
    let new = json!({"jsonrpc": "2.0", "id": "7", "method": "SendMessage", "params": {
        "message": {"role": "ROLE_USER", "messageId": "m", "contextId": "c",
            "taskId": "t", "referenceTaskIds": ["r"], "extensions": ["urn:x"],
            "parts": [{"text": "tell me a joke"}]},
        "configuration": {"acceptedOutputModes": ["text/plain"], "returnImmediately": true,
            "historyLength": 3},
        "metadata": {"a": {"kind": "text"}}}});
    assert_eq!(ask(&old).0, new);
    let mut back = ask(&new).0;
    assert_eq!(back, old);
    // Waiting is the newer one's default and has to be said in the older.
    let mut plain = new.clone();
    plain["params"].as_object_mut().unwrap().remove("configuration");
    back["params"]["configuration"] = json!({"blocking": true});
    assert_eq!(ask(&plain).0, back);
    plain["method"] = json!("SendStreamingMessage");
    assert_eq!(ask(&plain).0["params"].get("configuration"), None);
}

fn task(state: &str, old: bool) -> Value {
    let role =
        |name: &str| if old { name.to_owned() } else { format!("ROLE_{}", name.to_uppercase()) };
    let text = |text: &str| match old {
        true => json!({"kind": "text", "text": text}),
        false => json!({"text": text}),
    };
    let mut asked = json!({"messageId": "m1", "role": role("user"), "parts": [text("joke?")],
        "taskId": "363422be", "contextId": "c295ea44"});
    let mut note = json!({"messageId": "m2", "role": role("agent"), "parts": [text("done")]});
    let mut task = json!({"id": "363422be", "contextId": "c295ea44",
        "artifacts": [{"artifactId": "9b6934dd", "name": "joke", "parts": [text("Why did …")]}],
        "metadata": {"spent": 2}});
    if old {
        for thing in [&mut asked, &mut note] {
            thing["kind"] = json!("message");
        }
        task["kind"] = json!("task");
    }
    task["history"] = json!([asked]);
    task["status"] =
        json!({"state": state, "timestamp": "2024-03-15T10:15:00.000Z", "message": note});
    task
}

#[test]
fn a_task() {
    for (old, new) in [
        ("submitted", "TASK_STATE_SUBMITTED"),
        ("working", "TASK_STATE_WORKING"),
        ("input-required", "TASK_STATE_INPUT_REQUIRED"),
        ("completed", "TASK_STATE_COMPLETED"),
        ("canceled", "TASK_STATE_CANCELED"),
        ("failed", "TASK_STATE_FAILED"),
        ("rejected", "TASK_STATE_REJECTED"),
        ("auth-required", "TASK_STATE_AUTH_REQUIRED"),
        ("unknown", "TASK_STATE_UNSPECIFIED"),
    ] {
        let (old, new) = (task(old, true), task(new, false));
        assert_eq!(hear(V10, &old), json!({"task": new}));
        assert_eq!(hear(V03, &json!({"task": new})), old);
        // Asked for by its id, it is not wrapped.
        let response = |result: &Value| json!({"jsonrpc": "2.0", "id": 1, "result": result});
        for (generation, theirs, ours) in [(V10, &old, &new), (V03, &new, &old)] {
            for operation in [Operation::GetTask, Operation::CancelTask] {
                let answers = sent(generation, operation);
                let heard = answers.response(response(theirs).to_string().as_bytes()).unwrap();
                assert_eq!(&read(&heard)["result"], ours);
            }
        }
    }
}

#[test]
fn what_the_newer_leaves_out_is_said_in_the_older() {
    let bare = hear(V03, &json!({"task": {"id": "t", "status": {}}}));
    let expected =
        json!({"kind": "task", "id": "t", "contextId": "", "status": {"state": "unknown"}});
    assert_eq!(bare, expected);
    let numbered = json!({"message": {"messageId": "m", "role": 2, "parts": [], "taskId": ""}});
    let expected = json!({"kind": "message", "messageId": "m", "role": "agent", "parts": []});
    assert_eq!(hear(V03, &numbered), expected);
}

#[test]
fn events() {
    let status = |state: &str| json!({"taskId": "t", "contextId": "c", "status": {"state": state}});
    for (old, new, last) in [
        ("working", "TASK_STATE_WORKING", false),
        ("input-required", "TASK_STATE_INPUT_REQUIRED", false),
        ("completed", "TASK_STATE_COMPLETED", true),
        ("rejected", "TASK_STATE_REJECTED", true),
    ] {
        let mut older = status(old);
        older["kind"] = json!("status-update");
        older["final"] = json!(last);
        let newer = json!({"statusUpdate": status(new)});
        assert_eq!(hear(V10, &older), newer);
        assert_eq!(hear(V03, &newer), older);
    }
    let artifact = |part: Value| {
        json!({"taskId": "t", "contextId": "c", "append": true, "lastChunk": false,
            "artifact": {"artifactId": "a", "parts": [part]}})
    };
    let mut older = artifact(json!({"kind": "text", "text": "piece"}));
    older["kind"] = json!("artifact-update");
    let newer = json!({"artifactUpdate": artifact(json!({"text": "piece"}))});
    assert_eq!(hear(V10, &older), newer);
    assert_eq!(hear(V03, &newer), older);
}

#[test]
fn a_final_event_that_its_state_does_not_tell_stays_final() {
    let older = json!({"kind": "status-update", "taskId": "t", "contextId": "c", "final": true,
        "status": {"state": "input-required"}});
    let newer = hear(V10, &older);
    assert_eq!(newer["statusUpdate"]["final"], true);
    assert_eq!(hear(V03, &newer), older);
}

#[test]
fn tasks_are_asked_for_alike() {
    for (old, new) in [
        ("tasks/get", "GetTask"),
        ("tasks/cancel", "CancelTask"),
        ("tasks/resubscribe", "SubscribeToTask"),
    ] {
        let call = |method: &str| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"id": "t", "x": 1}});
        assert_eq!(ask(&call(old)).0, call(new));
        assert_eq!(ask(&call(new)).0, call(old));
    }
}

#[test]
fn no_history_is_none_in_both() {
    let call = |method: &str, length: u32| {
        let params = json!({"id": "t", "historyLength": length});
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    };
    // No limit in the older is what the newer says by nothing.
    assert_eq!(ask(&call("tasks/get", 0)).0["params"], json!({"id": "t"}));
    assert_eq!(ask(&call("tasks/get", 2)).0["params"]["historyLength"], 2);
    let (_, answers) = ask(&call("GetTask", 0));
    let response = json!({"jsonrpc": "2.0", "id": 1, "result": task("working", true)});
    let heard = read(&answers.response(response.to_string().as_bytes()).unwrap());
    assert_eq!(heard["result"].get("history"), None);
    assert_eq!(heard["result"]["status"]["state"], "TASK_STATE_WORKING");
    let mut send = call("SendMessage", 0);
    send["params"] = json!({"message": {}, "configuration": {"historyLength": 0}});
    let (_, answers) = ask(&send);
    let heard = read(&answers.response(response.to_string().as_bytes()).unwrap());
    assert_eq!(heard["result"]["task"].get("history"), None);
}

#[test]
fn push_configurations_are_read_and_deleted() {
    let call = |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let one_old = json!({"id": "t", "pushNotificationConfigId": "p"});
    let one_new = json!({"taskId": "t", "id": "p"});
    for (name, old, new) in [
        ("get", one_old.clone(), ("GetTaskPushNotificationConfig", one_new.clone())),
        ("delete", one_old, ("DeleteTaskPushNotificationConfig", one_new)),
        ("list", json!({"id": "t"}), ("ListTaskPushNotificationConfigs", json!({"taskId": "t"}))),
    ] {
        let old = call(&format!("tasks/pushNotificationConfig/{name}"), old);
        let new = call(new.0, new.1);
        assert_eq!(ask(&old).0, new);
        assert_eq!(ask(&new).0, old);
    }
    let old = json!({"taskId": "t", "pushNotificationConfig": {"id": "p", "url": "https://a",
        "authentication": {"schemes": ["Bearer"], "credentials": "c"}}});
    let new = json!({"taskId": "t", "id": "p", "url": "https://a",
        "authentication": {"scheme": "Bearer", "credentials": "c"}});
    let answer = |generation, operation, result: &Value| {
        let response = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
        let heard = sent(generation, operation).response(response.as_bytes()).unwrap();
        read(&heard)["result"].clone()
    };
    assert_eq!(answer(V10, Operation::GetPush, &old), new);
    assert_eq!(answer(V03, Operation::GetPush, &new), old);
    assert_eq!(answer(V10, Operation::ListPush, &json!([old])), json!({"configs": [new]}));
    assert_eq!(answer(V03, Operation::ListPush, &json!({"configs": [new]})), json!([old]));
    assert_eq!(answer(V10, Operation::DeletePush, &Value::Null), json!({}));
    assert_eq!(answer(V03, Operation::DeletePush, &json!({})), Value::Null);
}

#[test]
fn numbers_of_any_size_stay_as_they_were_written() {
    let request = r#"{"jsonrpc":"2.0","id":12345678901234567890123,"method":"message/send","params":{"message":{"parts":[{"kind":"data","data":{"n":1e400,"m":1.50}}]},"more":0.10}}"#;
    let translated = super::super::request(request.as_bytes()).unwrap().unwrap();
    let text = String::from_utf8(translated.body).unwrap();
    for kept in ["12345678901234567890123", "1e400", "1.50", "0.10"] {
        assert!(text.contains(kept), "{text}");
    }
}
