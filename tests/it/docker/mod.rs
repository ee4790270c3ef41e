//! Agents in containers of a real engine, which `scripts/engine` starts for these tests alone.
//!
//! ISOMER_SKIP_DOCKER=1 leaves them out, on machines that cannot run one.

mod backend;
mod engine;
mod fleet;
mod proxy;
mod server;
mod terminal;
