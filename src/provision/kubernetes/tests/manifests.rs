//! Golden manifests: every flag of every tier. `UPDATE=1` writes them anew.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Secret, Service};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn objects(manifest: &Manifest) -> Value {
    let Manifest { service, secret, configs, deployment, .. } = manifest;
    json!([service, secret, configs, deployment])
}

fn check(name: &str, manifest: &Manifest) {
    let path = server::folder().join("manifests").join(name);
    let text = format!("{:#}\n", objects(manifest));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(expected, text, "{name}: run with UPDATE=1 and read what changed");
}

/// Typed and back: a field that Kubernetes does not know would be lost.
fn is_known<K: Serialize + DeserializeOwned>(object: &Value) {
    let typed: K = serde_json::from_value(object.clone()).unwrap();
    assert_eq!(&serde_json::to_value(typed).unwrap(), object);
}

#[test]
fn every_tier_has_its_manifest() {
    let folder = tempfile::tempdir().unwrap();
    for tier in 1..=4 {
        let manifest = manifest(&launch(tier, folder.path()), &settings()).unwrap();
        check(&format!("tier-{tier}.json"), &manifest);
        is_known::<Service>(&manifest.service);
        is_known::<Secret>(&manifest.secret);
        is_known::<Secret>(&manifest.configs);
        is_known::<Deployment>(&manifest.deployment);
    }
}

#[test]
fn secrets_in_a_file_and_a_folder_of_the_node_have_their_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let mut launch = launch(2, folder.path());
    launch.agent.workspace_dir = Some("/srv/code".to_owned());
    launch.agent.workspace_access = Access::ReadOnly;
    launch.spec.command = vec!["/isomer".to_owned(), "agent".to_owned()];
    let with_file = Settings { secrets_in_file: true, ..settings() };
    let manifest = manifest(&launch, &with_file).unwrap();
    check("file-and-folder.json", &manifest);
    is_known::<Deployment>(&manifest.deployment);
}

#[test]
fn secrets_are_in_secrets_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    for in_file in [false, true] {
        let settings = Settings { secrets_in_file: in_file, ..settings() };
        let manifest = manifest(&launch(2, folder.path()), &settings).unwrap();
        let elsewhere = [&manifest.service, &manifest.deployment, &manifest.configs];
        let elsewhere = elsewhere.map(Value::to_string).concat();
        let data = manifest.secret["data"].as_object().unwrap();
        let inside: String = data
            .values()
            .map(|value| {
                let bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
                String::from_utf8(bytes).unwrap()
            })
            .collect();
        for value in SECRETS {
            assert!(inside.contains(value), "it is delivered");
            assert!(!elsewhere.contains(value) && !elsewhere.contains(&STANDARD.encode(value)));
        }
    }
}

#[test]
fn everything_counts_for_the_hash_and_the_salt_too() {
    let folder = tempfile::tempdir().unwrap();
    let same = || launch(2, folder.path());
    let hash = |launch: &Launch| manifest(launch, &settings()).unwrap().hash;
    let first = hash(&same());
    assert_eq!(hash(&same()), first);
    let mut changed = Vec::new();
    let mut other = same();
    other.spec.image = Some("registry.example/agents:2".into());
    changed.push(hash(&other));
    let mut other = same();
    other.secrets.insert("MODEL_KEY".into(), SecretString::from("new".to_owned()));
    changed.push(hash(&other));
    let mut other = same();
    other.token = SecretString::from("new".to_owned());
    changed.push(hash(&other));
    changed.push(hash(&launch(1, folder.path())));
    let other = same();
    std::fs::write(other.folders.configs.join("config.yaml"), "name: Bea\n").unwrap();
    changed.push(hash(&other));
    changed.push(first);
    let count = changed.len();
    changed.sort();
    changed.dedup();
    assert_eq!(changed.len(), count, "all differ");
}

#[test]
fn what_may_not_be_had_is_refused_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let careful = Settings { allow_privileged: false, ..settings() };
    let refused = |launch: &Launch| {
        let failure = manifest(launch, &careful).err().expect("it is refused");
        assert!(failure.hopeless);
        failure.reason
    };
    for tier in [3, 4] {
        let reason = refused(&launch(tier, folder.path()));
        assert!(reason.contains("ISOMER_ALLOW_TIERS_3_4"), "{reason}");
    }
    let mut other = launch(2, folder.path());
    assert!(manifest(&other, &careful).is_ok());
    other.agent.workspace_dir = Some("/srv/code".to_owned());
    assert!(manifest(&other, &careful).is_ok(), "access none: the folder is not used");
    other.agent.workspace_access = Access::ReadWrite;
    assert!(refused(&other).contains("workspace_dir"));
    let mut other = launch(2, folder.path());
    other.secrets.insert("1 KEY".into(), SecretString::from("x".to_owned()));
    assert!(refused(&other).contains("1 KEY"));
    let mut other = launch(2, folder.path());
    other.spec.image = None;
    assert!(refused(&other).contains("image"));
}
