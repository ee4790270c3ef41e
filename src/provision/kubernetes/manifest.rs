//! What is made in the cluster for one workspace. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::configs::Files;
use super::names::{self, CONTAINER, PORT, SPEC_HASH};
use super::pod_spec;
use super::{Failure, Launch, Settings};
use crate::provision::tiers;

/// The variable in which agents find the workspace's own token.
pub const TOKEN: &str = "WORKSPACE_AUTH_TOKEN";
/// The file of [`crate::config::ProvisionConfig::secrets_in_file`], by its key in the Secret.
pub const SECRETS_FILE: &str = "isomer.json";

/// The objects of one workspace, ready to be applied.
///
/// No `Debug`: it holds secrets.
pub struct Manifest {
    pub name: String,
    /// The service's name as it is resolved everywhere in the cluster.
    pub host: String,
    /// What is told of a failure to pull it.
    pub image: String,
    /// Says whether what runs is what should run. Salted: nobody finds secrets by trying.
    pub hash: String,
    pub service: Value,
    pub secret: Value,
    pub configs: Value,
    pub deployment: Value,
}

impl Manifest {
    /// Returns what a run needs.
    ///
    /// # Errors
    /// [`Failure`], hopeless: something is asked for that may not or cannot be had.
    pub fn new(launch: &Launch, files: &Files, settings: &Settings) -> Result<Self, Failure> {
        let agent = &launch.agent;
        let Some(image) = launch.spec.image.clone() else {
            return Err(Failure::hopeless("its runtime has no image"));
        };
        if tiers::needs_permission(agent.tier) && !settings.allow_privileged {
            let tier = agent.tier;
            return Err(Failure::hopeless(format!(
                "tier {tier} is not allowed on this server (ISOMER_ALLOW_TIERS_3_4)"
            )));
        }
        let name = names::of(agent.id);
        let host = format!("{name}.{}.svc", settings.namespace);
        let secret =
            with_data(head(launch, settings, "Secret", name.clone()), secrets(launch, settings)?);
        let configs_name = names::configs_of(agent.id);
        let configs = with_data(head(launch, settings, "Secret", configs_name), file_data(files));
        let mut manifest = Self {
            service: service(launch, settings, &name),
            deployment: deployment(launch, files, settings, &host)?,
            name,
            host,
            image,
            hash: String::new(),
            secret,
            configs,
        };
        manifest.seal(launch, settings);
        Ok(manifest)
    }

    /// Notes the hash of everything in the Deployment and in its pods.
    fn seal(&mut self, launch: &Launch, settings: &Settings) {
        let token = launch.token.expose_secret().as_bytes();
        // HMAC takes keys of every length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token) else { return };
        mac.update(settings.installation.as_bytes());
        for object in [&self.service, &self.secret, &self.configs, &self.deployment] {
            mac.update(object.to_string().as_bytes());
            mac.update(&[0]);
        }
        let hash: String =
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let annotations = json!({SPEC_HASH: hash});
        self.deployment["metadata"]["annotations"] = annotations.clone();
        self.deployment["spec"]["template"]["metadata"]["annotations"] = annotations;
        self.hash = hash;
    }
}

fn head(launch: &Launch, settings: &Settings, kind: &str, name: String) -> Value {
    let labels = names::labels(settings.installation, launch.agent.id);
    let version = if kind == "Deployment" { "apps/v1" } else { "v1" };
    json!({
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": settings.namespace, "labels": labels},
    })
}

fn with_data(mut secret: Value, data: Map<String, Value>) -> Value {
    secret["type"] = json!("Opaque");
    secret["data"] = data.into();
    secret
}

fn service(launch: &Launch, settings: &Settings, name: &str) -> Value {
    let mut service = head(launch, settings, "Service", name.to_owned());
    service["spec"] = json!({
        "type": "ClusterIP",
        "selector": names::labels(settings.installation, launch.agent.id),
        "ports": [{"name": "http", "port": PORT, "protocol": "TCP", "targetPort": PORT}],
    });
    service
}

/// Secrets and token: as variables, or as one file.
fn secrets(launch: &Launch, settings: &Settings) -> Result<Map<String, Value>, Failure> {
    let token = Some((TOKEN, launch.token.expose_secret())).filter(|(_, token)| !token.is_empty());
    let secrets = launch.secrets.iter().map(|(name, value)| (name.as_str(), value.expose_secret()));
    let open = |name: &str| launch.variables.contains_key(name);
    // The token is last: no secret takes its place.
    let given = secrets.filter(|(name, _)| !open(name)).chain(token);
    if settings.secrets_in_file {
        let all: Map<_, _> = given.map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let text = Value::from(all).to_string();
        return Ok(Map::from_iter([(SECRETS_FILE.to_owned(), encoded(text.as_bytes()))]));
    }
    let mut data = Map::new();
    for (name, value) in given {
        if !is_key(name) {
            let reason = format!("the secret {name:?} has a name that Kubernetes does not take");
            return Err(Failure::hopeless(reason));
        }
        data.insert(name.to_owned(), encoded(value.as_bytes()));
    }
    Ok(data)
}

/// Whether the name may be a key of a Secret and a variable made from it.
fn is_key(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let first = name.bytes().next();
    first.is_some_and(|b| !b.is_ascii_digit() && b != b'.')
        && name.len() <= 253
        && name.bytes().all(plain)
}

fn file_data(files: &Files) -> Map<String, Value> {
    let numbered = files.values().enumerate();
    numbered.map(|(number, bytes)| (pod_spec::file_key(number), encoded(bytes))).collect()
}

fn encoded(bytes: &[u8]) -> Value {
    Value::from(STANDARD.encode(bytes))
}

fn deployment(
    launch: &Launch,
    files: &Files,
    settings: &Settings,
    host: &str,
) -> Result<Value, Failure> {
    let name = names::of(launch.agent.id);
    let labels = names::labels(settings.installation, launch.agent.id);
    let mut deployment = head(launch, settings, "Deployment", name);
    deployment["spec"] = json!({
        "replicas": 1,
        // Two agents of one workspace at once would answer in each other's place.
        "strategy": {"type": "Recreate"},
        "revisionHistoryLimit": 0,
        "selector": {"matchLabels": labels.clone()},
        "template": {
            "metadata": {"labels": labels},
            "spec": pod_spec::pod_spec(launch, files, settings, host)?,
        },
    });
    debug_assert_eq!(CONTAINER, deployment["spec"]["template"]["spec"]["containers"][0]["name"]);
    Ok(deployment)
}
