//! Who runs agents, how, and which.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use isomer_actors::indexes::{BUILT_IN, EXTERNAL, HostedRuntimes};
use serde::Deserialize;

use super::read::{ConfigError, Source, bad, secs};
use super::tiers::TierSettings;

const RUNTIMES: &str = "ISOMER_RUNTIMES";
/// Where Docker's engine listens when nothing else is said.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";
/// Longest file of runtimes that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
const MAX_RUNTIMES: usize = 256;
const LONGEST_NAME: usize = 64;
const LONGEST_NAMESPACE: usize = 63;

/// `PROVISIONER`: the one way in which this server runs agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provisioner {
    /// `process`: child processes of the server.
    #[default]
    Process,
    /// `docker`: containers of the engine on this machine.
    Docker,
    /// `kubernetes`: deployments of the cluster.
    Kubernetes,
    /// `none`: agents are run by somebody else.
    None,
}

impl Provisioner {
    /// Returns the spelling of the setting.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Docker => "docker",
            Self::Kubernetes => "kubernetes",
            Self::None => "none",
        }
    }

    /// Agents that run at most unless the setting says otherwise: containers carry their own
    /// limits, processes share those of the server.
    fn usual_limit(self) -> u64 {
        match self {
            Self::Process => 64,
            Self::Docker | Self::Kubernetes => 10_000,
            Self::None => 0,
        }
    }
}

/// How agents of one runtime are started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeSpec {
    /// The program and its arguments, for `process`. Containers run what their image says unless
    /// this is given, too.
    #[serde(default)]
    pub command: Vec<String>,
    /// For `docker` and `kubernetes`.
    #[serde(default)]
    pub image: Option<String>,
}

/// Everything about running agents.
#[derive(Clone, Debug, Default)]
pub struct ProvisionConfig {
    pub provisioner: Provisioner,
    /// `ISOMER_RUNTIMES` (no file): a YAML map of runtime names to [`RuntimeSpec`]s. The runtime
    /// `isomer` needs no entry under `process`.
    pub runtimes: BTreeMap<String, RuntimeSpec>,
    /// `ISOMER_HOSTED_AGENTS` (64 under `process`, else 10,000): agents that this server runs at
    /// most; 0 for none.
    pub limit: usize,
    /// `ISOMER_ALLOW_TIERS_3_4` (0): agents may be privileged (tier 3) and have the host's network and
    /// engine (tier 4) under `docker` and `kubernetes`.
    pub allow_privileged: bool,
    /// `ISOMER_STARTS_AT_ONCE` (8): agents that are being started at the same time.
    pub starts_at_once: usize,
    /// `ISOMER_SECRETS_DELIVERY` (`env`): `file` gives secrets in a file that is only in memory.
    pub secrets_in_file: bool,
    /// `ISOMER_AGENT_BINARY` (this very program): the program of the runtime `isomer` under `process`.
    pub agent_binary: Option<PathBuf>,
    /// `PROVISION_ATTEMPT_SECONDS` (180 s): from the start of one attempt to its registration.
    pub attempt: Duration,
    /// `TIER2_MEMORY_MB` and so on: what tiers mean under `docker` and `kubernetes`.
    pub tiers: TierSettings,
    /// `DOCKER_HOST` (`unix:///var/run/docker.sock`): the socket of the engine of `docker`.
    pub docker_socket: PathBuf,
    /// `KUBERNETES_NAMESPACE` (that of the service account or of the kubeconfig's context, else `default`):
    /// where `kubernetes` has its objects.
    pub kubernetes_namespace: Option<String>,
}

impl ProvisionConfig {
    /// Returns the runtimes whose agents this server runs: those that the provisioner has what it
    /// needs for. Others wait for agents that somebody else runs.
    pub fn hosted(&self) -> HostedRuntimes {
        let can_start = |name: &str, spec: &RuntimeSpec| match self.provisioner {
            Provisioner::Process => !spec.command.is_empty() || name == BUILT_IN,
            Provisioner::Docker | Provisioner::Kubernetes => spec.image.is_some(),
            Provisioner::None => false,
        };
        let built_in = (self.provisioner == Provisioner::Process).then_some(BUILT_IN);
        let known = self.runtimes.iter().filter(|(name, spec)| can_start(name, spec));
        known.map(|(name, _)| name.as_str()).chain(built_in).collect()
    }

    /// Returns how agents of a runtime are started; nothing is said for those without an entry.
    pub fn runtime(&self, name: &str) -> RuntimeSpec {
        self.runtimes.get(name).cloned().unwrap_or_default()
    }
}

impl Source<'_> {
    pub(super) fn provision(&self) -> Result<ProvisionConfig, ConfigError> {
        let provisioner = self.provisioner()?;
        let usual = provisioner.usual_limit();
        Ok(ProvisionConfig {
            provisioner,
            runtimes: self.runtimes()?,
            limit: self.number("ISOMER_HOSTED_AGENTS", 0, 100_000)?.unwrap_or(usual) as usize,
            allow_privileged: self.flag("ISOMER_ALLOW_TIERS_3_4")?.unwrap_or(false),
            starts_at_once: self.number("ISOMER_STARTS_AT_ONCE", 1, 1_000)?.unwrap_or(8) as usize,
            secrets_in_file: self.secrets_in_file()?,
            agent_binary: self.text("ISOMER_AGENT_BINARY").map(|path| path.trim().into()),
            attempt: self.seconds("PROVISION_ATTEMPT_SECONDS", 1, 3_600)?.unwrap_or(secs(180)),
            tiers: self.tiers()?,
            docker_socket: self.docker_socket(provisioner)?,
            kubernetes_namespace: self.kubernetes_namespace(provisioner)?,
        })
    }

    fn provisioner(&self) -> Result<Provisioner, ConfigError> {
        const VARIABLE: &str = "PROVISIONER";
        let Some(text) = self.text(VARIABLE) else { return Ok(Provisioner::default()) };
        match text.trim() {
            "process" => Ok(Provisioner::Process),
            "docker" => Ok(Provisioner::Docker),
            "kubernetes" => Ok(Provisioner::Kubernetes),
            "none" => Ok(Provisioner::None),
            _ => Err(bad(VARIABLE, &text, "process, docker, kubernetes and none are accepted")),
        }
    }

    /// An engine elsewhere could not see the folders of workspaces.
    fn docker_socket(&self, provisioner: Provisioner) -> Result<PathBuf, ConfigError> {
        const VARIABLE: &str = "DOCKER_HOST";
        let given = self.text(VARIABLE).filter(|_| provisioner == Provisioner::Docker);
        let Some(text) = given else { return Ok(DOCKER_SOCKET.into()) };
        match text.trim().strip_prefix("unix://") {
            Some(path) if path.starts_with('/') => Ok(path.into()),
            _ => Err(bad(
                VARIABLE,
                &text,
                "the engine's socket on this machine is needed, unix:///path",
            )),
        }
    }

    /// Also refuses what pods cannot do without: the address of this server.
    fn kubernetes_namespace(&self, used: Provisioner) -> Result<Option<String>, ConfigError> {
        const VARIABLE: &str = "KUBERNETES_NAMESPACE";
        if used != Provisioner::Kubernetes {
            return Ok(None);
        }
        if self.web_url("PLATFORM_URL")?.is_none() {
            let accepted = "with PROVISIONER=kubernetes the URL is needed at which pods reach \
                            this server, such as http://isomer.isomer.svc:8080";
            return Err(bad("PLATFORM_URL", "", accepted));
        }
        let Some(text) = self.text(VARIABLE) else { return Ok(None) };
        let name = text.trim();
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_label = name.len() <= LONGEST_NAMESPACE
            && name.bytes().all(inner)
            && !name.starts_with('-')
            && !name.ends_with('-');
        if is_label {
            return Ok(Some(name.to_owned()));
        }
        Err(bad(VARIABLE, &text, "lower-case letters, digits and hyphens are accepted, at most 63"))
    }

    fn secrets_in_file(&self) -> Result<bool, ConfigError> {
        const VARIABLE: &str = "ISOMER_SECRETS_DELIVERY";
        match self.text(VARIABLE).as_deref().map(str::trim) {
            None | Some("env") => Ok(false),
            Some("file") => Ok(true),
            Some(text) => Err(bad(VARIABLE, text, "env and file are accepted")),
        }
    }

    fn runtimes(&self) -> Result<BTreeMap<String, RuntimeSpec>, ConfigError> {
        let Some(path) = self.text(RUNTIMES) else { return Ok(BTreeMap::new()) };
        let path = Path::new(path.trim());
        let shown = path.display().to_string();
        let refused = |why: String| {
            bad(RUNTIMES, &shown, &format!("a map of runtimes in YAML is needed: {why}"))
        };
        let unreadable = |error: std::io::Error| refused(error.to_string());
        if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
            return Err(refused(format!("at most {MAX_BYTES} bytes are read")));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        parse(&text).map_err(refused)
    }
}

/// Parses and checks a file of runtimes.
fn parse(text: &str) -> Result<BTreeMap<String, RuntimeSpec>, String> {
    let runtimes: BTreeMap<String, RuntimeSpec> =
        serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    if runtimes.len() > MAX_RUNTIMES {
        return Err(format!("at most {MAX_RUNTIMES} runtimes are accepted"));
    }
    for (name, spec) in &runtimes {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) {
            return Err(format!("{name:?} is not the name of a runtime"));
        }
        if name == EXTERNAL {
            return Err(format!("agents of the runtime {EXTERNAL:?} are run by somebody else"));
        }
        if spec.command.first().is_some_and(String::is_empty) {
            return Err(format!("{name}.command names no program"));
        }
        if spec.image.as_deref().is_some_and(|image| image.trim().is_empty()) {
            return Err(format!("{name}.image names no image"));
        }
    }
    Ok(runtimes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_hosted_when_the_provisioner_can_start_them() {
        let runtimes =
            parse("echo: {command: [python3, echo.py]}\nlanggraph: {image: 'agents:1'}\n");
        let mut config = ProvisionConfig { runtimes: runtimes.unwrap(), ..Default::default() };
        let names = |config: &ProvisionConfig| {
            config.hosted().names().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(names(&config), ["echo", "isomer"]);
        config.provisioner = Provisioner::Docker;
        assert_eq!(names(&config), ["langgraph"]);
        config.provisioner = Provisioner::None;
        assert!(names(&config).is_empty());
    }

    #[test]
    fn bad_runtimes_are_refused_by_name() {
        for (text, part) in [
            ("external: {image: x}", "external"),
            ("'a b': {image: x}", "a b"),
            ("a: {command: ['']}", "a.command"),
            ("a: {image: ' '}", "a.image"),
            ("a: {imgae: x}", "imgae"),
            ("- a", ""),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
