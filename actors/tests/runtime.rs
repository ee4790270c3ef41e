//! The tree under paused time, with fakes at its ports.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod activity;
mod approvals;
mod fake;
mod mail;
mod record;
mod rest;

use std::sync::Arc;
use std::time::Duration;

use isomer_actors::activity::Keeping;
use isomer_actors::api::{
    GivenUp, NewWorkspace, Patch, Registration, RemoveOptions, RunReport, RuntimeError, Start,
};
use isomer_actors::approvals::Rules;
use isomer_actors::directory::Directory;
use isomer_actors::domain::beat::Beat;
use isomer_actors::domain::change::LayoutPatch;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::{Access, DeliveryMode};
use isomer_actors::domain::status::Status;
use isomer_actors::domain::token::{NewToken, TokenHash};
use isomer_actors::indexes::Patience;
use isomer_actors::live::{Audience, Next};
use isomer_actors::liveness::ObserverState;
use isomer_actors::mailroom::MailSettings;
use isomer_actors::ports::Store;
use isomer_actors::tree::{Ports, Settings, Tree};
use serde_json::json;
use uuid::Uuid;

use fake::{FakeClock, FakeMirror, FakeRelay, FakeStore};

const TTL: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

struct World {
    tree: Tree,
    directory: Directory,
    store: Arc<FakeStore>,
    mirror: Arc<FakeMirror>,
}

async fn world_on(store: Arc<FakeStore>) -> World {
    world_by(store, Rules::default()).await
}

async fn world_by(store: Arc<FakeStore>, rules: Rules) -> World {
    world_with(store, rules, Keeping::default()).await
}

async fn world_keeping(store: Arc<FakeStore>, activity: Keeping) -> World {
    world_with(store, Rules::default(), activity).await
}

async fn world_with(store: Arc<FakeStore>, rules: Rules, activity: Keeping) -> World {
    let mirror = Arc::new(FakeMirror::default());
    let ports = Ports {
        store: Arc::clone(&store) as Arc<dyn Store>,
        mirror: Arc::clone(&mirror) as _,
        relay: Arc::new(FakeRelay),
        clock: Arc::new(FakeClock::default()),
    };
    let patience =
        Patience { ttl: TTL, external_ttl: TTL, provision: TTL * 10, provision_hermes: TTL * 30 };
    let settings = Settings {
        hosted: [isomer_actors::indexes::BUILT_IN].into_iter().collect(),
        patience,
        sweep_every: SECOND,
        mail: MailSettings::default(),
        approvals: rules,
        activity,
    };
    let tree = Tree::start(ports, settings, &prometheus::Registry::new()).await.unwrap();
    let directory = tree.directory();
    World { tree, directory, store, mirror }
}

async fn world() -> World {
    world_on(Arc::default()).await
}

fn new_workspace(id: WorkspaceId) -> NewWorkspace {
    NewWorkspace {
        id,
        name: "one".to_owned(),
        role: None,
        tier: 3,
        runtime: "langgraph".to_owned(),
        parent_id: None,
        workspace_dir: None,
        workspace_access: Access::None,
        budget_limit: None,
        max_concurrent_tasks: 1,
        delivery_mode: DeliveryMode::Push,
        position: (0.0, 0.0),
        start: Start::Provision,
        secrets: None,
    }
}

fn registration(id: WorkspaceId) -> Registration {
    let token = Uuid::new_v4();
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(token.as_bytes());
    Registration {
        id,
        url: Some("http://localhost:1".to_owned()),
        delivery_mode: None,
        agent_card: json!({"name": "agent"}),
        token: NewToken { id: token, hash: TokenHash(hash), prefix: "abcdefgh".to_owned() },
        may_create: false,
        may_reclaim: false,
    }
}

impl World {
    async fn online(&self) -> WorkspaceId {
        let id = WorkspaceId::random();
        self.directory.create(new_workspace(id)).await.unwrap();
        self.directory.register(registration(id)).await.unwrap();
        id
    }

    async fn beat(&self, id: WorkspaceId) -> Result<(), RuntimeError> {
        self.directory.beat(id, Beat { active_tasks: Some(1), ..Beat::default() }).await
    }

    fn status(&self, id: WorkspaceId) -> Status {
        self.directory.glimpse(id).unwrap().status
    }

    /// Lets `time` pass, all of them beating all the while.
    async fn pass(&self, time: Duration, beating: &[WorkspaceId]) {
        let until = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < until {
            for id in beating {
                self.beat(*id).await.unwrap();
            }
            tokio::time::sleep(SECOND * 5).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn steady_beats_cost_no_statement_and_one_row_a_second() {
    let world = world().await;
    let id = world.online().await;
    // Between two flushes.
    tokio::time::sleep(SECOND * 7 / 2).await;
    let (loads, commits) = (world.store.loads(), world.store.commits());
    let batches = world.store.vitals_written().len();
    for _ in 0..500 {
        world.beat(id).await.unwrap();
    }
    assert_eq!((world.store.loads(), world.store.commits()), (loads, commits));
    assert_eq!(world.store.vitals_written().len(), batches, "nothing before the replies");
    tokio::time::sleep(SECOND * 2).await;
    let written = world.store.vitals_written();
    assert_eq!(written[batches..].iter().map(Vec::len).sum::<usize>(), 1, "500 beats, one row");
}

#[tokio::test(start_paused = true)]
async fn a_failed_flush_is_retried_on_the_next_tick() {
    let world = world().await;
    let id = world.online().await;
    tokio::time::sleep(SECOND * 7 / 2).await;
    let before = world.store.vitals_written().len();
    world.store.fail_vitals(1);
    world.beat(id).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(world.store.vitals_written().len(), before);
    tokio::time::sleep(SECOND).await;
    assert_eq!(world.store.vitals_written().len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn the_silent_are_found_at_ttl_and_two_seconds_and_beats_keep_alive() {
    let world = world().await;
    let (quiet, lively) = (world.online().await, world.online().await);
    world.pass(TTL + SECOND * 5, &[quiet, lively]).await;
    world.beat(quiet).await.unwrap();
    world.pass(TTL - SECOND * 5, &[lively]).await;
    assert_eq!(world.status(quiet), Status::Online);
    world.pass(SECOND * 7, &[lively]).await;
    assert_eq!((world.status(quiet), world.status(lively)), (Status::Offline, Status::Online));
    world.beat(quiet).await.unwrap();
    assert_eq!(world.status(quiet), Status::Online, "a beat brings it back");
}

#[tokio::test(start_paused = true)]
async fn only_its_agent_keeps_a_workspace_alive() {
    let world = world().await;
    let (renamed, registering) = (world.online().await, world.online().await);
    for number in 0..8 {
        tokio::time::sleep(TTL / 6).await;
        let patch = Patch { name: Some(format!("n{number}")), ..Patch::default() };
        world.directory.patch(renamed, patch).await.unwrap();
        let mut again = registration(registering);
        again.may_reclaim = true;
        world.directory.register(again).await.unwrap();
    }
    assert_eq!(world.status(renamed), Status::Offline, "a new name is no sign of life");
    assert_eq!(world.status(registering), Status::Online, "registering is one");
}

#[tokio::test(start_paused = true)]
async fn an_agent_without_a_url_polls_and_lives_by_its_beats() {
    let world = world().await;
    let id = WorkspaceId::random();
    world.directory.create(new_workspace(id)).await.unwrap();
    let nowhere = Registration { url: None, may_reclaim: true, ..registration(id) };
    let told = world.directory.register(nowhere.clone()).await;
    assert!(matches!(told, Err(RuntimeError::UrlRequired)), "{told:?}");
    assert_eq!(world.status(id), Status::Provisioning);
    let polling = Registration { delivery_mode: Some(DeliveryMode::Poll), ..nowhere.clone() };
    let registered = world.directory.register(polling).await.unwrap();
    assert_eq!(registered.delivery_mode, DeliveryMode::Poll);
    // What is not said stays as it is.
    world.directory.register(nowhere).await.unwrap();

    let store = Arc::clone(&world.store);
    world.tree.stop().await;
    let world = world_on(store).await;
    let destination = world.directory.destination(id).unwrap();
    assert_eq!((destination.delivery_mode, destination.url), (DeliveryMode::Poll, None));
    assert_eq!(world.directory.glimpse(id).unwrap().delivery_mode, DeliveryMode::Poll);
    world.pass(TTL * 2, &[id]).await;
    assert_eq!(world.status(id), Status::Online);
    world.pass(TTL + SECOND * 5, &[]).await;
    assert_eq!(world.status(id), Status::Offline);

    let patch = Patch { delivery_mode: Some(DeliveryMode::Push), ..Patch::default() };
    world.directory.patch(id, patch).await.unwrap();
    assert_eq!(world.directory.destination(id).unwrap().delivery_mode, DeliveryMode::Push);
}

#[tokio::test(start_paused = true)]
async fn a_restart_gives_everybody_one_ttl() {
    let world = world().await;
    let id = world.online().await;
    let store = Arc::clone(&world.store);
    world.tree.stop().await;
    tokio::time::sleep(TTL * 100).await;
    let world = world_on(store).await;
    assert_eq!(world.status(id), Status::Online);
    tokio::time::sleep(TTL - SECOND * 2).await;
    assert_eq!(world.status(id), Status::Online);
    tokio::time::sleep(SECOND * 5).await;
    assert_eq!(world.status(id), Status::Offline);
}

#[tokio::test(start_paused = true)]
async fn a_slow_runtime_keeps_its_patience_across_a_restart() {
    let world = world().await;
    let (slow, usual) = (WorkspaceId::random(), WorkspaceId::random());
    let hermes = NewWorkspace { runtime: "hermes".to_owned(), ..new_workspace(slow) };
    world.directory.create(hermes).await.unwrap();
    world.directory.create(new_workspace(usual)).await.unwrap();
    let store = Arc::clone(&world.store);
    world.tree.stop().await;
    let world = world_on(store).await;
    tokio::time::sleep(TTL * 11).await;
    assert_eq!((world.status(slow), world.status(usual)), (Status::Provisioning, Status::Failed));
    tokio::time::sleep(TTL * 20).await;
    assert_eq!(world.status(slow), Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn when_most_fall_silent_the_observer_doubts_itself_first() {
    let world = world().await;
    let mut fleet = Vec::new();
    for _ in 0..30 {
        fleet.push(world.online().await);
    }
    world.pass(TTL * 2, &fleet).await;
    world.pass(TTL + SECOND * 10, &fleet[..5]).await;
    assert!(fleet.iter().all(|id| world.status(*id) == Status::Online));
    assert_eq!(world.directory.liveness().observer, ObserverState::Suspect);
    world.pass(TTL, &fleet[..5]).await;
    let offline = fleet.iter().filter(|id| world.status(**id) == Status::Offline).count();
    assert_eq!(offline, 25, "one more TTL, and no more");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_delays_deaths_and_loses_none() {
    let world = world().await;
    let id = world.online().await;
    world.store.away(true);
    tokio::time::sleep(TTL * 2).await;
    assert_eq!(world.status(id), Status::Online, "what cannot be recorded has not happened");
    world.store.away(false);
    tokio::time::sleep(SECOND * 12).await;
    assert_eq!(world.status(id), Status::Offline);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_change_is_noticed_and_the_decision_made_anew() {
    let world = world().await;
    let id = world.online().await;
    world.store.meddle(id);
    let patch = Patch { name: Some("mine".to_owned()), ..Patch::default() };
    world.directory.patch(id, patch).await.unwrap();
    let record = world.store.record(id).unwrap();
    assert_eq!((record.name.as_str(), record.role.as_deref()), ("mine", Some("meddled")));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_told_and_then_found_out() {
    let world = world().await;
    let id = world.online().await;
    world.store.lose_answers(1);
    let patch = Patch { name: Some("lost".to_owned()), ..Patch::default() };
    let told = world.directory.patch(id, patch).await;
    assert!(matches!(told, Err(RuntimeError::Unknown)), "{told:?}");
    // It was written; memory and subscribers catch up with the store.
    let mut subscription = world.tree.live().subscribe(Audience::Only(id), Some(0)).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let Next::Frames(frames) = subscription.next().await else { panic!("cut") };
        seen.extend(frames.iter().filter_map(|frame| frame.seq()));
    }
    assert_eq!(seen, [1, 2, 3]);
    let patch = Patch { tier: Some(1), ..Patch::default() };
    world.directory.patch(id, patch).await.unwrap();
    assert_eq!(world.store.record(id).unwrap().name, "lost");
}

#[tokio::test(start_paused = true)]
async fn a_workspace_that_panics_is_quarantined_alone() {
    let world = world().await;
    let (bad, good) = (world.online().await, world.online().await);
    world.store.poison(bad);
    // Its actor holds the row; after somebody else's change it must load it again.
    world.directory.remove(WorkspaceId::random(), RemoveOptions::default()).await.unwrap();
    let forget = Patch { name: Some("x".to_owned()), ..Patch::default() };
    world.store.lose_answers(1);
    let _ = world.directory.patch(bad, forget).await;
    let mut quarantined = false;
    for _ in 0..50 {
        world.beat(good).await.unwrap();
        match world.beat(bad).await {
            Err(RuntimeError::Quarantined { .. }) => {
                quarantined = true;
                break;
            }
            Err(_) => tokio::time::sleep(SECOND / 5).await,
            Ok(()) => panic!("it answered"),
        }
    }
    assert!(quarantined);
    let report = world.directory.report().await;
    assert_eq!((report.workspaces.quarantined, report.workspaces.restarts), (1, 3));
    assert_eq!(report.workspaces.failing[0].restarts, 3);

    world.store.heal();
    world.directory.release(bad).await.unwrap();
    world.beat(bad).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dormant_actors_go_and_come_back() {
    let world = world().await;
    let id = world.online().await;
    let resident = async || world.directory.report().await.workspaces.resident;
    assert_eq!(resident().await, 1);
    world.directory.remove(id, RemoveOptions::default()).await.unwrap();
    tokio::time::sleep(SECOND * 100).await;
    assert_eq!(resident().await, 0, "a dormant workspace costs a row, not an actor");
    let sleeper = world.online().await;
    tokio::time::sleep(TTL * 3).await;
    assert_eq!((world.status(sleeper), resident().await), (Status::Offline, 0));
    world.beat(sleeper).await.unwrap();
    assert_eq!((world.status(sleeper), resident().await), (Status::Online, 1));
}

#[tokio::test(start_paused = true)]
async fn a_dead_singleton_is_restarted_and_nothing_acknowledged_is_lost() {
    let world = world().await;
    let id = world.online().await;
    world.store.panic_commits(1);
    let patch = |name: &str| Patch { name: Some(name.to_owned()), ..Patch::default() };
    assert!(world.directory.patch(id, patch("first")).await.is_err());
    world.directory.patch(id, patch("second")).await.unwrap();
    assert_eq!(world.store.record(id).unwrap().name, "second");
}

#[tokio::test(start_paused = true)]
async fn a_position_is_kept_when_nothing_else_changes() {
    let world = world().await;
    let id = world.online().await;
    let layout = LayoutPatch { position: Some((3.0, 4.0)), collapsed: None };
    let same = world.store.record(id).unwrap().name;
    let patch = Patch { name: Some(same), layout, ..Patch::default() };
    world.directory.patch(id, patch).await.unwrap();
    assert_eq!(*world.store.layouts.lock(), [(id, layout)]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_is_cut_and_resumes_without_a_hole() {
    let world = world().await;
    let id = world.online().await;
    let live = world.tree.live();
    let mut slow = live.subscribe(Audience::Everything, Some(0)).await.unwrap();
    for number in 0..1_200 {
        let patch = Patch { name: Some(format!("n{number}")), ..Patch::default() };
        world.directory.patch(id, patch).await.unwrap();
    }
    let mut seen = Vec::new();
    loop {
        match slow.next().await {
            Next::Frames(frames) => seen.extend(frames.iter().filter_map(|f| f.seq())),
            Next::Slow => break,
            Next::Interrupted => panic!("interrupted"),
        }
    }
    assert!(seen.len() < 1_202, "it was cut off");
    let mut resumed = live.subscribe(Audience::Everything, seen.last().copied()).await.unwrap();
    while seen.len() < 1_202 {
        let Next::Frames(frames) = resumed.next().await else { panic!("cut again") };
        seen.extend(frames.iter().filter_map(|frame| frame.seq()));
    }
    assert_eq!(seen, (1..=1_202).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_end_writes_what_is_left() {
    let world = world().await;
    let id = world.online().await;
    tokio::time::sleep(SECOND * 3).await;
    let beat = Beat { current_task: Some("last words".to_owned()), ..Beat::default() };
    world.directory.beat(id, beat).await.unwrap();
    let (store, mirror) = (Arc::clone(&world.store), Arc::clone(&world.mirror));
    world.tree.stop().await;
    let last = store.vitals_written().pop().unwrap();
    assert_eq!(last[0].vitals.current_task, "last words");
    assert!(mirror.heard().contains(&id));
}

#[tokio::test(start_paused = true)]
async fn an_agents_end_is_recorded_at_once_and_only_once() {
    let world = world().await;
    let (id, other) = (WorkspaceId::random(), world.online().await);
    let mut changed = world.directory.watch_hosted();
    let hosted = NewWorkspace { runtime: "isomer".to_owned(), ..new_workspace(id) };
    world.directory.create(hosted).await.unwrap();
    assert_eq!(changed.recv().await.unwrap(), id);
    assert_eq!(world.directory.hosted(), [id], "and not {other}");
    world.directory.register(registration(id)).await.unwrap();

    let report = |report| world.directory.report_run(id, report);
    assert!(report(RunReport::Ended).await.unwrap());
    assert_eq!(world.status(id), Status::Offline);
    assert!(!report(RunReport::Ended).await.unwrap(), "it had ended already");
    assert!(report(RunReport::Starting(None)).await.unwrap());
    assert_eq!(world.store.record(id).unwrap().url, None, "nobody is there yet");
    assert!(!report(RunReport::Ended).await.unwrap(), "it was not there yet");
    world.directory.register(registration(id)).await.unwrap();
    assert_eq!(world.status(id), Status::Online);

    report(RunReport::Ended).await.unwrap();
    assert!(
        report(RunReport::GivenUp(GivenUp {
            error: "it panicked".to_owned(),
            ..GivenUp::default()
        }))
        .await
        .unwrap()
    );
    assert_eq!(world.status(id), Status::Failed);
    world.directory.remove(id, RemoveOptions::default()).await.unwrap();
    assert!(matches!(report(RunReport::Starting(None)).await, Err(RuntimeError::Removed)));
    assert!(world.directory.hosted().is_empty());
}
