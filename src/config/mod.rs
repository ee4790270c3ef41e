//! Every setting of `isomer serve`: its variable, unit, default and check.
//!
//! Everything is read and checked before any socket opens; a bad value exits 64.

mod cards;
mod keys;
mod provision;
mod read;
mod tiers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

pub use self::keys::{ControlPlaneAt, KeysConfig};
pub use self::provision::{ProvisionConfig, Provisioner, RuntimeSpec};
pub use self::read::{ConfigError, Environment, default_data_dir};
pub use self::tiers::{Caps, TierSettings};
use crate::a2a::card::TrustedKeys;

/// The exit code for a bad setting (`EX_USAGE` of sysexits.h).
pub const EXIT_USAGE: u8 = 64;

/// Everything `isomer serve` needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    pub http: HttpConfig,
    pub store: StoreConfig,
    pub redis: Option<RedisConfig>,
    pub auth: AuthConfig,
    pub liveness: LivenessConfig,
    pub platform: PlatformConfig,
    pub telemetry: TelemetryConfig,
    pub keys: KeysConfig,
    pub activity: ActivityConfig,
    /// `ISOMER_SHUTDOWN_SECONDS` (30 s): after SIGTERM the process ends within this.
    pub shutdown: Duration,
    /// `ISOMER_DATA_DIR` (`$XDG_DATA_HOME/isomer`, else `~/.local/share/isomer`).
    pub data_dir: PathBuf,
    /// `ISOMER_DEMO` (0): create two workspaces of the runtime `isomer` in an empty database.
    pub demo: bool,
    /// `A2A_IDLE_TIMEOUT_SECONDS` (300 s): an agent that sends nothing for so long is given up.
    pub a2a_idle: Duration,
    /// `MESSAGE_TTL_SECONDS` (86,400 s): how long a message waits for its agent unless its sender
    /// says otherwise.
    pub message_ttl: Duration,
    /// `MAILBOX_LIMIT` (1,000): messages that may wait for one workspace.
    pub mailbox_limit: u32,
    /// `A2A_TRUSTED_CARD_KEYS` (no keys): a file with a JWK set; signatures of agent cards are
    /// trusted by its keys.
    pub card_keys: TrustedKeys,
    /// `CHAT_FILES_LIMIT_MB` (1,024), in bytes: what the chat files of one workspace may take.
    pub chat_files_limit: u64,
    /// `FILES_LIMIT_MB` (1,024), in bytes: what the files of one workspace may take together.
    pub files_limit: u64,
    pub provision: ProvisionConfig,
    pub approvals: ApprovalsConfig,
    /// `MOLECULE_MCP_ALLOW_SEND_MESSAGE` (0): agents may speak to people through MCP.
    pub mcp_send_message: bool,
}

/// The edge.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// `BIND` (127.0.0.1) and `PORT` (8080; 0 takes any free one).
    pub listen: SocketAddr,
    /// `CORS_ORIGINS` (`http://localhost:3000,http://localhost:3001`), lower-case.
    pub cors_origins: Vec<String>,
    /// Whether `CORS_ORIGINS` was given: then `/ws` checks origins (contract 03 §4).
    pub cors_given: bool,
    /// `RATE_LIMIT` (600): requests per minute and principal.
    pub rate_limit: u32,
    /// `MAX_CONNECTIONS` (10,000).
    pub max_connections: usize,
    /// `MAX_BODY_BYTES` (4 MiB).
    pub max_body_bytes: usize,
}

/// Where truth lives.
#[derive(Clone, Debug)]
pub enum StoreConfig {
    /// No `DATABASE_URL`: a SQLite file under the data directory.
    Embedded,
    /// `DATABASE_URL`, with at most `DATABASE_MAX_CONNECTIONS` (25) connections.
    Postgres { url: SecretString, max_connections: u32 },
}

/// `REDIS_URL`: the liveness mirror and the relay.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    pub url: SecretString,
}

/// Who is let in.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// `ADMIN_TOKEN`, at least 16 bytes. Without it one is generated into the data directory.
    pub admin_token: Option<SecretString>,
    /// `MOLECULE_ENV`.
    pub environment: Environment,
    /// Contract 00 §6.5 within design §7: development, no `ADMIN_TOKEN`, loopback only.
    pub dev_mode: bool,
    /// `MOLECULE_ENABLE_TEST_TOKENS=1`, or not in production.
    pub test_tokens: bool,
}

/// How silence is judged.
#[derive(Clone, Copy, Debug)]
pub struct LivenessConfig {
    /// `LIVENESS_TTL` (60 s).
    pub ttl: Duration,
    /// `REMOTE_LIVENESS_STALE_AFTER` (`LIVENESS_TTL`): the same for external agents.
    pub external_ttl: Duration,
    /// `PROVISION_TIMEOUT_SECONDS` (600 s).
    pub provision: Duration,
    /// The same for the runtime `hermes` (1,800 s unless given).
    pub provision_hermes: Duration,
}

/// How requests for approval are treated.
#[derive(Clone, Copy, Debug)]
pub struct ApprovalsConfig {
    /// `APPROVAL_TIMEOUT_SECONDS` (600 s): what nobody decided by then is denied.
    pub timeout: Duration,
    /// `APPROVALS_TWO_PERSON` (0): each request needs the approval of two different identities.
    pub two_person: bool,
}

/// How long activity is kept.
#[derive(Clone, Copy, Debug)]
pub struct ActivityConfig {
    /// `ACTIVITY_RETENTION_DAYS` (7 days).
    pub retention: Duration,
    /// `ACTIVITY_CLEANUP_INTERVAL_HOURS` (6 h; also when it is no number from 1 to 720).
    pub cleanup_every: Duration,
}

/// What agents and clients are told of this server, and which deployment it is part of.
#[derive(Clone, Debug, Default)]
pub struct PlatformConfig {
    /// `PLATFORM_URL`: given to agents.
    pub platform_url: Option<String>,
    /// `EXTERNAL_PLATFORM_URL`: given to external agents; else derived from the request.
    pub external_platform_url: Option<String>,
    /// `MOLECULE_DEPLOY_MODE=saas`, or `MOLECULE_ORG_ID` without a mode (contract 02 §7).
    pub saas: bool,
    /// `MOLECULE_ORG_ID`: turns the tenant guard on (contract 00 §8).
    pub org_id: Option<String>,
    /// `CONFIGS_DIR`: the root of workspace templates.
    pub configs_dir: Option<PathBuf>,
}

/// How the process speaks of itself.
#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    /// `RUST_LOG`, else `LOG_LEVEL` (`info`).
    pub filter: String,
    /// `LOG_FORMAT=json` (`text`).
    pub json: bool,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: traces are exported there over HTTP.
    pub otlp_endpoint: Option<String>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), json: false, otlp_endpoint: None }
    }
}
