//! The supervised runtime of Isomer: one actor per live workspace.
//!
//! This crate knows no socket, no database and no key. What it needs from the
//! outside it asks for through [`ports`]. Begin at [`tree`]: the whole on one page.

pub mod activity;
pub mod address;
pub mod api;
pub mod approvals;
pub mod cells;
mod context;
pub mod delegations;
pub mod directory;
pub mod domain;
mod heartbeats;
mod idle;
pub mod indexes;
mod janitor;
mod journal;
pub mod live;
pub mod liveness;
pub mod mailroom;
pub mod metrics;
mod mirror;
pub mod ports;
mod quarantine;
mod shard;
pub mod slots;
mod supervise;
pub mod tokens;
pub mod tree;
mod workspace;

use std::fmt::Write as _;

/// Returns the messages of an error and its sources, for logs.
pub fn chain_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
