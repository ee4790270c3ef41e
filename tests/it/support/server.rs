//! The real binary as a child process: killed, stopped and restarted like a real one.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection, Row};
use tempfile::TempDir;
use uuid::Uuid;

use super::{ADMIN, Client, required};

/// Where a server keeps its truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Embedded,
    Production,
}

/// Redis databases 1 to 511, one a server: the contract's keys have no prefix.
static NEXT_REDIS: AtomicU32 = AtomicU32::new(1);

/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// A running server.
pub struct Server {
    child: Child,
    pub address: String,
    pub link: String,
    pub folder: TempDir,
    variables: BTreeMap<String, String>,
    pub mode: Mode,
    kept: Vec<TempDir>,
}

impl Server {
    /// Starts one with the settings of tests.
    pub async fn start(mode: Mode) -> Self {
        Self::with(mode, &[]).await
    }

    /// Starts one with settings of its own.
    pub async fn with(mode: Mode, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut variables = BTreeMap::from([
            ("ADMIN_TOKEN".to_owned(), ADMIN.to_owned()),
            ("ISOMER_DATA_DIR".to_owned(), folder.path().join("data").display().to_string()),
            ("PORT".to_owned(), "0".to_owned()),
            ("RATE_LIMIT".to_owned(), "1000000".to_owned()),
        ]);
        if mode == Mode::Production {
            variables.insert("DATABASE_URL".to_owned(), fresh_database().await);
            let number = NEXT_REDIS.fetch_add(1, Ordering::Relaxed);
            assert!(number < 512, "more servers than Redis databases");
            let redis = format!("{}/{number}", required("ISOMER_TEST_REDIS_URL"));
            variables.insert("REDIS_URL".to_owned(), redis);
        }
        for (name, value) in settings {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
        let (child, link) = spawn(&variables, folder.path());
        let address = link.split("/login").next().unwrap().to_owned();
        Self { child, address, link, folder, variables, mode, kept: Vec::new() }
    }

    /// Returns a client without credentials.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.address, None)
    }

    /// Returns the administrator's client.
    pub fn admin(&self) -> Client {
        Client::new(&self.address, Some(ADMIN))
    }

    /// Returns a client with another bearer.
    pub fn bearer(&self, token: &str) -> Client {
        Client::new(&self.address, Some(token))
    }

    /// Kills the process as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to end and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        signal(self.child.id(), "TERM");
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server did not end within 30 s");
            std::thread::yield_now();
        }
    }

    /// Starts it again at the same address, on what it left behind.
    pub fn restart(&mut self) {
        let port = self.address.rsplit(':').next().unwrap().to_owned();
        self.variables.insert("PORT".to_owned(), port);
        let (child, link) = spawn(&self.variables, self.folder.path());
        self.child = child;
        self.link = link;
    }

    /// Starts it again at any free port, on what it left behind.
    pub fn restart_elsewhere(&mut self) {
        self.variables.insert("PORT".to_owned(), "0".to_owned());
        let (child, link) = spawn(&self.variables, self.folder.path());
        self.child = child;
        self.address = link.split("/login").next().unwrap().to_owned();
        self.link = link;
    }

    /// Starts it with other settings (an empty one is left out) and expects it not to serve;
    /// returns how it ended and what it said.
    pub fn refuses(&self, settings: &[(&str, &str)]) -> (ExitStatus, String) {
        let (status, _, stderr) = self.run(&["serve"], settings);
        (status, stderr)
    }

    /// Runs a command with this server's settings and others; returns status, stdout and stderr.
    pub fn run(
        &self,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> (ExitStatus, String, String) {
        let mut child = self
            .command(arguments, settings)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let process = child.id();
        let deadline = Instant::now() + COMMAND_LIMIT;
        // What it says fits into the pipes.
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                child.kill().unwrap();
                panic!("{arguments:?} (process {process}) did not end within {COMMAND_LIMIT:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status, text(&output.stdout), text(&output.stderr))
    }

    /// Returns a command with this server's settings and others.
    pub fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
        let mut variables = self.variables.clone();
        for (name, value) in settings {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
        variables.retain(|_, value| !value.is_empty());
        let mut command = Command::new(env!("CARGO_BIN_EXE_isomer"));
        command.args(arguments).env_clear().envs(variables).stdin(Stdio::null());
        command
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Runs `isomer verify` on this server's store; the server must be stopped in embedded mode.
    pub fn verify(&self) -> (ExitStatus, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_isomer"))
            .arg("verify")
            .env_clear()
            .envs(&self.variables)
            .output()
            .unwrap();
        (output.status, String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Reads one text from the store.
    pub async fn sql(&self, sql: &'static str) -> String {
        match self.mode {
            Mode::Embedded => {
                let path = Path::new(&self.variables["ISOMER_DATA_DIR"]).join("isomer.db");
                let url = format!("sqlite://{}", path.display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get(0)
            }
            Mode::Production => {
                let url = &self.variables["DATABASE_URL"];
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get(0)
            }
        }
    }

    /// Changes the store behind the server's back.
    pub async fn tamper(&self, sql: &str) -> Result<(), sqlx::Error> {
        match self.mode {
            Mode::Embedded => {
                let path = Path::new(&self.variables["ISOMER_DATA_DIR"]).join("isomer.db");
                let url = format!("sqlite://{}", path.display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await?;
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.map(|_| ())
            }
            Mode::Production => {
                let mut connection = PgConnection::connect(&self.variables["DATABASE_URL"]).await?;
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.map(|_| ())
            }
        }
    }

    /// Puts an empty database in the place of the server's, which must not run.
    pub async fn forget_database(&mut self) {
        match self.mode {
            Mode::Embedded => {
                for entry in std::fs::read_dir(&self.variables["ISOMER_DATA_DIR"]).unwrap() {
                    let path = entry.unwrap().path();
                    let name = path.file_name().unwrap().to_str().unwrap();
                    if name.starts_with("isomer.db") {
                        std::fs::remove_file(&path).unwrap();
                    }
                }
            }
            Mode::Production => {
                self.variables.insert("DATABASE_URL".to_owned(), fresh_database().await);
            }
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// Keeps a folder as long as the server.
    pub fn keep(&mut self, folder: TempDir) {
        self.kept.push(folder);
    }

    /// Returns where the files of a workspace lie.
    pub fn files(&self, id: &str) -> std::path::PathBuf {
        Path::new(&self.variables["ISOMER_DATA_DIR"]).join("workspaces").join(id)
    }

    /// Returns the token that the agent of a workspace was given.
    pub fn agent_token(&self, id: &str) -> String {
        std::fs::read_to_string(self.files(id).join("configs/.auth_token")).unwrap()
    }

    pub fn redis_url(&self) -> Option<&str> {
        self.variables.get("REDIS_URL").map(String::as_str)
    }

    pub fn database_url(&self) -> Option<&str> {
        self.variables.get("DATABASE_URL").map(String::as_str)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(4_000);
            eprintln!("--- the server's log ends:\n{}", &log[log.ceil_char_boundary(from)..]);
        }
    }
}

/// Sends a signal by name.
pub fn signal(process: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(status.unwrap().success());
}

fn spawn(variables: &BTreeMap<String, String>, folder: &Path) -> (Child, String) {
    let stderr =
        std::fs::File::options().create(true).append(true).open(folder.join("stderr")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_isomer"))
        .arg("serve")
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let log = || std::fs::read_to_string(folder.join("stderr")).unwrap_or_default();
    assert!(line.starts_with("http://"), "no login link: {line:?}\n{}", log());
    (child, line.trim().to_owned())
}

/// Creates an empty database and returns its URL.
pub async fn fresh_database() -> String {
    let admin = required("ISOMER_TEST_DATABASE_URL");
    let name = format!("t{}", Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(&admin).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut connection).await.unwrap();
    let (server, _) = admin.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}
