//! From a run to the container that it is. Pure.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, PortBinding,
    RestartPolicy, RestartPolicyNameEnum,
};
use hmac::{Hmac, KeyInit, Mac};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Access;
use secrecy::ExposeSecret;
use sha2::Sha256;
use uuid::Uuid;

use super::network::NETWORK;
use crate::config::TierSettings;
use crate::provision::tiers::{self, TierLimits};
use crate::provision::{Failure, Folders, Launch};

/// On everything that the platform runs (contract 01 §7.2).
pub const MANAGED: &str = "molecule.platform.managed";
/// Which installation started it: it touches nothing else.
pub const INSTALLATION: &str = "isomer.installation";
/// Whose agent it is.
pub const WORKSPACE: &str = "isomer.workspace";
/// The digest of all that matters about it.
pub const SPEC: &str = "isomer.spec";
/// The port of an agent that has the host's network.
pub const PORT_LABEL: &str = "isomer.port";

/// Where agents listen, in their containers.
pub const AGENT_PORT: u16 = 8_000;
/// The same, as the engine spells it.
pub const EXPOSED: &str = "8000/tcp";
/// Where secrets are that came by file.
pub const SECRETS_FOLDER: &str = "/run/secrets";
/// The file there: a JSON object of names and values.
pub const SECRETS_FILE: &str = "isomer.json";
/// This runtime keeps its conversations in a folder of its own.
const CLAUDE: &str = "claude-code";
const CLAUDE_SESSIONS: &str = "/root/.claude/sessions";
/// What the engine keeps of an agent's output: files of so many bytes, and how many.
const LOG_BYTES: &str = "10m";
const LOG_FILES: &str = "3";

/// What all containers of this server have in common.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// How agents reach the server.
    pub platform_url: String,
    pub installation: Uuid,
    pub tiers: TierSettings,
    /// The engine's; caps beyond it are refused by it.
    pub processors: u64,
    /// The server's own user and group.
    pub user: (u32, u32),
    /// The engine's socket.
    pub socket: PathBuf,
}

/// A container that is to run.
#[derive(Clone, Debug)]
pub struct Spec {
    pub name: String,
    pub body: ContainerCreateBody,
    pub digest: String,
    pub host_network: bool,
}

/// Returns the name of a workspace's container (contract 01 §7.2).
pub fn name(id: WorkspaceId) -> String {
    let id = id.to_string();
    format!("ws-{}", id.get(..12).unwrap_or(&id))
}

/// Returns the folder beside the others where `claude-code` keeps its conversations.
pub fn claude_sessions(launch: &Launch) -> Option<PathBuf> {
    let root = launch.folders.configs.parent().filter(|_| launch.agent.runtime == CLAUDE)?;
    Some(root.join("claude-sessions"))
}

/// Describes the container of a run. With `secrets`, the folder in memory where they lie, none of
/// them is in the description; `key` keeps the digest from telling what they are.
///
/// # Errors
/// [`Failure`], without hope: no image, or a variable that no process can have.
pub fn describe(
    launch: &Launch,
    around: &Surroundings,
    secrets: Option<&Path>,
    key: &[u8],
) -> Result<Spec, Failure> {
    let runtime = &launch.agent.runtime;
    let image = launch.spec.image.clone().ok_or_else(|| {
        Failure::hopeless(format!("the runtime {runtime:?} has no image (ISOMER_RUNTIMES)"))
    })?;
    let limits = tiers::limits(launch.agent.tier, &around.tiers);
    let name = name(launch.agent.id);
    let mut body = ContainerCreateBody {
        image: Some(image),
        cmd: Some(launch.spec.command.clone()).filter(|command| !command.is_empty()),
        hostname: (!limits.host_network).then(|| name.clone()),
        user: limits.confined.then(|| format!("{}:{}", around.user.0, around.user.1)),
        env: Some(environment(launch, around, &limits, secrets.is_some())?),
        exposed_ports: (!limits.host_network).then(|| vec![EXPOSED.to_owned()]),
        host_config: Some(HostConfig {
            mounts: Some(mounts(launch, around, &limits, secrets)),
            ..host_config(&limits, around.processors)
        }),
        ..ContainerCreateBody::default()
    };
    let digest = digest(&body, launch, key);
    body.labels = Some(HashMap::from([
        (MANAGED.to_owned(), "true".to_owned()),
        (INSTALLATION.to_owned(), around.installation.to_string()),
        (WORKSPACE.to_owned(), launch.agent.id.to_string()),
        (SPEC.to_owned(), digest.clone()),
    ]));
    Ok(Spec { name, body, digest, host_network: limits.host_network })
}

/// Translates what a tier means into the engine's flags.
pub fn host_config(limits: &TierLimits, processors: u64) -> HostConfig {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    // The engine refuses more processors than there are.
    let nano =
        |shares: u64| number((shares * 1_000_000_000 / 1_024).min(processors * 1_000_000_000));
    let ephemeral =
        PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
    let tmp = |bytes: u64| {
        HashMap::from([("/tmp".to_owned(), format!("rw,nosuid,nodev,mode=1777,size={bytes}"))])
    };
    let log = [("max-size", LOG_BYTES), ("max-file", LOG_FILES)];
    HostConfig {
        memory: limits.memory_bytes.map(number),
        nano_cpus: limits.cpu_shares.map(nano),
        pids_limit: limits.processes.map(i64::from),
        readonly_rootfs: Some(limits.read_only_root),
        tmpfs: limits.tmpfs_tmp_bytes.map(tmp),
        privileged: Some(limits.privileged),
        pid_mode: limits.host_pid.then(|| "host".to_owned()),
        network_mode: Some(if limits.host_network { "host" } else { NETWORK }.to_owned()),
        port_bindings: (!limits.host_network)
            .then(|| HashMap::from([(EXPOSED.to_owned(), Some(vec![ephemeral]))])),
        cap_drop: limits.confined.then(|| vec!["ALL".to_owned()]),
        security_opt: limits.confined.then(|| vec!["no-new-privileges".to_owned()]),
        extra_hosts: Some(vec!["host.docker.internal:host-gateway".to_owned()]),
        init: Some(true),
        // The keeper starts agents again: with the reason recorded, and with secrets as they are then.
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(log.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
        }),
        ..HostConfig::default()
    }
}

fn mounts(
    launch: &Launch,
    around: &Surroundings,
    limits: &TierLimits,
    secrets: Option<&Path>,
) -> Vec<Mount> {
    let Folders { configs, workspace, .. } = &launch.folders;
    let mut mounts = vec![bind(configs, "/configs", false)];
    if limits.workspace {
        let own = bind(workspace, "/workspace", false);
        mounts.push(match (&launch.agent.workspace_dir, launch.agent.workspace_access) {
            (None, _) | (_, Access::None) => own,
            (Some(folder), Access::ReadOnly) => bind(Path::new(folder), "/workspace", true),
            (Some(folder), Access::ReadWrite) => bind(Path::new(folder), "/workspace", false),
        });
    }
    if let Some(sessions) = claude_sessions(launch) {
        mounts.push(bind(&sessions, CLAUDE_SESSIONS, false));
    }
    if let Some(folder) = secrets {
        mounts.push(bind(folder, SECRETS_FOLDER, true));
    }
    if limits.engine_socket {
        mounts.push(bind(&around.socket, "/var/run/docker.sock", false));
    }
    mounts
}

fn bind(source: &Path, target: &str, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(source.display().to_string()),
        target: Some(target.to_owned()),
        read_only: Some(read_only),
        ..Mount::default()
    }
}

/// Variables win over secrets, and what is so only in a container over both.
fn environment(
    launch: &Launch,
    around: &Surroundings,
    limits: &TierLimits,
    by_file: bool,
) -> Result<Vec<String>, Failure> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    if by_file {
        let file = format!("{SECRETS_FOLDER}/{SECRETS_FILE}");
        all.insert("ISOMER_SECRETS_FILE".to_owned(), file);
    } else {
        let given = launch.confidential().filter(|(_, value)| !value.expose_secret().is_empty());
        all.extend(given.map(|(name, value)| (name.to_owned(), value.expose_secret().to_owned())));
    }
    all.extend(launch.variables.clone());
    let mut put = |name: &str, value: &str| _ = all.insert(name.to_owned(), value.to_owned());
    put("WORKSPACE_ID", &launch.agent.id.to_string());
    put("WORKSPACE_CONFIG_PATH", "/configs");
    put("PLATFORM_URL", &around.platform_url);
    put("MOLECULE_URL", &around.platform_url);
    if !limits.host_network {
        // Where the built-in agent listens, and what it calls itself.
        put("ISOMER_AGENT_BIND", "0.0.0.0");
        put("ISOMER_AGENT_PORT", &AGENT_PORT.to_string());
        put("AGENT_PUBLIC_URL", &format!("http://{}:{AGENT_PORT}", name(launch.agent.id)));
    }
    for (name, value) in &all {
        // The engine's refusal would repeat the value.
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(Failure::hopeless(format!("no process can have the variable {name:?}")));
        }
    }
    Ok(all.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
}

/// An agent that has the host's network listens on a port of the host.
pub fn with_port(body: &mut ContainerCreateBody, port: u16) {
    let url = format!("http://127.0.0.1:{port}");
    let port = port.to_string();
    let more = [
        ("ISOMER_AGENT_BIND", "127.0.0.1"),
        ("ISOMER_AGENT_PORT", port.as_str()),
        ("PORT", port.as_str()),
        ("AGENT_PUBLIC_URL", url.as_str()),
    ];
    let env = body.env.get_or_insert_default();
    env.extend(more.map(|(name, value)| format!("{name}={value}")));
    body.labels.get_or_insert_default().insert(PORT_LABEL.to_owned(), port);
}

/// Tells two descriptions apart, and nothing else of them to whoever has no key.
fn digest(body: &ContainerCreateBody, launch: &Launch, key: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
    // A value, because its maps are sorted.
    let body = serde_json::to_value(body).unwrap_or_default().to_string();
    let mut part = |bytes: &[u8]| {
        mac.update(&(bytes.len() as u64).to_be_bytes());
        mac.update(bytes);
    };
    part(body.as_bytes());
    for (name, value) in launch.confidential() {
        part(name.as_bytes());
        part(value.expose_secret().as_bytes());
    }
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
