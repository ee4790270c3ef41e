//! The two limits of a request: a deadline for the whole of it, and an idle limit that only its
//! own progress moves.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// How long a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Between two signs of progress of this request.
    pub idle: Duration,
    /// When it must have ended.
    pub deadline: Instant,
}

impl Limits {
    /// Waits for the next sign of progress; `None` when a limit passes first.
    ///
    /// # Cancel safety
    /// As `progress`.
    pub async fn within<T>(&self, progress: impl Future<Output = T>) -> Option<T> {
        let idle = Instant::now().checked_add(self.idle).unwrap_or(self.deadline);
        tokio::time::timeout_at(idle.min(self.deadline), progress).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn progress_moves_the_idle_limit_and_not_the_deadline() {
        let limits = Limits { idle: SECOND * 2, deadline: Instant::now() + SECOND * 5 };
        for _ in 0..4 {
            assert!(limits.within(sleep(SECOND)).await.is_some());
        }
        assert!(limits.within(sleep(SECOND * 3 / 2)).await.is_none(), "the deadline");
        let limits = Limits { idle: SECOND, deadline: Instant::now() + SECOND * 5 };
        assert!(limits.within(sleep(SECOND * 2)).await.is_none(), "the idle limit");
    }
}
