//! Host and keepers under paused time, with fakes at their ports.

mod keeping;
mod reconcile;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use isomer_actors::api::{Cause, GivenUp, RunReport};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Access;
use isomer_actors::domain::status::Status;
use parking_lot::Mutex;
use secrecy::SecretString;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::provision::engine::HostSettings;
use crate::provision::host::{Host, Refused};
use crate::provision::workspaces::{Unreachable, Workspaces};
use crate::provision::{
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
    /// Agents that run although no run of this host's is under way.
    strays: Mutex<BTreeSet<WorkspaceId>>,
    /// What must not be ended, each time that was said.
    reaped: Mutex<Vec<BTreeSet<WorkspaceId>>>,
    /// The engine cannot be asked, and runs fail.
    away: AtomicBool,
    /// Agents start and never register.
    silent: AtomicBool,
    /// Between start and registration.
    slow: Mutex<Duration>,
    outlives: AtomicBool,
    /// How long it takes to end one.
    ending: Mutex<Duration>,
    /// Ends all agents that run.
    blow: Mutex<CancellationToken>,
    /// Agents that start at the same time, at most.
    starting: AtomicUsize,
    most_starting: AtomicUsize,
    /// Questions for the status of one.
    glimpses: AtomicUsize,
    loads: AtomicUsize,
    given_up: Mutex<Vec<GivenUp>>,
    /// Why agents were started again.
    causes: Mutex<Vec<Option<Cause>>>,
}

impl World {
    fn new(failures: &[&'static str]) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            statuses: Mutex::default(),
            hints: broadcast::Sender::new(64),
            failures: Mutex::new(failures.iter().rev().copied().collect()),
            seen: Mutex::default(),
            running: Mutex::default(),
            strays: Mutex::default(),
            reaped: Mutex::default(),
            away: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            slow: Mutex::default(),
            outlives: AtomicBool::new(false),
            ending: Mutex::default(),
            blow: Mutex::default(),
            starting: AtomicUsize::new(0),
            most_starting: AtomicUsize::new(0),
            glimpses: AtomicUsize::new(0),
            loads: AtomicUsize::new(0),
            given_up: Mutex::default(),
            causes: Mutex::default(),
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

    /// How often something happened.
    fn count(&self, what: &str) -> usize {
        self.seen.lock().iter().filter(|(_, seen)| *seen == what).count()
    }

    /// Kills all agents that run.
    fn kill_all(&self) {
        std::mem::take(&mut *self.blow.lock()).cancel();
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
        self.0.glimpses.fetch_add(1, Ordering::Relaxed);
        self.0.statuses.lock().get(&id).copied()
    }

    async fn wanted(&self, id: WorkspaceId) -> Result<Option<Wanted>, Unreachable> {
        self.0.loads.fetch_add(1, Ordering::Relaxed);
        let status =
            self.status(id).filter(|status| crate::provision::workspaces::runs_in(*status));
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
        if let RunReport::GivenUp(why) = &report {
            self.0.given_up.lock().push(why.clone());
        }
        if let RunReport::Starting(cause) = report {
            self.0.causes.lock().push(cause);
        }
        let (status, what) = match report {
            RunReport::Starting(_) | RunReport::Wanted(_) => (Status::Provisioning, "starting"),
            RunReport::Ended => (Status::Offline, "ended"),
            RunReport::Asleep => (Status::Hibernated, "asleep"),
            RunReport::GivenUp(_) | RunReport::BootstrapFailed { .. } => {
                (Status::Failed, "given up")
            }
        };
        self.0.note(what);
        if what != "asleep" || self.status(id) == Some(Status::Hibernating) {
            self.0.put(id, status);
        }
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
            secrets: BTreeMap::from([("KEY".to_owned(), "s3cret-value".into())]),
            token: SecretString::default(),
        })
    }
}

#[async_trait]
impl Backend for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn outlives_server(&self) -> bool {
        self.0.outlives.load(Ordering::Relaxed)
    }

    async fn end(&self, id: WorkspaceId) -> Result<(), Unavailable> {
        let takes = *self.0.ending.lock();
        sleep(takes).await;
        self.0.strays.lock().remove(&id);
        self.0.note("end");
        Ok(())
    }

    async fn reap(&self, wanted: &BTreeSet<WorkspaceId>) -> Result<usize, Unavailable> {
        if self.0.away.load(Ordering::Relaxed) {
            return Err(Unavailable::Engine("it is away".to_owned()));
        }
        self.0.reaped.lock().push(wanted.clone());
        let mut strays = self.0.strays.lock();
        let before = strays.len();
        strays.retain(|id| wanted.contains(id));
        Ok(before - strays.len())
    }

    async fn logs(&self, _: WorkspaceId, range: LogRange) -> Result<Logs, Unavailable> {
        let lines = (0..30).map(|n| format!("line {n}\n")).collect::<Vec<_>>();
        let mut text = lines[30 - range.tail..].concat();
        text.push_str("\u{1b}[31mno port, said s3cret-value\u{1b}[0m\n");
        let pieces = text.into_bytes().chunks(7).map(|piece| Ok(piece.to_vec().into())).collect();
        Ok(futures_util::stream::iter::<Vec<_>>(pieces).boxed())
    }

    async fn terminal(&self, _: WorkspaceId, _: TerminalSize) -> Result<Terminal, Unavailable> {
        Err(Unavailable::NotRunning)
    }

    async fn run(&self, launch: Launch, stop: CancellationToken) -> Result<Ended, Failure> {
        let agent = launch.agent;
        self.0.note("run");
        if self.0.away.load(Ordering::Relaxed) {
            return Err(Failure::new("the engine is away"));
        }
        let blow = self.0.blow.lock().clone();
        if self.0.silent.load(Ordering::Relaxed) {
            stop.cancelled().await;
            return Ok(Ended::Stopped);
        }
        let starting = self.0.starting.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.most_starting.fetch_max(starting, Ordering::Relaxed);
        let slow = *self.0.slow.lock();
        sleep(slow).await;
        self.0.starting.fetch_sub(1, Ordering::Relaxed);
        self.0.put(agent.id, Status::Online);
        self.0.running.lock().push(agent.id);
        let _running = Running(&self.0, agent.id);
        let failure = self.0.failures.lock().pop();
        match failure {
            Some("panic") => panic!("as asked"),
            Some(reason) => Err(Failure::new(reason)),
            None => tokio::select! {
                () = stop.cancelled() => Ok(Ended::Stopped),
                () = blow.cancelled() => Err(Failure::new("it was killed")),
            },
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
