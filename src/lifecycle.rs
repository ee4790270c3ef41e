//! How the process ends: one signal asks, a second one or the deadline insists.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The exit code after a second signal or a missed deadline.
pub const EXIT_HURRIED: i32 = 1;

/// Two tokens: `soft` asks everybody to finish, `hard` to drop what they hold.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    pub soft: CancellationToken,
    pub hard: CancellationToken,
}

impl Lifecycle {
    /// Listens for SIGTERM and SIGINT in the background. A second signal, or `allowance` after the
    /// first, ends the process at once.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn install(allowance: Duration) -> std::io::Result<Self> {
        let lifecycle = Self::default();
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let watched = lifecycle.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = either(&mut term, &mut int) => info!("asked to stop, finishing"),
                () = watched.soft.cancelled() => {}
            }
            watched.soft.cancel();
            tokio::select! {
                () = either(&mut term, &mut int) => warn!("asked again, stopping at once"),
                () = tokio::time::sleep(allowance) => warn!("not finished in time, stopping at once"),
            }
            watched.hard.cancel();
            std::process::exit(EXIT_HURRIED);
        });
        Ok(lifecycle)
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
