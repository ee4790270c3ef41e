//! Isomer: the control plane for teams of AI agents.
//!
//! The edge and the adapters: everything that touches a socket, a database, a
//! key or a process. The runtime they serve is the crate `isomer_actors`.

pub mod a2a;
pub mod agent;
pub mod app;
pub mod bench;
pub mod chat_files;
pub mod clock;
pub mod command;
pub mod config;
pub mod control_plane;
pub mod egress;
pub mod history;
pub mod http;
pub mod hygiene;
pub mod keys;
pub mod lifecycle;
pub mod live;
pub mod net;
pub mod provision;
pub mod redis;
pub mod store;
pub mod telemetry;
pub mod templates;
pub mod verify;
