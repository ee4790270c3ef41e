//! The protocol on the wire, who is let in, how often, and the stream.

use std::time::Duration;

use futures_util::StreamExt;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};

use super::{call, path, request};
use crate::in_both_modes;
use crate::support::{ADMIN, Client, Mode, SOON, Server};

in_both_modes!(
    the_protocol_is_the_contracts,
    any_json_gets_a_well_formed_answer,
    only_those_who_act_for_it_are_let_in,
    a_bearer_has_so_many_calls_a_minute,
    the_stream_says_where_to_post_and_ends_with_the_server,
);

/// What an agent says.
const SAID: &str = "a-word-that-nobody-else-says";

async fn workspace(server: &Server) -> (String, Client) {
    let id = server.admin().create(json!({"name": "Ada"})).await;
    let token = server.anonymous().register(&id).await;
    (id, server.bearer(&token))
}

async fn the_protocol_is_the_contracts(mode: Mode) {
    let server = Server::with(mode, &[("RUST_LOG", "debug")]).await;
    let (id, own) = workspace(&server).await;
    let at = path(&id);
    for (params, version) in [
        (json!({}), "2024-11-05"),
        (
            json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {}}),
            "2024-11-05",
        ),
        (json!({"protocolVersion": "2025-06-18"}), "2025-06-18"),
        (json!({"protocolVersion": "2030-01-01"}), "2024-11-05"),
    ] {
        let answer = own.post(&at, request("initialize", params)).await.expect(200);
        let expected = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "result": {
                "protocolVersion": version,
                "capabilities": {"tools": {"listChanged": false}},
                "serverInfo": {"name": "molecule-a2a", "version": "1.0.0"},
            },
        });
        assert_eq!(answer, expected);
    }
    let pong = own.post(&at, request("ping", Value::Null)).await.expect(200);
    assert_eq!(pong, json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    let tools = own.post(&at, request("tools/list", json!({}))).await.expect(200);
    let tools = &tools["result"];
    assert_eq!(tools.as_object().unwrap().keys().collect::<Vec<_>>(), ["tools"]);
    for tool in tools["tools"].as_array().unwrap() {
        let mut keys: Vec<_> = tool.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["description", "inputSchema", "name"]);
    }

    // A notification of a client of the contract, and of one of the streamable transport.
    for (id, answered) in [(None, json!(null)), (Some(7), json!(7))] {
        let mut body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        if let Some(id) = id {
            body["id"] = json!(id);
        }
        let answer = own.post(&at, body).await.expect(200);
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": answered}));
    }
    let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let both = [("accept", "application/json, text/event-stream")];
    let taken = own.try_send(Method::POST, &at, Some(body.into()), &both).await.unwrap();
    assert_eq!((taken.status.as_u16(), taken.text.as_str()), (202, ""));
    for method in [Method::GET, Method::DELETE] {
        let refused = own.try_send(method, &at, None, &both).await.unwrap();
        assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "POST"));
    }

    for body in ["", "{", "tools", "{\"id\":1,\"method\":\"ping\""] {
        let refused = own.raw(Method::POST, &at, body.into()).await.expect(400);
        assert_eq!((&refused["error"]["code"], &refused["id"]), (&json!(-32700), &json!(null)));
    }
    let unknown = own.post(&at, request(SAID, json!({}))).await.expect(200);
    let message = format!("method not found: {SAID}");
    assert_eq!(unknown["error"], json!({"code": -32601, "message": message}));
    for tool in [SAID, "commit_memory", "recall_memory", "send_message_to_user"] {
        let answer = call(&own, &id, tool, json!({"content": SAID, "message": SAID})).await;
        assert_eq!(answer["error"]["code"], -32602);
        assert_eq!(answer["error"]["data"]["field"], "name");
    }
    assert!(!server.log().contains(SAID), "what is said is not logged, at no level");
}

/// Bodies that come near to requests.
fn bodies() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        "ping",
        "initialize",
        "tools/list",
        "tools/call",
        "list_peers",
        "get_workspace_info",
        "delegate_task",
        "check_task_status",
        "2.0",
        "\\PC{0,9}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    let any = leaf.prop_recursive(3, 20, 4, |inner| {
        let key = prop_oneof!["workspace_id", "task", "task_id", "\\PC{0,3}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let name = prop_oneof![
        "list_peers",
        "get_workspace_info",
        "delegate_task",
        "delegate_task_async",
        "check_task_status",
        "\\PC{0,4}",
    ];
    let call = (name, any.clone(), any.clone()).prop_map(|(name, arguments, id)| {
        let params = json!({"name": name, "arguments": arguments});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
    });
    let request = (any.clone(), any.clone(), any.clone())
        .prop_map(|(id, method, params)| json!({"id": id, "method": method, "params": params}));
    prop_oneof![any, call, request]
}

async fn any_json_gets_a_well_formed_answer(mode: Mode) {
    let server = Server::start(mode).await;
    let (id, own) = workspace(&server).await;
    let (mut runner, bodies) = (TestRunner::deterministic(), bodies());
    for _ in 0..100 {
        let body = bodies.new_tree(&mut runner).unwrap().current();
        let answer = own.post(&path(&id), body.clone()).await.expect(200);
        assert_eq!(answer["jsonrpc"], "2.0", "{body}");
        let asked = &body["id"];
        let repeated = asked.is_string() || asked.is_i64();
        assert!(answer["id"] == *asked || !repeated && answer["id"].is_null(), "{body}: {answer}");
        match (answer.get("result"), answer.get("error")) {
            (Some(result), None) => assert!(result.is_object(), "{body}: {answer}"),
            (None, Some(error)) => {
                assert!(error["code"].is_i64() && error["message"].is_string(), "{answer}");
            }
            _ => panic!("{body}: {answer}"),
        }
    }
}

async fn only_those_who_act_for_it_are_let_in(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let (id, own) = workspace(&server).await;
    let (_, other) = workspace(&server).await;
    let (ping, at) = (request("ping", json!({})), path(&id));
    let org = admin.post("/org/tokens", json!({"name": "ci"})).await.expect(200);
    let org = server.bearer(org["auth_token"].as_str().unwrap());
    for allowed in [&own, &admin, &org] {
        allowed.post(&at, ping.clone()).await.expect(200);
    }
    for (client, text) in [
        (server.anonymous(), "missing bearer token"),
        (other, "invalid workspace auth token"),
        (server.bearer("wrong"), "invalid workspace auth token"),
    ] {
        assert_eq!(client.post(&at, ping.clone()).await.expect(401)["error"], text);
        assert_eq!(client.get(&format!("{at}/stream")).await.expect(401)["error"], text);
    }
    // Where there is no such workspace, the protocol goes on and the tools fail.
    let nobody = uuid::Uuid::new_v4().to_string();
    for id in [nobody.as_str(), "nobody"] {
        admin.post(&path(id), ping.clone()).await.expect(200);
        let answer = call(&admin, id, "list_peers", json!({})).await;
        assert_eq!(answer["error"], json!({"code": -32000, "message": "workspace not found"}));
        admin.get(&format!("{}/stream", path(id))).await.expect(404);
    }
    admin.delete(&format!("/workspaces/{id}")).await.expect(200);
    let answer = call(&admin, &id, "get_workspace_info", json!({})).await;
    assert_eq!(answer["error"], json!({"code": -32000, "message": "workspace removed"}));
    admin.get(&format!("{at}/stream")).await.expect(410);
    own.post(&at, ping).await.expect(401);
}

async fn a_bearer_has_so_many_calls_a_minute(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let (id, own) = workspace(&server).await;
    let (at, ping) = (path(&id), request("ping", json!({})));
    let first = own.post(&at, ping.clone()).await;
    assert_eq!(first.header("x-ratelimit-limit"), "120");
    assert_eq!(first.header("x-ratelimit-remaining"), "119");
    // A window may end meanwhile; it cannot end twice.
    let mut refused = None;
    for _ in 0..250 {
        let reply = own.post(&at, ping.clone()).await;
        if reply.status.as_u16() == 429 {
            refused = Some(reply);
            break;
        }
        reply.expect(200);
    }
    let refused = refused.expect("the limit was never reached");
    let body = refused.json();
    assert_eq!(body["error"], "MCP rate limit exceeded");
    assert_eq!(refused.header("retry-after"), body["retry_after"].to_string());
    assert_eq!(refused.header("x-ratelimit-remaining"), "0");
    // Others, and the same bearer elsewhere, are not meant.
    admin.post(&at, ping).await.expect(200);
    own.get(&format!("/workspaces/{id}/delegations")).await.expect(200);
}

async fn the_stream_says_where_to_post_and_ends_with_the_server(mode: Mode) {
    let mut server = Server::start(mode).await;
    let (id, _) = workspace(&server).await;
    let http = reqwest::Client::new();
    let open = || async {
        let url = format!("{}{}/stream", server.address, path(&id));
        http.get(url).bearer_auth(ADMIN).send().await.unwrap()
    };
    let mut streams = Vec::new();
    for _ in 0..16 {
        let response = open().await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        streams.push(response.bytes_stream());
    }
    assert_eq!(open().await.status().as_u16(), 429, "streams are bounded");
    let first = tokio::time::timeout(SOON, streams[0].next()).await.unwrap().unwrap().unwrap();
    let expected = format!("event: endpoint\ndata: {}\n\n", path(&id));
    assert_eq!(std::str::from_utf8(&first).unwrap(), expected);
    let began = std::time::Instant::now();
    assert!(server.stop().success());
    assert!(began.elapsed() < Duration::from_secs(20), "streams do not hold the server up");
    let end = tokio::time::timeout(SOON, streams[0].next()).await.unwrap();
    assert!(end.is_none_or(|piece| piece.is_err()), "nothing follows");
}
