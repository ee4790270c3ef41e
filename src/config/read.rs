//! Reading and checking the environment.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{
    ActivityConfig, ApprovalsConfig, AuthConfig, Config, HttpConfig, LivenessConfig,
    PlatformConfig, RedisConfig, StoreConfig, TelemetryConfig,
};

/// Contract 00 §5.
const DEFAULT_ORIGINS: &str = "http://localhost:3000,http://localhost:3001";
/// What is logged unless asked otherwise.
const DEFAULT_LEVEL: &str = "info";
/// Quiet libraries: ractor keeps a span per actor alive at `info`.
const QUIET: &str =
    "ractor=warn,sqlx=warn,hyper=warn,hyper_util=warn,reqwest=warn,opentelemetry=warn";
const MIN_ADMIN_TOKEN_BYTES: usize = 16;

/// A variable has a value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}={value}: {accepted}")]
pub struct ConfigError {
    pub variable: &'static str,
    /// What was given; `(hidden)` for secrets.
    pub value: String,
    /// What would be accepted.
    pub accepted: String,
}

/// `MOLECULE_ENV`, trimmed, in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// `dev` or `development`.
    Development,
    /// `prod` or `production`.
    Production,
    /// Anything else, or nothing.
    #[default]
    Other,
}

impl Environment {
    fn parse(text: &str) -> Self {
        match text.trim().to_ascii_lowercase().as_str() {
            "dev" | "development" => Self::Development,
            "prod" | "production" => Self::Production,
            _ => Self::Other,
        }
    }
}

/// The environment, as a function, so that tests need not change the process's own.
pub(super) struct Source<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Config {
    /// Reads and checks all settings. Variables that are empty count as not set.
    ///
    /// # Errors
    /// The first variable that cannot be used.
    pub fn from_env(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let env = Source(variable);
        let auth_given = env.admin_token()?;
        let http = env.http(auth_given.is_some())?;
        let environment =
            env.text("MOLECULE_ENV").map(|text| Environment::parse(&text)).unwrap_or_default();
        let dev_mode = auth_given.is_none()
            && environment == Environment::Development
            && http.listen.ip().is_loopback();
        let test_tokens = env.flag("MOLECULE_ENABLE_TEST_TOKENS")?.unwrap_or(false)
            || environment != Environment::Production;
        let store = env.store()?;
        let redis = env.redis(&store)?;
        Ok(Self {
            http,
            store,
            redis,
            auth: AuthConfig { admin_token: auth_given, environment, dev_mode, test_tokens },
            liveness: env.liveness()?,
            platform: env.platform()?,
            telemetry: env.telemetry()?,
            keys: env.keys(environment)?,
            activity: env.activity()?,
            shutdown: env.seconds("ISOMER_SHUTDOWN_SECONDS", 1, 600)?.unwrap_or(secs(30)),
            data_dir: env.data_dir()?,
            demo: env.flag("ISOMER_DEMO")?.unwrap_or(false),
            a2a_idle: env.seconds("A2A_IDLE_TIMEOUT_SECONDS", 1, 86_400)?.unwrap_or(secs(300)),
            message_ttl: env.seconds("MESSAGE_TTL_SECONDS", 1, 604_800)?.unwrap_or(secs(86_400)),
            mailbox_limit: env.number("MAILBOX_LIMIT", 1, 100_000)?.unwrap_or(1_000) as u32,
            card_keys: env.card_keys()?,
            chat_files_limit: env.number("CHAT_FILES_LIMIT_MB", 1, 1_000_000)?.unwrap_or(1_024)
                << 20,
            files_limit: env.number("FILES_LIMIT_MB", 1, 1_000_000)?.unwrap_or(1_024) << 20,
            provision: env.provision()?,
            approvals: env.approvals()?,
            mcp_send_message: env.flag("MOLECULE_MCP_ALLOW_SEND_MESSAGE")?.unwrap_or(false),
        })
    }
}

impl Source<'_> {
    /// Returns a value exactly as it was given, spaces included.
    pub(super) fn raw(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }

    fn parsed<T: FromStr>(
        &self,
        variable: &'static str,
        accepted: &str,
        check: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.text(variable) else {
            return Ok(None);
        };
        match value.trim().parse() {
            Ok(parsed) if check(&parsed) => Ok(Some(parsed)),
            _ => Err(bad(variable, &value, accepted)),
        }
    }

    pub(super) fn number(
        &self,
        variable: &'static str,
        from: u64,
        to: u64,
    ) -> Result<Option<u64>, ConfigError> {
        let accepted = format!("a whole number from {from} to {to} is accepted");
        self.parsed(variable, &accepted, |n| (from..=to).contains(n))
    }

    pub(super) fn seconds(
        &self,
        variable: &'static str,
        from: u64,
        to: u64,
    ) -> Result<Option<Duration>, ConfigError> {
        let accepted = format!("whole seconds from {from} to {to} are accepted");
        let seconds = self.parsed(variable, &accepted, |n: &u64| (from..=to).contains(n))?;
        Ok(seconds.map(secs))
    }

    pub(super) fn flag(&self, variable: &'static str) -> Result<Option<bool>, ConfigError> {
        let Some(value) = self.text(variable) else {
            return Ok(None);
        };
        match value.trim().to_ascii_lowercase().as_str() {
            "1" | "true" => Ok(Some(true)),
            "0" | "false" => Ok(Some(false)),
            _ => Err(bad(variable, &value, "1, true, 0 or false is accepted")),
        }
    }

    fn admin_token(&self) -> Result<Option<SecretString>, ConfigError> {
        let Some(token) = self.text("ADMIN_TOKEN") else {
            return Ok(None);
        };
        let token = token.trim();
        let usable =
            token.len() >= MIN_ADMIN_TOKEN_BYTES && token.bytes().all(|b| b.is_ascii_graphic());
        if usable {
            return Ok(Some(SecretString::from(token.to_owned())));
        }
        let accepted = format!(
            "at least {MIN_ADMIN_TOKEN_BYTES} printable ASCII characters without spaces are accepted"
        );
        Err(bad("ADMIN_TOKEN", "(hidden)", &accepted))
    }

    fn http(&self, admin_given: bool) -> Result<HttpConfig, ConfigError> {
        let port = self.number("PORT", 0, 65_535)?.unwrap_or(8_080);
        let bind = self
            .parsed::<IpAddr>("BIND", "an IPv4 or IPv6 address is accepted", |_| true)?
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        if !bind.is_loopback() && !admin_given {
            let accepted =
                "without ADMIN_TOKEN only a loopback address is accepted, such as 127.0.0.1";
            return Err(bad("BIND", &bind.to_string(), accepted));
        }
        let origins = self.text("CORS_ORIGINS");
        Ok(HttpConfig {
            listen: SocketAddr::new(bind, port as u16),
            cors_given: origins.is_some(),
            cors_origins: parse_origins(origins.as_deref().unwrap_or(DEFAULT_ORIGINS))?,
            rate_limit: self.number("RATE_LIMIT", 1, u64::from(u32::MAX))?.unwrap_or(600) as u32,
            max_connections: self.number("MAX_CONNECTIONS", 1, 1_000_000)?.unwrap_or(10_000)
                as usize,
            max_body_bytes: self.number("MAX_BODY_BYTES", 1_024, 1 << 30)?.unwrap_or(4 << 20)
                as usize,
        })
    }

    fn store(&self) -> Result<StoreConfig, ConfigError> {
        let Some(url) = self.text("DATABASE_URL") else {
            return Ok(StoreConfig::Embedded);
        };
        let url = url.trim();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            let accepted = "a URL that begins with postgres:// or postgresql:// is accepted; \
                            leave it out for the embedded store";
            return Err(bad("DATABASE_URL", "(hidden)", accepted));
        }
        let max_connections =
            self.number("DATABASE_MAX_CONNECTIONS", 2, 1_000)?.unwrap_or(25) as u32;
        Ok(StoreConfig::Postgres { url: SecretString::from(url.to_owned()), max_connections })
    }

    fn redis(&self, store: &StoreConfig) -> Result<Option<RedisConfig>, ConfigError> {
        let Some(url) = self.text("REDIS_URL") else {
            return Ok(None);
        };
        let url = SecretString::from(url.trim().to_owned());
        if !url.expose_secret().starts_with("redis://") {
            return Err(bad(
                "REDIS_URL",
                "(hidden)",
                "a URL that begins with redis:// is accepted",
            ));
        }
        match store {
            StoreConfig::Postgres { .. } => Ok(Some(RedisConfig { url })),
            StoreConfig::Embedded => {
                let accepted = "it is accepted only together with DATABASE_URL: \
                                the embedded store needs no Redis";
                Err(bad("REDIS_URL", "(hidden)", accepted))
            }
        }
    }

    fn liveness(&self) -> Result<LivenessConfig, ConfigError> {
        // Sweeps a little over a second apart must not look like a process that slept for half a
        // limit: with 2 nobody would ever be judged.
        let ttl = self.seconds("LIVENESS_TTL", 3, 86_400)?.unwrap_or(secs(60));
        let external = self.seconds("REMOTE_LIVENESS_STALE_AFTER", 2, 86_400)?;
        let provision = self.seconds("PROVISION_TIMEOUT_SECONDS", 1, 604_800)?;
        Ok(LivenessConfig {
            ttl,
            external_ttl: external.unwrap_or(ttl),
            provision: provision.unwrap_or(secs(600)),
            provision_hermes: provision.unwrap_or(secs(1_800)),
        })
    }

    fn approvals(&self) -> Result<ApprovalsConfig, ConfigError> {
        let timeout = self.seconds("APPROVAL_TIMEOUT_SECONDS", 1, 604_800)?.unwrap_or(secs(600));
        let two_person = self.flag("APPROVALS_TWO_PERSON")?.unwrap_or(false);
        Ok(ApprovalsConfig { timeout, two_person })
    }

    fn activity(&self) -> Result<ActivityConfig, ConfigError> {
        const HOUR: u64 = 3_600;
        let days = self.number("ACTIVITY_RETENTION_DAYS", 1, 3_650)?.unwrap_or(7);
        // The contract takes whatever stands here.
        let hours = self.text("ACTIVITY_CLEANUP_INTERVAL_HOURS");
        let hours = hours.and_then(|text| text.trim().parse().ok());
        let hours = hours.filter(|hours| (1..=720).contains(hours)).unwrap_or(6);
        Ok(ActivityConfig { retention: secs(days * 24 * HOUR), cleanup_every: secs(hours * HOUR) })
    }

    fn platform(&self) -> Result<PlatformConfig, ConfigError> {
        let org_id = self.text("MOLECULE_ORG_ID").map(|id| id.trim().to_owned());
        let saas = match self.text("MOLECULE_DEPLOY_MODE") {
            Some(mode) => mode.trim().eq_ignore_ascii_case("saas"),
            None => org_id.is_some(),
        };
        Ok(PlatformConfig {
            platform_url: self.web_url("PLATFORM_URL")?,
            external_platform_url: self.web_url("EXTERNAL_PLATFORM_URL")?,
            saas,
            org_id,
            configs_dir: self.text("CONFIGS_DIR").map(PathBuf::from),
        })
    }

    pub(super) fn web_url(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(value) = self.text(variable) else {
            return Ok(None);
        };
        let url = value.trim().trim_end_matches('/');
        if url.starts_with("http://") || url.starts_with("https://") {
            Ok(Some(url.to_owned()))
        } else {
            Err(bad(variable, &value, "a URL that begins with http:// or https:// is accepted"))
        }
    }

    fn telemetry(&self) -> Result<TelemetryConfig, ConfigError> {
        let json = match self.text("LOG_FORMAT").as_deref().map(str::trim) {
            None | Some("text") => false,
            Some("json") => true,
            Some(other) => return Err(bad("LOG_FORMAT", other, "text or json is accepted")),
        };
        let level = self.text("LOG_LEVEL").unwrap_or_else(|| DEFAULT_LEVEL.to_owned());
        let filter = self.text("RUST_LOG").unwrap_or_else(|| format!("{},{QUIET}", level.trim()));
        if tracing_subscriber::EnvFilter::try_new(&filter).is_err() {
            let variable = if self.text("RUST_LOG").is_some() { "RUST_LOG" } else { "LOG_LEVEL" };
            let accepted = "a level (error, warn, info, debug, trace) or tracing directives \
                            are accepted";
            return Err(bad(variable, &filter, accepted));
        }
        Ok(TelemetryConfig {
            filter,
            json,
            otlp_endpoint: self.web_url("OTEL_EXPORTER_OTLP_ENDPOINT")?,
        })
    }

    fn data_dir(&self) -> Result<PathBuf, ConfigError> {
        default_data_dir(&|name| self.text(name)).ok_or_else(|| {
            bad("ISOMER_DATA_DIR", "", "a folder is needed, because HOME is not set either")
        })
    }
}

/// Returns the data directory: `ISOMER_DATA_DIR`, else `isomer` in `XDG_DATA_HOME` or
/// `~/.local/share`. `read` counts empty variables as absent.
pub fn default_data_dir(read: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some(folder) = read("ISOMER_DATA_DIR") {
        return Some(PathBuf::from(folder));
    }
    let data = read("XDG_DATA_HOME").map(PathBuf::from);
    let home = || read("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    data.or_else(home).map(|folder| folder.join("isomer"))
}

fn parse_origins(list: &str) -> Result<Vec<String>, ConfigError> {
    let origins = list.split(',').map(|origin| origin.trim().to_ascii_lowercase());
    let origins: Vec<_> = origins.filter(|origin| !origin.is_empty()).collect();
    match origins.iter().find(|origin| origin.contains('*') || !origin.contains("://")) {
        Some(origin) => {
            let accepted = "origins with a scheme, separated by commas, are accepted";
            Err(bad("CORS_ORIGINS", origin, accepted))
        }
        None => Ok(origins),
    }
}

pub(super) fn bad(variable: &'static str, value: &str, accepted: &str) -> ConfigError {
    ConfigError { variable, value: value.to_owned(), accepted: accepted.to_owned() }
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut map: HashMap<_, _> =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        map.entry("HOME".to_owned()).or_insert_with(|| "/home/ada".to_owned());
        Config::from_env(&move |name| map.get(name).cloned())
    }

    #[test]
    fn nothing_set_is_the_closed_laptop() {
        let config = read(&[]).unwrap();
        assert_eq!(config.http.listen, "127.0.0.1:8080".parse().unwrap());
        assert!(matches!(config.store, StoreConfig::Embedded));
        assert!(!config.auth.dev_mode && config.auth.test_tokens);
        assert_eq!(config.liveness.ttl, secs(60));
        assert_eq!(config.liveness.external_ttl, secs(60));
        assert_eq!(config.a2a_idle, secs(300));
        assert_eq!(config.data_dir, PathBuf::from("/home/ada/.local/share/isomer"));
    }

    #[test]
    fn a_bad_value_names_its_variable() {
        for (variable, value) in [
            ("PORT", "http"),
            ("PORT", "70000"),
            ("BIND", "localhost"),
            ("BIND", "0.0.0.0"),
            ("DATABASE_URL", "mysql://x"),
            ("REDIS_URL", "redis://x"),
            ("ADMIN_TOKEN", "short"),
            ("LIVENESS_TTL", "2"),
            ("LIVENESS_TTL", "60s"),
            ("CORS_ORIGINS", "*"),
            ("CORS_ORIGINS", "localhost:3000"),
            ("RATE_LIMIT", "0"),
            ("MAX_BODY_BYTES", "1"),
            ("PLATFORM_URL", "ftp://x"),
            ("LOG_FORMAT", "xml"),
            ("RUST_LOG", "isomer=verbose"),
            ("ISOMER_DEMO", "maybe"),
            ("ISOMER_HOSTED_AGENTS", "many"),
            ("APPROVAL_TIMEOUT_SECONDS", "0"),
            ("APPROVALS_TWO_PERSON", "perhaps"),
            ("MOLECULE_MCP_ALLOW_SEND_MESSAGE", "sometimes"),
            ("A2A_IDLE_TIMEOUT_SECONDS", "0"),
            ("MESSAGE_TTL_SECONDS", "604801"),
            ("MAILBOX_LIMIT", "0"),
            ("CHAT_FILES_LIMIT_MB", "0"),
            ("FILES_LIMIT_MB", "0"),
            ("ACTIVITY_RETENTION_DAYS", "0"),
        ] {
            let error = read(&[(variable, value)]).unwrap_err();
            assert_eq!(error.variable, variable, "{error}");
        }
    }

    #[test]
    fn a_cluster_needs_to_know_where_the_server_is() {
        let kubernetes = ("PROVISIONER", "kubernetes");
        assert_eq!(read(&[kubernetes]).unwrap_err().variable, "PLATFORM_URL");
        let url = ("PLATFORM_URL", "http://isomer.isomer.svc:8080");
        assert_eq!(read(&[kubernetes, url]).unwrap().provision.kubernetes_namespace, None);
        let named = |name| read(&[kubernetes, url, ("KUBERNETES_NAMESPACE", name)]);
        let namespace = named("agents-1").unwrap().provision.kubernetes_namespace;
        assert_eq!(namespace.as_deref(), Some("agents-1"));
        for bad in ["Agents", "-a", "a-", "a.b", &"a".repeat(64)] {
            assert_eq!(named(bad).unwrap_err().variable, "KUBERNETES_NAMESPACE", "{bad}");
        }
    }

    #[test]
    fn the_interval_of_cleaning_up_takes_whatever_stands_there() {
        let hours = |value| {
            let config = read(&[("ACTIVITY_CLEANUP_INTERVAL_HOURS", value)]).unwrap();
            config.activity.cleanup_every.as_secs() / 3_600
        };
        for (value, wanted) in [("", 6), ("2", 2), ("often", 6), ("0", 6), ("-1", 6), ("721", 6)] {
            assert_eq!(hours(value), wanted, "{value}");
        }
        assert_eq!(read(&[]).unwrap().activity.retention, secs(7 * 86_400));
    }

    #[test]
    fn secrets_are_not_repeated() {
        let error = read(&[("ADMIN_TOKEN", "hunter2")]).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
        let config = read(&[("ADMIN_TOKEN", "correct-horse-battery")]).unwrap();
        assert!(!format!("{config:?}").contains("horse"));
    }

    /// Names that something else reads: the SDK of AWS and the client of Kubernetes.
    const OTHERS: [&str; 7] = [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_KMS",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "KUBECONFIG",
    ];

    #[test]
    fn the_settings_page_has_exactly_the_variables_that_are_read() {
        let is_name = |text: &&str| {
            let of_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
            text.len() > 3 && text.bytes().all(of_name)
        };
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let sources: Vec<_> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
        let code = sources.iter().map(|source| source.split("mod tests").next().unwrap());
        let lines = code.flat_map(str::lines).filter(|line| !line.trim_start().starts_with("//"));
        let literals = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
        let read: BTreeSet<_> =
            literals.filter(is_name).filter(|name| !name.starts_with('_')).collect();
        let page = include_str!("../../docs/architecture/technical.md");
        let first_cell = |line: &'static str| line.strip_prefix("| `")?.split(" | ").next();
        let named = page.lines().filter_map(first_cell).flat_map(|cell| cell.split('`'));
        let mut named: BTreeSet<_> = named.filter(is_name).collect();
        assert!(read.len() > 60, "the sources were read: {}", read.len());
        for other in OTHERS {
            assert!(named.remove(other), "{other} is not on the settings page");
        }
        assert_eq!(named, read);
    }

    #[test]
    fn development_is_open_only_on_loopback_and_without_a_token() {
        assert!(read(&[("MOLECULE_ENV", " Development ")]).unwrap().auth.dev_mode);
        let token = ("ADMIN_TOKEN", "correct-horse-battery");
        assert!(!read(&[("MOLECULE_ENV", "dev"), token]).unwrap().auth.dev_mode);
        let open = read(&[("MOLECULE_ENV", "dev"), ("BIND", "0.0.0.0"), token]).unwrap();
        assert!(!open.auth.dev_mode);
        let key = ("SECRETS_ENCRYPTION_KEY", "0123456789abcdef0123456789abcdef");
        for name in ["prod", "production", "PROD"] {
            assert!(!read(&[("MOLECULE_ENV", name), key]).unwrap().auth.test_tokens, "{name}");
        }
    }
}
