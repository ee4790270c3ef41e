//! One run of an agent: started, waited for, ended with everything that it began.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use isomer_actors::domain::ids::WorkspaceId;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::super::addresses::Listed;
use super::super::{Failure, Launch, secrets_json, tiers};
use super::cgroup::Cgroup;
use super::environment::{Environment, environment};
use super::log::{self, AgentLog, Redactor};
use super::ports::Reserved;
use super::scan::RUN;
use super::{Shared, command, exit, scan};

/// From SIGTERM to SIGKILL: longer than the built-in agent lets calls finish.
const GRACE: Duration = Duration::from_secs(6);
/// How long the rest of its output is waited for when all its processes have ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is known of a run while it lasts.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) run: Uuid,
    pub(super) environment: Environment,
    /// The file of secrets, where they are not in the environment.
    pub(super) file: Option<Zeroizing<Vec<u8>>>,
    pub(super) folder: PathBuf,
    pub(super) cgroup: Option<Cgroup>,
    process: OnceLock<i32>,
}

impl Live {
    /// Returns the first process, which leads the session, once it was started.
    pub(super) fn process(&self) -> Option<i32> {
        self.process.get().copied()
    }

    /// Returns the options of `isomer exec-agent`, and what is its standard input.
    pub(super) fn options(&self) -> io::Result<(Vec<String>, Option<Stdio>)> {
        let entrances = self.cgroup.iter().flat_map(Cgroup::entrances);
        let mut options: Vec<_> =
            entrances.map(|file| format!("--cgroup={}", file.display())).collect();
        let file = self.file.as_deref().map(|bytes| command::in_memory(bytes)).transpose()?;
        options.extend(file.is_some().then(|| "--secrets".to_owned()));
        Ok((options, file))
    }

    /// Returns what looks for the processes of this run. Blocks when called.
    fn members(&self) -> impl Fn() -> Vec<i32> + Clone + Send + 'static {
        let (run, session, cgroup) = (self.run.to_string(), self.process(), self.cgroup.clone());
        move || {
            let mut found = scan::marked(&[(RUN, &run)]);
            found.extend(session.into_iter().flat_map(scan::in_session));
            found.extend(cgroup.iter().flat_map(Cgroup::members));
            found
        }
    }
}

/// A run. Dropping it kills the agent at once, and what it began a moment later.
#[derive(Debug)]
pub(super) struct Running {
    shared: Arc<Shared>,
    id: WorkspaceId,
    live: Arc<Live>,
    child: Child,
    output: Option<AbortOnDropHandle<()>>,
    finished: bool,
    _listed: Listed,
    _port: Reserved,
}

impl Shared {
    /// Starts an agent.
    ///
    /// # Errors
    /// Why it could not be started.
    pub(super) async fn start(self: &Arc<Self>, launch: Launch) -> Result<Running, Failure> {
        let id = launch.agent.id;
        let failed = |error: io::Error| failure(id, &error);
        self.keep_watch();
        let program = command::program(self, &launch)?;
        let log = self.log(id, true).await.map_err(failed)?;
        let port = self.ports.reserve().map_err(failed)?;
        let live = self.live(&launch, port.port)?;
        let listed = self.settings.addresses.listed(id);
        self.runs.insert(id, Arc::clone(&live));
        let forgotten = Forgotten { shared: self, id, run: live.run };
        let (child, output) = self.spawn(&live, &program).await.map_err(failed)?;
        let process = child.id().map_or(0, u32::cast_signed);
        let _ = live.process.set(process);
        self.settings.addresses.put(id, SocketAddr::from((Ipv4Addr::LOCALHOST, port.port)));
        std::mem::forget(forgotten);
        let redactor = Redactor::new(launch.confidential());
        let output = tokio::spawn(log::copy(log as Arc<AgentLog>, id, output, redactor));
        info!(workspace_id = %id, process, port = port.port, "started an agent");
        Ok(Running {
            shared: Arc::clone(self),
            id,
            live,
            child,
            output: Some(AbortOnDropHandle::new(output)),
            finished: false,
            _listed: listed,
            _port: port,
        })
    }

    fn live(&self, launch: &Launch, port: u16) -> Result<Arc<Live>, Failure> {
        let run = Uuid::new_v4();
        let in_file = self.settings.secrets_in_file;
        let own = command::own(self, launch, run, port);
        let limits = tiers::limits(launch.agent.tier, &self.settings.tiers);
        let file = in_file.then(|| secrets_json(launch)).transpose();
        Ok(Arc::new(Live {
            run,
            environment: environment(launch, &command::usual(), &own, in_file),
            file: file.map_err(|_| Failure::new("its secrets cannot be handed over"))?,
            folder: command::folder(launch),
            cgroup: self.cgroups.as_ref().map(|groups| groups.make(self.server, run, &limits)),
            process: OnceLock::new(),
        }))
    }

    async fn spawn(&self, live: &Live, program: &[String]) -> io::Result<(Child, Receiver)> {
        let (reader, writer) = io::pipe()?;
        let (options, file) = live.options()?;
        let mut command: Command =
            command::command(self, &options, program, &live.environment, &live.folder);
        command.stdin(file.unwrap_or_else(Stdio::null));
        command.stdout(writer.try_clone()?).stderr(writer);
        let child = self.spawner.spawn(command).await?;
        Ok((child, Receiver::from_owned_fd(OwnedFd::from(reader))?))
    }

    /// Starts what ends this server's agents' processes when the server is killed, unless it runs.
    fn keep_watch(&self) {
        let mut watch = self.watch.lock();
        if watch.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None))) {
            return;
        }
        let mut command = std::process::Command::new(&self.settings.program);
        let parent = std::process::id().to_string();
        command.args(["exec-agent", "--parent", &parent, "--watch", &self.server.to_string()]);
        for root in self.cgroups.iter().flat_map(|groups| groups.roots()) {
            command.arg("--cgroup").arg(root);
        }
        command.env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => *watch = Some(child),
            Err(error) => {
                warn!(%error, "nothing will end what agents began if this server is killed");
            }
        }
    }
}

/// Takes a run that was not started off the list.
struct Forgotten<'a> {
    shared: &'a Shared,
    id: WorkspaceId,
    run: Uuid,
}

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        if let Some((_, live)) =
            self.shared.runs.remove_if(&self.id, |_, live| live.run == self.run)
            && let (Some(cgroup), Ok(runtime)) = (live.cgroup.clone(), Handle::try_current())
        {
            runtime.spawn(async move { cgroup.remove().await });
        }
    }
}

impl Running {
    /// Waits for the end of its first process; returns why that is a failure.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => exit::reason(status),
            Err(error) => {
                warn!(workspace_id = %self.id, %error, "an agent cannot be waited for");
                "it cannot be waited for".to_owned()
            }
        }
    }

    /// Asks it to end, and waits a few seconds.
    pub(super) async fn terminate(&mut self) {
        self.signal(Signal::TERM);
        if timeout(GRACE, self.child.wait()).await.is_err() {
            warn!(workspace_id = %self.id, "an agent did not end in time and is killed");
        }
    }

    /// Ends what is left of it, and keeps its last words.
    pub(super) async fn finish(mut self) {
        self.signal(Signal::KILL);
        self.finished = true;
        self.shared.runs.remove_if(&self.id, |_, live| live.run == self.live.run);
        scan::end_all(self.live.members()).await;
        if let Some(cgroup) = &self.live.cgroup {
            cgroup.remove().await;
        }
        if let Some(output) = self.output.take() {
            let _ = timeout(LAST_WORDS, output).await;
        }
    }

    /// Signals its whole group. The group lasts as long as any process in it, so after the end of the
    /// first one this reaches those that are left.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.live.process().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        self.signal(Signal::KILL);
        self.shared.runs.remove_if(&self.id, |_, live| live.run == self.live.run);
        let (members, cgroup) = (self.live.members(), self.live.cgroup.clone());
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                scan::end_all(members).await;
                if let Some(cgroup) = cgroup {
                    cgroup.remove().await;
                }
            });
        }
    }
}

/// The error goes to the log, what everybody may know into the reason.
fn failure(id: WorkspaceId, error: &io::Error) -> Failure {
    warn!(workspace_id = %id, %error, "an agent could not be started");
    match error.kind() {
        io::ErrorKind::ArgumentListTooLong => Failure::hopeless(
            "its secrets are too long for an environment; ISOMER_SECRETS_DELIVERY=file takes them",
        ),
        io::ErrorKind::NotFound => Failure::new("its folder, or the program isomer, is not there"),
        kind => Failure::new(format!("it could not be started ({kind})")),
    }
}
