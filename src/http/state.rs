//! What handlers share.

use std::ops::Deref;
use std::sync::Arc;

use isomer_actors::activity::Activity;
use isomer_actors::approvals::Approvals;
use isomer_actors::directory::Directory;
use isomer_actors::live::Live;
use isomer_actors::mailroom::Mailroom;
use isomer_actors::ports::{Clock, Store};
use isomer_actors::tokens::Tokens;
use prometheus::Registry;
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::canvas::digest::Digests;
use super::health::Readiness;
use super::metrics::HttpMetrics;
use super::places::Places;
use super::rate_limit::Limits;
use super::session::Sessions;
use crate::a2a::card::Cards;
use crate::chat_files::ChatFiles;
use crate::config::Config;
use crate::egress::{Agents, Gate};
use crate::files::Files;
use crate::history::History;
use crate::keys::custody::Custody;
use crate::keys::rotation::{Progress, Rotation};
use crate::keys::secrets::Secrets;
use crate::net::guard::Mode;
use crate::provision::{Addresses, Backend, Host};

/// Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// One per server.
#[expect(missing_debug_implementations, reason = "holds ports, which have none")]
pub struct Shared {
    pub directory: Directory,
    pub tokens: Tokens,
    pub secrets: Secrets,
    pub custody: Custody,
    /// Held while a rotation runs in this process.
    pub rotating: Arc<Mutex<()>>,
    pub live: Live,
    pub mailroom: Mailroom,
    pub approvals: Approvals,
    pub activity: Activity,
    pub host: Host,
    /// Where the agents of `host` listen.
    pub hosted_at: Addresses,
    /// How agents are run: their logs and terminals.
    pub backend: Arc<dyn Backend>,
    /// How messages reach agents.
    pub agents: Arc<dyn Agents>,
    /// Bounds the messages under way.
    pub gate: Gate,
    /// Verifies the signatures of agent cards.
    pub cards: Cards,
    pub chat_files: ChatFiles,
    /// What lies in `/configs`, `/workspace`, `/home` and `/plugins`.
    pub files: Files,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub config: Config,
    /// The given one or the generated one: there always is one.
    pub admin_token: SecretString,
    pub sessions: Sessions,
    pub limits: Limits,
    /// The streams of MCP that are open.
    pub mcp_streams: Places,
    /// Who is sending files to be written.
    pub file_writers: Places,
    /// Who reads logs, and the terminals that are open.
    pub log_readers: Places,
    pub terminals: Places,
    pub metrics: HttpMetrics,
    pub registry: Registry,
    pub readiness: Readiness,
    pub digests: Digests,
    pub history: History,
    /// Cancelled when the server stops: long connections end.
    pub stopping: CancellationToken,
}

impl App {
    /// Wraps what handlers share.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Returns a rotation that tells `progress` of every step.
    pub fn rotation(&self, progress: Progress, rate: u32) -> Rotation {
        let (vault, custody) = (self.secrets.vault().clone(), self.custody.clone());
        Rotation::new(vault, custody, Arc::clone(&self.clock), progress, rate)
    }

    /// Returns which agent addresses this deployment allows.
    pub fn address_mode(&self) -> Mode {
        let dev = self.config.auth.environment == crate::config::Environment::Development;
        Mode { saas: self.config.platform.saas, dev }
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}
