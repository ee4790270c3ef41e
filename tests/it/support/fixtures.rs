//! Agents built on the public SDKs, as processes of their own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// An agent process.
pub struct Agent {
    child: Child,
    pub port: u16,
}

impl Agent {
    /// Starts the agent built on the Python SDK.
    pub fn python(platform: &str, workspace: &str) -> Self {
        let interpreter = root().join(".cache/python/bin/python");
        assert!(interpreter.exists(), "the Python A2A SDK is not installed: run `make test`");
        let mut command = Command::new(interpreter);
        command.arg(root().join("tests/fixtures/python_agent/agent.py"));
        Self::start(command, platform, workspace)
    }

    /// Starts the agent built on the JavaScript SDK.
    pub fn javascript(platform: &str, workspace: &str) -> Self {
        let folder = root().join("tests/fixtures/js_agent");
        let installed = folder.join("node_modules").exists();
        assert!(installed, "the JavaScript A2A SDK is not installed: run `make test`");
        let mut command = Command::new("node");
        command.arg("agent.js").current_dir(folder);
        Self::start(command, platform, workspace)
    }

    /// Starts the built-in agent.
    pub fn built_in(platform: &str, workspace: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isomer"));
        command.arg("agent").env("HEARTBEAT_INTERVAL_SECONDS", "1");
        command.env("PLATFORM_URL", platform).env("WORKSPACE_ID", workspace);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().unwrap(), port: 0 }
    }

    fn start(mut command: Command, platform: &str, workspace: &str) -> Self {
        command.env("PLATFORM_URL", platform).env("WORKSPACE_ID", workspace);
        command.env("HEARTBEAT_SECONDS", "1").env("PORT", "0");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("ready ").and_then(|port| port.parse().ok());
        Self { child, port: port.unwrap_or_else(|| panic!("the agent said {line:?}")) }
    }

    /// Kills it without a word.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for it to end by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Has the client built on the Python MCP SDK do `wanted`; returns what it says.
pub fn mcp_client(wanted: &serde_json::Value) -> serde_json::Value {
    let interpreter = root().join(".cache/mcp/bin/python");
    assert!(interpreter.exists(), "the Python MCP SDK is not installed: run `make test`");
    let mut child = Command::new(interpreter)
        .arg(root().join("tests/fixtures/mcp_client/client.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), wanted).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("the client said {said}"))
}
