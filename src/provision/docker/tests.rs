//! What containers are made of, without an engine.

use std::path::Path;

use bollard::models::ContainerCreateBody;
use isomer_actors::domain::record::Access;
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::spec::{self, Spec, Surroundings};
use crate::config::TierSettings;
use crate::provision::tiers;
use crate::provision::{Launch, fixtures};

const KEY: &[u8] = b"a key of the digests";

fn around() -> Surroundings {
    Surroundings {
        platform_url: "http://172.18.0.1:8080".to_owned(),
        installation: Uuid::nil(),
        tiers: TierSettings::default(),
        processors: 8,
        user: (1_000, 1_001),
        socket: "/run/engine.sock".into(),
    }
}

fn launch(tier: i32) -> Launch {
    let mut launch = fixtures::launch();
    launch.agent.tier = tier;
    launch.spec.image = Some("agents:1".to_owned());
    launch
}

fn described(launch: &Launch) -> Spec {
    spec::describe(launch, &around(), None, KEY).unwrap()
}

fn json_of(body: &ContainerCreateBody) -> Value {
    serde_json::to_value(body).unwrap()
}

#[test]
fn every_flag_of_every_tier_for_the_engine() {
    let log = json!({"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}});
    let ports = json!({"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]});
    let common = json!({
        "Init": true, "RestartPolicy": {"Name": "no"}, "LogConfig": log,
        "ExtraHosts": ["host.docker.internal:host-gateway"],
    });
    let confined = json!({
        "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "PidsLimit": 512,
        "Privileged": false, "NetworkMode": "molecule-monorepo-net", "PortBindings": ports,
    });
    let (mib, processor) = (1_048_576, 1_000_000_000_u64);
    let own = [
        json!({"ReadonlyRootfs": true, "Tmpfs": {"/tmp": "rw,nosuid,nodev,mode=1777,size=67108864"}}),
        json!({"ReadonlyRootfs": false, "Memory": 512 * mib, "NanoCpus": processor}),
        json!({
            "ReadonlyRootfs": false, "Memory": 2_048 * mib, "NanoCpus": 2 * processor,
            "Privileged": true, "PidMode": "host", "NetworkMode": "molecule-monorepo-net",
            "PortBindings": ports,
        }),
        json!({
            "ReadonlyRootfs": false, "Memory": 4_096_u64 * mib, "NanoCpus": 4 * processor,
            "Privileged": true, "PidMode": "host", "NetworkMode": "host",
        }),
    ];
    for (tier, own) in (1..).zip(own) {
        let mut expected = common.clone();
        let parts = if tier < 3 { vec![&confined, &own] } else { vec![&own] };
        for part in parts {
            expected.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        }
        let host = spec::host_config(&tiers::limits(tier, &TierSettings::default()), 8);
        assert_eq!(serde_json::to_value(host).unwrap(), expected, "tier {tier}");
        let body = described(&launch(tier)).body;
        assert_eq!(body.user, (tier < 3).then(|| "1000:1001".to_owned()), "tier {tier}");
    }
}

#[test]
fn caps_go_no_further_than_the_engine() {
    let host = spec::host_config(&tiers::limits(4, &TierSettings::default()), 2);
    assert_eq!(host.nano_cpus, Some(2_000_000_000));
}

#[test]
fn mounts_are_what_tier_and_access_give() {
    let targets = |launch: &Launch| {
        let host = described(launch).body.host_config.unwrap();
        let mounts = host.mounts.unwrap().into_iter();
        let shown = |m: bollard::models::Mount| {
            let read_only = if m.read_only == Some(true) { ":ro" } else { "" };
            format!("{}:{}{read_only}", m.source.unwrap(), m.target.unwrap())
        };
        mounts.map(shown).collect::<Vec<_>>()
    };
    assert_eq!(targets(&launch(1)), ["/c:/configs"]);
    assert_eq!(targets(&launch(2)), ["/c:/configs", "/w:/workspace", "/h:/home", "/p:/plugins"]);
    let engine = "/run/engine.sock:/var/run/docker.sock";
    assert_eq!(
        targets(&launch(4)),
        ["/c:/configs", "/w:/workspace", "/h:/home", "/p:/plugins", engine]
    );
    for (access, expected) in [
        (Access::None, "/w:/workspace"),
        (Access::ReadOnly, "/host:/workspace:ro"),
        (Access::ReadWrite, "/host:/workspace"),
    ] {
        let mut launch = launch(3);
        launch.agent.workspace_dir = Some("/host".to_owned());
        launch.agent.workspace_access = access;
        assert_eq!(targets(&launch), ["/c:/configs", expected, "/h:/home", "/p:/plugins"]);
        launch.agent.tier = 1;
        assert_eq!(targets(&launch), ["/c:/configs"], "tier 1 has its configuration only");
    }
    let mut claude = launch(2);
    claude.agent.runtime = "claude-code".to_owned();
    assert!(targets(&claude).contains(&"/claude-sessions:/root/.claude/sessions".to_owned()));
}

#[test]
fn variables_win_over_secrets_and_the_containers_own_over_all() {
    let mut launch = launch(2);
    launch.secrets.insert("A".to_owned(), SecretString::from("secret"));
    launch.secrets.insert("B".to_owned(), SecretString::from("secret"));
    launch.variables.insert("B".to_owned(), "open".to_owned());
    launch.variables.insert("PLATFORM_URL".to_owned(), "http://127.0.0.1:8080".to_owned());
    let env = described(&launch).body.env.unwrap();
    for expected in [
        "A=secret",
        "B=open",
        "PLATFORM_URL=http://172.18.0.1:8080",
        "MOLECULE_URL=http://172.18.0.1:8080",
        "WORKSPACE_CONFIG_PATH=/configs",
        "WORKSPACE_AUTH_TOKEN=the-token-of-ada",
        "ISOMER_AGENT_BIND=0.0.0.0",
        "ISOMER_AGENT_PORT=8000",
    ] {
        assert!(env.iter().any(|variable| variable == expected), "{expected}");
    }
    launch.secrets.insert("NUL".to_owned(), SecretString::from("se\0cret"));
    let failure = spec::describe(&launch, &around(), None, KEY).unwrap_err();
    assert!(failure.hopeless && failure.reason.contains("NUL"), "{failure:?}");
    assert!(!failure.reason.contains("cret"));
}

#[test]
fn secrets_by_file_are_nowhere_in_the_description() {
    let mut launch = launch(2);
    launch.secrets.insert("API_KEY".to_owned(), SecretString::from("open sesame"));
    let by_file = spec::describe(&launch, &around(), Some(Path::new("/dev/shm/x")), KEY).unwrap();
    let text = json_of(&by_file.body).to_string();
    assert!(!text.contains("sesame") && !text.contains("the-token-of-ada"), "{text}");
    assert!(text.contains("ISOMER_SECRETS_FILE=/run/secrets/isomer.json"));
    let labels = |spec: &Spec| json_of(&spec.body)["Labels"].to_string();
    assert!(!labels(&described(&launch)).contains("sesame"));
}

#[test]
fn the_digest_tells_everything_apart_and_nothing_to_whoever_has_no_key() {
    let one = launch(2);
    assert_eq!(described(&one).digest, described(&one).digest);
    let changes: [fn(&mut Launch); 6] = [
        |launch| launch.agent.tier = 1,
        |launch| launch.token = SecretString::from("another"),
        |launch| launch.spec.image = Some("agents:2".to_owned()),
        |launch| launch.spec.command = vec!["true".to_owned()],
        |launch| _ = launch.secrets.insert("A".to_owned(), SecretString::from("B")),
        |launch| _ = launch.variables.insert("A".to_owned(), "B".to_owned()),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut other = one.clone();
        change(&mut other);
        assert_ne!(described(&one).digest, described(&other).digest, "change {n}");
    }
    let folder = Some(Path::new("/dev/shm/x"));
    let by_file = |launch: &Launch| spec::describe(launch, &around(), folder, KEY).unwrap().digest;
    let mut other = one.clone();
    other.secrets.insert("A".to_owned(), SecretString::from("B"));
    assert_ne!(by_file(&one), by_file(&other), "also when they come by file");
    let another_key = spec::describe(&one, &around(), None, b"another").unwrap().digest;
    assert_ne!(another_key, described(&one).digest);
}

#[test]
fn an_agent_with_the_hosts_network_has_a_port_of_its_own() {
    let one = launch(4);
    let spec = described(&one);
    assert!(spec.host_network && spec.body.exposed_ports.is_none() && spec.body.hostname.is_none());
    let mut body = spec.body;
    spec::with_port(&mut body, 41_000);
    assert!(body.env.unwrap().contains(&"ISOMER_AGENT_PORT=41000".to_owned()));
    assert_eq!(body.labels.unwrap()[spec::PORT_LABEL], "41000");
    assert_eq!(described(&one).digest, spec.digest, "which does not count");
}

#[test]
fn names_are_the_contracts() {
    let id =
        "01234567-89ab-cdef-0123-456789abcdef".parse().map(isomer_actors::domain::ids::WorkspaceId);
    assert_eq!(spec::name(id.unwrap()), "ws-01234567-89a");
    let spec = described(&launch(2));
    let labels = json_of(&spec.body)["Labels"].clone();
    assert_eq!(labels["molecule.platform.managed"], "true");
    assert_eq!(labels["isomer.installation"], Uuid::nil().to_string());
    assert_eq!(labels["isomer.spec"], spec.digest);
}
