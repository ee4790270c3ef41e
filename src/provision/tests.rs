//! Host and keepers under paused time, with fakes at their ports.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use isomer_actors::api::RunReport;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Access;
use isomer_actors::domain::status::Status;
use parking_lot::Mutex;
use secrecy::SecretString;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::engine::HostSettings;
use super::host::{Host, Refused};
use super::workspaces::{Unreachable, Workspaces};
use super::{
    Backend, Ended, Failure, Folders, Launch, LogRange, Logs, PAUSE_AFTER_STOP, Prepare, Terminal,
    TerminalSize, Unavailable, Wanted,
};

use crate::config::RuntimeSpec;

const SECOND: Duration = Duration::from_secs(1);

/// What agents do, when they did it, and what was told of them.
struct World {
    began: Instant,
    statuses: Mutex<HashMap<WorkspaceId, Status>>,
    hints: broadcast::Sender<WorkspaceId>,
    /// What the next runs end with; after these they run until told to stop.
    failures: Mutex<Vec<&'static str>>,
    seen: Mutex<Vec<(u64, &'static str)>>,
    running: Mutex<Vec<WorkspaceId>>,
}

impl World {
    fn new(failures: &[&'static str]) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            statuses: Mutex::default(),
            hints: broadcast::Sender::new(16),
            failures: Mutex::new(failures.iter().rev().copied().collect()),
            seen: Mutex::default(),
            running: Mutex::default(),
        })
    }

    fn put(&self, id: WorkspaceId, status: Status) {
        self.statuses.lock().insert(id, status);
        let _ = self.hints.send(id);
    }

    fn note(&self, what: &'static str) {
        self.seen.lock().push((self.began.elapsed().as_secs(), what));
    }

    fn seen(&self) -> Vec<(u64, &'static str)> {
        self.seen.lock().clone()
    }

    fn running(&self) -> Vec<WorkspaceId> {
        self.running.lock().clone()
    }
}

struct Fake(Arc<World>);

#[async_trait]
impl Workspaces for Fake {
    fn all(&self) -> Vec<WorkspaceId> {
        self.0.statuses.lock().keys().copied().collect()
    }

    fn watch(&self) -> broadcast::Receiver<WorkspaceId> {
        self.0.hints.subscribe()
    }

    fn status(&self, id: WorkspaceId) -> Option<Status> {
        self.0.statuses.lock().get(&id).copied()
    }

    async fn wanted(&self, id: WorkspaceId) -> Result<Option<Wanted>, Unreachable> {
        let status = self.status(id).filter(|status| super::workspaces::runs_in(*status));
        let wanted = |status| Wanted {
            id,
            name: "Ada".to_owned(),
            role: None,
            tier: 2,
            runtime: "isomer".to_owned(),
            parent_id: None,
            workspace_dir: None,
            workspace_access: Access::None,
            status,
        };
        Ok(status.map(wanted))
    }

    async fn report(&self, id: WorkspaceId, report: RunReport) -> Result<(), Unreachable> {
        let (status, what) = match report {
            RunReport::Starting | RunReport::Wanted => (Status::Provisioning, "starting"),
            RunReport::Ended => (Status::Offline, "ended"),
            RunReport::Asleep => (Status::Hibernated, "asleep"),
            RunReport::GivenUp(_) | RunReport::BootstrapFailed { .. } => {
                (Status::Failed, "given up")
            }
        };
        self.0.note(what);
        self.0.put(id, status);
        Ok(())
    }

    async fn privileged(&self, _: WorkspaceId, _: i32, _: &'static str) -> Result<(), Unreachable> {
        self.0.note("privileged");
        Ok(())
    }
}

/// Leaves the list of those who run also when it is dropped.
struct Running<'a>(&'a World, WorkspaceId);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.lock().retain(|id| *id != self.1);
    }
}

#[async_trait]
impl Prepare for Fake {
    async fn prepare(&self, agent: &Wanted) -> Result<Launch, Failure> {
        Ok(Launch {
            agent: agent.clone(),
            spec: RuntimeSpec::default(),
            folders: Folders::of(Path::new("/nowhere"), agent.id),
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
            token: SecretString::default(),
        })
    }
}

#[async_trait]
impl Backend for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn end(&self, _: WorkspaceId) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn reap(&self, _: &BTreeSet<WorkspaceId>) -> Result<usize, Unavailable> {
        Ok(0)
    }

    async fn logs(&self, _: WorkspaceId, _: LogRange) -> Result<Logs, Unavailable> {
        Err(Unavailable::NotRunning)
    }

    async fn terminal(&self, _: WorkspaceId, _: TerminalSize) -> Result<Terminal, Unavailable> {
        Err(Unavailable::NotRunning)
    }

    async fn run(&self, launch: Launch, stop: CancellationToken) -> Result<Ended, Failure> {
        let agent = launch.agent;
        self.0.note("run");
        self.0.put(agent.id, Status::Online);
        self.0.running.lock().push(agent.id);
        let _running = Running(&self.0, agent.id);
        let failure = self.0.failures.lock().pop();
        match failure {
            Some("panic") => panic!("as asked"),
            Some(reason) => Err(Failure::new(reason)),
            None => {
                stop.cancelled().await;
                Ok(Ended::Stopped)
            }
        }
    }

    async fn forget(&self, _: WorkspaceId) {
        self.0.note("forgotten");
    }
}

fn start(world: &Arc<World>, limit: usize) -> (Host, CancellationToken, JoinHandle<()>) {
    let (host, work) = {
        let fake = || Arc::new(Fake(Arc::clone(world)));
        let settings =
            HostSettings { limit, starts_at_once: 8, attempt: SECOND * 30, allow_privileged: true };
        Host::new(fake(), fake(), fake(), settings)
    };
    let stop = CancellationToken::new();
    let task = tokio::spawn(work.run(stop.clone()));
    (host, stop, task)
}

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
    for _ in 0..40 {
        world.put(WorkspaceId::random(), Status::Provisioning);
    }
    sleep(SECOND).await;
    assert_eq!(world.running().len(), 40);
}
