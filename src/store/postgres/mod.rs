//! The production store: PostgreSQL 15 or newer.
//!
//! A batch of changes costs a constant number of statements, however many workspaces it touches;
//! rows are locked in the order of their ids, and the sequence last and shortest.

mod agents;
mod codec;
mod events;
mod open;
mod structure;
mod tokens;
mod views;
mod vitals;
mod workspaces;

use sqlx::PgPool;

pub use self::open::ConnectError;

/// The store behind the ports, over one pool.
#[derive(Clone, Debug)]
pub struct PgStore {
    pool: PgPool,
}
