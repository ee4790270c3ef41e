//! Runs of an agent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;
use crate::provision::restarts::{Next, Restarts};

/// Waits until the agent's address is known.
async fn reached(stage: &Stage) -> String {
    let url = "http://ws-0b9f6a2e-5c1.agents.svc:8000/";
    let known = async {
        loop {
            match stage.addresses.published(id(), url).await {
                Some(url) => return url.to_string(),
                // The run has not begun.
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(DEADLINE, known).await.expect("it is published")
}

#[tokio::test]
async fn a_first_start_applies_everything_and_a_stop_scales_to_nothing() {
    let stage = Stage::of("first-start").await;
    let (stop, run) = stage.run();
    assert_eq!(reached(&stage).await, "http://10.96.41.7:8000/");
    let vetted = stage.addresses.vetted(id(), "http://localhost:8000").unwrap();
    assert_eq!(vetted.addresses, ["10.96.41.7:8000".parse().unwrap()]);
    stop.cancel();
    let ended = tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap();
    assert_eq!(ended, Ok(Ended::Stopped));
    stage.server.played().await;
    assert!(stage.addresses.vetted(id(), "http://localhost:8000").is_none());
    for asked in stage.server.asked() {
        let may = asked.path.contains("/secrets/") && asked.method == "PATCH";
        for value in SECRETS {
            let shown = [value.to_owned(), STANDARD.encode(value)];
            assert!(may || !shown.iter().any(|text| asked.body.contains(text)), "{}", asked.path);
        }
    }
}

#[tokio::test]
async fn after_a_restart_of_the_server_an_agent_is_taken_over_as_it_is() {
    let stage = Stage::of("adoption").await;
    let (_stop, run) = stage.run();
    assert_eq!(reached(&stage).await, "http://10.96.41.7:8000/");
    stage.server.played().await;
    // The server ends: nothing more is asked, and its four restarts of old are no failure.
    assert!(!run.is_finished());
    run.abort();
    stage.server.finish();
}

#[tokio::test]
async fn a_changed_image_is_applied() {
    let stage = Stage::of("changed-image").await;
    let (_stop, run) = stage.run();
    stage.server.played().await;
    assert!(!run.is_finished());
    run.abort();
}

#[tokio::test]
async fn a_crash_is_told_once_and_leaves_nothing_running() {
    let stage = Stage::of("crash").await;
    assert_eq!(stage.failure().await, Failure::new("its container exited with code 3"));
    let range = LogRange { tail: 1, follow: true };
    assert_eq!(reading::text(&stage.backend, range).await.unwrap(), "ValueError: no model\n");
    stage.server.played().await;
}

#[tokio::test]
async fn three_equal_crashes_are_given_up_with_nothing_left_running() {
    let stage = Stage::of("crash-loop").await;
    let mut restarts = Restarts::default();
    let mut decided = Vec::new();
    for _ in 0..3 {
        let started = Instant::now();
        let failure = stage.failure().await;
        decided.push(restarts.failed(&failure.reason, true, started, Instant::now()));
    }
    assert!(matches!(decided[..], [Next::After(_), Next::After(_), Next::GiveUp]), "{decided:?}");
    // The last of all requests found no pod.
    stage.server.played().await;
}

#[tokio::test]
async fn one_found_in_a_crash_loop_has_failed() {
    let stage = Stage::of("found-crashing").await;
    assert_eq!(stage.failure().await, Failure::new("its container ran out of memory"));
    stage.server.played().await;
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_a_failure() {
    let stage = Stage::of("image-pull").await;
    let failure = stage.failure().await;
    assert!(failure.reason.contains("registry.example/agents:1 cannot be pulled"), "{failure:?}");
    assert!(!failure.hopeless);
    stage.server.played().await;
}

#[tokio::test]
async fn an_api_server_in_trouble_is_asked_again() {
    let stage = Stage::of("trouble").await;
    let (_stop, run) = stage.run();
    stage.server.played().await;
    assert!(!run.is_finished());
    run.abort();
}

#[tokio::test]
async fn an_api_server_that_is_away_restarts_nothing() {
    let stage = Stage::of("adoption").await;
    let hash = manifest(&stage.launch(), &settings()).unwrap().hash;
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let addresses = Addresses::default();
    let backend = backend(&address.to_string(), &addresses);
    let (launch, stop) = (stage.launch(), CancellationToken::new());
    let other = Arc::clone(&backend);
    let run = tokio::spawn(async move { other.run(launch, stop).await });
    let range = LogRange { tail: 1, follow: false };
    let refused = reading::text(&backend, range).await.unwrap_err();
    assert!(matches!(refused, Unavailable::Engine(_)), "{refused}");
    assert!(matches!(backend.end(id()).await, Err(Unavailable::Engine(_))));
    assert!(!run.is_finished());
    let listener = TcpListener::bind(address).await.unwrap();
    let back = Server::on(listener, recorded("adoption", &hash));
    back.played().await;
    assert!(!run.is_finished(), "it goes on as it was");
    run.abort();
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let stage = Stage::of("forbidden").await;
    let failure = stage.failure().await;
    assert!(failure.hopeless);
    assert!(failure.reason.contains("may not patch secrets"), "{}", failure.reason);
    stage.server.played().await;
}

#[tokio::test]
async fn a_deployment_of_another_installation_is_left_alone() {
    let stage = Stage::of("foreign").await;
    let failure = stage.failure().await;
    assert!(failure.hopeless && failure.reason.contains("not of this installation"), "{failure:?}");
    assert!(stage.server.asked().iter().all(|asked| asked.method == "GET"));
}

#[tokio::test]
async fn a_deployment_without_a_pod_says_why() {
    let stage = Stage::of("no-pod").await;
    let manifest = manifest(&stage.launch(), &settings()).unwrap();
    let failure = stage.backend.why_no_pod(id(), &manifest).await.unwrap();
    assert!(failure.reason.contains("exceeded quota"), "{failure:?}");
    let failure = stage.backend.why_no_pod(id(), &manifest).await.unwrap();
    assert_eq!(failure.reason, "its deployment was changed by somebody else");
    let failure = stage.backend.why_no_pod(id(), &manifest).await.unwrap();
    assert_eq!(failure.reason, "its deployment was deleted");
}

#[tokio::test]
async fn only_orphans_of_this_installation_are_reaped() {
    let stage = Stage::of("reap").await;
    let reaped = stage.backend.reap(&std::collections::BTreeSet::from([id()])).await.unwrap();
    assert_eq!(reaped, 1);
    stage.server.played().await;
    for asked in stage.server.asked().iter().filter(|asked| asked.method == "DELETE") {
        assert!(asked.path.ends_with('s'), "a collection, by its labels: {}", asked.path);
    }
}

#[tokio::test]
async fn a_removed_workspace_leaves_nothing() {
    let stage = Stage::of("forget").await;
    stage.backend.forget(id()).await;
    stage.server.played().await;
}
