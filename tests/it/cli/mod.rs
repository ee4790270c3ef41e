//! The command line as people and scripts use it: the real program against a real server, and
//! against a scripted one for what a server seldom says.

mod commands;
mod fake;
mod scripted;
mod teams;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{ADMIN, Server};

/// What the program left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Expects an exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Reads stdout as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no document: {self:?}"))
    }
}

/// Runs the program with these variables and no others, and this stdin.
pub async fn program(variables: &[(&str, &str)], arguments: &[&str], stdin: &str) -> Ended {
    let variables: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
    let stdin = stdin.to_owned();
    let run = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(env!("CARGO_BIN_EXE_isomer"))
            .args(arguments)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap()
    });
    let output = run.await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ended = Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    assert!(!ended.stdout.contains(ADMIN) && !ended.stderr.contains(ADMIN), "a token was shown");
    ended
}

/// Runs the program beside a server, which it finds by the data directory.
pub async fn beside(server: &Server, arguments: &[&str]) -> Ended {
    with_stdin(server, arguments, "").await
}

/// The same with a stdin.
pub async fn with_stdin(server: &Server, arguments: &[&str], stdin: &str) -> Ended {
    let data = server.folder.path().join("data").display().to_string();
    let variables = [("ISOMER_DATA_DIR", data.as_str()), ("ISOMER_TOKEN", ADMIN)];
    program(&variables, arguments, stdin).await
}
