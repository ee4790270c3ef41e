//! The thread that all agents are children of.
//!
//! An agent asks the system to kill it when its parent ends, and the parent is the thread that
//! forked, not the process: a worker of the runtime that ended would take its agents along. This one
//! lives as long as the backend.

use std::io;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Starts that may wait for the thread.
const MAX_WAITING: usize = 64;

struct Job {
    command: Command,
    reply: oneshot::Sender<io::Result<Child>>,
}

/// Starts processes. When it is dropped, they are killed.
#[derive(Debug)]
pub(super) struct Spawner {
    jobs: mpsc::Sender<Job>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A command shows its environment.
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

impl Spawner {
    /// Starts the thread. To be called in the runtime.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(MAX_WAITING);
        let runtime = Handle::current();
        std::thread::Builder::new().name("agent-parent".to_owned()).spawn(move || {
            let _in_runtime = runtime.enter();
            while let Some(mut job) = waiting.blocking_recv() {
                // One that nobody waits for any more is killed as it is dropped.
                let _ = job.reply.send(job.command.spawn());
            }
        })?;
        Ok(Self { jobs })
    }

    /// Starts a process, which is killed when the child is dropped.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// # Cancel safety
    /// Cancel safe: what was started is killed.
    pub(super) async fn spawn(&self, mut command: Command) -> io::Result<Child> {
        command.kill_on_drop(true);
        let (reply, answer) = oneshot::channel();
        let ended = || io::Error::other("the thread that starts agents has ended");
        self.jobs.send(Job { command, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}
