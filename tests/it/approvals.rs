//! Approvals: an agent asks, somebody else decides, once; or time does.

use serde_json::{Value, json};

use crate::in_both_modes;
use crate::support::sockets::Socket;
use crate::support::{Client, Mode, SOON, Server, eventually};

in_both_modes!(
    an_agent_asks_and_somebody_else_decides,
    nobody_decides_for_themselves,
    of_twenty_deciders_one_wins,
    what_nobody_decides_is_denied_in_time,
    a_restart_keeps_what_waits,
    where_two_must_approve_two_different_ones_do,
    requests_are_bounded_listed_and_purged,
);

const DENY: &str = "denied";
const APPROVE: &str = "approved";

/// A workspace and its agent.
struct Agent {
    id: String,
    token: String,
    client: Client,
}

impl Agent {
    async fn new(server: &Server, name: &str, parent: Option<&str>) -> Self {
        let mut body = json!({"name": name});
        if let Some(parent) = parent {
            body["parent_id"] = json!(parent);
        }
        let id = server.admin().create(body).await;
        let token = server.anonymous().register(&id).await;
        let client = server.bearer(&token);
        Self { id, token, client }
    }

    fn path(&self) -> String {
        format!("/workspaces/{}/approvals", self.id)
    }

    fn decide(&self, approval: &str) -> String {
        format!("{}/{approval}/decide", self.path())
    }

    async fn asks(&self, body: Value) -> String {
        let asked = self.client.post(&self.path(), body).await.expect(201);
        assert_eq!(asked["status"], "pending");
        asked["approval_id"].as_str().unwrap().to_owned()
    }

    async fn read(&self, approval: &str) -> Value {
        self.client.get(&format!("{}/{approval}", self.path())).await.expect(200)
    }

    /// Subscribes as the contract's agents do.
    async fn socket(&self, server: &Server) -> Socket {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("x-workspace-id", self.id.as_str()), ("authorization", bearer.as_str())];
        Socket::try_open(&server.address, "", &headers).await.ok().unwrap()
    }
}

fn deploy() -> Value {
    json!({"action": "deploy", "reason": "it is ready", "task_id": "t1", "context": {"host": "a"}})
}

/// Returns the kinds of a workspace's events about approvals, oldest first, shortened.
async fn kinds(server: &Server, id: &str) -> Vec<String> {
    let kinds = server.admin().kinds(id).await;
    kinds.iter().filter_map(|kind| kind.strip_prefix("APPROVAL_")).map(str::to_owned).collect()
}

/// Waits until so many are counted as pending.
async fn gauge(server: &Server, pending: u32) {
    let line = format!("isomer_approvals_pending {pending}");
    eventually(&line, SOON, || async {
        server.anonymous().get("/metrics").await.text.contains(&line).then_some(())
    })
    .await;
}

async fn org_client(server: &Server) -> Client {
    let minted = server.admin().post("/org/tokens", json!({"name": "person"})).await.expect(200);
    server.bearer(minted["auth_token"].as_str().unwrap())
}

async fn an_agent_asks_and_somebody_else_decides(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let lead = Agent::new(&server, "lead", None).await;
    let agent = Agent::new(&server, "worker", Some(&lead.id)).await;
    let (mut own, mut above) = (agent.socket(&server).await, lead.socket(&server).await);
    let url = format!("{}/workspaces/{}/events/stream", server.address, agent.id);
    let mut stream =
        reqwest::Client::new().get(url).bearer_auth(&agent.token).send().await.unwrap();

    let approval = agent.asks(deploy()).await;
    let told = own.until("APPROVAL_REQUESTED", &agent.id, SOON).await;
    let payload = json!({"approval_id": approval, "action": "deploy", "reason": "it is ready", "task_id": "t1"});
    assert_eq!(told["payload"], payload);
    let told = above.until("APPROVAL_ESCALATED", &lead.id, SOON).await;
    let payload = json!({
        "approval_id": approval, "from_workspace_id": agent.id,
        "action": "deploy", "reason": "it is ready",
    });
    assert_eq!(told["payload"], payload);

    let pending = admin.get("/approvals/pending").await.expect(200);
    assert_eq!(pending.as_array().unwrap().len(), 1);
    let one = &pending[0];
    for (key, value) in [
        ("id", &approval[..]),
        ("workspace_id", &agent.id),
        ("workspace_name", "worker"),
        ("action", "deploy"),
        ("reason", "it is ready"),
        ("status", "pending"),
    ] {
        assert_eq!(one[key], value, "{one}");
    }
    assert_eq!(one["context"], json!({"host": "a"}));
    assert!(one["expires_at"].as_str() > one["created_at"].as_str());
    gauge(&server, 1).await;

    for (body, error) in [
        (json!({"decision": "maybe"}), "decision must be 'approved' or 'denied'"),
        (json!({"decided_by": "ada"}), "invalid request body"),
        (json!({"decision": APPROVE, "decided_by": "x".repeat(201)}), "invalid request body"),
    ] {
        let refused = admin.post(&agent.decide(&approval), body).await.expect(400);
        assert_eq!(refused["error"], error);
    }
    let body = json!({"decision": APPROVE, "decided_by": "Ada \"B\""});
    let decided = admin.post(&agent.decide(&approval), body.clone()).await.expect(200);
    assert_eq!(decided, json!({"status": APPROVE, "approval_id": approval}));
    let again = admin.post(&agent.decide(&approval), body).await.expect(404);
    assert_eq!(again["error"], "approval not found or already decided");

    // What the agent waits for has the answer at the top.
    let told = own.until("APPROVAL_DECIDED", &agent.id, SOON).await;
    for (key, value) in
        [("approval_id", &approval[..]), ("status", APPROVE), ("decided_by", "Ada \"B\"")]
    {
        assert_eq!((&told[key], &told["payload"][key]), (&json!(value), &json!(value)), "{told}");
    }
    let mut text = String::new();
    while !text.contains("APPROVAL_DECIDED") {
        let chunk = tokio::time::timeout(SOON, stream.chunk()).await.unwrap().unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let line = text.lines().rfind(|line| line.contains("APPROVAL_DECIDED")).unwrap();
    let event: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&event["approval_id"], &event["status"]), (&json!(approval), &json!(APPROVE)));

    let read = agent.read(&approval).await;
    assert_eq!((&read["status"], &read["decided_by"]), (&json!(APPROVE), &json!("Ada \"B\"")));
    assert_eq!(read["decided_by_identity"], "admin-token");
    assert_eq!(read["decisions"][0]["decision"], APPROVE);
    let listed = agent.client.get(&agent.path()).await.expect(200);
    assert_eq!(listed, json!([read]));
    assert_eq!(kinds(&server, &agent.id).await, ["REQUESTED", "APPROVED", "DECIDED"]);
    assert_eq!(kinds(&server, &lead.id).await, ["ESCALATED"]);
    gauge(&server, 0).await;
    assert!(server.stop().success());
    let (status, said) = server.verify();
    assert!(status.success(), "{said}");
}

async fn nobody_decides_for_themselves(mode: Mode) {
    let server = Server::start(mode).await;
    let root = Agent::new(&server, "root", None).await;
    let lead = Agent::new(&server, "lead", Some(&root.id)).await;
    let agent = Agent::new(&server, "worker", Some(&lead.id)).await;
    let sibling = Agent::new(&server, "sibling", Some(&lead.id)).await;
    let below = Agent::new(&server, "below", Some(&agent.id)).await;
    let approval = agent.asks(deploy()).await;
    let (path, yes) = (agent.decide(&approval), json!({"decision": APPROVE}));

    let own = agent.client.post(&path, yes.clone()).await.expect(403);
    assert_eq!(own["error"], "a workspace cannot decide its own approval requests");
    // Another of its tokens, and another way to write its id, are no way around.
    let tokens = format!("/workspaces/{}/tokens", agent.id);
    let second = agent.client.post(&tokens, json!({})).await.expect(201);
    let second = server.bearer(second["auth_token"].as_str().unwrap());
    second.post(&path, yes.clone()).await.expect(403);
    second.post(&path.replace(&agent.id, &agent.id.to_uppercase()), yes.clone()).await.expect(403);
    // Nor is another workspace's path.
    let foreign = path.replace(&agent.id, &below.id);
    agent.client.post(&foreign, yes.clone()).await.expect(404);
    for client in [&sibling.client, &below.client, &server.anonymous(), &server.bearer("wrong")] {
        client.post(&path, yes.clone()).await.expect(401);
        client.get(&format!("{}/{approval}", agent.path())).await.expect(401);
    }
    let join = server.admin().post("/org/tokens", json!({"scope": "join"})).await.expect(200);
    let join = server.bearer(join["auth_token"].as_str().unwrap());
    join.post(&path, yes.clone()).await.expect(401);
    join.get("/approvals/pending").await.expect(401);
    lead.client.get("/approvals").await.expect(401);
    assert_eq!(agent.read(&approval).await["status"], "pending");

    // Whoever is above may, and reads what it is about.
    let seen = lead.client.get(&format!("{}/{approval}", agent.path())).await.expect(200);
    assert_eq!(seen["context"], json!({"host": "a"}));
    lead.client.post(&path, yes.clone()).await.expect(200);
    let read = agent.read(&approval).await;
    assert_eq!(read["decided_by_identity"], format!("workspace:{}", lead.id));
    assert_eq!(read["decided_by"], "human");
    let other = agent.asks(deploy()).await;
    root.client.post(&agent.decide(&other), json!({"decision": DENY})).await.expect(200);
    assert_eq!(agent.read(&other).await["status"], DENY);
    assert!(kinds(&server, &agent.id).await.contains(&"DENIED".to_owned()));
}

async fn of_twenty_deciders_one_wins(mode: Mode) {
    let server = Server::start(mode).await;
    let agent = Agent::new(&server, "worker", None).await;
    let approval = agent.asks(deploy()).await;
    let mut deciding = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (admin, path) = (server.admin(), agent.decide(&approval));
        let decision = if n % 2 == 0 { APPROVE } else { DENY };
        let body = json!({"decision": decision, "decided_by": format!("person {n}")});
        deciding.spawn(async move { (n, admin.post(&path, body).await) });
    }
    let mut winner = None;
    for (n, reply) in deciding.join_all().await {
        match reply.status.as_u16() {
            200 => assert_eq!(winner.replace(n), None, "a second one won"),
            404 => assert_eq!(reply.json()["error"], "approval not found or already decided"),
            _ => panic!("{reply:?}"),
        }
    }
    let read = agent.read(&approval).await;
    assert_eq!(read["decided_by"], format!("person {}", winner.unwrap()));
    assert_eq!(kinds(&server, &agent.id).await.len(), 3);
}

async fn what_nobody_decides_is_denied_in_time(mode: Mode) {
    let server = Server::with(mode, &[("APPROVAL_TIMEOUT_SECONDS", "1")]).await;
    let agent = Agent::new(&server, "worker", None).await;
    let mut own = agent.socket(&server).await;
    let approval = agent.asks(deploy()).await;
    // Nobody asks for it meanwhile.
    let told = own.until("APPROVAL_DECIDED", &agent.id, SOON).await;
    assert_eq!((&told["approval_id"], &told["status"]), (&json!(approval), &json!(DENY)));
    assert_eq!(told["decided_by"], "auto-expired");
    let late = server.admin().post(&agent.decide(&approval), json!({"decision": APPROVE})).await;
    late.expect(404);
    let read = agent.read(&approval).await;
    assert_eq!((&read["status"], &read["decided_by"]), (&json!(DENY), &json!("auto-expired")));
    assert_eq!(read["decided_by_identity"], Value::Null);
    assert_eq!(server.admin().get("/approvals/pending").await.expect(200), json!([]));
    assert_eq!(kinds(&server, &agent.id).await, ["REQUESTED", "DENIED", "DECIDED"]);
}

async fn a_restart_keeps_what_waits(mode: Mode) {
    let mut server = Server::start(mode).await;
    let agent = Agent::new(&server, "worker", None).await;
    let (kept, due) = (agent.asks(deploy()).await, agent.asks(deploy()).await);
    server.kill();
    let past = format!(
        "UPDATE approval_requests SET expires_at = '2020-01-01T00:00:00.000000Z' WHERE id = '{due}'"
    );
    server.tamper(&past).await.unwrap();
    server.restart();
    eventually("expiry", SOON, || async {
        (kinds(&server, &agent.id).await == ["REQUESTED", "REQUESTED", "DENIED", "DECIDED"])
            .then_some(())
    })
    .await;
    assert_eq!(agent.read(&due).await["decided_by"], "auto-expired");
    let pending = server.admin().get("/approvals/pending").await.expect(200);
    assert_eq!((pending.as_array().unwrap().len(), &pending[0]["id"]), (1, &json!(kept)));
    let body = json!({"decision": APPROVE});
    server.admin().post(&agent.decide(&kept), body).await.expect(200);
    let children = server.admin().get("/admin/supervision").await.expect(200);
    let children = children["children"].as_array().unwrap();
    assert!(children.iter().any(|child| child["child"] == "approvals"));
    assert!(server.stop().success());
    let (status, said) = server.verify();
    assert!(status.success(), "{said}");
}

async fn where_two_must_approve_two_different_ones_do(mode: Mode) {
    let server = Server::with(mode, &[("APPROVALS_TWO_PERSON", "true")]).await;
    let lead = Agent::new(&server, "lead", None).await;
    let agent = Agent::new(&server, "worker", Some(&lead.id)).await;
    let (admin, org) = (server.admin(), org_client(&server).await);
    // An agent cannot ask for fewer.
    let mut body = deploy();
    body["approvers_required"] = json!(1);
    let approval = agent.asks(body).await;
    let (path, yes) = (agent.decide(&approval), json!({"decision": APPROVE, "decided_by": "ada"}));
    let first = admin.post(&path, yes.clone()).await.expect(200);
    let expected = json!({
        "status": "pending", "approval_id": approval, "approvals": 1, "approvals_required": 2,
    });
    assert_eq!(first, expected);
    // Another name is not another identity.
    let again = json!({"decision": APPROVE, "decided_by": "somebody else"});
    let refused = admin.post(&path, again).await.expect(409);
    assert_eq!(refused["code"], "already_approved");
    assert!(refused["reason"].as_str().unwrap().contains("somebody else must"), "{refused}");
    assert_eq!(agent.read(&approval).await["status"], "pending");
    let second = org.post(&path, yes.clone()).await.expect(200);
    assert_eq!((&second["status"], &second["approvals"]), (&json!(APPROVE), &json!(2)));
    let read = agent.read(&approval).await;
    let who: Vec<_> = read["decisions"].as_array().unwrap().iter().collect();
    assert_eq!((who.len(), &who[0]["decided_by_identity"]), (2, &json!("admin-token")));
    assert!(who[1]["decided_by_identity"].as_str().unwrap().starts_with("org-token:"));
    let steps = ["REQUESTED", "DECISION_RECORDED", "DECISION_RECORDED", "APPROVED", "DECIDED"];
    assert_eq!(kinds(&server, &agent.id).await, steps);

    // Two tokens of one workspace are one identity; one denial denies.
    let mut body = deploy();
    body["approvers_required"] = json!(3);
    let approval = agent.asks(body).await;
    let path = agent.decide(&approval);
    let tokens = format!("/workspaces/{}/tokens", lead.id);
    let more = lead.client.post(&tokens, json!({})).await.expect(201);
    lead.client.post(&path, yes.clone()).await.expect(200);
    let more = server.bearer(more["auth_token"].as_str().unwrap());
    more.post(&path, yes.clone()).await.expect(409);
    let two = org.post(&path, yes.clone()).await.expect(200);
    assert_eq!((&two["approvals"], &two["approvals_required"]), (&json!(2), &json!(3)));
    let no = admin.post(&path, json!({"decision": DENY})).await.expect(200);
    assert_eq!(no["status"], DENY);
    org.post(&path, yes).await.expect(404);
    for wrong in [json!(0), json!(6), json!("two"), json!(-1)] {
        let mut body = deploy();
        body["approvers_required"] = wrong;
        let refused = agent.client.post(&agent.path(), body).await.expect(400);
        assert_eq!(refused["field"], "approvers_required");
    }
}

async fn requests_are_bounded_listed_and_purged(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let agent = Agent::new(&server, "worker", None).await;
    for (body, field) in [
        (json!({"reason": "x"}), "action"),
        (json!({"action": " "}), "action"),
        (json!({"action": "x".repeat(1_001)}), "action"),
        (json!({"action": "x", "reason": "x".repeat(10_001)}), "reason"),
        (json!({"action": "x", "task_id": "x".repeat(201)}), "task_id"),
        (json!({"action": "x", "context": {"a": "x".repeat(16_384)}}), "context"),
        (json!({"action": "x", "context": [1]}), "context"),
    ] {
        let refused = agent.client.post(&agent.path(), body).await.expect(400);
        assert_eq!(
            (&refused["error"], &refused["field"]),
            (&json!("invalid request body"), &json!(field))
        );
    }
    server.anonymous().post(&agent.path(), deploy()).await.expect(401);
    let nowhere = "/workspaces/00000000-0000-4000-8000-000000000000/approvals";
    admin.post(nowhere, deploy()).await.expect(404);

    let plain = agent.asks(json!({"action": "plain"})).await;
    let read = agent.read(&plain).await;
    assert_eq!(
        (&read["task_id"], &read["reason"], &read["context"]),
        (&json!(""), &json!(""), &json!({}))
    );
    for n in 1..100 {
        agent.asks(json!({"action": format!("number {n}")})).await;
    }
    let full = agent.client.post(&agent.path(), deploy()).await.expect(429);
    assert_eq!(full["code"], "too_many_pending");
    let listed = agent.client.get(&agent.path()).await.expect(200);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["action"]), (50, &json!("number 99")));
    assert_eq!(admin.get("/approvals/pending").await.expect(200).as_array().unwrap().len(), 50);
    admin.post(&agent.decide(&plain), json!({"decision": DENY})).await.expect(200);
    agent.asks(deploy()).await;

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/approvals?limit=40{cursor}")).await.expect(200);
        seen.extend(page["approvals"].as_array().unwrap().clone());
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let ids: std::collections::BTreeSet<_> = seen.iter().map(|one| one["id"].to_string()).collect();
    assert_eq!((seen.len(), ids.len()), (101, 101));
    assert!(seen.is_sorted_by(|a, b| a["created_at"].as_str() >= b["created_at"].as_str()));
    let denied = admin.get("/approvals?status=denied").await.expect(200);
    assert_eq!(denied["approvals"].as_array().unwrap().len(), 1);
    assert_eq!(denied["approvals"][0]["id"], plain);
    for wrong in ["status=open", "cursor=x", "limit=0", "limit=201"] {
        let refused = admin.get(&format!("/approvals?{wrong}")).await.expect(400);
        assert_eq!(refused["field"], wrong.split('=').next().unwrap());
    }

    // A removed workspace waits for nothing; a purged one has asked for nothing.
    let path = format!("/workspaces/{}", agent.id);
    admin.delete(&path).await.expect(200);
    let page = admin.get("/approvals?limit=1").await.expect(200);
    assert_eq!(page["approvals"][0]["decided_by"], "workspace-removed");
    admin.post(&agent.path(), deploy()).await.expect(410);
    assert_eq!(admin.get("/approvals/pending").await.expect(200), json!([]));
    admin.delete(&format!("{path}?purge=true")).await.expect(200);
    assert_eq!(admin.get("/approvals").await.expect(200)["approvals"], json!([]));
    let left = server.sql("SELECT CAST(count(*) AS text) FROM approval_requests").await;
    assert_eq!(left, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_development_mode_people_need_no_credential_and_agents_still_cannot_approve_themselves()
{
    let open = [("ADMIN_TOKEN", ""), ("MOLECULE_ENV", "development")];
    let server = Server::with(Mode::Embedded, &open).await;
    let anonymous = server.anonymous();
    let id = anonymous.create(json!({"name": "dev"})).await;
    let token = anonymous.register(&id).await;
    let path = format!("/workspaces/{id}/approvals");
    let asked = anonymous.post(&path, deploy()).await.expect(201);
    let decide = format!("{path}/{}/decide", asked["approval_id"].as_str().unwrap());
    let yes = json!({"decision": APPROVE});
    server.bearer(&token).post(&decide, yes.clone()).await.expect(403);
    anonymous.post(&decide, yes).await.expect(200);
    let listed = anonymous.get(&path).await.expect(200);
    assert_eq!(listed[0]["decided_by_identity"], "development");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_of_a_person_decides() {
    let server = Server::start(Mode::Embedded).await;
    let agent = Agent::new(&server, "worker", None).await;
    let approval = agent.asks(deploy()).await;
    let login = server.anonymous().get(server.link.strip_prefix(&server.address).unwrap()).await;
    let cookie = login.header("set-cookie").split(';').next().unwrap().to_owned();
    let body = json!({"decision": APPROVE, "decided_by": "human"}).to_string().into_bytes();
    let headers = [("cookie", cookie.as_str()), ("origin", server.address.as_str())];
    let path = agent.decide(&approval);
    let person = server.anonymous();
    let decided = person.try_send(reqwest::Method::POST, &path, Some(body), &headers).await;
    decided.unwrap().expect(200);
    assert_eq!(agent.read(&approval).await["decided_by_identity"], "session");
}
