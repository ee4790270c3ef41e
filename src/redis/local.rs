//! One process needs no mirror and no relay: the sweep is the truth, and there is nobody else
//! to tell.

use std::sync::Arc;

use async_trait::async_trait;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{Heard, LivenessMirror, Located, MirrorError, Relay};

/// The mirror of a process that nobody else reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalMirror;

#[async_trait]
impl LivenessMirror for LocalMirror {
    async fn heard(&self, _: &[Heard]) -> Result<(), MirrorError> {
        Ok(())
    }

    async fn located(&self, _: &[Located]) -> Result<(), MirrorError> {
        Ok(())
    }

    async fn clear(&self, _: &[WorkspaceId]) -> Result<(), MirrorError> {
        Ok(())
    }

    async fn next_notice(&self) -> Option<WorkspaceId> {
        None
    }

    fn is_reachable(&self) -> bool {
        true
    }
}

/// The relay of a process that has no neighbours.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalRelay;

#[async_trait]
impl Relay for LocalRelay {
    async fn publish(&self, _: &[Arc<str>]) -> Result<(), MirrorError> {
        Ok(())
    }

    async fn next_hint(&self) -> Option<()> {
        None
    }
}
