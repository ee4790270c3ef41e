//! Flags and environment of `isomer agent`, and what is accepted.
//!
//! Secrets come from the environment alone: a command line is visible to
//! every process of the machine.

mod secrets_file;
mod source;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use source::{Given, Source};
use uuid::Uuid;

use super::{AgentConfig, HEARTBEAT_EVERY};

const PLATFORM_URL: &str = "http://127.0.0.1:8080";
const NAME: &str = "Isomer agent";
const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
const OPENAI_MODEL: &str = "gpt-4o-mini";
/// Lengths and characters of contract 01 §1, in bytes.
const NAME_LIMIT: usize = 255;
const ROLE_LIMIT: usize = 1000;
const FORBIDDEN: &[char] = &['\n', '\r', '{', '}', '[', ']', '|', '>', '*', '&', '!'];
const SHORTEST_BEAT: f64 = 0.05;
const LONGEST_BEAT: f64 = 3600.0;

const A_URL: &str = "an http or https URL with a host and without user, query or fragment";
const A_NAME: &str = "1 to 255 bytes without line breaks or any of {}[]|>*&!";
const A_ROLE: &str = "1 to 1000 bytes without line breaks or any of {}[]|>*&!";
const A_SECRET: &str = "visible ASCII characters";
const A_BEAT: &str = "seconds from 0.05 to 3600";

/// Runs the built-in A2A agent.
///
/// A flag wins over its environment variable. Secrets are read from the
/// environment alone: WORKSPACE_AUTH_TOKEN (this workspace's own token),
/// ISOMER_JOIN_TOKEN (an admin, organisation or join token, to register with),
/// OPENAI_API_KEY (to answer through a model instead of an echo), or from the JSON
/// object of names and values in the file that ISOMER_SECRETS_FILE names.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct AgentArgs {
    /// This agent's workspace [env: WORKSPACE_ID; default: the token file's, else a new one]
    #[arg(long, value_name = "UUID")]
    pub workspace_id: Option<String>,
    /// Base URL of the platform [env: PLATFORM_URL; default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    pub platform_url: Option<String>,
    /// Name on the card and the canvas [env: ISOMER_AGENT_NAME; default: Isomer agent]
    #[arg(long)]
    pub name: Option<String>,
    /// What the agent is for [env: ISOMER_AGENT_ROLE]
    #[arg(long)]
    pub role: Option<String>,
    /// Port to listen on, 0 for any free one [env: ISOMER_AGENT_PORT; default: 0]
    #[arg(long)]
    pub port: Option<String>,
    /// Address to listen on [env: ISOMER_AGENT_BIND; default: 127.0.0.1]
    #[arg(long, value_name = "IP")]
    pub bind: Option<String>,
    /// Where callers reach this agent [env: AGENT_PUBLIC_URL; default: from address and port]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Keeps the workspace id and token over restarts, mode 0600 [env: ISOMER_TOKEN_FILE]
    #[arg(long, value_name = "PATH")]
    pub token_file: Option<String>,
    /// Seconds between heartbeats [env: HEARTBEAT_INTERVAL_SECONDS; default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub heartbeat_interval: Option<String>,
    /// Chat completions endpoint, used when OPENAI_API_KEY is set [env: OPENAI_BASE_URL; default: https://api.openai.com/v1]
    #[arg(long, value_name = "URL")]
    pub openai_base_url: Option<String>,
    /// Model to ask [env: OPENAI_MODEL; default: gpt-4o-mini]
    #[arg(long, value_name = "MODEL")]
    pub openai_model: Option<String>,
}

/// A setting whose value is not accepted. The value of a secret is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    #[error("{name} is {value:?}; accepted: {accepted}")]
    Value { name: String, value: String, accepted: &'static str },
    #[error("{name} holds a value that cannot be used (not shown); accepted: {accepted}")]
    Secret { name: String, accepted: &'static str },
    #[error("{name} is needed {when}; accepted: {accepted}")]
    Missing { name: String, when: &'static str, accepted: &'static str },
}

impl TryFrom<AgentArgs> for AgentConfig {
    type Error = SettingError;

    /// Reads what the flags leave open from the process environment.
    fn try_from(args: AgentArgs) -> Result<Self, SettingError> {
        let handed = secrets_file::read(std::env::var_os(secrets_file::VARIABLE))?;
        from_sources(args, |name| std::env::var_os(name).or_else(|| handed.get(name)))
    }
}

/// Checks a configuration made by hand as strictly as one from flags.
pub(super) fn check(config: &AgentConfig) -> Result<(), SettingError> {
    let given = |name: &str, value: &str| Given { name: name.into(), value: value.into() };
    given("name", &config.name).text(NAME_LIMIT, A_NAME)?;
    if let Some(role) = &config.role {
        given("role", role).text(ROLE_LIMIT, A_ROLE)?;
    }
    given("PLATFORM_URL", &config.platform_url).url()?;
    match &config.public_url {
        Some(url) => _ = given("AGENT_PUBLIC_URL", url).url()?,
        None if config.bind.is_unspecified() => return Err(public_url_missing()),
        None => {}
    }
    let seconds = config.heartbeat_every.as_secs_f64();
    if !(SHORTEST_BEAT..=LONGEST_BEAT).contains(&seconds) {
        let error = given("HEARTBEAT_INTERVAL_SECONDS", &seconds.to_string());
        return Err(error.refused(A_BEAT));
    }
    for (name, token) in
        [("WORKSPACE_AUTH_TOKEN", &config.token), ("ISOMER_JOIN_TOKEN", &config.join_token)]
    {
        token.as_ref().map_or(Ok(()), |token| visible(name, token))?;
    }
    if let Some(openai) = &config.openai {
        visible("OPENAI_API_KEY", &openai.api_key)?;
        given("OPENAI_BASE_URL", &openai.base_url).url()?;
    }
    Ok(())
}

/// Whether a URL names this machine.
pub(super) fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn from_sources(
    args: AgentArgs,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<AgentConfig, SettingError> {
    let source = Source { env };
    let port = source.read("--port", args.port, "ISOMER_AGENT_PORT")?;
    let bind = source.read("--bind", args.bind, "ISOMER_AGENT_BIND")?;
    let id = source.read("--workspace-id", args.workspace_id, "WORKSPACE_ID")?;
    let beat = "HEARTBEAT_INTERVAL_SECONDS";
    let beat = source.read("--heartbeat-interval", args.heartbeat_interval, beat)?;
    let config = AgentConfig {
        name: source
            .read("--name", args.name, "ISOMER_AGENT_NAME")?
            .map_or(Ok(NAME.to_owned()), |given| given.text(NAME_LIMIT, A_NAME))?,
        role: source
            .read("--role", args.role, "ISOMER_AGENT_ROLE")?
            .map(|given| given.text(ROLE_LIMIT, A_ROLE))
            .transpose()?,
        workspace_id: id.map(|given| given.parse::<Uuid>("a UUID")).transpose()?,
        platform_url: source
            .read("--platform-url", args.platform_url, "PLATFORM_URL")?
            .map_or(Ok(PLATFORM_URL.to_owned()), Given::url)?,
        bind: bind.map_or(Ok(Ipv4Addr::LOCALHOST.into()), |given| {
            given.parse::<IpAddr>("an IPv4 or IPv6 address")
        })?,
        port: port.map_or(Ok(0), |given| given.parse("a port from 0 to 65535"))?,
        public_url: source
            .read("--public-url", args.public_url, "AGENT_PUBLIC_URL")?
            .map(Given::url)
            .transpose()?,
        token: source.secret("WORKSPACE_AUTH_TOKEN")?,
        join_token: source.secret("ISOMER_JOIN_TOKEN")?,
        token_file: source
            .read("--token-file", args.token_file, "ISOMER_TOKEN_FILE")?
            .map(|given| PathBuf::from(given.value)),
        heartbeat_every: beat.map_or(Ok(HEARTBEAT_EVERY), Given::beat)?,
        openai: source.openai(args.openai_base_url, args.openai_model)?,
    };
    if config.bind.is_unspecified() && config.public_url.is_none() {
        return Err(public_url_missing());
    }
    Ok(config)
}

fn public_url_missing() -> SettingError {
    SettingError::Missing {
        name: "AGENT_PUBLIC_URL".into(),
        when: "when ISOMER_AGENT_BIND is unspecified (0.0.0.0 or ::)",
        accepted: A_URL,
    }
}

fn visible(name: &str, secret: &SecretString) -> Result<(), SettingError> {
    let text = secret.expose_secret();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(SettingError::Secret { name: name.into(), accepted: A_SECRET })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<AgentConfig, SettingError> {
        from_sources(AgentArgs::default(), |name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn defaults_are_a_loopback_echo() {
        let config = with(&[("OPENAI_API_KEY", ""), ("WORKSPACE_ID", "")]).unwrap();
        assert_eq!(config.platform_url, PLATFORM_URL);
        assert_eq!((config.bind, config.port), (Ipv4Addr::LOCALHOST.into(), 0));
        assert_eq!(config.heartbeat_every, HEARTBEAT_EVERY);
        assert!(config.openai.is_none() && config.workspace_id.is_none());
        check(&config).unwrap();
    }

    #[test]
    fn a_bad_value_names_variable_value_and_what_is_accepted() {
        for (name, value) in [
            ("WORKSPACE_ID", "seven"),
            ("PLATFORM_URL", "ftp://host"),
            ("PLATFORM_URL", "http://host/?q=1"),
            ("ISOMER_AGENT_NAME", "a\nb"),
            ("ISOMER_AGENT_NAME", "{x}"),
            ("ISOMER_AGENT_PORT", "70000"),
            ("ISOMER_AGENT_BIND", "everywhere"),
            ("AGENT_PUBLIC_URL", "localhost:1"),
            ("HEARTBEAT_INTERVAL_SECONDS", "0"),
            ("HEARTBEAT_INTERVAL_SECONDS", "NaN"),
            ("OPENAI_BASE_URL", "x"),
        ] {
            let text = with(&[(name, value)]).unwrap_err().to_string();
            assert!(text.starts_with(name), "{text}");
            assert!(text.contains(&format!("{value:?}")), "{text}");
            assert!(text.contains("accepted: "), "{text}");
        }
    }

    #[test]
    fn a_flag_beats_the_environment_and_is_named_in_the_error() {
        let args = AgentArgs { port: Some("x".into()), ..AgentArgs::default() };
        let env = |name: &str| (name == "ISOMER_AGENT_PORT").then(|| OsString::from("1"));
        let text = from_sources(args, env).unwrap_err().to_string();
        assert_eq!(text, "--port is \"x\"; accepted: a port from 0 to 65535");
    }

    #[test]
    fn secrets_never_appear_in_errors_or_debug() {
        for name in ["WORKSPACE_AUTH_TOKEN", "ISOMER_JOIN_TOKEN", "OPENAI_API_KEY"] {
            let error = with(&[(name, "sesame\u{7f}open")]).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("sesame"), "{error}");
            let config = with(&[(name, "sesame\n")]).unwrap();
            assert!(!format!("{config:?}").contains("sesame"));
        }
        let error = with(&[("PLATFORM_URL", "http://me:sesame@host")]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("sesame"), "{error}");
    }

    #[test]
    fn an_unspecified_address_needs_a_public_url() {
        let error = with(&[("ISOMER_AGENT_BIND", "0.0.0.0")]).unwrap_err();
        assert!(error.to_string().starts_with("AGENT_PUBLIC_URL is needed"));
        let url = ("AGENT_PUBLIC_URL", "https://agent.example/a/");
        let config = with(&[("ISOMER_AGENT_BIND", "::"), url]).unwrap();
        assert_eq!(config.public_url.as_deref(), Some("https://agent.example/a"));
    }

    #[test]
    fn loopback_is_recognised_by_name_and_number() {
        for (url, expected) in [
            ("http://localhost:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:8", true),
            ("http://example.com", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
