//! The backend against recorded exchanges with the Kubernetes API.

mod cases;
mod manifests;
mod reading;
mod rights;
mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Access;
use isomer_actors::domain::status::Status;
use kube::{Client, Config};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::server::{DEADLINE, Server, recorded};
use super::manifest::Manifest;
use super::{
    Addresses, Backend, Ended, Failure, KubernetesBackend, Launch, LogRange, Settings, Unavailable,
    configs,
};
use crate::config::{RuntimeSpec, TierSettings};
use crate::provision::{Folders, Wanted};

const WORKSPACE: &str = "0b9f6a2e-5c1d-4e0f-9a7b-3d2c1b0a9f8e";
const INSTALLATION: &str = "7d1f3b5a-9c2e-4f60-8a1b-2c3d4e5f6a7b";
/// Nothing of these may be seen outside Secrets.
const SECRETS: [&str; 3] = ["a value with $(HOME) inside", "the other value", "the token's value"];

fn id() -> WorkspaceId {
    WorkspaceId(WORKSPACE.parse().unwrap())
}

fn settings() -> Settings {
    Settings {
        namespace: "agents".to_owned(),
        installation: INSTALLATION.parse().unwrap(),
        platform_url: "http://isomer.isomer.svc:8080".to_owned(),
        tiers: TierSettings::default(),
        allow_privileged: true,
        secrets_in_file: false,
        attempt: Duration::from_secs(180),
        engine_socket: "/var/run/docker.sock".into(),
    }
}

/// Returns a run with the files of a folder.
fn launch(tier: i32, folder: &Path) -> Launch {
    let folders = Folders::of(folder, id());
    std::fs::create_dir_all(folders.configs.join("skills/greet")).unwrap();
    std::fs::write(folders.configs.join("config.yaml"), "name: Ada\n").unwrap();
    std::fs::write(folders.configs.join("skills/greet/SKILL.md"), "Greet.\n").unwrap();
    let secret = |name: &str, value: &str| (name.to_owned(), SecretString::from(value.to_owned()));
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Launch {
        agent: Wanted {
            id: id(),
            name: "Ada".to_owned(),
            role: None,
            tier,
            runtime: "langgraph".to_owned(),
            parent_id: None,
            workspace_dir: None,
            workspace_access: Access::None,
            status: Status::Provisioning,
        },
        spec: RuntimeSpec { command: Vec::new(), image: Some("registry.example/agents:1".into()) },
        folders,
        variables: BTreeMap::from([
            variable("WORKSPACE_ID", WORKSPACE),
            variable("MOLECULE_AGENT_ROLE", "costs $5, $(not) more"),
        ]),
        secrets: BTreeMap::from([secret("MODEL_KEY", SECRETS[0]), secret("OTHER_KEY", SECRETS[1])]),
        token: SecretString::from(SECRETS[2].to_owned()),
    }
}

fn manifest(launch: &Launch, settings: &Settings) -> Result<Manifest, Failure> {
    let files = configs::read(&launch.folders.configs)?;
    Manifest::new(launch, &files, settings)
}

/// A backend before a server that plays what was recorded.
struct Stage {
    server: Server,
    backend: Arc<KubernetesBackend>,
    addresses: Addresses,
    folder: TempDir,
}

impl Stage {
    async fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hash = manifest(&launch(2, folder.path()), &settings()).unwrap().hash;
        let server = Server::start(recorded(name, &hash)).await;
        let addresses = Addresses::default();
        let backend = backend(&server.address.to_string(), &addresses);
        Self { server, backend, addresses, folder }
    }

    fn launch(&self) -> Launch {
        launch(2, self.folder.path())
    }

    fn run(&self) -> (CancellationToken, JoinHandle<Result<Ended, Failure>>) {
        let (backend, launch, stop) =
            (Arc::clone(&self.backend), self.launch(), CancellationToken::new());
        let stopped = stop.clone();
        (stop, tokio::spawn(async move { backend.run(launch, stopped).await }))
    }

    /// Returns why a run failed.
    async fn failure(&self) -> Failure {
        let (_stop, run) = self.run();
        let ended = tokio::time::timeout(DEADLINE, run).await;
        ended
            .unwrap_or_else(|_| {
                self.server.finish();
                panic!("it goes on")
            })
            .unwrap()
            .unwrap_err()
    }
}

fn backend(address: &str, addresses: &Addresses) -> Arc<KubernetesBackend> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = Config::new(format!("http://{address}").parse().unwrap());
    config.default_retry = false;
    let client = Client::try_from(config).unwrap();
    Arc::new(KubernetesBackend::new(client, addresses.clone(), settings()))
}
