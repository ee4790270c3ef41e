//! Room for what will be logged, and an end to what is old. Holds nothing.

use std::time::Duration;

use chrono::TimeDelta;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tracing::{Instrument, debug_span, info, warn};

use crate::address::Address;
use crate::context::Context;

/// How often it is seen to that there is room for the days to come.
const PREPARE_EVERY: Duration = Duration::from_secs(3_600);
/// The wait before something that failed is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// How long activity is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keeping {
    pub retention: Duration,
    /// Between two looks for what is older.
    pub every: Duration,
}

impl Default for Keeping {
    /// Seven days, looked at every six hours.
    fn default() -> Self {
        let hour = Duration::from_secs(3_600);
        Self { retention: hour * 24 * 7, every: hour * 6 }
    }
}

/// What the janitor is told.
#[derive(Debug)]
pub(crate) enum JanitorMsg {
    /// Make room for the days to come, then wait again.
    Prepare,
    /// Delete some of what is old, until nothing is, then wait again.
    Expire,
}

/// The actor.
#[derive(Clone)]
pub(crate) struct Janitor {
    pub(crate) address: Address<JanitorMsg>,
    pub(crate) context: Context,
    pub(crate) keeping: Keeping,
}

impl Actor for Janitor {
    type Msg = JanitorMsg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<JanitorMsg>, (): ()) -> Result<(), ActorProcessingErr> {
        me.send_message(JanitorMsg::Prepare)?;
        me.send_after(self.keeping.every, || JanitorMsg::Expire);
        Ok(())
    }

    async fn handle(
        &self,
        me: ActorRef<JanitorMsg>,
        message: JanitorMsg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        self.address.received();
        match message {
            JanitorMsg::Prepare => {
                let wait = self.prepare().instrument(debug_span!("activity", kind = "prepare"));
                me.send_after(wait.await, || JanitorMsg::Prepare);
            }
            JanitorMsg::Expire => {
                let wait = self.expire().instrument(debug_span!("activity", kind = "expire"));
                me.send_after(wait.await, || JanitorMsg::Expire);
            }
        }
        Ok(())
    }
}

impl Janitor {
    async fn prepare(&self) -> Duration {
        let today = self.context.clock.now().date_naive();
        match self.context.store.prepare_activity(today).await {
            Ok(()) => PREPARE_EVERY,
            Err(error) => {
                warn!(error = %crate::chain_of(&error), "room for activity was not made");
                AGAIN
            }
        }
    }

    /// One bounded piece; returns how long to wait for the next.
    async fn expire(&self) -> Duration {
        let retention = TimeDelta::from_std(self.keeping.retention).unwrap_or(TimeDelta::MAX);
        let Some(before) = self.context.clock.now().checked_sub_signed(retention) else {
            return self.keeping.every;
        };
        match self.context.store.expire_activity(before).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => {
                info!(%before, "activity is kept from here on");
                self.keeping.every
            }
            Err(error) => {
                warn!(error = %crate::chain_of(&error), "old activity was not deleted");
                AGAIN.min(self.keeping.every)
            }
        }
    }
}
