//! /openapi.json says what the server does: the snapshot is current, and real answers are as
//! described, with every required field and none that is not described.

use std::collections::BTreeSet;
use std::process::Command;

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::in_both_modes;
use crate::support::{Client, Mode, Server};

const SNAPSHOT: &str = include_str!("../../docs/api/openapi.json");

in_both_modes!(answers_are_as_described);

/// The description, made strict: objects with named fields have no others.
struct Description {
    document: Value,
    checked: std::cell::RefCell<BTreeSet<String>>,
}

impl Description {
    fn new(mut document: Value) -> Self {
        close(&mut document["components"]["schemas"]);
        Self { document, checked: std::cell::RefCell::default() }
    }

    /// Returns the validator of what a route answers with a status.
    fn validator(&self, method: &str, route: &str, status: u16) -> Validator {
        let operation = &self.document["paths"][route][method];
        assert!(operation.is_object(), "{method} {route} is not described");
        let mut answer = &operation["responses"][status.to_string()];
        assert!(!answer.is_null(), "{method} {route} is not said to answer {status}");
        if let Some(reference) = answer["$ref"].as_str() {
            answer = self.document.pointer(&reference[1..]).unwrap();
        }
        let schema = &answer["content"]["application/json"]["schema"];
        assert!(!schema.is_null(), "{method} {route} {status} has no schema");
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": self.document["components"],
        });
        jsonschema::options().should_validate_formats(true).build(&whole).unwrap()
    }

    /// Asks the server, and checks status and body against the description.
    async fn ask(&self, client: &Client, call: Call<'_>) -> Value {
        let Call { method, route, path, body, status } = call;
        let body = body.map(|body| body.to_string().into_bytes());
        let reply = client.try_send(method.clone(), path, body, &[]).await.unwrap();
        assert_eq!(reply.status.as_u16(), status, "{method} {path}: {}", reply.text);
        let lower = method.as_str().to_lowercase();
        let answer = reply.json();
        let validator = self.validator(&lower, route, status);
        let wrong: Vec<_> = validator
            .iter_errors(&answer)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{method} {route} {status}: {wrong:#?}\n{answer:#}");
        self.checked.borrow_mut().insert(format!("{lower} {route} {status}"));
        answer
    }
}

struct Call<'a> {
    method: Method,
    route: &'a str,
    path: &'a str,
    body: Option<Value>,
    status: u16,
}

fn get<'a>(route: &'a str, path: &'a str) -> Call<'a> {
    Call { method: Method::GET, route, path, body: None, status: 200 }
}

fn send<'a>(method: Method, route: &'a str, path: &'a str, body: Value) -> Call<'a> {
    Call { method, route, path, body: Some(body), status: 200 }
}

impl Call<'_> {
    fn expect(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(close);
            if map.get("properties").is_some_and(Value::is_object) {
                map.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

async fn described(server: &Server) -> Description {
    Description::new(server.anonymous().get("/openapi.json").await.expect(200))
}

fn id_of(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

async fn answers_are_as_described(mode: Mode) {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let server = Server::with(mode, &[("SECRETS_ENCRYPTION_KEY", key)]).await;
    let is = described(&server).await;
    let agent = workspaces(&server, &is).await;
    agents_and_events(&server, &is, &agent).await;
    activity(&server, &is, &agent).await;
    files(&server, &is, &agent).await;
    secrets_and_keys(&server, &is, &agent).await;
    approvals(&server, &is, &agent).await;
    mcp(&server, &is, &agent).await;
    tokens_and_runtime(&server, &is, &agent).await;
    removal(&server, &is, &agent).await;
    let (checked, least) = (is.checked.borrow().len(), 92);
    assert!(checked >= least, "{checked} answers were checked, {least} are expected");
}

/// An agent that is online, and its token.
struct Agent {
    id: String,
    client: Client,
}

async fn workspaces(server: &Server, is: &Description) -> Agent {
    let (admin, anonymous) = (server.admin(), server.anonymous());
    is.ask(&anonymous, get("/workspaces", "/workspaces").expect(401)).await;
    let body = json!({"name": "Ada", "role": "Plans", "canvas": {"x": 1.5, "y": 2}});
    let created =
        is.ask(&admin, send(Method::POST, "/workspaces", "/workspaces", body).expect(201)).await;
    let id = id_of(&created);
    for (body, status) in [
        (json!({"name": "Bo", "external": true, "parent_id": id}), 201),
        (json!({"name": "Cy", "external": true, "url": "http://localhost:9"}), 201),
        (json!({"role": "nobody"}), 400),
    ] {
        let call = send(Method::POST, "/workspaces", "/workspaces", body);
        is.ask(&admin, call.expect(status)).await;
    }
    let route = "/workspaces/{id}/a2a";
    let message = |id: &str, status| {
        let path = format!("/workspaces/{id}/a2a");
        (path, json!({"method": "message/send", "params": {}}), status)
    };
    for (path, body, status) in [message(&id, 202), message(&Uuid::new_v4().to_string(), 404)] {
        is.ask(&admin, send(Method::POST, route, &path, body.clone()).expect(status)).await;
        is.ask(&anonymous, send(Method::POST, route, &path, body).expect(401)).await;
    }
    let body = json!({"id": id, "url": "http://localhost:9", "agent_card": {"name": "ada"}});
    let register = send(Method::POST, "/registry/register", "/registry/register", body);
    let registered = is.ask(&anonymous, register).await;
    let (path, body, status) = message(&id, 502);
    is.ask(&admin, send(Method::POST, route, &path, body).expect(status)).await;
    let client = server.bearer(registered["auth_token"].as_str().unwrap());
    let beat = json!({"workspace_id": id, "error_rate": 0.25, "current_task": "writing"});
    is.ask(&client, send(Method::POST, "/registry/heartbeat", "/registry/heartbeat", beat)).await;
    let list = is.ask(&admin, get("/workspaces", "/workspaces")).await;
    assert_eq!(list.as_array().unwrap().len(), 3);
    is.ask(&admin, get("/workspaces", "/workspaces?at=2999-01-01T00:00:00Z")).await;
    is.ask(&admin, get("/workspaces", "/workspaces?at=noon").expect(400)).await;
    let one = format!("/workspaces/{id}");
    is.ask(&anonymous, get("/workspaces/{id}", &one)).await;
    is.ask(&anonymous, get("/workspaces/{id}", "/workspaces/x").expect(400)).await;
    let none = format!("/workspaces/{}", Uuid::new_v4());
    is.ask(&anonymous, get("/workspaces/{id}", &none).expect(404)).await;
    for body in [json!({"tier": 2}), json!({"workspace_dir": "/srv/ada"})] {
        is.ask(&admin, send(Method::PATCH, "/workspaces/{id}", &one, body)).await;
    }
    let state = format!("{one}/state");
    is.ask(&client, get("/workspaces/{id}/state", &state)).await;
    let state = format!("{none}/state");
    is.ask(&admin, get("/workspaces/{id}/state", &state).expect(404)).await;
    Agent { id, client }
}

async fn agents_and_events(server: &Server, is: &Description, agent: &Agent) {
    let (admin, id) = (server.admin(), &agent.id);
    let path = format!("/workspaces/{id}/agent");
    let (route, body) = ("/workspaces/{id}/agent", json!({"model": "m1"}));
    is.ask(&admin, send(Method::POST, route, &path, body.clone()).expect(201)).await;
    is.ask(&admin, send(Method::POST, route, &path, body).expect(409)).await;
    is.ask(&admin, send(Method::PATCH, route, &path, json!({"model": "m2"}))).await;
    let other = create(&admin, "Dan").await;
    let body = json!({"target_workspace_id": other});
    let to = format!("{path}/move");
    is.ask(&admin, send(Method::POST, "/workspaces/{id}/agent/move", &to, body)).await;
    let path = format!("/workspaces/{other}/agent");
    is.ask(&admin, Call { method: Method::DELETE, ..get(route, &path) }).await;
    let path = format!("/workspaces/{other}/agents");
    is.ask(&admin, get("/workspaces/{id}/agents", &path)).await;
    for (end, status) in [("stop", 409), ("restart", 503)] {
        let (route, path) =
            (format!("/workspaces/{{id}}/{end}"), format!("/workspaces/{id}/{end}"));
        is.ask(&admin, send(Method::POST, &route, &path, json!({})).expect(status)).await;
    }

    let (route, path) = ("/workspaces/{id}/chat/uploads", format!("/workspaces/{id}/chat/uploads"));
    is.ask(&admin, send(Method::POST, route, &path, json!({})).expect(400)).await;
    let route = "/workspaces/{id}/chat/download";
    for (query, status) in [("", 400), ("?path=/workspace/x", 404)] {
        let path = format!("/workspaces/{id}/chat/download{query}");
        is.ask(&admin, get(route, &path).expect(status)).await;
    }

    is.ask(&admin, get("/events", "/events")).await;
    is.ask(&admin, get("/events/histogram", "/events/histogram?buckets=7")).await;
    is.ask(&admin, get("/events", "/events?limit=0").expect(400)).await;
    is.ask(&admin, get("/events/{workspace_id}", &format!("/events/{id}"))).await;

    let peers = format!("/registry/{id}/peers");
    is.ask(&agent.client, get("/registry/{id}/peers", &peers)).await;
    let body = json!({"caller_id": id, "target_id": other});
    let check = send(Method::POST, "/registry/check-access", "/registry/check-access", body);
    is.ask(&agent.client, check).await;
    let body = json!({"workspace_id": id, "agent_card": {"name": "ada", "skills": []}});
    let card = send(Method::POST, "/registry/update-card", "/registry/update-card", body);
    is.ask(&agent.client, card).await;

    is.ask(&admin, get("/canvas/viewport", "/canvas/viewport")).await;
    is.ask(&admin, get("/canvas/digest", "/canvas/digest")).await;
    is.ask(&admin, get("/canvas/info", "/canvas/info")).await;
    let body = json!({"layouts": [{"id": id, "x": 3, "y": 4.5}]});
    is.ask(&admin, send(Method::PUT, "/canvas/layouts", "/canvas/layouts", body)).await;
    let body = json!({"x": 1, "y": -2.5, "zoom": 0.5});
    is.ask(&admin, send(Method::PUT, "/canvas/viewport", "/canvas/viewport", body)).await;
}

async fn activity(server: &Server, is: &Description, agent: &Agent) {
    let (admin, id) = (server.admin(), &agent.id);
    let (route, path) = ("/workspaces/{id}/activity", format!("/workspaces/{id}/activity"));
    let full = json!({
        "activity_type": "a2a_send", "method": "m", "summary": "s", "duration_ms": 1,
        "target_id": id, "error_detail": "e", "request_body": {"a": 1}, "response_body": [null],
    });
    for body in [full, json!({"activity_type": "agent_log"})] {
        is.ask(&agent.client, send(Method::POST, route, &path, body)).await;
    }
    let wrong = send(Method::POST, route, &path, json!({"activity_type": "x"}));
    is.ask(&agent.client, wrong.expect(400)).await;
    let (said, notify) = ("/workspaces/{id}/notify", format!("/workspaces/{id}/notify"));
    let body = json!({"message": "m", "attachments": [{"uri": "u", "name": "n"}]});
    is.ask(&agent.client, send(Method::POST, said, &notify, body)).await;
    let none = format!("/workspaces/{}/notify", Uuid::new_v4());
    is.ask(&admin, send(Method::POST, said, &none, json!({"message": "m"})).expect(404)).await;
    let list = is.ask(&admin, get(route, &path)).await;
    assert!(list.as_array().unwrap().len() >= 3);
    is.ask(&admin, get(route, &format!("{path}?source=x")).expect(400)).await;
    let search = format!("/workspaces/{id}/session-search");
    is.ask(&admin, get("/workspaces/{id}/session-search", &search)).await;
    let usage = format!("/workspaces/{id}/metrics");
    is.ask(&admin, get("/workspaces/{id}/metrics", &usage)).await;
}

async fn files(server: &Server, is: &Description, agent: &Agent) {
    let (admin, id) = (server.admin(), &agent.id);
    let (all, one) = ("/workspaces/{id}/files", "/workspaces/{id}/files/{path}");
    let at = |rest: &str| format!("/workspaces/{id}/files{rest}");
    let text = json!({"content": "shared_context: [a/b.md]\n"});
    is.ask(&admin, send(Method::PUT, one, &at("/config.yaml"), text)).await;
    let many = json!({"files": {"a/b.md": "b", "c.md": "c"}});
    is.ask(&admin, send(Method::PUT, all, &at(""), many)).await;
    is.ask(&agent.client, get(all, &at("?depth=5"))).await;
    is.ask(&admin, get(all, &at("?depth=9")).expect(400)).await;
    is.ask(&agent.client, get(one, &at("/a/b.md"))).await;
    is.ask(&admin, get(one, &at("/nothing")).expect(404)).await;
    let delete = Call { method: Method::DELETE, ..get(one, "") };
    is.ask(&admin, Call { path: &at("/c.md"), ..delete }).await;
    let path = format!("/workspaces/{id}/shared-context");
    is.ask(&admin, get("/workspaces/{id}/shared-context", &path)).await;
    let (route, path) = ("/workspaces/{id}/config", format!("/workspaces/{id}/config"));
    is.ask(&admin, send(Method::PATCH, route, &path, json!({"a": {"b": 1}}))).await;
    is.ask(&admin, get(route, &path)).await;
    is.ask(&server.anonymous(), get(route, &path).expect(401)).await;
    let path = format!("/workspaces/{id}/logs");
    is.ask(&admin, get("/workspaces/{id}/logs", &path).expect(409)).await;
    let path = format!("/workspaces/{id}/terminal?cols=0");
    is.ask(&admin, get("/workspaces/{id}/terminal", &path).expect(400)).await;
}

async fn secrets_and_keys(server: &Server, is: &Description, agent: &Agent) {
    let (admin, id) = (server.admin(), &agent.id);
    let (of_one, global) = (format!("/workspaces/{id}/secrets"), "/settings/secrets");
    let body = json!({"key": "API_KEY", "value": "a value"});
    for (method, route, path) in [
        (Method::POST, "/workspaces/{id}/secrets", of_one.as_str()),
        (Method::PUT, "/workspaces/{id}/secrets", of_one.as_str()),
        (Method::POST, global, global),
        (Method::PUT, global, global),
        (Method::POST, "/admin/secrets", "/admin/secrets"),
        (Method::POST, "/secrets/validate", "/secrets/validate"),
    ] {
        is.ask(&admin, send(method, route, path, body.clone())).await;
    }
    let bad = json!({"key": "no name", "value": ""});
    is.ask(&admin, send(Method::POST, global, global, bad.clone()).expect(400)).await;
    is.ask(&admin, send(Method::POST, "/secrets/validate", "/secrets/validate", bad)).await;
    for (route, path) in [
        ("/workspaces/{id}/secrets", of_one.clone()),
        ("/workspaces/{id}/secrets/{key}/dependents", format!("{of_one}/API_KEY/dependents")),
        (global, global.to_owned()),
        ("/settings/secrets/{key}/dependents", format!("{global}/API_KEY/dependents")),
        ("/admin/secrets", "/admin/secrets".to_owned()),
    ] {
        is.ask(&admin, get(route, &path)).await;
    }
    let values = format!("{of_one}/values");
    is.ask(&agent.client, get("/workspaces/{id}/secrets/values", &values)).await;
    let (route, model) = ("/workspaces/{id}/model", format!("/workspaces/{id}/model"));
    for name in ["anthropic:claude", ""] {
        is.ask(&admin, send(Method::PUT, route, &model, json!({"model": name}))).await;
        is.ask(&admin, get(route, &model)).await;
    }
    for (route, path, status) in [
        ("/workspaces/{id}/secrets/{key}", format!("{of_one}/API_KEY"), 200),
        ("/settings/secrets/{key}", format!("{global}/API_KEY"), 200),
        ("/admin/secrets/{key}", "/admin/secrets/API_KEY".to_owned(), 404),
    ] {
        let call = Call { method: Method::DELETE, ..get(route, &path) };
        is.ask(&admin, call.expect(status)).await;
    }
    let reseed = send(Method::POST, "/admin/keys/{kind}", "/admin/keys/reseed", json!({}));
    is.ask(&admin, reseed.expect(202)).await;
    is.ask(&admin, get("/admin/keys", "/admin/keys")).await;
    is.ask(&admin, get("/admin/keys/audit", "/admin/keys/audit")).await;
}

async fn mcp(server: &Server, is: &Description, agent: &Agent) {
    let (route, path) = ("/workspaces/{id}/mcp", format!("/workspaces/{}/mcp", agent.id));
    let tool = |name: &str| json!({"name": name, "arguments": {}});
    for (method, params) in [
        ("initialize", json!({})),
        ("ping", json!({})),
        ("tools/list", json!({})),
        ("tools/call", tool("get_workspace_info")),
        ("tools/call", tool("delegate_task")),
        ("notifications/initialized", json!({})),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        is.ask(&agent.client, send(Method::POST, route, &path, body)).await;
    }
    let anonymous = server.anonymous();
    is.ask(&anonymous, send(Method::POST, route, &path, json!({})).expect(401)).await;
    is.ask(&agent.client, get(route, &path).expect(405)).await;
}

async fn approvals(server: &Server, is: &Description, agent: &Agent) {
    let admin = server.admin();
    let (of_one, path) =
        ("/workspaces/{id}/approvals", format!("/workspaces/{}/approvals", agent.id));
    let mut asked = Vec::new();
    for required in [1, 2] {
        let body = json!({"action": "deploy", "context": {"a": 1}, "approvers_required": required});
        let call = send(Method::POST, of_one, &path, body).expect(201);
        let answer = is.ask(&agent.client, call).await;
        asked.push(answer["approval_id"].as_str().unwrap().to_owned());
    }
    is.ask(&agent.client, send(Method::POST, of_one, &path, json!({})).expect(400)).await;
    is.ask(&admin, get("/approvals/pending", "/approvals/pending")).await;
    let route = "/workspaces/{id}/approvals/{approval_id}/decide";
    let yes = json!({"decision": "approved"});
    let decides = |id: &str| format!("{path}/{id}/decide");
    let (one, two) = (decides(&asked[0]), decides(&asked[1]));
    for (client, path, status) in [
        (&agent.client, &one, 403),
        (&admin, &one, 200),
        (&admin, &one, 404),
        (&admin, &two, 200),
        (&admin, &two, 409),
    ] {
        is.ask(client, send(Method::POST, route, path, yes.clone()).expect(status)).await;
    }
    is.ask(&agent.client, get(of_one, &path)).await;
    let read = format!("{path}/{}", asked[1]);
    is.ask(&agent.client, get("/workspaces/{id}/approvals/{approval_id}", &read)).await;
    is.ask(&admin, get("/approvals", "/approvals?limit=1")).await;
    is.ask(&admin, get("/approvals", "/approvals?cursor=x").expect(400)).await;
}

async fn tokens_and_runtime(server: &Server, is: &Description, agent: &Agent) {
    let (admin, path) = (server.admin(), format!("/workspaces/{}/tokens", agent.id));
    let create = send(Method::POST, "/workspaces/{id}/tokens", &path, json!({}));
    is.ask(&admin, create.expect(201)).await;
    let list = is.ask(&admin, get("/workspaces/{id}/tokens", &path)).await;
    let one = format!("{path}/{}", id_of(&list["tokens"][0]));
    let route = "/workspaces/{id}/tokens/{token_id}";
    is.ask(&admin, Call { method: Method::DELETE, ..get(route, &one) }).await;
    for body in [json!({"name": "ci"}), json!({"scope": "join"})] {
        let created = send(Method::POST, "/org/tokens", "/org/tokens", body);
        let created = is.ask(&admin, created).await;
        is.ask(&admin, get("/org/tokens", "/org/tokens")).await;
        let one = format!("/org/tokens/{}", id_of(&created));
        is.ask(&admin, Call { method: Method::DELETE, ..get("/org/tokens/{id}", &one) }).await;
    }
    for path in ["/admin/supervision", "/admin/liveness", "/health", "/ready", "/openapi.json"] {
        is.ask(&admin, get(path, path)).await;
    }
}

async fn removal(server: &Server, is: &Description, agent: &Agent) {
    let (admin, route) = (server.admin(), "/workspaces/{id}");
    let path = format!("/workspaces/{}", agent.id);
    let remove = |path| Call { method: Method::DELETE, ..get(route, path) };
    is.ask(&admin, remove(&path).expect(409)).await;
    is.ask(&admin, remove(&format!("{path}?confirm=true"))).await;
    is.ask(&admin, get(route, &path).expect(410)).await;
    let (from, to) = (create(&admin, "Eve").await, create(&admin, "Fay").await);
    let forward = format!("/workspaces/{from}/forward");
    let body = json!({"to": to});
    is.ask(&admin, send(Method::POST, "/workspaces/{id}/forward", &forward, body)).await;
    is.ask(&admin, get(route, &format!("/workspaces/{from}")).expect(301)).await;
}

async fn create(admin: &Client, name: &str) -> String {
    id_of(&admin.post("/workspaces", json!({"name": name})).await.expect(201))
}

#[tokio::test]
async fn the_description_is_served_once_and_kept() {
    let server = Server::start(Mode::Embedded).await;
    let anonymous = server.anonymous();
    let reply = anonymous.get("/openapi.json").await;
    let kept: Value = serde_json::from_str(SNAPSHOT).unwrap();
    assert!(reply.expect(200) == kept, "docs/api/openapi.json is old: UPDATE=1 cargo test openapi");
    let tag = reply.header("etag").to_owned();
    let again = anonymous.get_with("/openapi.json", &[("if-none-match", &tag)]).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    anonymous.get_with("/openapi.json", &[("if-none-match", "\"other\"")]).await.expect(200);
}

#[test]
fn the_command_prints_the_snapshot_without_any_setting() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_isomer")).arg("openapi").env_clear().output().unwrap();
    assert!(output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stdout) == SNAPSHOT,
        "the handlers say something else: isomer openapi > docs/api/openapi.json"
    );
}

#[test]
fn a_missing_and_an_unknown_field_are_noticed() {
    let is = Description::new(serde_json::from_str(SNAPSHOT).unwrap());
    let validator = is.validator("post", "/workspaces", 201);
    let good = json!({"id": Uuid::nil(), "external": true, "status": "online"});
    assert!(validator.is_valid(&good));
    for (field, value) in
        [("external", None), ("more", Some(json!(1))), ("status", Some(json!("asleep")))]
    {
        let mut bad = good.clone();
        match value {
            None => drop(bad.as_object_mut().unwrap().remove(field)),
            Some(value) => bad[field] = value,
        }
        assert!(!validator.is_valid(&bad), "{bad}");
    }
}
