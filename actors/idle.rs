//! Puts workspaces to sleep in which nothing has happened for as long as their rows say.
//!
//! What counts is what happens: events, activity, tasks, messages that wait. Beats do not. Owns when
//! each was last seen at work; a restart forgets that, and looks at what is stored.
//! It also finishes the sleep of workspaces whose agents nobody here ends.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tracing::{debug, info, warn};

use crate::address::Address;
use crate::api::{Hibernation, RunReport};
use crate::context::Context;
use crate::directory::Directory;
use crate::domain::ids::WorkspaceId;
use crate::domain::status::Status;
use crate::ports::{ActivityQuery, EventQuery, IdleLimit, StoreError};

/// Between two looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What it is told.
#[derive(Debug)]
pub enum IdleMsg {
    /// Look, and again after a while.
    Look,
}

/// The actor.
#[derive(Clone)]
pub struct Idle {
    pub(crate) address: Address<IdleMsg>,
    pub(crate) context: Context,
    pub(crate) directory: Directory,
}

/// When workspaces were last seen at work.
pub type Seen = HashMap<WorkspaceId, DateTime<Utc>>;

impl Actor for Idle {
    type Msg = IdleMsg;
    type State = Seen;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<IdleMsg>, (): ()) -> Result<Seen, ActorProcessingErr> {
        me.send_message(IdleMsg::Look)?;
        Ok(Seen::new())
    }

    async fn handle(
        &self,
        me: ActorRef<IdleMsg>,
        IdleMsg::Look: IdleMsg,
        seen: &mut Seen,
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        self.finish().await;
        if let Err(error) = self.look(seen).await {
            debug!(error = %crate::chain_of(&error), "nobody is put to sleep now");
        }
        me.send_after(LOOK_EVERY, || IdleMsg::Look);
        Ok(())
    }
}

impl Idle {
    async fn look(&self, seen: &mut Seen) -> Result<(), StoreError> {
        let limits = self.context.store.idle_limits().await?;
        seen.retain(|id, _| limits.iter().any(|limit| limit.workspace == *id));
        for limit in limits {
            let id = limit.workspace;
            if !self.is_idle(limit, seen).await? {
                continue;
            }
            match self.directory.hibernate(id, false).await {
                Ok(Hibernation::Claimed) => {
                    info!(workspace_id = %id, minutes = limit.minutes, "nothing happened: it sleeps");
                }
                Ok(_) => {}
                Err(error) => warn!(workspace_id = %id, %error, "it was not put to sleep"),
            }
        }
        Ok(())
    }

    async fn is_idle(&self, limit: IdleLimit, seen: &mut Seen) -> Result<bool, StoreError> {
        let id = limit.workspace;
        let Some(cell) = self.context.indexes.cell(id) else { return Ok(false) };
        let now = self.context.clock.now();
        if cell.vitals.lock().active_tasks > 0 || cell.waiting.load(Ordering::Acquire) > 0 {
            seen.insert(id, now);
            return Ok(false);
        }
        let since = now - TimeDelta::minutes(i64::from(limit.minutes));
        if seen.get(&id).is_some_and(|at| *at > since) {
            return Ok(false);
        }
        let query = EventQuery {
            workspace: Some(id),
            since: Some(since),
            limit: 1,
            ..EventQuery::default()
        };
        if !self.context.store.events(&query).await?.is_empty() {
            return Ok(false);
        }
        self.context.activity.settle().await;
        let query = ActivityQuery {
            workspace: Some(id),
            since: Some(since),
            limit: 1,
            ..ActivityQuery::default()
        };
        Ok(self.context.store.activity(&query).await?.is_empty())
    }

    /// Nobody here ends agents that run elsewhere; whoever should have said that they sleep was
    /// killed.
    async fn finish(&self) {
        for id in self.directory.in_status(Status::Hibernating) {
            if self.directory.glimpse(id).is_some_and(|known| !known.hosted)
                && let Err(error) = self.directory.report_run(id, RunReport::Asleep).await
            {
                warn!(workspace_id = %id, %error, "its sleep could not be recorded");
            }
        }
    }
}
