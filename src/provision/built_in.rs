//! The built-in agent in this process.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use isomer_actors::api::RuntimeError;
use isomer_actors::chain_of;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::token::Owner;
use isomer_actors::tokens::{MAX_LIVE_PER_WORKSPACE, Tokens};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Addresses, Backend, Ended, Failure, Launch, LogRange, Logs, Terminal, TerminalSize,
    Unavailable, Wanted,
};
use crate::agent::{self, AgentConfig, AgentError, Exit, HEARTBEAT_EVERY, Identity};
use crate::http::token;

/// Its name in answers.
const NAME: &str = "process";
/// Between two tries to issue a token while the store is away.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Runs built-in agents as tasks of this process.
///
/// Each has its own token, in a private file `<id>.json`. One that is missing or not live is
/// replaced before the agent starts, so that no agent needs more than its own rights.
#[derive(Debug)]
pub struct BuiltIn {
    /// Where this server is reached from here.
    pub platform_url: String,
    /// Where the token files lie.
    pub folder: PathBuf,
    pub tokens: Tokens,
    /// Where they listen.
    pub addresses: Addresses,
}

#[async_trait]
impl Backend for BuiltIn {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, launch: Launch, stop: CancellationToken) -> Result<Ended, Failure> {
        let agent = launch.agent;
        let config = self.config(&agent);
        let ready = tokio::select! {
            ready = self.ensure_token(&agent, &config) => ready,
            () = stop.cancelled() => return Ok(Ended::Stopped),
        };
        ready.map_err(|error| failure(&agent, &error))?;
        let _listed = self.addresses.listed(agent.id);
        let bound = |address| self.addresses.put(agent.id, address);
        match agent::run_announced(config, stop, bound).await {
            Ok(Exit::Stopped) => Ok(Ended::Stopped),
            Ok(Exit::Gone) => Ok(Ended::Gone),
            Err(error) => Err(failure(&agent, &error)),
        }
    }

    async fn end(&self, _: WorkspaceId) -> Result<(), Unavailable> {
        // An agent ends with its run.
        Ok(())
    }

    async fn reap(&self, _: &BTreeSet<WorkspaceId>) -> Result<usize, Unavailable> {
        Ok(0)
    }

    async fn logs(&self, _: WorkspaceId, _: LogRange) -> Result<Logs, Unavailable> {
        Err(Unavailable::NotOffered(NAME))
    }

    async fn terminal(&self, _: WorkspaceId, _: TerminalSize) -> Result<Terminal, Unavailable> {
        Err(Unavailable::NotOffered(NAME))
    }

    async fn forget(&self, id: WorkspaceId) {
        match tokio::fs::remove_file(self.token_file(id)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                warn!(workspace_id = %id, %error, "its agent's token file could not be removed");
            }
            _ => {}
        }
    }
}

impl BuiltIn {
    fn config(&self, agent: &Wanted) -> AgentConfig {
        AgentConfig {
            name: agent.name.clone(),
            role: agent.role.clone(),
            workspace_id: Some(agent.id.0),
            platform_url: self.platform_url.clone(),
            bind: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            public_url: None,
            token: None,
            join_token: None,
            token_file: Some(self.token_file(agent.id)),
            heartbeat_every: HEARTBEAT_EVERY,
            openai: None,
        }
    }

    fn token_file(&self, id: WorkspaceId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    /// Sees to it that the token file holds a live token of this workspace.
    async fn ensure_token(&self, agent: &Wanted, config: &AgentConfig) -> Result<(), AgentError> {
        let identity = Identity::open(config).await?;
        let live = identity
            .stored_token()
            .and_then(|text| self.tokens.find(&token::hash(text.expose_secret())));
        if live.is_some_and(|known| matches!(known.owner, Owner::Workspace(id) if id == agent.id)) {
            return Ok(());
        }
        loop {
            let issued = match token::mint() {
                Ok(minted) => {
                    let issued = self.tokens.issue(agent.id, &minted.stored).await;
                    issued.map(|added| added.then_some(minted.text))
                }
                Err(_) => Err(RuntimeError::Unavailable(None)),
            };
            match issued {
                Ok(Some(text)) => {
                    info!(workspace_id = %agent.id, "issued a token to its agent");
                    return identity.keep(&text).await;
                }
                Ok(None) => {
                    let most = MAX_LIVE_PER_WORKSPACE;
                    warn!(workspace_id = %agent.id, most, "it has too many tokens for another");
                    return Ok(());
                }
                // Removed a moment ago: the agent finds out by itself.
                Err(RuntimeError::NotFound) => return Ok(()),
                Err(error) => {
                    let error = chain_of(&error);
                    warn!(workspace_id = %agent.id, %error, "no token could be issued; trying on");
                    tokio::time::sleep(ASK_AGAIN).await;
                }
            }
        }
    }
}

/// The whole error goes to the log, what strangers may know into the reason.
fn failure(agent: &Wanted, error: &AgentError) -> Failure {
    warn!(workspace_id = %agent.id, error = %chain_of(error), "a built-in agent failed");
    let reason = match error {
        AgentError::Setting(error) => error.to_string(),
        AgentError::Bind { address, .. } => format!("it cannot listen on {address}"),
        AgentError::TokenFile { .. } | AgentError::ForeignTokenFile { .. } => {
            "its token file cannot be used; the server's log says why".to_owned()
        }
        AgentError::NoTlsProvider | AgentError::Client(_) => {
            "it has no HTTP client; the server's log says why".to_owned()
        }
        AgentError::Server(_) => "its server ended early".to_owned(),
    };
    Failure::new(reason)
}
