//! Clients of the public SDKs that send through the proxy to agents of the public SDKs and to the
//! built-in one. `docs/sending-messages.md` has what they show as a table.

use serde_json::{Value, json};

use crate::in_both_modes;
use crate::support::fixtures::{Agent, root};
use crate::support::sdk::{SdkClient, text};
use crate::support::{ADMIN, Client, Mode, SOON, Server, eventually};

in_both_modes!(every_client_reaches_every_agent, workspaces_send_in_their_own_name);

/// Both generations of the protocol: version, and the methods that send and stream.
const GENERATIONS: [(&str, &str, &str); 2] =
    [("1.0", "SendMessage", "SendStreamingMessage"), ("0.3", "message/send", "message/stream")];

/// A server with one agent of each kind, and a client of each SDK.
struct Stage {
    clients: [SdkClient; 2],
    python: Sdk,
    javascript: Sdk,
    built_in: String,
    server: Server,
}

/// An agent built on a public SDK, and its workspace.
struct Sdk {
    id: String,
    agent: Agent,
}

impl Sdk {
    /// What it was called with, and how many of its answers nobody waited for.
    async fn seen(&self) -> Value {
        let address = format!("http://localhost:{}", self.agent.port);
        Client::new(&address, None).get("/seen").await.expect(200)
    }

    /// Its last call: method, version, and the extensions that are asked for.
    async fn last_call(&self) -> Value {
        self.seen().await["calls"].as_array().unwrap().last().unwrap().clone()
    }
}

impl Stage {
    async fn set(mode: Mode) -> Self {
        // Agents on this machine: the addresses of development.
        let server = Server::with(mode, &[("MOLECULE_ENV", "development")]).await;
        let admin = server.admin();
        let mut ids = Vec::new();
        for body in [
            json!({"name": "python"}),
            json!({"name": "javascript"}),
            json!({"name": "built in", "runtime": "isomer"}),
        ] {
            ids.push(admin.create(body).await);
        }
        let [python, javascript, built_in] = ids.try_into().unwrap();
        let python = Sdk { agent: Agent::python(&server.address, &python), id: python };
        let javascript =
            Sdk { agent: Agent::javascript(&server.address, &javascript), id: javascript };
        let clients = [SdkClient::python(), SdkClient::javascript()];
        for id in [&python.id, &javascript.id, &built_in] {
            let there = || async { (admin.status(id).await == "online").then_some(()) };
            eventually("online agent", SOON * 2, there).await;
        }
        Self { clients, python, javascript, built_in, server }
    }

    /// A command for a client: as the administrator, through the proxy.
    fn command(&self, to: &str, fields: Value) -> Value {
        let mut command = json!({"platform": self.server.address, "to": to, "token": ADMIN});
        command.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        command
    }

    /// The agents that are built on SDKs.
    fn sdks(&self) -> [&Sdk; 2] {
        [&self.python, &self.javascript]
    }
}

/// Runs a command with every client; `$got` is what one got.
macro_rules! each_client {
    ($stage:ident, $command:expr, |$name:ident, $got:ident| $check:block) => {
        for number in 0..$stage.clients.len() {
            let command = $command;
            let $got = $stage.clients[number].run(&command).await;
            let $name = $stage.clients[number].name;
            $check
        }
    };
}

async fn every_client_reaches_every_agent(mode: Mode) {
    let mut stage = Stage::set(mode).await;
    for (version, send, stream) in GENERATIONS {
        for (call, method) in [("send", send), ("stream", stream)] {
            for agent in 0..3 {
                let ids = [&stage.python.id, &stage.javascript.id, &stage.built_in];
                let to = ids[agent].clone();
                let mut fields = json!({"call": call, "version": version, "parts": text("grüße")});
                fields["extensions"] = json!(["urn:example:extension"]);
                each_client!(stage, stage.command(&to, fields.clone()), |name, got| {
                    let events = got.events();
                    let case = format!("{name} to agent {agent}, {call} {version}: {events:?}");
                    assert_eq!(events.len(), 1, "{case}");
                    let message = &events[0]["message"];
                    assert_eq!(message["parts"][0]["text"], "grüße", "{case}");
                    assert_eq!(message["role"], "ROLE_AGENT", "{case}");
                    if let Some(sdk) = stage.sdks().get(agent) {
                        // A pair of one generation is not translated.
                        let expected = json!([method, version, "urn:example:extension"]);
                        assert_eq!(sdk.last_call().await, expected, "{case}");
                    }
                });
            }
        }
    }
}

async fn workspaces_send_in_their_own_name(mode: Mode) {
    let mut stage = Stage::set(mode).await;
    let admin = stage.server.admin();
    let child = json!({"name": "child", "parent_id": stage.javascript.id});
    let child = admin.create(child).await;
    let ids = [stage.python.id.clone(), stage.javascript.id.clone()];
    for (number, from) in ids.iter().enumerate() {
        let token = admin.post(&format!("/workspaces/{from}/tokens"), json!({})).await.json();
        let to = &ids[1 - number];
        let fields = json!({
            "call": "send", "parts": text("from your peer"),
            "token": token["auth_token"], "sender": from,
        });
        let client = &mut stage.clients[number];
        let mut command = fields;
        command["platform"] = json!(stage.server.address);
        for to in [to, &stage.built_in] {
            command["to"] = json!(to);
            let events = client.run(&command).await.events();
            assert_eq!(events[0]["message"]["parts"][0]["text"], "from your peer");
        }
        // Nobody speaks for another one.
        command["sender"] = json!(to);
        let (kind, text) = client.run(&command).await.error();
        assert!(text.contains("401"), "{kind}: {text}");
    }
    // Another team's member is out of reach.
    let token = admin.post(&format!("/workspaces/{child}/tokens"), json!({})).await.json();
    let fields = json!({
        "call": "stream", "parts": text("hello"), "token": token["auth_token"], "sender": child,
    });
    each_client!(stage, stage.command(&ids[0], fields.clone()), |name, got| {
        let (kind, text) = got.error();
        assert!(text.contains("403"), "{name}: {kind}: {text}");
    });
}

#[test]
fn the_page_shows_what_runs() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let page = read("docs/sending-messages.md");
    for (language, path) in [
        ("python", "tests/fixtures/python_client/connect.py"),
        ("js", "tests/fixtures/js_agent/connect.js"),
    ] {
        let shown = format!("```{language}\n{}```\n", read(path));
        assert!(page.contains(&shown), "docs/sending-messages.md does not show {path}");
    }
}

/// The states of a task's updates, and what was said with them.
fn updates(events: &[Value]) -> Vec<(&str, &str)> {
    let statuses = events.iter().filter_map(|event| event["statusUpdate"].get("status"));
    statuses
        .map(|status| {
            let said = status["message"]["parts"][0]["text"].as_str();
            (status["state"].as_str().unwrap(), said.unwrap_or_default())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_come_with_their_updates() {
    const WORKING: &str = "TASK_STATE_WORKING";
    let mut stage = Stage::set(Mode::Embedded).await;
    let ids = [stage.python.id.clone(), stage.javascript.id.clone()];
    for (version, ..) in GENERATIONS {
        for to in &ids {
            let fields = json!({"call": "stream", "version": version, "parts": text("count to 3")});
            each_client!(stage, stage.command(to, fields.clone()), |name, got| {
                let events = got.events();
                let case = format!("{name}, {version}: {events:?}");
                assert!(events[0]["task"]["id"].is_string(), "{case}");
                let expected = [
                    (WORKING, ""),
                    (WORKING, "1"),
                    (WORKING, "2"),
                    (WORKING, "3"),
                    ("TASK_STATE_COMPLETED", ""),
                ];
                assert_eq!(updates(&events), expected, "{case}");
                let artifact = &events[events.len() - 2]["artifactUpdate"]["artifact"];
                assert_eq!(artifact["parts"][0]["text"], "counted", "{case}");
            });
            let fields = json!({"call": "send", "version": version, "parts": text("count to 3")});
            each_client!(stage, stage.command(to, fields.clone()), |name, got| {
                let events = got.events();
                let task = &events[0]["task"];
                assert_eq!(task["status"]["state"], "TASK_STATE_COMPLETED", "{name}: {task}");
                assert_eq!(task["artifacts"][0]["parts"][0]["text"], "counted", "{name}: {task}");
                // It can be asked for afterwards.
                let fields = json!({"call": "get", "version": version, "task": task["id"]});
                let command = stage.command(to, fields);
                let again = stage.clients[0].run(&command).await.events();
                assert_eq!(again[0]["task"]["artifacts"], task["artifacts"], "{name}");
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_when_its_client_leaves_or_its_task_is_cancelled() {
    let mut stage = Stage::set(Mode::Embedded).await;
    for (before, (version, ..)) in GENERATIONS.into_iter().enumerate() {
        for agent in 0..2 {
            let to = stage.sdks()[agent].id.clone();
            let with = |key: &str| {
                let mut fields = json!({"call": "stream", "version": version});
                fields["parts"] = text("wait");
                fields[key] = json!(2);
                fields
            };
            // The first events come while the task is under way: nothing holds a stream back.
            each_client!(stage, stage.command(&to, with("leave_after")), |name, got| {
                let events = got.events();
                assert_eq!(updates(&events), [("TASK_STATE_WORKING", "")], "{name}: {events:?}");
            });
            let left = json!((before + 1) * stage.clients.len());
            let sdk = stage.sdks()[agent];
            let noticed = || async { (sdk.seen().await["left"] == left).then_some(()) };
            eventually("agent that notices", SOON, noticed).await;

            each_client!(stage, stage.command(&to, with("cancel_after")), |name, got| {
                let events = got.events();
                let expected = [("TASK_STATE_WORKING", ""), ("TASK_STATE_CANCELED", "")];
                assert_eq!(updates(&events), expected, "{name}: {events:?}");
            });
            assert_eq!(stage.sdks()[agent].seen().await["left"], left, "nobody else has left");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_agents_are_the_clients() {
    let mut stage = Stage::set(Mode::Embedded).await;
    let ids = [stage.python.id.clone(), stage.javascript.id.clone(), stage.built_in.clone()];
    for (version, ..) in GENERATIONS {
        for to in &ids {
            let fields = json!({"call": "get", "version": version, "task": "no such task"});
            each_client!(stage, stage.command(to, fields.clone()), |name, got| {
                let (kind, text) = got.error();
                assert_eq!(kind, "TaskNotFoundError", "{name}, {version}: {text}");
            });
        }
        for call in ["send", "stream"] {
            let fields = json!({"call": call, "version": version, "parts": text("refuse")});
            each_client!(stage, stage.command(&ids[0], fields.clone()), |name, got| {
                let (kind, text) = got.error();
                let case = format!("{name}, {version}, {call}: {kind}: {text}");
                assert!(text.contains("refused, as it was asked to"), "{case}");
            });
            // Where an SDK makes a failed task of its agent's error, that is what comes.
            each_client!(stage, stage.command(&ids[1], fields.clone()), |name, got| {
                let events = got.events();
                let last = events.last().unwrap();
                let last = last.get("task").unwrap_or(&last["statusUpdate"]);
                assert_eq!(last["status"]["state"], "TASK_STATE_FAILED", "{name}: {events:?}");
                let said = last["status"]["message"]["parts"][0]["text"].as_str().unwrap();
                assert!(said.contains("refused, as it was asked to"), "{name}: {said}");
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_data_arrive_unchanged() {
    use base64::Engine as _;
    let every_byte: Vec<u8> = (0..65_536_u32).map(|n| (n % 251) as u8).collect();
    let raw = base64::engine::general_purpose::STANDARD.encode(every_byte);
    let data = json!({"ratio": 0.5, "words": ["grüße", null, true], "deep": {"er": {"est": ""}}});
    let parts = json!([
        {"text": "with both"},
        {"raw": raw, "filename": "all bytes.bin", "mediaType": "application/octet-stream"},
        {"url": "https://example.org/a?b=c", "filename": "a", "mediaType": "text/plain"},
        {"data": data},
    ]);
    let mut stage = Stage::set(Mode::Embedded).await;
    let ids = [stage.python.id.clone(), stage.javascript.id.clone()];
    for (version, ..) in GENERATIONS {
        for call in ["send", "stream"] {
            for to in &ids {
                let fields = json!({"call": call, "version": version, "parts": parts});
                each_client!(stage, stage.command(to, fields.clone()), |name, got| {
                    let events = got.events();
                    let back = events[0]["message"]["parts"].as_array().unwrap();
                    for (number, sent) in parts.as_array().unwrap().iter().enumerate() {
                        for (key, value) in sent.as_object().unwrap() {
                            let same = &back[number][key] == value;
                            assert!(same, "{name}, {version}, {call}: part {number}, {key}");
                        }
                    }
                });
            }
        }
    }
}
