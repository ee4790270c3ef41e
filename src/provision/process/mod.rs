//! The provisioner `process`: every agent is a child process of this server.
//!
//! An agent has a session, a process group, a log and, where they may be made, control groups of its own;
//! it is ended with everything that it began. It dies with the server ([`exec`], [`watch`]); what is
//! found of servers before this one is ended, too ([`scan`]). Nothing of another installation is ever
//! touched: what is ended bears this one's mark.

mod cgroup;
mod command;
mod environment;
pub mod exec;
mod exit;
mod inherited;
mod lease;
mod log;
mod ports;
mod run;
mod scan;
mod spawner;
mod terminal;
mod watch;

use std::collections::{BTreeSet, HashMap};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use dashmap::DashMap;
use isomer_actors::domain::ids::WorkspaceId;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use self::cgroup::Cgroups;
use self::lease::Lease;
use self::log::AgentLog;
use self::ports::Ports;
use self::run::Live;
use self::scan::{INSTALLATION, RUN, SERVER, WORKSPACE};
use self::spawner::Spawner;
use super::{
    Addresses, Backend, Ended, Failure, Folders, Launch, LogRange, Logs, Terminal, TerminalSize,
    Unavailable, installation,
};
use crate::config::TierSettings;

/// Its name in answers.
const NAME: &str = "process";

/// What the backend needs to know.
#[derive(Clone)]
pub struct ProcessSettings {
    pub data_dir: PathBuf,
    /// The program `isomer`: it starts every agent, and is the one of the runtime `isomer`.
    pub program: PathBuf,
    /// Secrets are handed over in a file that is only in memory.
    pub secrets_in_file: bool,
    pub tiers: TierSettings,
    /// Where agents listen.
    pub addresses: Addresses,
    /// Whether there is a workspace that is not removed: the files of others go.
    pub exists: Arc<dyn Fn(WorkspaceId) -> bool + Send + Sync>,
}

impl std::fmt::Debug for ProcessSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessSettings").field("program", &self.program).finish_non_exhaustive()
    }
}

/// Runs agents as child processes.
#[derive(Clone, Debug)]
pub struct ProcessBackend(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: ProcessSettings,
    /// What everything that is started here bears, and nothing else.
    installation: Uuid,
    lease: Lease,
    /// This start of the server.
    server: Uuid,
    spawner: Spawner,
    cgroups: Option<Cgroups>,
    ports: Ports,
    /// What runs. Noted before it is started, so that nobody takes it for somebody else's.
    runs: DashMap<WorkspaceId, Arc<Live>>,
    logs: Mutex<HashMap<WorkspaceId, Arc<AgentLog>>>,
    /// Ends what agents began when this server is killed. It waits for its input to close.
    watch: Mutex<Option<std::process::Child>>,
}

impl ProcessBackend {
    /// Returns a backend that runs nothing yet. To be called in the runtime. Blocks for a moment.
    ///
    /// # Errors
    /// The data folder cannot be used, or the system gives no thread.
    pub fn open(settings: ProcessSettings) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&settings.data_dir)?;
        let installation = installation::id(&settings.data_dir)?;
        let lease = Lease::take(&settings.data_dir)?;
        let cgroups = match Cgroups::find(installation) {
            Ok(cgroups) => Some(cgroups),
            Err(error) => {
                info!(
                    error,
                    "no control groups: agents run without limits of memory and processor"
                );
                None
            }
        };
        Ok(Self(Arc::new(Shared {
            settings,
            installation,
            lease,
            server: Uuid::new_v4(),
            spawner: Spawner::start()?,
            cgroups,
            ports: Ports::default(),
            runs: DashMap::new(),
            logs: Mutex::default(),
            watch: Mutex::default(),
        })))
    }
}

#[async_trait]
impl Backend for ProcessBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, launch: Launch, stop: CancellationToken) -> Result<Ended, Failure> {
        let mut running = self.0.start(launch).await?;
        let failed = tokio::select! {
            status = running.ended() => Some(status),
            () = stop.cancelled() => None,
        };
        if failed.is_none() {
            running.terminate().await;
        }
        running.finish().await;
        failed.map_or(Ok(Ended::Stopped), |reason| Err(Failure::new(reason)))
    }

    async fn end(&self, id: WorkspaceId) -> Result<(), Unavailable> {
        let (installation, workspace) = (self.0.installation.to_string(), id.to_string());
        let live = self.0.runs.get(&id).map(|live| Arc::clone(&live));
        let session = live.and_then(|live| live.process());
        scan::end_all(move || {
            let mut found = scan::marked(&[(INSTALLATION, &installation), (WORKSPACE, &workspace)]);
            found.extend(session.into_iter().flat_map(scan::in_session));
            found
        })
        .await;
        Ok(())
    }

    async fn forget(&self, id: WorkspaceId) {
        self.0.logs.lock().remove(&id);
        if (self.0.settings.exists)(id) {
            return;
        }
        let root = Folders::root(&self.0.settings.data_dir, id);
        match tokio::fs::remove_dir_all(root).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(workspace_id = %id, %error, "the files of a workspace could not be removed");
            }
            _ => {}
        }
    }

    /// What an earlier server left is nobody's, wanted or not: an agent does not outlive its server, and
    /// the one that is wanted is started anew. What runs now is never touched.
    async fn reap(&self, _: &BTreeSet<WorkspaceId>) -> Result<usize, Unavailable> {
        if !self.0.lease.is_alone() {
            return Ok(0);
        }
        let groups = match &self.0.cgroups {
            Some(cgroups) => {
                let (cgroups, server) = (cgroups.clone(), self.0.server);
                tokio::task::spawn_blocking(move || cgroups.of_others(server))
                    .await
                    .unwrap_or_default()
            }
            None => Vec::new(),
        };
        let (shared, members) = (Arc::clone(&self.0), groups.clone());
        let ended = scan::end_all(move || {
            let mut found = shared.left_behind();
            found.extend(members.iter().flat_map(cgroup::Cgroup::members));
            found
        })
        .await;
        for group in groups {
            group.remove().await;
        }
        if ended > 0 {
            warn!(processes = ended, "ended what an earlier run had left");
        }
        Ok(ended)
    }

    async fn logs(&self, id: WorkspaceId, range: LogRange) -> Result<Logs, Unavailable> {
        let log = self.0.log(id, false).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unavailable::NotRunning,
            _ => Unavailable::Engine(format!("its output cannot be read ({})", error.kind())),
        })?;
        let unreadable = |error: io::Error| {
            Unavailable::Engine(format!("its output cannot be read ({})", error.kind()))
        };
        log.read(range).await.map_err(unreadable)
    }

    async fn terminal(&self, id: WorkspaceId, size: TerminalSize) -> Result<Terminal, Unavailable> {
        let live = self.0.runs.get(&id).map(|live| Arc::clone(&live));
        let live = live.filter(|live| live.process().is_some()).ok_or(Unavailable::NotRunning)?;
        terminal::open(&self.0, &live, size).await.map_err(|error| {
            warn!(workspace_id = %id, %error, "a terminal could not be opened");
            Unavailable::Engine(format!("no terminal could be opened ({})", error.kind()))
        })
    }
}

impl Shared {
    /// Returns the log of a workspace; with `make` its files may be missing.
    async fn log(&self, id: WorkspaceId, make: bool) -> io::Result<Arc<AgentLog>> {
        if let Some(log) = self.logs.lock().get(&id) {
            return Ok(Arc::clone(log));
        }
        let data_dir = self.settings.data_dir.clone();
        let open = if make { AgentLog::open } else { AgentLog::existing };
        let opened = tokio::task::spawn_blocking(move || open(&data_dir, id)).await;
        let opened = Arc::new(opened.map_err(io::Error::other)??);
        Ok(Arc::clone(self.logs.lock().entry(id).or_insert(opened)))
    }

    /// Returns the processes of this installation that belong to no run of now. Blocks.
    fn left_behind(&self) -> Vec<i32> {
        let installation = self.installation.to_string();
        let server = self.server.to_string();
        let marked = scan::read_marks((INSTALLATION, &installation), [SERVER, RUN]);
        // After the look at the processes: a run is noted before it has any.
        let live: BTreeSet<_> = self.runs.iter().map(|live| live.run.to_string()).collect();
        let is_live = |[of, run]: &[Option<String>; 2]| {
            of.as_ref() == Some(&server) && run.as_ref().is_some_and(|run| live.contains(run))
        };
        marked.into_iter().filter(|(_, marks)| !is_live(marks)).map(|(pid, _)| pid).collect()
    }
}
