//! The product over real sockets, with real PostgreSQL and Redis. Run with `make test`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "the server under test lives in real time")]

mod a2a;
mod access;
mod activity;
mod approvals;
mod bad_input;
mod canvas;
mod chat_files;
mod cli;
mod deaths;
mod delegations;
mod delivery_mode;
mod docker;
mod events;
mod files;
mod first_light;
mod hosted;
mod keeping;
mod keys;
mod lifecycle;
mod live;
mod mcp;
mod messages;
mod openapi;
mod organisation;
mod page;
mod processes;
mod redis_adapters;
mod schema_page;
mod sdk_agents;
mod sdk_clients;
mod stores;
mod support;
mod teams;
