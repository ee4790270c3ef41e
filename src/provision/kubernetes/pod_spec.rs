//! The pod of one workspace: its tier, variables and volumes in the cluster's terms. Pure.

use std::collections::BTreeMap;

use isomer_actors::domain::record::Access;
use serde_json::{Map, Value, json};

use super::configs::Files;
use super::manifest::SECRETS_FILE;
use super::names::{self, CONTAINER, PORT};
use super::{Failure, Launch, Settings};
use crate::provision::tiers::{self, TierLimits};

/// How long an agent may take to end, in seconds.
pub const GRACE_SECONDS: u32 = 5;
/// Where the file of secrets lies in the container.
const SECRETS_FOLDER: &str = "/run/secrets";
/// So little is reserved of what an agent may use: most wait for a model most of the time.
const RESERVED: u64 = 10;

/// Returns the key of a file of `/configs`: paths are no keys.
pub fn file_key(number: usize) -> String {
    format!("file-{number:03}")
}

/// Returns the pod of a run.
///
/// # Errors
/// [`Failure`], hopeless: a folder of the host where none may be used.
pub fn pod_spec(
    launch: &Launch,
    files: &Files,
    settings: &Settings,
    host: &str,
) -> Result<Value, Failure> {
    let limits = tiers::limits(launch.agent.tier, &settings.tiers);
    let volumes = volumes(launch, files, settings, &limits)?;
    let mounts: Vec<_> = volumes.iter().map(|volume| volume.mount.clone()).collect();
    let volumes: Vec<_> = volumes.into_iter().map(|volume| volume.volume).collect();
    let mut spec = json!({
        // The agent is no client of the cluster.
        "automountServiceAccountToken": false,
        // Or it would be told of all other workspaces in its environment.
        "enableServiceLinks": false,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "containers": [container(launch, settings, &limits, host, mounts)],
        "volumes": volumes,
    });
    if limits.host_pid {
        spec["hostPID"] = json!(true);
    }
    if limits.host_network {
        spec["hostNetwork"] = json!(true);
        // The node's own resolver knows no services.
        spec["dnsPolicy"] = json!("ClusterFirstWithHostNet");
    }
    Ok(spec)
}

fn container(
    launch: &Launch,
    settings: &Settings,
    limits: &TierLimits,
    host: &str,
    mounts: Vec<Value>,
) -> Value {
    let mut container = json!({
        "name": CONTAINER,
        "image": launch.spec.image,
        "env": variables(launch, settings, host),
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "securityContext": security(limits),
        "volumeMounts": mounts,
    });
    let command = &launch.spec.command;
    if !command.is_empty() {
        container["command"] = command.iter().map(|part| literal(part)).collect();
    }
    if !settings.secrets_in_file {
        container["envFrom"] = json!([{"secretRef": {"name": names::of(launch.agent.id)}}]);
    }
    let resources = resources(limits);
    if !resources.is_empty() {
        container["resources"] = resources.into();
    }
    container
}

/// Variables win over secrets, and what only this way of running agents knows wins over both.
fn variables(launch: &Launch, settings: &Settings, host: &str) -> Vec<Value> {
    let mut all: BTreeMap<&str, String> =
        launch.variables.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    if settings.secrets_in_file {
        all.insert("ISOMER_SECRETS_FILE", format!("{SECRETS_FOLDER}/{SECRETS_FILE}"));
    }
    all.insert("WORKSPACE_ID", launch.agent.id.to_string());
    all.insert("WORKSPACE_CONFIG_PATH", "/configs".to_owned());
    let url = settings.platform_url.clone();
    all.insert("PLATFORM_URL", url.clone());
    all.insert("MOLECULE_URL", url);
    // Where the built-in agent listens, and what it calls itself.
    all.insert("ISOMER_AGENT_BIND", "0.0.0.0".to_owned());
    all.insert("ISOMER_AGENT_PORT", PORT.to_string());
    all.insert("AGENT_PUBLIC_URL", format!("http://{host}:{PORT}"));
    let variable = |(name, value): (&str, String)| json!({"name": name, "value": literal(&value)});
    all.into_iter().map(variable).collect()
}

/// Kubernetes replaces `$(NAME)` in values and commands; doubled, a dollar stands for itself.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

fn security(limits: &TierLimits) -> Value {
    if limits.privileged {
        return json!({"privileged": true, "readOnlyRootFilesystem": limits.read_only_root});
    }
    let mut context = json!({
        "privileged": false,
        "readOnlyRootFilesystem": limits.read_only_root,
    });
    if limits.confined {
        context["allowPrivilegeEscalation"] = json!(false);
        context["capabilities"] = json!({"drop": ["ALL"]});
        context["seccompProfile"] = json!({"type": "RuntimeDefault"});
    }
    context
}

fn resources(limits: &TierLimits) -> Map<String, Value> {
    let (mut most, mut reserved) = (Map::new(), Map::new());
    if let Some(bytes) = limits.memory_bytes {
        most.insert("memory".to_owned(), json!(bytes.to_string()));
        reserved.insert("memory".to_owned(), json!((bytes / RESERVED).to_string()));
    }
    if let Some(shares) = limits.cpu_shares {
        let milli = |shares: u64| json!(format!("{}m", (shares * 1_000 / 1_024).max(1)));
        most.insert("cpu".to_owned(), milli(shares));
        reserved.insert("cpu".to_owned(), milli(shares / RESERVED));
    }
    if most.is_empty() {
        return Map::new();
    }
    Map::from_iter([("limits".to_owned(), most.into()), ("requests".to_owned(), reserved.into())])
}

struct Volume {
    volume: Value,
    mount: Value,
}

impl Volume {
    fn new(name: &str, path: &str, read_only: bool, source: (&str, Value)) -> Self {
        let mut volume = json!({"name": name});
        volume[source.0] = source.1;
        let mut mount = json!({"name": name, "mountPath": path});
        if read_only {
            mount["readOnly"] = json!(true);
        }
        Self { volume, mount }
    }
}

fn volumes(
    launch: &Launch,
    files: &Files,
    settings: &Settings,
    limits: &TierLimits,
) -> Result<Vec<Volume>, Failure> {
    let mut volumes = vec![configs(launch, files)];
    if settings.secrets_in_file {
        let items = json!([{"key": SECRETS_FILE, "path": SECRETS_FILE}]);
        let secret = json!({
            "secretName": names::of(launch.agent.id), "items": items, "defaultMode": 0o444,
        });
        volumes.push(Volume::new("secrets", SECRETS_FOLDER, true, ("secret", secret)));
    }
    if limits.workspace {
        volumes.push(workspace(launch, settings)?);
    }
    if let Some(bytes) = limits.tmpfs_tmp_bytes {
        let memory = json!({"medium": "Memory", "sizeLimit": bytes.to_string()});
        volumes.push(Volume::new("tmp", "/tmp", false, ("emptyDir", memory)));
    }
    if limits.engine_socket {
        let path = settings.engine_socket.display().to_string();
        let socket = json!({"path": path, "type": "Socket"});
        volumes.push(Volume::new("engine", &path, false, ("hostPath", socket)));
    }
    Ok(volumes)
}

fn configs(launch: &Launch, files: &Files) -> Volume {
    let name = names::configs_of(launch.agent.id);
    if files.is_empty() {
        // Without a list of items a volume shows every key.
        return Volume::new("configs", "/configs", true, ("emptyDir", json!({})));
    }
    let item = |(number, path)| json!({"key": file_key(number), "path": path});
    let items: Vec<_> = files.keys().enumerate().map(item).collect();
    let secret = json!({"secretName": name, "items": items, "defaultMode": 0o444});
    Volume::new("configs", "/configs", true, ("secret", secret))
}

/// `/workspace`: of the pod, or a folder of its node.
fn workspace(launch: &Launch, settings: &Settings) -> Result<Volume, Failure> {
    let agent = &launch.agent;
    let folder = agent.workspace_dir.as_deref().filter(|_| agent.workspace_access != Access::None);
    let Some(folder) = folder else {
        return Ok(Volume::new("workspace", "/workspace", false, ("emptyDir", json!({}))));
    };
    if !settings.allow_privileged {
        return Err(Failure::hopeless(
            "workspace_dir is a folder of the node, which is not allowed on this server \
             (ISOMER_ALLOW_TIERS_3_4)",
        ));
    }
    let read_only = agent.workspace_access == Access::ReadOnly;
    let source = json!({"path": folder, "type": "Directory"});
    Ok(Volume::new("workspace", "/workspace", read_only, ("hostPath", source)))
}
