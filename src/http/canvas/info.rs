//! `GET /canvas/info`: what this server is and offers, so that a page shows nothing that is not there.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::StoreConfig;
use crate::http::error::{Answer, ok};
use crate::http::gates::Caller;
use crate::http::state::App;

/// What this server is and offers.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerInfo {
    /// Who asks, as audit rows name them.
    pub caller: String,
    pub features: Features,
    pub liveness_ttl_ms: u64,
    pub redis: bool,
    /// How this server runs agents (`PROVISIONER`).
    pub provisioner: &'static str,
    pub store: StoreKind,
    pub version: &'static str,
}

/// What keeps the truth.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    Sqlite,
    Postgres,
}

/// Which optional parts are built in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Features {
    pub a2a: bool,
    pub activity: bool,
    pub approvals: bool,
    pub chat_files: bool,
    pub hosted_agents: bool,
    /// The output of agents can be read.
    pub logs: bool,
    /// Shells can be opened where agents are.
    pub terminal: bool,
    pub files: bool,
    pub teams: bool,
    pub bundles: bool,
    pub templates: bool,
    pub lifecycle: bool,
}

/// Says what this server is and offers.
#[utoipa::path(
    get,
    path = "/canvas/info",
    tag = "canvas",
    operation_id = "getServerInfo",
    responses(
        (status = 200, description = "What it is", body = ServerInfo),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn info(State(app): State<App>, caller: Caller) -> Answer {
    let admin = caller.admin(&app).await?;
    let store = match app.config.store {
        StoreConfig::Embedded => StoreKind::Sqlite,
        StoreConfig::Postgres { .. } => StoreKind::Postgres,
    };
    Ok(ok(&ServerInfo {
        caller: admin.name(),
        features: features(&app),
        liveness_ttl_ms: app.config.liveness.ttl.as_millis() as u64,
        redis: app.config.redis.is_some(),
        provisioner: app.config.provision.provisioner.as_str(),
        store,
        version: env!("CARGO_PKG_VERSION"),
    }))
}

/// The one place that says which optional parts are built in.
fn features(app: &App) -> Features {
    let hosted_agents = app.config.provision.limit > 0;
    Features {
        a2a: true,
        activity: true,
        approvals: true,
        chat_files: true,
        hosted_agents,
        logs: hosted_agents,
        terminal: hosted_agents,
        files: true,
        teams: true,
        bundles: true,
        templates: true,
        lifecycle: true,
    }
}
