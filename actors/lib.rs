//! The supervised runtime of Isomer: one actor per live workspace.
//!
//! This crate knows no socket, no database and no key. What it needs from the
//! outside it asks for through [`ports`].

pub mod api;
pub mod directory;
pub mod domain;
pub mod live;
pub mod ports;
pub mod tokens;
