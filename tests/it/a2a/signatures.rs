//! Signed agent cards: what the public SDKs sign is verified, and nothing else is.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::in_both_modes;
use crate::support::{Client, Mode, Server};

in_both_modes!(cards_that_the_sdks_signed_are_verified);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a fixture and returns what it prints.
fn printed(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn python() -> Value {
    let interpreter = root().join(".cache/python/bin/python");
    assert!(interpreter.exists(), "the Python A2A SDK is not installed: run `make test`");
    printed(Command::new(interpreter).arg(root().join("tests/fixtures/python_agent/sign.py")))
}

fn javascript() -> Value {
    let folder = root().join("tests/fixtures/js_agent");
    assert!(
        folder.join("node_modules").exists(),
        "the JavaScript A2A SDK is not installed: run `make test`"
    );
    printed(Command::new("node").arg("sign.js").current_dir(folder))
}

/// Registers an agent with a card; returns its id, and its client.
async fn register(server: &Server, card: &Value) -> (String, Client) {
    let admin = server.admin();
    let created = admin.post("/workspaces", json!({"name": "agent", "external": true})).await;
    let created = created.expect(201);
    let id = created["id"].as_str().unwrap().to_owned();
    let own = server.bearer(created["connection"]["auth_token"].as_str().unwrap());
    let body = json!({"id": id, "url": "http://localhost:8001", "agent_card": card});
    own.post("/registry/register", body).await.expect(200);
    (id, own)
}

/// Returns the signature as everybody is told of it.
async fn signature(server: &Server, id: &str, own: &Client) -> Value {
    let admin = server.admin();
    let single = admin.get(&format!("/workspaces/{id}")).await.expect(200);
    let list = admin.get("/workspaces").await.expect(200);
    let listed = list.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap();
    let headers = [("x-workspace-id", id)];
    let path = format!("/registry/discover/{id}");
    let discovered = own.get_with(&path, &headers).await.expect(200);
    assert_eq!(single["card_signature"], listed["card_signature"]);
    assert_eq!(single["card_signature"], discovered["card_signature"]);
    single["card_signature"].clone()
}

async fn cards_that_the_sdks_signed_are_verified(mode: Mode) {
    let (python, javascript) = (python(), javascript());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let mut keys = python["keys"]["keys"].as_array().unwrap().clone();
    keys.extend(javascript["keys"]["keys"].as_array().unwrap().clone());
    std::fs::write(&file, json!({"keys": keys}).to_string()).unwrap();
    let file = file.display().to_string();
    let development = ("MOLECULE_ENV", "development");
    let server = Server::with(mode, &[("A2A_TRUSTED_CARD_KEYS", &file), development]).await;

    let cards = &python["cards"];
    for (card, kid) in [
        (&cards["ES256"], "es256"),
        (&cards["RS256"], "rs256"),
        (&cards["EdDSA"], "eddsa"),
        (&python["served"], "es256"),
        (&javascript["card"], "js"),
    ] {
        let (id, own) = register(&server, card).await;
        let verified = json!({"state": "verified", "kid": kid});
        assert_eq!(signature(&server, &id, &own).await, verified);
    }

    let (id, own) = register(&server, &json!({"name": "unsigned"})).await;
    assert_eq!(signature(&server, &id, &own).await, json!({"state": "unsigned"}));
    let silent = server.admin().create(json!({"name": "silent"})).await;
    let silent = server.admin().get(&format!("/workspaces/{silent}")).await.expect(200);
    assert_eq!(silent["card_signature"], Value::Null);

    // One other letter, and it is not the card that was signed: nothing of it is taken.
    let mut forged = cards["ES256"].clone();
    forged["name"] = json!("Äda ¤");
    let register = json!({"id": id, "url": "http://localhost:9", "agent_card": forged});
    let update = json!({"workspace_id": id, "agent_card": forged});
    for (path, body) in [("/registry/register", register), ("/registry/update-card", update)] {
        let refused = own.post(path, body).await.expect(400);
        assert_eq!(refused["error"], "invalid request body");
        assert_eq!(refused["field"], "agent_card.signatures");
    }
    let view = server.admin().get(&format!("/workspaces/{id}")).await.expect(200);
    assert_eq!(
        (&view["agent_card"]["name"], &view["url"]),
        (&json!("unsigned"), &json!("http://localhost:8001"))
    );
    let update = json!({"workspace_id": id, "agent_card": cards["EdDSA"]});
    own.post("/registry/update-card", update).await.expect(200);
    assert_eq!(signature(&server, &id, &own).await["state"], "verified");

    // Nobody is trusted who is not named.
    let server = Server::with(mode, &[development]).await;
    let (id, own) = self::register(&server, &cards["ES256"]).await;
    let untrusted = json!({"state": "untrusted", "kid": "es256"});
    assert_eq!(signature(&server, &id, &own).await, untrusted);
}
