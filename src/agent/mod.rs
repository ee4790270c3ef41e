//! The built-in agent, `isomer agent`: a real A2A agent in the same binary,
//! for first runs, tests and load.
//!
//! It serves its card and JSON-RPC ([`serve`], [`rpc`]), answers with an echo
//! or through an OpenAI-compatible model ([`model`]), and keeps itself
//! registered and beating at a platform ([`membership`]).
//!
//! The protocol types are our own ([`protocol`]). The A2A project's Rust SDK
//! was weighed and left out: `a2a-server-lf` routes only the 1.0 method names,
//! while contract clients speak 0.3; it brings a gRPC code generator (tonic,
//! prost, a vendored protoc: forty packages); and its `a2a-lf` types accept
//! only 1.0 spellings of roles, parts and states. What this agent serves of
//! both generations is a few hundred lines of pure, property-tested code.

mod answers;
mod card;
mod identity;
mod membership;
mod model;
mod platform;
mod protocol;
mod rpc;
mod serve;
mod settings;
mod tasks;
#[cfg(test)]
mod tests;
mod vitals;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};
use uuid::Uuid;

pub use identity::Identity;
pub use settings::{AgentArgs, SettingError};

/// How often an agent beats when nothing else is said (contract 10 §1.3).
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(30);
/// How long a stopping agent waits for calls under way.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Everything an agent needs to run. [`AgentArgs`] makes one from flags and
/// the environment.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Shown on the card and, when the workspace has no name yet, on the canvas.
    pub name: String,
    /// What the agent is for: the card's description.
    pub role: Option<String>,
    /// Without one, the id in `token_file` is used, else a fresh one.
    pub workspace_id: Option<Uuid>,
    /// Base URL of the platform, `http` or `https`.
    pub platform_url: String,
    pub bind: IpAddr,
    /// 0 lets the system choose.
    pub port: u16,
    /// Where callers reach this agent; needed when `bind` is unspecified.
    pub public_url: Option<String>,
    /// The workspace's own token.
    pub token: Option<SecretString>,
    /// An admin, organisation or join token, used only to register, when the
    /// own token is missing or refused.
    pub join_token: Option<SecretString>,
    /// Where the workspace id and a received token are kept, mode 0600.
    pub token_file: Option<PathBuf>,
    pub heartbeat_every: Duration,
    /// Without it the agent answers with an echo.
    pub openai: Option<OpenAi>,
}

/// An OpenAI-compatible chat completions endpoint.
#[derive(Debug, Clone)]
pub struct OpenAi {
    pub api_key: SecretString,
    /// Without `/chat/completions`, for example `https://api.openai.com/v1`.
    pub base_url: String,
    pub model: String,
}

/// Why an agent ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It was told to stop.
    Stopped,
    /// The platform answered 410: the workspace was removed.
    Gone,
}

/// Why an agent could not run. Nothing the platform answers is one of these.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("cannot listen on {address}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("cannot use the token file {}", path.display())]
    TokenFile { path: PathBuf, source: BoxError },
    #[error(
        "the token file {} belongs to workspace {found}, not to {wanted}; \
         give another ISOMER_TOKEN_FILE or leave WORKSPACE_ID unset",
        path.display()
    )]
    ForeignTokenFile { path: PathBuf, found: Uuid, wanted: Uuid },
    #[error("no TLS provider is installed in this process")]
    NoTlsProvider,
    #[error("cannot make an HTTP client")]
    Client(#[source] BoxError),
    #[error("the agent's server ended early")]
    Server(#[source] BoxError),
}

/// Runs an agent until `stop` is cancelled or its workspace is gone.
///
/// Needs a process-wide rustls provider. Whatever the platform answers, or
/// when it does not answer at all, the agent keeps serving and keeps trying.
///
/// # Errors
/// Bad settings, an address that cannot be bound, an unusable token file.
/// Trying again with the same settings may help only for the address.
///
/// # Cancel safety
/// Dropping the future closes the listener and ends every call under way. A
/// token received but not yet written to the token file is lost with it; the
/// next start then needs the join token.
pub async fn run(config: AgentConfig, stop: CancellationToken) -> Result<Exit, AgentError> {
    run_announced(config, stop, |_| {}).await
}

/// Runs an agent as [`run`] does, and tells `bound` where it listens before it registers.
///
/// # Errors
/// As [`run`].
///
/// # Cancel safety
/// As [`run`].
pub async fn run_announced(
    config: AgentConfig,
    stop: CancellationToken,
    bound: impl FnOnce(SocketAddr) + Send,
) -> Result<Exit, AgentError> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err(AgentError::NoTlsProvider);
    }
    settings::check(&config)?;
    let identity = identity::Identity::open(&config).await?;
    let listener = listen(&config).await?;
    let address = listener.local_addr().map_err(|error| AgentError::Server(error.into()))?;
    bound(address);
    let url = public_url(&config, address.port());
    let card = card::card(&config, &url);
    let agent = Arc::new(rpc::Agent::new(&config, &card)?);
    let platform = platform::Platform::new(&config, identity.workspace_id())?;
    info!(workspace_id = %identity.workspace_id(), url, name = config.name, "agent is serving");
    if config.token_file.is_none() && config.token.is_none() {
        warn!("no token file: after a restart this agent cannot come back as itself");
    }

    let work = CancellationToken::new();
    let _ends_with_this_future = work.clone().drop_guard();
    let server = serve::serve(listener, Arc::clone(&agent), work.clone());
    let mut server = AbortOnDropHandle::new(tokio::spawn(server));
    let mut member =
        membership::Member::new(&config, platform, identity, url, card, agent.vitals());
    let exit = tokio::select! {
        () = stop.cancelled() => Exit::Stopped,
        () = member.keep() => Exit::Gone,
        ended = &mut server => {
            let cause = ended.err().map_or_else(|| "it returned".into(), BoxError::from);
            return Err(AgentError::Server(cause));
        }
    };
    work.cancel();
    if tokio::time::timeout(DRAIN_LIMIT, server).await.is_err() {
        warn!(limit_seconds = DRAIN_LIMIT.as_secs(), "calls under way were cut");
    }
    info!(?exit, "agent has ended");
    Ok(exit)
}

async fn listen(config: &AgentConfig) -> Result<TcpListener, AgentError> {
    let address = SocketAddr::new(config.bind, config.port);
    TcpListener::bind(address).await.map_err(|source| AgentError::Bind { address, source })
}

/// The URL that is registered. Loopback is called `localhost`, because the
/// platform refuses loopback addresses by number (contract 02 §7.1).
fn public_url(config: &AgentConfig, port: u16) -> String {
    match (&config.public_url, config.bind) {
        (Some(url), _) => url.clone(),
        (None, bind) if bind.is_loopback() => format!("http://localhost:{port}"),
        (None, bind) => format!("http://{}", SocketAddr::new(bind, port)),
    }
}

/// A client for one base URL: bounded waits, no redirects, and no proxy for
/// a server on this machine.
fn http_client(
    base: &reqwest::Url,
    limit: Option<Duration>,
) -> Result<reqwest::Client, AgentError> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5));
    if let Some(limit) = limit {
        builder = builder.timeout(limit);
    }
    if settings::is_loopback(base) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| AgentError::Client(error.into()))
}
