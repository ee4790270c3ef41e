//! `GET /canvas/info`: what this server is and offers, so that a page shows nothing that is not there.

use axum::extract::State;
use serde_json::{Value, json};

use crate::config::StoreConfig;
use crate::http::error::{Answer, ok};
use crate::http::gates::Caller;
use crate::http::state::App;

/// Says what this server is, to whoever may administrate.
pub async fn info(State(app): State<App>, caller: Caller) -> Answer {
    let admin = caller.admin(&app).await?;
    let store = match app.config.store {
        StoreConfig::Embedded => "sqlite",
        StoreConfig::Postgres { .. } => "postgres",
    };
    Ok(ok(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "store": store,
        "redis": app.config.redis.is_some(),
        "liveness_ttl_ms": app.config.liveness.ttl.as_millis() as u64,
        "caller": admin.name(),
        "features": features(&app),
    })))
}

/// The one place that says which optional parts are built in.
fn features(app: &App) -> Value {
    json!({
        "a2a": false,
        "approvals": false,
        "activity": false,
        "hosted_agents": app.config.hosted_agents > 0,
    })
}
