//! The Role of the documented manifest against what is asked of the API server.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, PersistentVolumeClaim, Service, ServiceAccount,
};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::server::{Exchange, folder};
use super::*;

/// Group, resource and verb.
type Right = (String, String, String);

const MANIFEST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/kubernetes.yaml"));

fn documents() -> Vec<Value> {
    MANIFEST.split("\n---\n").map(|text| serde_saphyr::from_str(text).unwrap()).collect()
}

fn of_kind<K: DeserializeOwned + Serialize>(kind: &str) -> Vec<K> {
    let found = documents().into_iter().filter(|object| object["kind"] == kind);
    found
        .map(|object| {
            let typed: K = serde_json::from_value(object.clone()).unwrap();
            let again = serde_json::to_value(&typed).unwrap();
            assert_eq!(again, object, "Kubernetes knows all of it");
            typed
        })
        .collect()
}

/// Returns what an exchange needs. Applying may create, which is a right of its own.
fn needed(exchange: &Exchange) -> Vec<Right> {
    let parts: Vec<_> = exchange.path.trim_start_matches('/').split('/').collect();
    let (group, rest) = match parts.as_slice() {
        ["api", "v1", rest @ ..] => ("", rest),
        ["apis", group, "v1", rest @ ..] => (*group, rest),
        _ => panic!("{}", exchange.path),
    };
    let ["namespaces", "agents", resource, rest @ ..] = rest else { panic!("{}", exchange.path) };
    let (resource, named) = match rest {
        [] => ((*resource).to_owned(), false),
        [_] => ((*resource).to_owned(), true),
        [_, sub @ ..] => (format!("{resource}/{}", sub.join("/")), true),
    };
    let watched = exchange.query.contains_key("watch");
    let verbs: &[&str] = match (exchange.method.as_str(), named) {
        ("GET", true) => &["get"],
        ("GET", false) if watched => &["watch"],
        ("GET", false) => &["list"],
        ("PATCH", true) if exchange.query.contains_key("force") => &["patch", "create"],
        ("PATCH", true) => &["patch"],
        ("DELETE", false) => &["deletecollection"],
        other => panic!("{other:?} {}", exchange.path),
    };
    verbs.iter().map(|verb| (group.to_owned(), resource.clone(), (*verb).to_owned())).collect()
}

#[test]
fn the_role_has_exactly_the_rights_that_are_used() {
    let mut used = BTreeSet::new();
    for file in std::fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(".json") {
            used.extend(recorded(name, "0").iter().flat_map(needed));
        }
    }
    let role = of_kind::<Role>("Role").remove(0);
    let mut given = BTreeSet::new();
    for rule in role.rules.unwrap() {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                given.extend(
                    rule.verbs.iter().map(|verb| (group.clone(), resource.clone(), verb.clone())),
                );
            }
        }
    }
    assert_eq!(given, used);
}

#[test]
fn the_documented_manifest_is_whole() {
    let namespaces = of_kind::<Namespace>("Namespace");
    let account = of_kind::<ServiceAccount>("ServiceAccount").remove(0).metadata;
    let binding = of_kind::<RoleBinding>("RoleBinding").remove(0);
    let role = of_kind::<Role>("Role").remove(0).metadata;
    let subject = binding.subjects.unwrap().remove(0);
    assert_eq!(binding.role_ref.name, role.name.clone().unwrap());
    assert_eq!(binding.metadata.namespace, role.namespace, "it binds where the agents are");
    assert_eq!((Some(subject.name), subject.namespace), (account.name.clone(), account.namespace));
    assert_eq!(of_kind::<PersistentVolumeClaim>("PersistentVolumeClaim").len(), 1);
    let service = of_kind::<Service>("Service").remove(0).metadata;

    let deployment = of_kind::<Deployment>("Deployment").remove(0);
    let pod = deployment.spec.unwrap().template.spec.unwrap();
    assert_eq!(pod.service_account_name, account.name);
    let env = pod.containers[0].env.clone().unwrap();
    let value = |name: &str| {
        let found = env.iter().find(|variable| variable.name == name);
        found.and_then(|variable| variable.value.clone()).unwrap_or_default()
    };
    assert_eq!(value("PROVISIONER"), "kubernetes");
    assert_eq!(Some(value("KUBERNETES_NAMESPACE")), role.namespace);
    let reached = format!("http://{}.{}.svc:", service.name.unwrap(), service.namespace.unwrap());
    assert!(value("PLATFORM_URL").starts_with(&reached));
    // The folder of a volume belongs to root, and the server has to make its own private.
    let mounts = pod.containers[0].volume_mounts.clone().unwrap();
    let volume = mounts.iter().find(|mount| mount.name == "data").unwrap();
    assert!(value("ISOMER_DATA_DIR").starts_with(&format!("{}/", volume.mount_path)));
    let named: BTreeSet<_> = namespaces.iter().map(|one| one.metadata.name.clone()).collect();
    assert!(named.contains(&role.namespace) && named.contains(&deployment.metadata.namespace));
    let map = of_kind::<ConfigMap>("ConfigMap").remove(0).data.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runtimes = folder.path().join("runtimes.yaml");
    std::fs::write(&runtimes, &map["runtimes.yaml"]).unwrap();
    let runtimes = runtimes.display().to_string();
    // The server accepts its environment, and hosts what it has images for.
    let config = crate::config::Config::from_env(&|name| match name {
        "ADMIN_TOKEN" => Some("0123456789abcdef".to_owned()),
        "ISOMER_RUNTIMES" => Some(runtimes.clone()),
        _ => Some(value(name)).filter(|value| !value.is_empty()),
    });
    let hosted = config.unwrap().provision.hosted();
    assert_eq!(hosted.names().collect::<Vec<_>>(), ["isomer", "langgraph"]);
}
