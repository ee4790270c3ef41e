//! The provisioner `none`: agents are run by somebody else.

use std::collections::BTreeSet;

use async_trait::async_trait;
use isomer_actors::domain::ids::WorkspaceId;
use tokio_util::sync::CancellationToken;

use super::{Backend, Ended, Failure, Launch, LogRange, Logs, Terminal, TerminalSize, Unavailable};

const NAME: &str = "none";

/// Runs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

#[async_trait]
impl Backend for Nothing {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, _: Launch, _: CancellationToken) -> Result<Ended, Failure> {
        Err(Failure::hopeless("this server runs no agents (PROVISIONER=none)"))
    }

    async fn end(&self, _: WorkspaceId) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn forget(&self, _: WorkspaceId) {}

    async fn reap(&self, _: &BTreeSet<WorkspaceId>) -> Result<usize, Unavailable> {
        Ok(0)
    }

    async fn logs(&self, _: WorkspaceId, _: LogRange) -> Result<Logs, Unavailable> {
        Err(Unavailable::NotOffered(NAME))
    }

    async fn terminal(&self, _: WorkspaceId, _: TerminalSize) -> Result<Terminal, Unavailable> {
        Err(Unavailable::NotOffered(NAME))
    }
}
