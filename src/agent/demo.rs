//! The two agents of a first run, in the server's own process.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::platform::chain;
use super::{AgentConfig, Exit, HEARTBEAT_EVERY, run};

/// Pause before a failed agent starts again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An agent that comes with a first run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demo {
    pub name: &'static str,
    pub role: &'static str,
    /// Name of its token file under `agents/`.
    file: &'static str,
}

impl Demo {
    /// Everyone on the canvas of a first run.
    pub const ALL: [Self; 2] = [
        Self { name: "Ada", role: "Answers questions with an echo", file: "ada.json" },
        Self { name: "Grace", role: "Repeats what she hears", file: "grace.json" },
    ];

    fn config(self, platform_url: &str, join_token: &SecretString, data_dir: &Path) -> AgentConfig {
        AgentConfig {
            name: self.name.into(),
            role: Some(self.role.into()),
            workspace_id: None,
            platform_url: platform_url.into(),
            bind: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            public_url: None,
            token: None,
            join_token: Some(join_token.clone()),
            token_file: Some(data_dir.join("agents").join(self.file)),
            heartbeat_every: HEARTBEAT_EVERY,
            openai: None,
        }
    }
}

/// Runs the demo agents until `stop`, or until all their workspaces are gone.
///
/// Their ids and tokens lie under `<data_dir>/agents/`, so a second start
/// brings back the same two. One that fails is started again; one whose
/// workspace was removed stays away.
///
/// # Cancel safety
/// Dropping the future ends the agents.
pub async fn demo_agents(
    platform_url: String,
    join_token: SecretString,
    data_dir: &Path,
    stop: CancellationToken,
) {
    let mut agents = JoinSet::new();
    for demo in Demo::ALL {
        let config = demo.config(&platform_url, &join_token, data_dir);
        agents.spawn(supervise(config, stop.clone()));
    }
    while agents.join_next().await.is_some() {}
}

/// Runs one agent again and again. A panic is a failure like any other: the
/// agent runs in a task of its own.
async fn supervise(config: AgentConfig, stop: CancellationToken) {
    let mut pause = FIRST_PAUSE;
    loop {
        let mut agent = JoinSet::new();
        agent.spawn(run(config.clone(), stop.clone()));
        match agent.join_next().await {
            Some(Ok(Ok(Exit::Stopped))) | None => return,
            Some(Ok(Ok(Exit::Gone))) => {
                info!(name = config.name, "its workspace was removed; this demo agent stays away");
                return;
            }
            Some(Ok(Err(failure))) => {
                warn!(name = config.name, error = %chain(&failure), "a demo agent failed");
            }
            Some(Err(panic)) => error!(name = config.name, %panic, "a demo agent panicked"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}
