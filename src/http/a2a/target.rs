//! Where a message goes: forwards followed, the address vetted anew (contract 04 §3.2).

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use isomer_actors::api::{Destination, Followed};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::DeliveryMode;
use isomer_actors::domain::status::Status;

use crate::http::error::{ApiError, removed};
use crate::http::state::App;
use crate::http::workspaces;
use crate::net::guard::{self, Rule, Vetted};

/// What senders to an agent that is not there are told to wait.
const COME_BACK: Duration = Duration::from_secs(15);

/// A workspace that a message can go to.
#[derive(Debug)]
pub struct Target {
    pub id: WorkspaceId,
    pub destination: Destination,
    pub to: Vetted,
}

/// Where a message can go.
#[derive(Debug)]
pub enum Found {
    Here(Target),
    /// Its agent is not there now: what is answered to whoever cannot wait.
    Away {
        id: WorkspaceId,
        status: Status,
        answer: ApiError,
    },
    /// Removed: what is answered, with its last event.
    Gone(Response),
}

/// Follows forwards from `id` and finds out where its agent is.
///
/// # Errors
/// 404, 402 or 502, with the contract's texts.
pub async fn find(app: &App, id: Option<WorkspaceId>) -> Result<Found, ApiError> {
    let unknown = || ApiError::not_found("workspace not found");
    let Followed::At(id) = app.directory.follow(id.ok_or_else(unknown)?) else {
        return Err(unknown());
    };
    let destination = app.directory.destination(id).ok_or_else(unknown)?;
    if destination.status == Status::Removed {
        return workspaces::gone(app, id).await.map(Found::Gone).map_err(|_| removed());
    }
    if destination.budget_exceeded {
        let text = "workspace budget limit exceeded";
        return Err(ApiError::new(StatusCode::PAYMENT_REQUIRED, text));
    }
    if destination.status == Status::Hibernated {
        return Ok(asleep(app, id).await);
    }
    if destination.delivery_mode == DeliveryMode::Poll {
        return Ok(away(id, "workspace collects its messages", destination.status));
    }
    let url = destination.url.as_deref().unwrap_or_default();
    // One in a container that only beats has no URL, and is reached all the same.
    let own = app.hosted_at.vetted(id, url).filter(|_| destination.hosted);
    let to = match (own, destination.status) {
        (Some(own), Status::Online | Status::Degraded) => own,
        (None, Status::Online | Status::Degraded) if !url.is_empty() => {
            guard::check(url, Rule::Dispatch, app.address_mode()).await.map_err(|refused| {
                ApiError::new(StatusCode::BAD_GATEWAY, "workspace URL is not publicly routable")
                    .with("reason", refused.to_string())
            })?
        }
        (None, status) if url.is_empty() => return Ok(away(id, "workspace has no URL", status)),
        (_, status) => return Ok(away(id, "workspace not available", status)),
    };
    Ok(Found::Here(Target { id, destination, to }))
}

/// Wakes a workspace for a message (contract 04 §3.2). It stays asleep below a paused one, and while
/// the store is away: then the next message tries again.
async fn asleep(app: &App, id: WorkspaceId) -> Found {
    match app.directory.wake(id).await {
        Ok(true) => app.host.started_anew(id),
        Ok(false) => {
            let now = app.directory.glimpse(id).map_or(Status::Removed, |known| known.status);
            return away(id, "workspace not available", now);
        }
        Err(error) => {
            let error = isomer_actors::chain_of(&error);
            tracing::warn!(workspace_id = %id, %error, "a workspace could not be woken");
        }
    }
    let text = "workspace is waking from hibernation — retry in ~15 seconds";
    let answer = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text)
        .with("waking", true)
        .with("retry_after", COME_BACK.as_secs())
        .retry_after(COME_BACK);
    Found::Away { id, status: Status::Hibernated, answer }
}

fn away(id: WorkspaceId, text: &str, status: Status) -> Found {
    let answer = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text)
        .with("status", status.as_str())
        .with("retry_after", COME_BACK.as_secs())
        .retry_after(COME_BACK);
    Found::Away { id, status, answer }
}
