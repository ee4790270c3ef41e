//! Telling agents that they were started anew (contract 01 §7.1): when, since when nobody heard of
//! them, and which secrets they have, by name. Nothing of it is logged or kept: an agent that is not
//! there in time is not told.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_seal::context::Scope;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, warn};
use uuid::Uuid;

use super::target::{Found, Target};
use super::{generation, passed, reply, target};
use crate::egress::{Limits, Request};
use crate::http::state::App;

const METHOD: &str = "message/send";
/// How long an agent may take to come online.
const ONLINE_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at its status, and between two tries.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long its answer is waited for; nobody reads it.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Agents that are told at the same time, those that are waited for included.
const MAX_TOLD: usize = 256;
const BEGIN: &str = "=== RESTART CONTEXT ===";
const END: &str = "=== END RESTART CONTEXT ===";

/// Tells agents of their restarts until the server stops.
///
/// # Cancel safety
/// Dropping it leaves those untold that are being waited for.
pub async fn tell_of_restarts(app: App) {
    let mut restarts = app.host.watch_restarts();
    let places = Arc::new(Semaphore::new(MAX_TOLD));
    let waited_for = Arc::<Mutex<HashSet<WorkspaceId>>>::default();
    let stopping = app.stopping.clone();
    loop {
        let id = tokio::select! {
            () = stopping.cancelled() => return,
            restarted = restarts.recv() => match restarted {
                Ok(id) => id,
                Err(RecvError::Lagged(missed)) => {
                    warn!(missed, "some agents are not told of their restart");
                    continue;
                }
                Err(RecvError::Closed) => return,
            },
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            warn!(workspace_id = %id, "too many agents restart at once: this one is not told");
            continue;
        };
        if !waited_for.lock().insert(id) {
            continue;
        }
        let (app, waited_for) = (app.clone(), Arc::clone(&waited_for));
        tokio::spawn(async move {
            let _place = place;
            tell(&app, id, &waited_for).await;
        });
    }
}

async fn tell(app: &App, id: WorkspaceId, waited_for: &Mutex<HashSet<WorkspaceId>>) {
    let (restarted_at, heard_at) = (app.clock.now(), app.directory.last_heard(id));
    let deadline = Instant::now() + ONLINE_LIMIT;
    let stopping = app.stopping.clone();
    let told = async {
        loop {
            sleep(LOOK_EVERY).await;
            let online = app.directory.glimpse(id).is_some_and(|known| known.status.is_heard());
            if !online {
                continue;
            }
            // Another restart from now on is another message.
            waited_for.lock().remove(&id);
            let text = text(restarted_at, heard_at, &names(app, id).await);
            if send(app, id, &text).await {
                return;
            }
        }
    };
    tokio::select! {
        told = timeout_at(deadline, told) => if told.is_err() {
            debug!(workspace_id = %id, "it was not online in time and is not told of its restart");
        },
        () = stopping.cancelled() => {}
    }
    waited_for.lock().remove(&id);
}

/// The names of what it may read, never the values.
async fn names(app: &App, id: WorkspaceId) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for scope in [Scope::Workspace(id.0), Scope::Global] {
        match app.secrets.list(scope).await {
            Ok(secrets) => names.extend(secrets.into_iter().map(|meta| meta.key)),
            Err(error) => {
                let error = isomer_actors::chain_of(&error);
                warn!(workspace_id = %id, %error, "an agent is told of fewer secrets than it has");
            }
        }
    }
    names
}

fn text(
    restarted_at: DateTime<Utc>,
    heard_at: Option<DateTime<Utc>>,
    names: &BTreeSet<String>,
) -> String {
    let shown = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let heard = heard_at.map_or_else(
        || "none".to_owned(),
        |at| {
            let age = (restarted_at - at).num_seconds().max(0);
            format!("{} ({age} s before)", shown(at))
        },
    );
    let names = if names.is_empty() {
        "none".to_owned()
    } else {
        names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    format!(
        "{BEGIN}\nRestarted at: {}\nPrevious heartbeat: {heard}\nAvailable secrets: {names}\n{END}",
        shown(restarted_at)
    )
}

/// Sends it; returns whether the agent had it, or never will.
async fn send(app: &App, id: WorkspaceId, text: &str) -> bool {
    let Ok(Found::Here(target)) = target::find(app, Some(id)).await else { return false };
    let Ok(mut place) = app.gate.enter(target.id) else { return false };
    let Target { destination, to, .. } = target;
    let mut request = Request {
        limits: Limits { idle: ANSWER_LIMIT, deadline: Instant::now() + ANSWER_LIMIT },
        headers: passed(&HeaderMap::new()),
        body: body(text),
        to,
    };
    match generation::meet(app, &destination.dialect, METHOD, &mut request).await {
        Ok(_) => {}
        // Its agent speaks nothing that this can be said in.
        Err(_) => return true,
    }
    match app.agents.send(request).await {
        Ok(answer) => {
            let _ = reply::whole(answer, &mut place).await;
            true
        }
        Err(error) => {
            debug!(workspace_id = %id, %error, "it was not told of its restart yet");
            false
        }
    }
}

fn body(text: &str) -> Bytes {
    let id = Uuid::new_v4();
    let body = json!({
        "jsonrpc": "2.0",
        "id": id,
        "method": METHOD,
        "params": {"message": {
            "kind": "message",
            "role": "user",
            "messageId": id,
            // Agents of the contract read `type`, those of A2A 0.3 `kind`.
            "parts": [{"kind": "text", "type": "text", "text": text}],
            "metadata": {
                "source": "platform",
                "kind": "restart_context",
                "layer": 1,
                "restart_context": true,
                "sender": "system:restart-context",
            },
        }},
    });
    Bytes::from(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_framed_and_names_no_value() {
        let at = |seconds: i64| DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap();
        let names = ["B", "A"].map(str::to_owned).into();
        let shown = text(at(90), Some(at(0)), &names);
        assert_eq!(
            shown.lines().collect::<Vec<_>>(),
            [
                BEGIN,
                "Restarted at: 2023-11-14T22:14:50Z",
                "Previous heartbeat: 2023-11-14T22:13:20Z (90 s before)",
                "Available secrets: A, B",
                END,
            ]
        );
        assert!(text(at(0), None, &BTreeSet::new()).contains("heartbeat: none\n"));
    }
}
