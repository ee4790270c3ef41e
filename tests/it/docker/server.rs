//! A server whose agents are containers.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::backend::CONTAINERS;
use super::engine::{Engine, IMAGE, engine, installation};
use crate::support::{Client, Mode, Server, eventually};

/// One that is cleared up behind.
pub struct Docked {
    pub engine: &'static Engine,
    pub server: Server,
    _runtimes: TempDir,
}

impl Docked {
    pub async fn start(settings: &[(&str, &str)]) -> Option<Self> {
        let engine = engine()?;
        let runtimes = tempfile::tempdir().unwrap();
        let file = runtimes.path().join("runtimes.yaml");
        std::fs::write(&file, format!("isomer: {{image: '{IMAGE}'}}\n")).unwrap();
        let file = file.display().to_string();
        let mut all = vec![
            ("PROVISIONER", "docker"),
            ("DOCKER_HOST", engine.host.as_str()),
            ("ISOMER_RUNTIMES", file.as_str()),
        ];
        all.extend(settings);
        let server = Server::with(Mode::Embedded, &all).await;
        Some(Self { engine, server, _runtimes: runtimes })
    }

    pub fn admin(&self) -> Client {
        self.server.admin()
    }

    pub fn installation(&self) -> String {
        installation(&self.server.folder.path().join("data"))
    }

    pub async fn create(&self, name: &str) -> String {
        let body = json!({"name": name, "runtime": "isomer", "tier": 2});
        self.admin().create(body).await
    }

    /// Waits until the workspace is online; returns what is known of it.
    pub async fn online(&self, id: &str) -> Value {
        eventually("online agent", CONTAINERS, || async {
            let view = self.admin().get(&format!("/workspaces/{id}")).await.json();
            (view["status"] == "online").then_some(view)
        })
        .await
    }

    /// Says something to an agent, as the canvas does; returns the answer.
    pub async fn say(&self, id: &str, text: &str) -> Value {
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": "message/send",
            "params": {"message": {
                "role": "user", "messageId": "1", "parts": [{"kind": "text", "text": text}],
            }},
        });
        self.admin().post(&format!("/workspaces/{id}/a2a"), message).await.expect(200)
    }
}

impl Drop for Docked {
    fn drop(&mut self) {
        // A living server would start them again.
        self.server.kill();
        self.engine.clear(&self.installation());
    }
}
