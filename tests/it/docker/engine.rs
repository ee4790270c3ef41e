//! The engine of the tests, its image, and what it is asked beside the product.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::required;

/// The image of the tests: `isomer` and a shell.
pub const IMAGE: &str = "isomer-test:1";

const NETWORK: &str = "molecule-monorepo-net";

/// The engine of the tests.
#[derive(Debug)]
pub struct Engine {
    /// `unix://...`
    pub host: String,
}

/// Returns the engine, started at the first call; `None` when tests of containers are left out.
pub fn engine() -> Option<&'static Engine> {
    static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
    let start = || {
        if std::env::var("ISOMER_SKIP_DOCKER").as_deref() == Ok("1") {
            eprintln!("ISOMER_SKIP_DOCKER=1: tests of containers are left out");
            return None;
        }
        let host = std::env::var("ISOMER_TEST_DOCKER").unwrap_or_else(|_| started());
        let made = Command::new(script("agent-image"))
            .args([env!("CARGO_BIN_EXE_isomer"), IMAGE])
            .env("DOCKER_HOST", &host)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let engine = Engine { host };
        // The first server makes it; the backend by itself expects it.
        if !engine.try_docker(&["network", "inspect", NETWORK]).0 {
            engine.docker(&["network", "create", NETWORK]);
        }
        Some(engine)
    };
    ENGINE.get_or_init(start).as_ref()
}

fn started() -> String {
    let folder = required("ISOMER_TEST_ENGINE_FOLDER");
    let output = Command::new(script("engine")).args(["start", &folder]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name)
}

impl Engine {
    /// Runs `docker` and returns what it says.
    pub fn docker(&self, arguments: &[&str]) -> String {
        let (success, text) = self.try_docker(arguments);
        assert!(success, "docker {arguments:?}: {text}");
        text
    }

    /// Runs `docker`; returns whether it succeeded, and what it says.
    pub fn try_docker(&self, arguments: &[&str]) -> (bool, String) {
        let output =
            Command::new("docker").args(["--host", &self.host]).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// Returns what the engine knows of a container, `Null` when there is none.
    pub fn inspect(&self, container: &str) -> Value {
        let (found, text) = self.try_docker(&["inspect", "--type", "container", container]);
        if !found {
            return Value::Null;
        }
        serde_json::from_str::<Value>(&text).unwrap()[0].take()
    }

    /// Runs a shell command in a container; returns what it says.
    pub fn exec(&self, container: &str, command: &str) -> String {
        self.docker(&["exec", container, "/bin/sh", "-c", command])
    }

    /// Returns a container's id and when it was started.
    pub fn life(&self, container: &str) -> (String, String) {
        let found = self.inspect(container);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&found["Id"]), text(&found["State"]["StartedAt"]))
    }

    /// Returns the names of the containers of an installation.
    pub fn of(&self, installation: &str) -> Vec<String> {
        let filter = format!("label=isomer.installation={installation}");
        let names = self.docker(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"]);
        names.lines().map(str::to_owned).collect()
    }

    /// Removes the containers of an installation.
    pub fn clear(&self, installation: &str) {
        for name in self.of(installation) {
            self.try_docker(&["rm", "--force", &name]);
        }
    }
}

/// Returns the id of the installation in a data folder.
pub fn installation(data_dir: &Path) -> String {
    let text = std::fs::read_to_string(data_dir.join("installation")).unwrap_or_default();
    text.trim().to_owned()
}

/// Returns the name of a workspace's container.
pub fn container(id: &str) -> String {
    format!("ws-{}", &id[..12])
}
