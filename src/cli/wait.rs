//! Waiting for a workspace to stand as it should.

use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::client::Client;
use super::error::{CliError, Done};
use super::workspace::{self, Found};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(500);
/// Events that are searched for the reason of a failure.
const EVENTS: &str = "?limit=50";

/// Whether to wait, and how long.
#[derive(Clone, Copy, Debug, Args)]
pub struct Wait {
    /// Wait until the agent is online, or has failed
    #[arg(long)]
    pub wait: bool,
    /// Seconds to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 120, requires = "wait",
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

impl Wait {
    /// When the waiting ends.
    pub fn deadline(self) -> Instant {
        Instant::now() + Duration::from_secs(self.timeout)
    }
}

/// How a workspace stands when the waiting is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub status: String,
    /// Why it is not online, where that is known.
    pub reason: Option<String>,
}

impl Standing {
    /// Whether its agent works.
    pub fn is_up(&self) -> bool {
        matches!(self.status.as_str(), "online" | "degraded")
    }

    /// # Errors
    /// When it is not online.
    pub fn check(&self, found: &Found) -> Done {
        if self.is_up() {
            return Ok(());
        }
        let reason = self.reason.as_deref().unwrap_or("no reason is known");
        Err(CliError::failed(format!("{} is {}: {reason}", found.label, self.status)).hint(
            format!("`isomer logs {}` shows what its agent wrote", workspace::short(found.id)),
        ))
    }
}

/// Waits until the workspace is online, failed or gone, or the time is over.
///
/// # Errors
/// When the server stops answering.
pub async fn until_online(client: &Client, id: Uuid, deadline: Instant) -> Done<Standing> {
    loop {
        let Some(seen) = workspace::state(client, id).await? else {
            let reason = Some("it was removed".to_owned());
            return Ok(Standing { status: "removed".to_owned(), reason });
        };
        match seen.status.as_str() {
            "online" | "degraded" => return Ok(Standing { status: seen.status, reason: None }),
            "failed" => {
                let reason = why_failed(client, id).await?;
                return Ok(Standing { status: seen.status, reason });
            }
            _ => {}
        }
        let next = Instant::now() + EVERY;
        if next > deadline {
            let reason = Some("the time is over; it may come yet".to_owned());
            return Ok(Standing { status: seen.status, reason });
        }
        sleep_until(next).await;
    }
}

/// The reason that the last failure was recorded with.
async fn why_failed(client: &Client, id: Uuid) -> Done<Option<String>> {
    let reply = client.get(&format!("/events/{id}{EVENTS}")).await?;
    let events: Vec<Value> = reply.json()?;
    let failure = events.iter().find(|event| event["event_type"] == "WORKSPACE_PROVISION_FAILED");
    Ok(failure.and_then(|event| event["payload"]["error"].as_str()).map(str::to_owned))
}
