//! The production store: PostgreSQL 15 or newer.
//!
//! A batch of changes costs a constant number of statements, however many workspaces it touches;
//! rows are locked in the order of their ids, and the sequence last and shortest.

mod activity;
mod agents;
mod approvals;
mod codec;
mod config;
mod custody;
mod data_keys;
mod delegations;
mod events;
mod history;
mod key_audit;
mod messages;
mod open;
mod secrets;
mod structure;
mod tenants;
mod tokens;
mod views;
mod vitals;
mod workspaces;

use sqlx::PgPool;

pub use self::open::ConnectError;
pub use self::tenants::PgTenants;

/// The store behind the ports, over one pool.
#[derive(Clone, Debug)]
pub struct PgStore {
    pool: PgPool,
}
