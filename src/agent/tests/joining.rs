//! Registering, beating, and what every answer of the platform leads to.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[tokio::test]
async fn an_agent_registers_introduces_itself_and_beats_with_its_own_token() {
    let platform = FakePlatform::start();
    let id = Uuid::new_v4();
    let wanted = AgentConfig { workspace_id: Some(id), ..config(&platform.url()) };
    let (running, url) = serving(&platform, wanted).await;
    assert!(url.starts_with("http://localhost:"), "{url}");
    let beat = eventually("second beat", || platform.seen().beats.get(1).cloned()).await;

    {
        let facts = platform.seen();
        let register = &facts.registers[0];
        assert_eq!(register.bearer.as_deref(), Some(fakes::JOIN));
        assert_eq!(register.body["id"], id.to_string());
        assert_eq!(register.body["agent_card"]["name"], "Ada");
        assert_eq!(facts.registers.len(), 1);
        assert_eq!(beat.bearer.as_deref(), Some("token-1"));
        assert_eq!(beat.workspace, Some(id.to_string()));
        assert_eq!(beat.body["workspace_id"], id.to_string());
        for (field, value) in [
            ("error_rate", json!(0.0)),
            ("sample_error", json!("")),
            ("active_tasks", json!(0)),
            ("current_task", json!("")),
            ("uptime_seconds", json!(0)),
        ] {
            assert_eq!(beat.body[field], value, "{field}");
        }
        let role = "Answers questions with an echo";
        assert_eq!(facts.patches[0].body, json!({"name": "Ada", "role": role}));
        assert_eq!(facts.patches[0].bearer.as_deref(), Some("token-1"));
    }
    assert_eq!(running.stopped().await.unwrap(), Exit::Stopped);
}

#[tokio::test]
async fn a_refused_token_leads_to_a_new_registration() {
    let platform = FakePlatform::start();
    let (_running, _) = serving(&platform, config(&platform.url())).await;
    eventually("beat", || platform.seen().beats.first().cloned()).await;
    platform.seen().live = None;

    let fresh = |seen: &fakes::Seen| seen.bearer.as_deref() == Some("token-2");
    eventually("beat with the new token", || {
        platform.seen().beats.iter().find(|b| fresh(b)).cloned()
    })
    .await;
    let facts = platform.seen();
    let bearers: Vec<_> = facts.registers.iter().map(|seen| seen.bearer.as_deref()).collect();
    assert_eq!(bearers, [Some(fakes::JOIN), Some(fakes::JOIN)]);
}

#[tokio::test]
async fn a_given_token_is_used_first_and_the_join_token_when_it_is_refused() {
    let platform = FakePlatform::start();
    let stale = Some(SecretString::from("stale"));
    let wanted = AgentConfig { token: stale, ..config(&platform.url()) };
    let (_running, _) = serving(&platform, wanted).await;
    eventually("beat", || platform.seen().beats.first().cloned()).await;
    let facts = platform.seen();
    let bearers: Vec<_> = facts.registers.iter().map(|seen| seen.bearer.as_deref()).collect();
    assert_eq!(bearers, [Some("stale"), Some(fakes::JOIN)]);
}

#[tokio::test]
async fn an_unknown_workspace_is_registered_again() {
    let platform = FakePlatform::start();
    let (_running, _) = serving(&platform, config(&platform.url())).await;
    eventually("beat", || platform.seen().beats.first().cloned()).await;
    platform.seen().beat_status = Some((404, None));
    eventually("second registration", || platform.seen().registers.get(1).cloned()).await;
    platform.seen().beat_status = None;
    let before = platform.seen().beats.len();
    eventually("beats again", || (platform.seen().beats.len() > before + 2).then_some(())).await;
    assert_eq!(platform.seen().registers[1].bearer.as_deref(), Some("token-1"));
}

#[tokio::test]
async fn a_removed_workspace_ends_its_agent() {
    let platform = FakePlatform::start();
    let (running, url) = serving(&platform, config(&platform.url())).await;
    platform.seen().beat_status = Some((410, None));
    assert_eq!(running.ended().await.unwrap(), Exit::Gone);
    assert!(client().get(url).send().await.is_err(), "its port is closed");
}

#[tokio::test]
async fn an_agent_survives_a_restart_of_its_platform() {
    let mut platform = FakePlatform::start();
    let (_running, url) = serving(&platform, config(&platform.url())).await;
    eventually("beat", || platform.seen().beats.first().cloned()).await;

    platform.kill();
    let answer = call(&url, "message/send", old_message("still there?")).await;
    assert_eq!(answer["result"]["parts"][0]["text"], "still there?");
    let before = platform.seen().beats.len();
    platform.restart();
    eventually("beats again", || (platform.seen().beats.len() > before + 2).then_some(())).await;
    assert_eq!(platform.seen().registers.len(), 1, "its token still serves");
}

#[tokio::test]
async fn an_agent_may_start_before_its_platform() {
    let mut platform = FakePlatform::start();
    platform.kill();
    let _running = Running::start(config(&platform.url()));
    platform.restart();
    eventually("beat", || platform.seen().beats.first().cloned()).await;
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let platform = FakePlatform::start();
    let (_running, _) = serving(&platform, config(&platform.url())).await;
    eventually("beat", || platform.seen().beats.first().cloned()).await;
    for status in [429, 503] {
        let start = tokio::time::Instant::now();
        let before = {
            let mut facts = platform.seen();
            facts.beat_status = Some((status, Some(1)));
            facts.beats.len()
        };
        eventually("refused beat", || (platform.seen().beats.len() > before).then_some(())).await;
        platform.seen().beat_status = None;
        eventually("next beat", || (platform.seen().beats.len() > before + 1).then_some(())).await;
        assert!(start.elapsed() >= Duration::from_secs(1), "{status}: {:?}", start.elapsed());
    }
    assert_eq!(platform.seen().registers.len(), 1);
}

#[tokio::test]
async fn a_retry_after_of_zero_is_no_busy_loop() {
    let platform = FakePlatform::start();
    platform.seen().beat_status = Some((503, Some(0)));
    let (_running, _) = serving(&platform, config(&platform.url())).await;
    let start = tokio::time::Instant::now();
    eventually("fourth beat", || platform.seen().beats.get(3).cloned()).await;
    assert!(start.elapsed() >= Duration::from_millis(3 * 250), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_registration_that_is_refused_does_not_keep_a_token_from_beating() {
    let platform = FakePlatform::start();
    {
        let mut facts = platform.seen();
        facts.live = Some("own".into());
        facts.register_status = Some(400);
    }
    let own = Some(SecretString::from("own"));
    let _running = Running::start(AgentConfig { token: own, ..config(&platform.url()) });
    eventually("third beat", || platform.seen().beats.get(2).cloned()).await;
}

#[tokio::test]
async fn id_and_token_are_kept_in_a_file_of_mode_0600() {
    let platform = FakePlatform::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agents/ada.json");
    let wanted = AgentConfig { token_file: Some(path.clone()), ..config(&platform.url()) };

    let (running, _) = serving(&platform, wanted.clone()).await;
    eventually("beat", || platform.seen().beats.first().cloned()).await;
    running.stopped().await.unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let _again = Running::start(wanted);
    let second = eventually("registration", || platform.seen().registers.get(1).cloned()).await;
    assert_eq!(second.bearer.as_deref(), Some("token-1"));
    assert_eq!(second.body["id"], platform.seen().registers[0].body["id"]);
}

#[tokio::test]
async fn a_dropped_agent_leaves_nothing_behind() {
    let platform = FakePlatform::start();
    let (running, url) = serving(&platform, config(&platform.url())).await;
    let kept = client();
    kept.get(format!("{url}/.well-known/agent.json")).send().await.unwrap();
    running.task.abort();
    let address = url.replace("http://localhost", "127.0.0.1");
    eventually("closed port", || std::net::TcpStream::connect(&address).err()).await;
    assert!(kept.get(&url).send().await.is_err(), "its connections are closed too");
}

#[tokio::test]
async fn bad_settings_end_it_before_anything_is_opened() {
    let bad = AgentConfig { name: "a\nb".into(), ..config("http://localhost:1") };
    let error = Running::start(bad).ended().await.unwrap_err();
    assert!(matches!(error, AgentError::Setting(_)), "{error}");
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_the_address() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Running::start(AgentConfig { port, ..config("http://localhost:1") }).ended().await;
    let text = error.unwrap_err().to_string();
    assert_eq!(text, format!("cannot listen on 127.0.0.1:{port}"));
}
