//! Many agents: what runs comes to match what is wanted.

use super::*;
use crate::provision::host::LOOK_EVERY;
use crate::provision::storm::{GRACE, SPREAD};

fn fleet(world: &World, count: usize, status: Status) -> Vec<WorkspaceId> {
    let ids: Vec<_> = (0..count).map(|_| WorkspaceId::random()).collect();
    for id in &ids {
        world.put(*id, status);
    }
    ids
}

#[tokio::test(start_paused = true)]
async fn what_nobody_wants_is_ended_once_all_that_is_wanted_is_known() {
    let world = World::new(&[]);
    let ids = fleet(&world, 5, Status::Online);
    let paused = fleet(&world, 2, Status::Paused);
    let orphan = WorkspaceId::random();
    world.strays.lock().extend(ids.iter().chain(&paused).copied().chain([orphan]));
    let (_host, _stop, _task) = start(&world, 100);
    sleep(SECOND).await;
    let wanted: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(world.reaped.lock()[0], wanted, "the first time says all of it");
    assert_eq!(*world.strays.lock(), wanted);
    // Something that was started behind its back goes with the next look.
    world.strays.lock().insert(orphan);
    sleep(LOOK_EVERY).await;
    assert_eq!(*world.strays.lock(), wanted);
}

#[tokio::test(start_paused = true)]
async fn a_lost_hint_is_made_up_for() {
    let world = World::new(&[]);
    let (_host, _stop, _task) = start(&world, 100);
    sleep(SECOND).await;
    let id = WorkspaceId::random();
    world.statuses.lock().insert(id, Status::Provisioning);
    sleep(LOOK_EVERY).await;
    assert_eq!(world.running(), [id]);
    world.statuses.lock().insert(id, Status::Paused);
    sleep(LOOK_EVERY).await;
    assert!(world.running().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_ends_and_restarts_nothing() {
    let world = World::new(&[]);
    let ids = fleet(&world, 30, Status::Online);
    let (_host, _stop, _task) = start(&world, 100);
    sleep(SECOND * 10).await;
    assert_eq!(world.running().len(), 30);
    let (runs, reaps) = (world.count("run"), world.reaped.lock().len());
    world.away.store(true, Ordering::Relaxed);
    world.kill_all();
    sleep(SECOND * 60).await;
    assert_eq!(world.count("run"), runs, "nothing is started");
    assert_eq!(world.reaped.lock().len(), reaps);
    assert_eq!(world.count("ended") + world.count("given up"), 0, "and nobody is called dead");
    let online = |id: &WorkspaceId| world.statuses.lock()[id] == Status::Online;
    assert!(ids.iter().all(online));
    world.away.store(false, Ordering::Relaxed);
    sleep(SECOND * 10).await;
    assert_eq!(world.running().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn only_some_start_at_once() {
    let world = World::new(&[]);
    *world.slow.lock() = SECOND * 5;
    fleet(&world, 50, Status::Provisioning);
    let (_host, _stop, _task) = start(&world, 100);
    sleep(SECOND * 4).await;
    assert_eq!(world.count("run"), 8);
    sleep(SECOND * 60).await;
    assert_eq!(world.running().len(), 50);
    assert_eq!(world.most_starting.load(Ordering::Relaxed), 8);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_takes_too_long_fails_and_makes_room() {
    let world = World::new(&[]);
    world.silent.store(true, Ordering::Relaxed);
    let id = fleet(&world, 1, Status::Provisioning)[0];
    let (_host, _stop, _task) = start(&world, 1);
    sleep(SECOND * 29).await;
    assert_eq!((world.count("run"), world.count("end")), (1, 0));
    sleep(SECOND * 2).await;
    assert_eq!(world.count("end"), 1, "what may go on without its run is ended");
    world.silent.store(false, Ordering::Relaxed);
    sleep(SECOND * 5).await;
    assert_eq!(world.running(), [id]);
    sleep(SECOND * 120).await;
    assert_eq!(world.running(), [id], "one that came up in time goes on");
}

#[tokio::test(start_paused = true)]
async fn who_never_registers_is_given_up() {
    let world = World::new(&[]);
    world.silent.store(true, Ordering::Relaxed);
    let id = fleet(&world, 1, Status::Provisioning)[0];
    let (host, work) = {
        let fake = || Arc::new(Fake(Arc::clone(&world)));
        let settings = HostSettings {
            limit: 1,
            starts_at_once: 1,
            attempt: SECOND * 180,
            allow_privileged: false,
        };
        Host::new(fake(), fake(), fake(), settings)
    };
    tokio::spawn(work.run(CancellationToken::new()));
    sleep(SECOND * 600).await;
    assert_eq!(world.count("run"), 3);
    assert_eq!(world.statuses.lock()[&id], Status::Failed);
    let given_up = world.given_up.lock().clone();
    let error = "the agent keeps failing: it did not register within 180 s";
    assert_eq!((given_up.len(), given_up[0].error.as_str()), (1, error));
    assert!(host.has_room());
}

#[tokio::test(start_paused = true)]
async fn whoever_is_given_up_leaves_its_last_words_without_secrets() {
    let world = World::new(&["no port"; 3]);
    fleet(&world, 1, Status::Provisioning);
    let (_host, _stop, _task) = start(&world, 1);
    sleep(SECOND * 60).await;
    let given_up = world.given_up.lock().clone();
    assert_eq!(given_up.len(), 1);
    assert_eq!(given_up[0].error, "the agent keeps failing: no port");
    let lines: Vec<_> = given_up[0].log_tail.lines().collect();
    assert_eq!((lines.len(), lines[0]), (20, "line 11"));
    assert_eq!(lines[19], "no port, said [redacted]");
}

#[tokio::test(start_paused = true)]
async fn when_most_die_at_once_restarts_wait_and_are_spread() {
    let world = World::new(&[]);
    fleet(&world, 40, Status::Online);
    let (_host, _stop, _task) = start(&world, 100);
    sleep(SECOND * 10).await;
    let runs = world.count("run");
    world.kill_all();
    sleep(GRACE - SECOND).await;
    assert_eq!(world.count("run"), runs, "restarts are held");
    sleep(SECOND + SPREAD / 2).await;
    let some = world.count("run") - runs;
    assert!((1..40).contains(&some), "{some} of 40 half way");
    sleep(SPREAD * 4).await;
    assert_eq!(world.running().len(), 40);
    assert_eq!(world.count("run"), runs + 40, "each once");
}

#[tokio::test(start_paused = true)]
async fn agents_that_outlive_the_server_are_left_and_taken_over() {
    let world = World::new(&[]);
    world.outlives.store(true, Ordering::Relaxed);
    let ids = fleet(&world, 3, Status::Online);
    let (_host, stop, task) = start(&world, 10);
    sleep(SECOND).await;
    world.strays.lock().extend(&ids);
    stop.cancel();
    task.await.unwrap();
    assert_eq!(world.count("end"), 0);
    assert_eq!(world.strays.lock().len(), 3);
    let (_host, _stop, _task) = start(&world, 10);
    sleep(SECOND).await;
    assert_eq!(world.running().len(), 3);
    assert_eq!(world.count("starting"), 0, "they were never away");
}

#[tokio::test(start_paused = true)]
async fn sleep_is_finished_whenever_the_host_finds_it_half_done() {
    let world = World::new(&[]);
    let id = fleet(&world, 1, Status::Hibernating)[0];
    world.strays.lock().insert(id);
    let (_host, _stop, _task) = start(&world, 10);
    sleep(SECOND).await;
    assert_eq!(world.statuses.lock()[&id], Status::Hibernated);
    assert!(world.strays.lock().is_empty());
    world.put(id, Status::Provisioning);
    sleep(SECOND).await;
    assert_eq!(world.running(), [id]);
    world.put(id, Status::Hibernating);
    sleep(SECOND).await;
    assert_eq!(world.statuses.lock()[&id], Status::Hibernated);
    assert!(world.running().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_is_wanted_again_while_it_is_put_to_sleep_starts_after_that() {
    let world = World::new(&[]);
    *world.ending.lock() = SECOND * 5;
    let id = fleet(&world, 1, Status::Hibernating)[0];
    let (host, _stop, _task) = start(&world, 10);
    sleep(SECOND).await;
    world.put(id, Status::Provisioning);
    sleep(SECOND).await;
    assert_eq!(host.restart(id).await, Err(Refused::Busy));
    assert_eq!(world.count("run"), 0, "it would be ended as well");
    sleep(SECOND * 5).await;
    assert_eq!(world.running(), [id]);
    // One that never ends is tried again later.
    *world.ending.lock() = SECOND * 1_000;
    world.put(id, Status::Hibernating);
    sleep(SECOND * 60).await;
    assert_eq!(world.statuses.lock()[&id], Status::Hibernating);
    *world.ending.lock() = SECOND;
    sleep(LOOK_EVERY * 2 + SECOND).await;
    assert_eq!(world.statuses.lock()[&id], Status::Hibernated);
}

#[tokio::test(start_paused = true)]
async fn many_changes_are_one_restart_and_rest_is_left_alone() {
    let world = World::new(&[]);
    let ids = fleet(&world, 20, Status::Online);
    let paused = fleet(&world, 1, Status::Paused)[0];
    let (host, _stop, _task) = start(&world, 100);
    sleep(SECOND * 10).await;
    let runs = world.count("run");
    let mut told = host.watch_restarts();
    for _ in 0..5 {
        host.refresh(vec![ids[0], paused, WorkspaceId::random()]);
        sleep(SECOND / 2).await;
    }
    sleep(SECOND * 5).await;
    assert_eq!(world.count("run"), runs + 1);
    assert_eq!(told.try_recv(), Ok(ids[0]));
    host.refresh(ids.clone());
    sleep(SECOND * 3 - SECOND / 2).await;
    assert_eq!(world.count("run"), runs + 1 + 8, "a lot at a time");
    sleep(SECOND * 10).await;
    assert_eq!(world.count("run"), runs + 1 + 20);
    assert_eq!(world.running().len(), 20);
}

/// Run with `--nocapture` to see what a look at everything costs.
#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "what it costs is real time")]
async fn a_look_at_ten_thousand_asks_memory_alone() {
    const MANY: usize = 10_000;
    let world = World::new(&[]);
    fleet(&world, MANY, Status::Online);
    let (_host, _stop, _task) = start(&world, MANY);
    while world.running().len() < MANY {
        sleep(SECOND).await;
    }
    sleep(SECOND * 5).await;
    let (loads, runs) = (world.loads.load(Ordering::Relaxed), world.count("run"));
    let glimpses = world.glimpses.load(Ordering::Relaxed);
    let reaps = world.reaped.lock().len();
    let began = std::time::Instant::now();
    sleep(LOOK_EVERY).await;
    let took = began.elapsed();
    let asked = world.glimpses.load(Ordering::Relaxed) - glimpses;
    assert_eq!(world.reaped.lock().len(), reaps + 1, "one look");
    assert_eq!(world.loads.load(Ordering::Relaxed), loads, "no row is read");
    assert_eq!(world.count("run"), runs);
    assert!(asked <= 2 * MANY + 10, "one glimpse to keep and one to end: {asked}");
    println!("a look at {MANY} wanted agents: {asked} glimpses in {took:?}");
}
