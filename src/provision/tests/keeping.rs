//! One agent: its crashes, pauses and orders.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_agent_that_crashes_comes_back_with_longer_and_longer_pauses() {
    let world = World::new(&["a", "panic", "b", "panic"]);
    let id = WorkspaceId::random();
    world.put(id, Status::Provisioning);
    let (_host, stop, task) = start(&world, 8);
    sleep(SECOND * 60).await;
    let runs: Vec<_> = world.seen().into_iter().filter(|(_, what)| *what == "run").collect();
    assert_eq!(runs, [(0, "run"), (1, "run"), (3, "run"), (7, "run"), (15, "run")]);
    assert_eq!(world.running(), [id], "the fifth run goes on");
    stop.cancel();
    task.await.unwrap();
    assert!(world.running().is_empty());
    assert_eq!(world.seen().last().unwrap(), &(15, "run"), "an orderly end is no event");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_always_fails_is_given_up_until_somebody_restarts_it() {
    let world = World::new(&["no port"; 3]);
    let id = WorkspaceId::random();
    world.put(id, Status::Provisioning);
    let (host, _stop, _task) = start(&world, 1);
    sleep(SECOND * 60).await;
    let told: Vec<_> = world.seen().iter().map(|(_, what)| *what).collect();
    let once = ["run", "ended", "starting"];
    assert_eq!(told, [&once[..], &once, &["run", "ended", "given up"]].concat());
    assert_eq!(host.stop(id).await, Err(Refused::NotRunning));
    assert!(host.has_room(), "it takes no room");

    host.restart(id).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(world.running(), [id]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_agent_is_away_for_a_moment() {
    let world = World::new(&[]);
    let id = WorkspaceId::random();
    let (host, _stop, _task) = start(&world, 1);
    sleep(SECOND).await;
    world.put(id, Status::Provisioning);
    sleep(SECOND).await;
    assert_eq!(world.running(), [id], "a new workspace is noticed");

    host.stop(id).await.unwrap();
    assert!(world.running().is_empty());
    assert_eq!(world.seen().last().unwrap().1, "ended", "the answer comes after the report");
    assert_eq!(host.stop(id).await, Err(Refused::NotRunning));
    sleep(PAUSE_AFTER_STOP - SECOND).await;
    assert!(world.running().is_empty());
    sleep(SECOND * 2).await;
    assert_eq!(world.running(), [id]);

    host.stop(id).await.unwrap();
    host.restart(id).await.unwrap();
    sleep(SECOND / 10).await;
    assert_eq!(world.running(), [id], "a restart does not wait");
}

#[tokio::test(start_paused = true)]
async fn it_is_told_why_an_agent_starts_again() {
    let world = World::new(&["a"]);
    let id = WorkspaceId::random();
    world.put(id, Status::Offline);
    let (host, _stop, _task) = start(&world, 1);
    sleep(SECOND * 5).await;
    host.restart(id).await.unwrap();
    sleep(SECOND).await;
    host.refresh(vec![id]);
    sleep(SECOND * 5).await;
    host.stop(id).await.unwrap();
    sleep(SECOND * 5).await;
    // One that was given up begins with an order.
    *world.failures.lock() = vec!["b"; 3];
    world.kill_all();
    sleep(SECOND * 60).await;
    host.refresh(vec![id]);
    sleep(SECOND * 5).await;
    assert_eq!(world.running(), [id]);
    let first = [None, Some(Cause::Crashed)];
    let asked = [Cause::Restart, Cause::SecretChanged, Cause::Restart].map(Some);
    let last = [Cause::Crashed, Cause::Crashed, Cause::Crashed, Cause::SecretChanged].map(Some);
    assert_eq!(*world.causes.lock(), [&first[..], &asked, &last].concat());
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_waits_until_another_is_removed() {
    let world = World::new(&[]);
    let (first, second) = (WorkspaceId::random(), WorkspaceId::random());
    world.put(first, Status::Online);
    let (host, _stop, _task) = start(&world, 1);
    sleep(SECOND).await;
    assert!(!host.has_room());
    world.put(second, Status::Provisioning);
    sleep(SECOND).await;
    assert_eq!(world.running(), [first]);
    assert_eq!(host.restart(second).await, Err(Refused::NoRoom));
    world.put(first, Status::Removed);
    sleep(SECOND).await;
    assert_eq!(world.running(), [second]);
    assert_eq!(world.seen().iter().filter(|(_, what)| *what == "forgotten").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_missed_hints_looks_at_all() {
    let world = World::new(&[]);
    let (_host, _stop, _task) = start(&world, 100);
    sleep(SECOND).await;
    // More than the channel holds, before the host gets a turn.
    for _ in 0..80 {
        world.put(WorkspaceId::random(), Status::Provisioning);
    }
    sleep(SECOND).await;
    assert_eq!(world.running().len(), 80);
}
