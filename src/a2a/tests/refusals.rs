//! What cannot be said, and how that is told.

use Generation::{V03, V10};

use super::*;

fn call(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": "7", "method": method, "params": params})
}

#[test]
fn what_the_other_generation_lacks_is_refused() {
    let push = json!({"message": {}, "configuration": {"pushNotificationConfig": {"url": "u"}}});
    let newer =
        json!({"message": {}, "configuration": {"taskPushNotificationConfig": {"url": "u"}}});
    let paged = json!({"taskId": "t", "pageToken": "p"});
    for (request, code, text) in [
        (call("ListTasks", json!({})), -32601, "ListTasks cannot be said in A2A 0.3"),
        (call("GetExtendedAgentCard", json!({})), -32004, "agent/getAuthenticatedExtendedCard"),
        (call("agent/getAuthenticatedExtendedCard", json!({})), -32004, "GetExtendedAgentCard"),
        (call("tasks/pushNotificationConfig/set", json!({})), -32003, "push notifications"),
        (call("CreateTaskPushNotificationConfig", json!({})), -32003, "push notifications"),
        (call("message/send", push), -32003, "push notifications"),
        (call("SendStreamingMessage", newer), -32003, "push notifications"),
        (call("ListTaskPushNotificationConfigs", paged), -32602, "params.pageToken"),
    ] {
        let error = refused(&request);
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().unwrap().contains(text), "{error}");
    }
    let response = super::super::request(call("ListTasks", json!({})).to_string().as_bytes());
    let response = read(&response.unwrap().unwrap_err());
    assert_eq!((&response["jsonrpc"], &response["id"]), (&json!("2.0"), &json!("7")));
}

#[test]
fn a_field_that_cannot_be_said_is_named() {
    let with = |part: Value| json!({"message": {"role": "user", "parts": [{"text": "a"}, part]}});
    for (method, params, text) in [
        (
            "message/send",
            with(json!({"kind": "video"})),
            "params.message.parts[1].kind: it is none",
        ),
        ("message/send", with(json!({})), "params.message.parts[1].kind: it is required"),
        ("message/send", with(json!("x")), "params.message.parts[1]: expected an object"),
        ("message/send", with(json!({"kind": "file"})), "params.message.parts[1].file: it is requ"),
        ("message/send", with(json!({"kind": "file", "file": "x"})), "parts[1].file: expected an"),
        ("message/send", with(json!({"kind": "text"})), "parts[1]: it has none of text, raw"),
        ("message/send", with(json!({"text": "a", "url": "b"})), "it has both text and url"),
        ("SendMessage", with(json!({"text": null})), "parts[1]: it has none of text, raw"),
        ("SendMessage", with(json!({"raw": "", "data": 1})), "it has both raw and data"),
        (
            "message/send",
            json!({"message": {"role": "system"}}),
            "params.message.role: it is none of user, agent",
        ),
        (
            "SendMessage",
            json!({"message": {"role": "ROLE_UNSPECIFIED"}}),
            "it is none of ROLE_USER, ROLE_AGENT",
        ),
        ("SendMessage", json!({"message": {"role": 0}}), "params.message.role"),
        ("message/send", json!({"message": 1}), "params.message: expected an object"),
        (
            "message/send",
            json!({"message": {"parts": {}}}),
            "params.message.parts: expected a list",
        ),
        ("message/send", json!({"configuration": []}), "params.configuration: expected an object"),
        (
            "message/send",
            json!({"configuration": {"blocking": 1}}),
            "params.configuration.blocking",
        ),
        ("message/send", json!([]), "params: expected an object"),
    ] {
        let error = refused(&call(method, params));
        assert_eq!(error["code"], -32602);
        assert!(error["message"].as_str().unwrap().contains(text), "{error} {text}");
    }
}

#[test]
fn what_is_of_neither_generation_is_left_alone() {
    for text in [
        "",
        "7",
        "[]",
        "nope",
        "{}",
        r#"{"method":null}"#,
        r#"{"method":"tasks/forget"}"#,
        r#"{"method":{"x":1},"params":{}}"#,
        r#"[{"method":"message/send"}]"#,
    ] {
        assert!(super::super::request(text.as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn answers_that_are_none_become_errors() {
    for (generation, text) in [
        (V03, "<html>"),
        (V03, "[]"),
        (V03, r#"{"jsonrpc":"2.0","id":1}"#),
        (V03, r#"{"result":{"kind":"message"}}"#),
        (V03, r#"{"result":{"message":{},"task":{}}}"#),
        (V03, r#"{"result":{"message":{"role":"ROLE_OTHER"}}}"#),
        (V10, r#"{"result":{"message":{}}}"#),
        (V10, r#"{"result":{"kind":"task","status":{"state":"asleep"}}}"#),
        (V10, r#"{"result":null}"#),
        (V10, r#"{"error":"quota"}"#),
    ] {
        let answer = sent(generation, Operation::Send).response(text.as_bytes());
        let error = read(&answer.unwrap_err());
        assert_eq!((&error["id"], &error["error"]["code"]), (&json!(1), &json!(-32006)), "{text}");
    }
    // The agent's own errors are passed on.
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"no such task"}}"#;
    let heard = read(&sent(V10, Operation::GetTask).response(error.as_bytes()).unwrap());
    assert_eq!(heard["error"]["message"], "no such task");
    assert_eq!(heard["error"]["data"][0]["reason"], "TASK_NOT_FOUND");
}
