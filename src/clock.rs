//! The one place that reads the wall clock.

use chrono::{DateTime, Utc};
use isomer_actors::ports::Clock;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "everybody else is given the time")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
