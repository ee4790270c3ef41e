//! Cards and calls of both generations, good and bad.

use super::*;
use crate::agent::serve::BODY_LIMIT;

#[tokio::test]
async fn the_card_lies_at_both_places() {
    let platform = FakePlatform::start();
    let (_running, url) = serving(&platform, config(&platform.url())).await;
    let registered = platform.seen().registers[0].body["agent_card"].clone();
    for path in ["agent-card.json", "agent.json"] {
        let response = client().get(format!("{url}/.well-known/{path}")).send().await.unwrap();
        let card: Value = response.json().await.unwrap();
        assert_eq!(card, registered);
        assert_eq!(card["url"], url);
        assert_eq!(card["supportedInterfaces"][0]["url"], url);
        assert_eq!(card["capabilities"]["streaming"], true);
    }
}

#[tokio::test]
async fn a_message_is_echoed_in_the_callers_generation() {
    let platform = FakePlatform::start();
    let (_running, url) = serving(&platform, config(&platform.url())).await;

    let old = call(&url, "message/send", old_message("Grüße\u{0}")).await;
    assert_eq!(old["result"]["kind"], "message");
    assert_eq!(old["result"]["role"], "agent");
    assert_eq!(old["result"]["parts"], json!([{"kind": "text", "text": "Grüße\u{0}"}]));
    assert!(old["result"]["contextId"].is_string());

    let mut message = new_message("hello");
    message["message"]["contextId"] = json!("ours");
    let new = call(&url, "SendMessage", message).await;
    assert_eq!(new["result"]["message"]["role"], "ROLE_AGENT");
    assert_eq!(new["result"]["message"]["parts"], json!([{"text": "hello"}]));
    assert_eq!(new["result"]["message"]["contextId"], "ours");
}

#[tokio::test]
async fn an_echo_is_streamed_as_one_message() {
    let platform = FakePlatform::start();
    let (_running, url) = serving(&platform, config(&platform.url())).await;
    let old = events(&url, "message/stream", old_message("a\nb")).await;
    assert_eq!(old.len(), 1);
    assert_eq!(old[0]["parts"][0]["text"], "a\nb");
    let new = events(&url, "SendStreamingMessage", new_message("hi")).await;
    assert_eq!(new.len(), 1);
    assert_eq!(new[0]["message"]["parts"][0]["text"], "hi");
}

#[tokio::test]
async fn bad_calls_get_their_codes_and_the_agent_stays_well() {
    let platform = FakePlatform::start();
    let (_running, url) = serving(&platform, config(&platform.url())).await;
    for (body, code) in [
        (b"{\"jsonrpc\"".to_vec(), -32700),
        (b"\xff\xfe".to_vec(), -32700),
        (vec![], -32700),
        ("[".repeat(10_000).into_bytes(), -32700),
        (b"{\"id\":1,\"method\":\"message/send\"}".to_vec(), -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"no/such\"}".to_vec(), -32601),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"message/send\",\"params\":{}}".to_vec(),
            -32602,
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tasks/get\",\"params\":{\"id\":\"x\"}}"
                .to_vec(),
            -32001,
        ),
    ] {
        let (status, answer) = post(&url, body.clone()).await;
        assert_eq!((status, &answer["error"]["code"]), (200, &json!(code)), "{answer}");
    }
    let before = platform.seen().beats.len();
    let beat = eventually("later beat", || platform.seen().beats.get(before + 1).cloned()).await;
    assert_eq!(beat.body["error_rate"], 0.0, "a caller's mistake is not the agent's failure");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_and_without_a_length() {
    let platform = FakePlatform::start();
    let (_running, url) = serving(&platform, config(&platform.url())).await;
    let text = "x".repeat(BODY_LIMIT - 400);
    let most = call(&url, "message/send", old_message(&text)).await;
    assert_eq!(most["result"]["parts"][0]["text"], text);

    let (status, answer) = post(&url, vec![b' '; BODY_LIMIT + 1]).await;
    assert_eq!((status, &answer["error"]["code"]), (413, &json!(-32600)));

    let pieces = (0..=BODY_LIMIT / 1024).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024]));
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let (status, answer) = post(&url, stream).await;
    assert_eq!((status, &answer["error"]["code"]), (413, &json!(-32600)));
}

#[tokio::test]
async fn an_unsupported_version_is_refused() {
    let platform = FakePlatform::start();
    let (_running, url) = serving(&platform, config(&platform.url())).await;
    let call =
        json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": new_message("x")});
    for (version, code) in [("1.0", Value::Null), ("0.3", Value::Null), ("7.0", json!(-32009))] {
        let request = client().post(&url).header("A2A-Version", version);
        let answer: Value = request.json(&call).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["error"]["code"], code, "{version}: {answer}");
    }
}
