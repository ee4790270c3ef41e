//! The only SQL: the ports of the runtime over PostgreSQL and over SQLite.
//!
//! One file per table and store, no `sqlx::Any`: it knows neither UUIDs nor JSON nor times. One
//! conformance suite (`tests/it/stores`) runs against both.

pub mod migrate;
pub mod postgres;
mod search;
pub mod sqlite;
mod usage;

use isomer_actors::ports::{Refusal, StoreError};

/// Returns the error for a stored value that cannot be what it should be.
pub(crate) fn unreadable(operation: &'static str, what: &str) -> StoreError {
    StoreError::Refused { operation, refusal: Refusal::Constraint(format!("unreadable {what}")) }
}
