//! Pause, resume and hibernation over a tree of workspaces; sleep for idleness.

use isomer_actors::api::{Cause, Hibernation};
use isomer_actors::domain::activity::Entry;
use isomer_actors::ports::{EventQuery, StructureStore};
use proptest::prelude::*;

use crate::*;

/// Creates workspaces, each below one that came before it, or below none.
async fn forest(world: &World, parents: &[Option<usize>]) -> Vec<WorkspaceId> {
    let mut ids: Vec<WorkspaceId> = Vec::new();
    for (n, parent) in parents.iter().enumerate() {
        let id = WorkspaceId::random();
        let parent_id = parent.filter(|_| n > 0).map(|parent| ids[parent % n]);
        let new = NewWorkspace { name: format!("w{n}"), parent_id, ..new_workspace(id) };
        world.directory.create(new).await.unwrap();
        ids.push(id);
    }
    ids
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Pause(usize),
    Resume(usize),
}

fn orders() -> impl Strategy<Value = Order> {
    prop_oneof![(0..9_usize).prop_map(Order::Pause), (0..9_usize).prop_map(Order::Resume)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Nothing below what is paused ever runs, whatever is ordered.
    #[test]
    fn what_is_below_a_pause_rests(
        parents in proptest::collection::vec(proptest::option::of(0..9_usize), 2..9),
        orders in proptest::collection::vec(orders(), 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { let mut runtime = runtime; runtime.enable_all().start_paused(true).build().unwrap() };
        runtime.block_on(async {
            let world = world().await;
            let ids = forest(&world, &parents).await;
            let paused = |id: &WorkspaceId| {
                world.directory.glimpse(*id).unwrap().status == Status::Paused
            };
            for order in orders {
                match order {
                    Order::Pause(n) => {
                        let (id, before) = (ids[n % ids.len()], paused(&ids[n % ids.len()]));
                        assert_eq!(world.directory.pause(id).await.is_ok(), !before);
                        assert!(paused(&id));
                    }
                    Order::Resume(n) => {
                        let id = ids[n % ids.len()];
                        let before = paused(&id);
                        match world.directory.resume(id).await {
                            Ok(all) => assert!(before && all.contains(&id) && !paused(&id)),
                            Err(RuntimeError::NotFound) => assert!(!before),
                            Err(RuntimeError::PausedAbove(name)) => {
                                let named = ids[name[1..].parse::<usize>().unwrap()];
                                assert!(before && paused(&named));
                                assert!(world.directory.is_above(named, id));
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
                for (above, below) in ids.iter().flat_map(|a| ids.iter().map(move |b| (a, b))) {
                    if world.directory.is_above(*above, *below) && paused(above) {
                        assert!(paused(below));
                    }
                }
            }
        });
    }
}

async fn idle_after(world: &World, minutes: i32) -> WorkspaceId {
    let id = WorkspaceId::random();
    world.directory.create(new_workspace(id)).await.unwrap();
    world.directory.register(registration(id)).await.unwrap();
    let patch = Patch { hibernation_idle_minutes: Some(Some(minutes)), ..Patch::default() };
    world.directory.patch(id, patch).await.unwrap();
    id
}

/// Why its agent was started last, as its event says.
async fn reason(world: &World, id: WorkspaceId) -> serde_json::Value {
    let query = EventQuery { workspace: Some(id), limit: 1_000, ..EventQuery::default() };
    let mut events = world.store.events(&query).await.unwrap();
    events.retain(|recorded| recorded.event.kind == "WORKSPACE_PROVISIONING");
    events.pop().unwrap().event.payload["reason"].take()
}

#[tokio::test(start_paused = true)]
async fn a_start_says_why() {
    let world = world().await;
    let id = WorkspaceId::random();
    let hosted = NewWorkspace { runtime: "isomer".to_owned(), ..new_workspace(id) };
    world.directory.create(hosted).await.unwrap();
    assert_eq!(reason(&world, id).await, serde_json::Value::Null);
    world.directory.pause(id).await.unwrap();
    world.directory.resume(id).await.unwrap();
    assert_eq!(reason(&world, id).await, "resumed");
    for (report, said) in [
        (RunReport::Starting(None), None),
        (RunReport::Starting(Some(Cause::Crashed)), Some("crashed")),
        (RunReport::Starting(Some(Cause::SecretChanged)), Some("secret_changed")),
        (RunReport::Wanted(Cause::Restart), Some("restart")),
    ] {
        world.directory.register(registration(id)).await.unwrap();
        world.directory.report_run(id, RunReport::Ended).await.unwrap();
        assert!(world.directory.report_run(id, report).await.unwrap());
        assert_eq!(reason(&world, id).await.as_str(), said);
    }
}

async fn beat_for(world: &World, id: WorkspaceId, seconds: u64, active_tasks: i32) {
    for _ in 0..seconds / 20 {
        let beat = Beat { active_tasks: Some(active_tasks), ..Beat::default() };
        world.directory.beat(id, beat).await.unwrap();
        tokio::time::sleep(SECOND * 20).await;
    }
}

#[tokio::test(start_paused = true)]
async fn beats_keep_nobody_awake_and_work_does() {
    let world = world().await;
    let id = idle_after(&world, 5).await;
    let status = || world.directory.glimpse(id).unwrap().status;
    beat_for(&world, id, 240, 0).await;
    assert_eq!(status(), Status::Online);
    let entry = Entry { summary: Some("wrote".to_owned()), ..Entry::new(id, "agent_log") };
    world.tree.activity().log(entry);
    beat_for(&world, id, 240, 0).await;
    assert_eq!(status(), Status::Online, "an activity counts");
    beat_for(&world, id, 400, 1).await;
    assert_eq!(status(), Status::Online, "a task counts");
    beat_for(&world, id, 240, 0).await;
    assert_eq!(status(), Status::Online, "as long as it lasts");
    beat_for(&world, id, 120, 0).await;
    assert_eq!(status(), Status::Hibernated, "nobody here ends its agent: it sleeps at once");

    beat_for(&world, id, 60, 0).await;
    assert_eq!(status(), Status::Hibernated);
    assert!(world.directory.wake(id).await.unwrap());
    assert_eq!(status(), Status::Provisioning);
    assert_eq!(reason(&world, id).await, "woken");
    assert!(!world.directory.wake(id).await.unwrap(), "once");
}

#[tokio::test(start_paused = true)]
async fn a_hosted_one_is_claimed_and_its_stray_does_not_revive_it() {
    let world = world().await;
    let id = WorkspaceId::random();
    let new = NewWorkspace { runtime: "isomer".to_owned(), ..new_workspace(id) };
    world.directory.create(new).await.unwrap();
    let directory = &world.directory;
    assert_eq!(directory.hibernate(id, true).await.unwrap(), Hibernation::NotAwake);
    directory.register(registration(id)).await.unwrap();
    assert_eq!(directory.hibernate(id, false).await.unwrap(), Hibernation::Claimed);
    for status in [Status::Hibernating, Status::Hibernated] {
        assert_eq!(directory.glimpse(id).unwrap().status, status);
        let stray = directory.register(registration(id)).await.unwrap_err();
        assert!(matches!(stray, RuntimeError::Resting(at) if at == status));
        assert!(
            !directory.report_run(id, RunReport::Starting(Some(Cause::Crashed))).await.unwrap()
        );
        directory.report_run(id, RunReport::Asleep).await.unwrap();
    }
    assert!(directory.report_run(id, RunReport::Wanted(Cause::Restart)).await.unwrap());
    directory.register(registration(id)).await.unwrap();
}
