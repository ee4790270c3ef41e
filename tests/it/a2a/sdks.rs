//! Clients of the public SDKs and agents of the public SDKs that speak different generations.
//!
//! The agents speak both; what counts is their card, so they are given one that names one.

use serde_json::{Value, json};

use crate::in_both_modes;
use crate::support::fixtures::Agent;
use crate::support::sdk::{SdkClient, text};
use crate::support::{ADMIN, Client, Mode, SOON, Server, eventually};

in_both_modes!(clients_and_agents_of_different_generations_meet);

/// What a client speaks, and what an agent does.
const PAIRS: [(&str, &str); 2] = [("1.0", "0.3"), ("0.3", "1.0")];

fn method(version: &str, call: &str) -> &'static str {
    match (version, call) {
        ("1.0", "send") => "SendMessage",
        ("1.0", _) => "SendStreamingMessage",
        (_, "send") => "message/send",
        _ => "message/stream",
    }
}

/// A server, an agent and a client of each SDK.
struct Stage {
    clients: [SdkClient; 2],
    agents: [(String, Agent); 2],
    server: Server,
}

impl Stage {
    async fn set(mode: Mode) -> Self {
        let server = Server::with(mode, &[("MOLECULE_ENV", "development")]).await;
        let admin = server.admin();
        let python = admin.create(json!({"name": "python"})).await;
        let javascript = admin.create(json!({"name": "javascript"})).await;
        let agents = [
            (python.clone(), Agent::python(&server.address, &python)),
            (javascript.clone(), Agent::javascript(&server.address, &javascript)),
        ];
        for (id, _) in &agents {
            let there = || async { (admin.status(id).await == "online").then_some(()) };
            eventually("online agent", SOON * 2, there).await;
        }
        Self { clients: [SdkClient::python(), SdkClient::javascript()], agents, server }
    }

    /// Lets the cards of the agents name one generation only.
    async fn agents_speak(&self, version: &str) {
        let admin = self.server.admin();
        for (id, _) in &self.agents {
            let view = admin.get(&format!("/workspaces/{id}")).await.expect(200);
            let (mut card, url) = (view["agent_card"].clone(), view["url"].clone());
            card["supportedInterfaces"] =
                json!([{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": version}]);
            let body = json!({"id": id, "url": url, "agent_card": card});
            admin.post("/registry/register", body).await.expect(200);
        }
    }

    /// Has a client call an agent; returns its events, and the method and version of the call that
    /// the agent got.
    async fn call(&mut self, client: usize, agent: usize, fields: &Value) -> (Vec<Value>, Value) {
        let got = self.ask(client, agent, fields).await.events();
        let address = format!("http://localhost:{}", self.agents[agent].1.port);
        let seen = Client::new(&address, None).get("/seen").await.expect(200);
        (got, seen["calls"].as_array().unwrap().last().unwrap().clone())
    }

    async fn ask(
        &mut self,
        client: usize,
        agent: usize,
        fields: &Value,
    ) -> crate::support::sdk::Got {
        let to = &self.agents[agent].0;
        let mut command = json!({"platform": self.server.address, "to": to, "token": ADMIN});
        command.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.clients[client].run(&command).await
    }
}

/// Every client with every agent.
const MEETINGS: [(usize, usize); 4] = [(0, 0), (0, 1), (1, 0), (1, 1)];

async fn clients_and_agents_of_different_generations_meet(mode: Mode) {
    let mut stage = Stage::set(mode).await;
    for (version, agents) in PAIRS {
        stage.agents_speak(agents).await;
        for (call, (client, agent)) in
            ["send", "stream"].into_iter().flat_map(|call| MEETINGS.map(|meeting| (call, meeting)))
        {
            let fields = json!({"call": call, "version": version, "parts": text("grüße"),
                "extensions": ["urn:example:extension"]});
            let (events, heard) = stage.call(client, agent, &fields).await;
            let case = format!("client {client} ({version}) to agent {agent}, {call}: {events:?}");
            assert_eq!(events.len(), 1, "{case}");
            assert_eq!(events[0]["message"]["parts"][0]["text"], "grüße", "{case}");
            assert_eq!(events[0]["message"]["role"], "ROLE_AGENT", "{case}");
            let expected = json!([method(agents, call), agents, "urn:example:extension"]);
            assert_eq!(heard, expected, "{case}");
        }
    }
}

/// The states of a task's updates.
fn states(events: &[Value]) -> Vec<&str> {
    let updates = events.iter().filter_map(|event| event["statusUpdate"].get("status"));
    updates.map(|status| status["state"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_and_errors_are_the_same_to_either() {
    let mut stage = Stage::set(Mode::Embedded).await;
    for (version, agents) in PAIRS {
        stage.agents_speak(agents).await;
        for (client, agent) in MEETINGS {
            let case = format!("client {client} ({version}) to agent {agent}");
            let with = |call: &str, key: &str, value: Value| {
                let mut fields = json!({"call": call, "version": version});
                fields[key] = value;
                fields
            };
            let stream = with("stream", "parts", text("count to 3"));
            let (events, _) = stage.call(client, agent, &stream).await;
            assert!(events[0]["task"]["id"].is_string(), "{case}: {events:?}");
            let mut expected = vec!["TASK_STATE_WORKING"; 4];
            expected.push("TASK_STATE_COMPLETED");
            assert_eq!(states(&events), expected, "{case}: {events:?}");
            let artifact = &events[events.len() - 2]["artifactUpdate"]["artifact"];
            assert_eq!(artifact["parts"][0]["text"], "counted", "{case}");

            let send = with("send", "parts", text("count to 1"));
            let (events, _) = stage.call(client, agent, &send).await;
            let task = events[0]["task"].clone();
            assert_eq!(task["status"]["state"], "TASK_STATE_COMPLETED", "{case}: {task}");
            let get = with("get", "task", task["id"].clone());
            let again = stage.ask(client, agent, &get).await.events();
            assert_eq!(again[0]["task"]["artifacts"], task["artifacts"], "{case}");

            let mut wait = with("stream", "parts", text("wait"));
            wait["cancel_after"] = json!(2);
            let (events, _) = stage.call(client, agent, &wait).await;
            assert_eq!(states(&events), ["TASK_STATE_WORKING", "TASK_STATE_CANCELED"], "{case}");

            let unknown = with("get", "task", json!("no such task"));
            let (kind, text) = stage.ask(client, agent, &unknown).await.error();
            assert_eq!(kind, "TaskNotFoundError", "{case}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_part_comes_back() {
    let parts = json!([
        {"text": "with both"},
        {"raw": "AAECAwQF+/8=", "filename": "all bytes.bin", "mediaType": "application/octet-stream"},
        {"url": "https://example.org/a?b=c", "filename": "a", "mediaType": "text/plain"},
        {"data": {"ratio": 0.5, "words": ["grüße", null, true], "deep": {"er": {"est": ""}}}},
    ]);
    let mut stage = Stage::set(Mode::Embedded).await;
    for (version, agents) in PAIRS {
        stage.agents_speak(agents).await;
        for (client, agent) in MEETINGS {
            let fields = json!({"call": "send", "version": version, "parts": parts});
            let (events, _) = stage.call(client, agent, &fields).await;
            for (number, sent) in parts.as_array().unwrap().iter().enumerate() {
                for (key, value) in sent.as_object().unwrap() {
                    let back = &events[0]["message"]["parts"][number][key];
                    assert_eq!(back, value, "client {client} ({version}) to agent {agent}: {key}");
                }
            }
        }
    }
}
