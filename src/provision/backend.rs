//! What a way to run agents has to provide.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use isomer_actors::domain::ids::WorkspaceId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::launch::Launch;

/// Why a run ended without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// Its workspace is gone for good.
    Gone,
}

/// Why a run failed. The reason is shown to everybody who may see the workspace, so it holds no
/// path and no secret; what is behind it is in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    pub reason: String,
    /// Another try would fail in the same way: it is given up at once.
    pub hopeless: bool,
    /// Names of the variables that it needs and nobody set (contract 01 §7.2).
    pub missing: Vec<String>,
}

impl Failure {
    /// Returns a failure after which it is tried again.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// Returns a failure that no further try would mend.
    pub fn hopeless(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hopeless: true, missing: Vec::new() }
    }
}

/// Why something cannot be had of a running agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Its agent does not run here now.
    #[error("its agent is not running")]
    NotRunning,
    /// This way of running agents does not offer it.
    #[error("the provisioner {0} does not offer it")]
    NotOffered(&'static str),
    /// The engine cannot be asked now. The text holds no path and no secret.
    #[error("the provisioner cannot be asked: {0}")]
    Engine(String),
}

/// Which lines of an agent's output are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRange {
    /// The last so many lines.
    pub tail: usize,
    /// And those that come, until the agent is forgotten or the reader goes.
    pub follow: bool,
}

/// Output as it comes: whole lines are not promised.
pub type Logs = BoxStream<'static, std::io::Result<Bytes>>;

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    pub columns: u16,
    pub rows: u16,
}

/// What goes into a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalInput {
    Data(Bytes),
    Resize(TerminalSize),
}

/// A shell beside an agent, where the agent is. Dropping it kills the shell and what it began.
#[derive(Debug)]
pub struct Terminal {
    /// Ends when the shell has ended.
    pub output: mpsc::Receiver<Bytes>,
    pub input: mpsc::Sender<TerminalInput>,
}

/// A way to run agents.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Returns the spelling of its setting.
    fn name(&self) -> &'static str;

    /// Runs one agent from its start to its end; after `stop` it has a few seconds to end well. Where
    /// agents outlive the server, one that runs already as it should is taken over as it is.
    ///
    /// # Errors
    /// [`Failure`]. The caller decides whether it is started again.
    ///
    /// # Cancel safety
    /// Dropping the future ends the agent as a crash would, except where agents outlive the server:
    /// there it goes on.
    async fn run(&self, launch: Launch, stop: CancellationToken) -> Result<Ended, Failure>;

    /// Ends an agent now, whoever started it. Returns when it has ended; nothing to end is no failure.
    ///
    /// # Errors
    /// [`Unavailable`]: it may be running.
    async fn end(&self, id: WorkspaceId) -> Result<(), Unavailable>;

    /// Clears what was kept for an agent that is not run here any more. Failure is logged.
    async fn forget(&self, id: WorkspaceId);

    /// Returns whether agents go on when the server ends.
    fn outlives_server(&self) -> bool {
        false
    }

    /// Ends what this installation started and is not among `wanted`; never anything else. Returns
    /// how many.
    ///
    /// # Errors
    /// [`Unavailable`]: ask again.
    async fn reap(&self, wanted: &BTreeSet<WorkspaceId>) -> Result<usize, Unavailable>;

    /// Returns what an agent wrote to its standard output and error, of its last runs too where that
    /// is kept.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn logs(&self, id: WorkspaceId, range: LogRange) -> Result<Logs, Unavailable>;

    /// Opens a shell where the agent is.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn terminal(&self, id: WorkspaceId, size: TerminalSize) -> Result<Terminal, Unavailable>;
}
