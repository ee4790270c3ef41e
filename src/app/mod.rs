//! All wiring, on one page: from a checked configuration to a server, and back down.

mod kubernetes;
mod provision;
mod secrets;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use isomer_actors::activity::Keeping;
use isomer_actors::approvals::Rules;
use isomer_actors::directory::Directory;
use isomer_actors::indexes::Patience;
use isomer_actors::mailroom::MailSettings;
use isomer_actors::ports::{LivenessMirror, Relay, Store};
use isomer_actors::tree::{Ports, Settings, StartError, Tree};
use prometheus::Registry;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};
use uuid::Uuid;

pub use self::secrets::{ADMIN_TOKEN_FILE, SERVER_URL_FILE};
use crate::a2a::card::Cards;
use crate::chat_files::{ChatFiles, ChatFilesError};
use crate::clock::SystemClock;
use crate::config::{ApprovalsConfig, Config, LivenessConfig, StoreConfig};
use crate::egress::{Gate, HttpAgents};
use crate::files::Files;
use crate::history::History;
use crate::http;
use crate::http::a2a::HttpCourier;
use crate::http::canvas::digest::Digests;
use crate::http::health::Readiness;
use crate::http::metrics::HttpMetrics;
use crate::http::places::Places;
use crate::http::rate_limit::Limits;
use crate::http::session::Sessions;
use crate::http::state::{App, Shared};
use crate::keys::custody::Custody;
use crate::keys::metrics::KeyMetrics;
use crate::keys::ports::KeyStore;
use crate::keys::secrets::Secrets;
use crate::keys::setup::{self, SetupError};
use crate::lifecycle::Lifecycle;
use crate::net::serve::serve;
use crate::provision::docker::Room;
use crate::redis::{LocalMirror, LocalRelay, RedisError, RedisMirror, RedisRelay};
use crate::store::postgres::{ConnectError, PgStore};
use crate::store::sqlite::{OpenError, SqliteStore};
use crate::templates;

/// A panic must end one actor or one request, never the process.
const _: () = assert!(cfg!(panic = "unwind"), "supervision needs unwinding panics");

/// Between two sweeps.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Between two looks for seeds that are too old.
const SWEEP_SEEDS_EVERY: Duration = Duration::from_secs(30);
/// Between two looks at the check value, which another process may have changed.
const RECHECK_KEYS_EVERY: Duration = Duration::from_secs(5);
/// How long open requests may take to finish at the end.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Why the server did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Sqlite(#[from] OpenError),
    #[error(transparent)]
    Postgres(#[from] ConnectError),
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("the runtime did not start")]
    Start(#[from] StartError),
    #[error("the administrator token in {path} cannot be kept")]
    AdminToken { path: std::path::PathBuf, source: std::io::Error },
    #[error(transparent)]
    Keys(#[from] SetupError),
    #[error("chat files cannot be kept")]
    ChatFiles(#[from] ChatFilesError),
    #[error("agents cannot be run")]
    Provisioner(#[source] std::io::Error),
    #[error("the system gives no randomness")]
    Randomness,
    #[error("metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
    #[error("agents cannot be run in a cluster")]
    Kubernetes(#[from] kubernetes::KubernetesError),
    #[error("the address of the listener is unknown")]
    Listener(#[source] std::io::Error),
    #[error("the supervision tree gave up; the log says why")]
    TreeFailed,
}

/// Serves until `lifecycle` asks to stop, then finishes what was begun.
///
/// # Errors
/// [`AppError`].
pub async fn run(
    config: Config,
    listener: TcpListener,
    lifecycle: Lifecycle,
) -> Result<(), AppError> {
    let address = listener.local_addr().map_err(AppError::Listener)?;
    let Stores { runtime: store, keys: key_store } = open_stores(&config).await?;
    let (mirror, relay) = connect_mirror(&config)?;
    let registry = Registry::new();
    let ports = Ports { store: Arc::clone(&store), mirror, relay, clock: Arc::new(SystemClock) };
    let settings = Settings {
        hosted: config.provision.hosted(),
        patience: patience(&config.liveness),
        sweep_every: SWEEP_EVERY,
        mail: mail(&config),
        approvals: approval_rules(config.approvals),
        activity: Keeping {
            retention: config.activity.retention,
            every: config.activity.cleanup_every,
        },
    };
    let empty = store.is_empty().await.map_err(StartError::Load)?;
    let metrics = KeyMetrics::new(&registry)?;
    let custody = open_keys(&config, key_store, metrics).await?;
    let mut tree = Tree::start(ports, settings, &registry).await?;

    let admin_token = secrets::admin_token(&config)?;
    let values = Secrets::new(custody.vault().clone(), custody.clone(), Arc::new(SystemClock));
    let parts = (tree.directory(), tree.tokens(), Arc::clone(&store), values.clone());
    let (hosting, agents, door) = provision::agent_host(&config, parts, reachable(address)).await?;
    let chat_files = chat_files(&config, &tree.directory()).await?;
    sweep_homes(&config, &tree.directory()).await;
    let kept = (store, chat_files);
    let app = shared(&config, &tree, kept, registry, admin_token, (custody, values), hosting)?;
    tree.mailroom().employ(Arc::new(HttpCourier::new(app.clone())));
    let readiness = app.readiness.clone();
    let stopping = app.stopping.clone();
    tokio::spawn(http::a2a::tell_of_restarts(app.clone()));
    let seeds = tokio::spawn(keep_keys(app.custody.clone(), stopping.clone()));
    let link = login_link(address, app.sessions.login_code());
    secrets::keep_link(&config, &format!("http://{}", reachable(address)), &link)?;

    let dropped = CancellationToken::new();
    let server = tokio::spawn(serve(
        listener,
        http::router(app.clone()),
        config.http.max_connections,
        lifecycle.soft.clone(),
        dropped.clone(),
    ));
    let door = door.map(|door| {
        let room = Room {
            router: http::router(app.clone()),
            address,
            max_connections: config.http.max_connections,
            stop: lifecycle.soft.clone(),
            hard: dropped.clone(),
        };
        AbortOnDropHandle::new(tokio::spawn(door.open(room)))
    });
    let warm_up = tokio::spawn(Tree::warm_up(tree.directory()));
    create_demo(&config, empty, &tree.directory()).await;
    let mut agents = AbortOnDropHandle::new(tokio::spawn(agents.run(stopping.clone())));
    readiness.ready();
    announce(&link);

    let failed = tokio::select! {
        () = lifecycle.soft.cancelled() => false,
        () = tree.failed() => true,
        _ = &mut agents => {
            error!("the agent host ended");
            true
        }
    };
    readiness.draining();
    stopping.cancel();
    lifecycle.soft.cancel();
    warm_up.abort();
    seeds.abort();
    // Agents are clients of this server: they end while it still answers.
    let agents = async {
        if !agents.is_finished() {
            let _ = tokio::time::timeout(DRAIN_LIMIT, agents).await;
        }
    };
    let server = async {
        let served = server.await;
        if let Some(door) = door {
            let _ = door.await;
        }
        served
    };
    let ((), served) = tokio::join!(agents, tokio::time::timeout(DRAIN_LIMIT, server));
    if served.is_err() {
        warn!("some requests did not finish in time");
        dropped.cancel();
    }
    if failed {
        error!("the supervision tree gave up");
        return Err(AppError::TreeFailed);
    }
    tree.stop().await;
    info!("stopped");
    Ok(())
}

/// One store behind the ports of the runtime and of key custody.
#[expect(missing_debug_implementations, reason = "holds ports, which have none")]
pub struct Stores {
    pub runtime: Arc<dyn Store>,
    pub keys: Arc<dyn KeyStore>,
}

/// Opens the store that is configured.
///
/// # Errors
/// Why it cannot be opened.
pub async fn open_stores(config: &Config) -> Result<Stores, AppError> {
    match &config.store {
        StoreConfig::Embedded => {
            let store = Arc::new(SqliteStore::open(&config.data_dir).await?);
            Ok(Stores { runtime: store.clone(), keys: store })
        }
        StoreConfig::Postgres { url, max_connections } => {
            let store = Arc::new(PgStore::connect(url.expose_secret(), *max_connections).await?);
            Ok(Stores { runtime: store.clone(), keys: store })
        }
    }
}

/// Gathers the keys and checks them against the database.
///
/// # Errors
/// Why nothing may be served.
pub async fn open_keys(
    config: &Config,
    store: Arc<dyn KeyStore>,
    metrics: KeyMetrics,
) -> Result<Custody, AppError> {
    let (environment, org_id) = (config.auth.environment, config.platform.org_id.as_deref());
    let clock = Arc::new(SystemClock);
    Ok(setup::open(&config.keys, environment, org_id, store, clock, metrics).await?)
}

/// Erases seeds that are too old and reads the check value again, until the server stops.
async fn keep_keys(custody: Custody, stopping: CancellationToken) {
    let mut sweep = tokio::time::interval(SWEEP_SEEDS_EVERY);
    let mut recheck = tokio::time::interval(RECHECK_KEYS_EVERY);
    recheck.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = sweep.tick() => custody.vault().seeds().sweep(),
            _ = recheck.tick() => custody.recheck().await,
            () = stopping.cancelled() => return,
        }
    }
}

/// The liveness mirror and the way to other nodes.
type Mirror = (Arc<dyn LivenessMirror>, Arc<dyn Relay>);

/// Redis where there is one; else the process itself.
fn connect_mirror(config: &Config) -> Result<Mirror, AppError> {
    let Some(redis) = &config.redis else {
        if matches!(config.store, StoreConfig::Postgres { .. }) {
            warn!(
                "REDIS_URL is not set: other readers see no liveness keys, other nodes no events"
            );
        }
        return Ok((Arc::new(LocalMirror), Arc::new(LocalRelay)));
    };
    let mirror = RedisMirror::connect(&redis.url)?;
    let relay = RedisRelay::connect(&redis.url, Uuid::new_v4())?;
    Ok((Arc::new(mirror), Arc::new(relay)))
}

fn patience(config: &LivenessConfig) -> Patience {
    Patience {
        ttl: config.ttl,
        external_ttl: config.external_ttl,
        provision: config.provision,
        provision_hermes: config.provision_hermes,
    }
}

fn mail(config: &Config) -> MailSettings {
    MailSettings { limit: config.mailbox_limit, ..MailSettings::default() }
}

fn approval_rules(config: ApprovalsConfig) -> Rules {
    Rules { lifetime: config.timeout, required: if config.two_person { 2 } else { 1 } }
}

fn shared(
    config: &Config,
    tree: &Tree,
    (store, chat_files): (Arc<dyn Store>, ChatFiles),
    registry: Registry,
    admin_token: SecretString,
    (custody, secrets): (Custody, Secrets),
    (host, hosted_at, backend): provision::Hosting,
) -> Result<App, AppError> {
    let external = config.platform.external_platform_url.as_deref().unwrap_or_default();
    let secure = external.starts_with("https://");
    let sessions = Sessions::new(&admin_token, secure).map_err(|_| AppError::Randomness)?;
    Ok(App::new(Shared {
        directory: tree.directory(),
        tokens: tree.tokens(),
        live: tree.live(),
        mailroom: tree.mailroom(),
        approvals: tree.approvals(),
        activity: tree.activity(),
        host,
        hosted_at,
        backend,
        agents: Arc::new(HttpAgents::default()),
        gate: Gate::default(),
        cards: Cards::new(config.card_keys.clone()),
        secrets,
        custody,
        rotating: Arc::default(),
        chat_files,
        files: Files::new(&config.data_dir, config.files_limit),
        store,
        clock: Arc::new(SystemClock),
        limits: Limits::new(config.http.rate_limit),
        mcp_streams: Places::new(http::mcp::MAX_STREAMS_EACH, http::mcp::MAX_STREAMS),
        file_writers: Places::new(http::files::MAX_WRITERS_EACH, http::files::MAX_WRITERS),
        log_readers: Places::new(http::logs::MAX_EACH, http::logs::MAX_TOTAL),
        terminals: Places::new(http::terminal::MAX_EACH, http::terminal::MAX_TOTAL),
        metrics: HttpMetrics::new(&registry)?,
        config: config.clone(),
        admin_token,
        sessions,
        registry,
        readiness: Readiness::default(),
        digests: Digests::default(),
        history: History::default(),
        stopping: CancellationToken::new(),
    }))
}

/// Opens the files of conversations, less those of workspaces whose purge was cut short.
async fn chat_files(config: &Config, directory: &Directory) -> Result<ChatFiles, ChatFilesError> {
    let (data_dir, directory) = (config.data_dir.clone(), directory.clone());
    let gone =
        move |id| directory.glimpse(id).is_none() && templates::home::is_unsettled(&data_dir, id);
    ChatFiles::open(&config.data_dir, config.chat_files_limit, gone).await
}

/// Deletes the files of workspaces whose creation, or whose purge, was cut short. Nothing is being
/// created yet. What cannot be deleted harms nobody.
async fn sweep_homes(config: &Config, directory: &Directory) {
    let (data_dir, directory) = (config.data_dir.clone(), directory.clone());
    let exists = move |id| directory.glimpse(id).is_some();
    let swept = templates::blocking(move || {
        templates::home::sweep(&data_dir, &exists).map_err(templates::FolderError::Disk)
    });
    match swept.await {
        Ok(0) => {}
        Ok(count) => {
            info!(count, "files of workspaces that never came to be, or were purged, were deleted")
        }
        Err(error) => {
            warn!(error = %isomer_actors::chain_of(&error), "files of workspaces that never came to be, or were purged, are left")
        }
    }
}

/// Two agents in an empty database, so that a first look finds something alive.
async fn create_demo(config: &Config, empty: bool, directory: &Directory) {
    if !config.demo || !empty || config.provision.limit == 0 {
        return;
    }
    if let Err(error) = crate::provision::create_demo(directory).await {
        warn!(error = %isomer_actors::chain_of(&error), "the demo agents could not be created");
    }
}

fn login_link(address: SocketAddr, code: &SecretString) -> String {
    format!("http://{}/login?token={}", reachable(address), code.expose_secret())
}

/// An address that listens everywhere is reached here.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
        }
        _ => address,
    }
}

/// The link is the only thing that goes to stdout: it is for a person, not for a log.
fn announce(link: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{link}").and_then(|()| out.flush());
}
