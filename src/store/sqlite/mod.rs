//! The embedded store: one SQLite file, one writer, no server.
//!
//! WAL with `synchronous = FULL`: what is acknowledged survives a power cut. Readers have a pool
//! of their own and never wait for the writer.

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

use sqlx::SqlitePool;

pub use self::open::OpenError;
pub use self::tenants::SqliteTenants;

/// The store behind the ports, over one file.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    /// One connection: SQLite has one writer, and waiting for it is fairer in the pool.
    write: SqlitePool,
    read: SqlitePool,
    /// Held for as long as the store lives, so that no second server opens it.
    _lock: std::sync::Arc<std::fs::File>,
}
