//! The product over real sockets, with real PostgreSQL and Redis. Run with `make test`.

mod access;
mod bad_input;
mod deaths;
mod events;
mod first_light;
mod keeping;
mod live;
mod organisation;
mod redis_adapters;
mod schema_page;
mod sdk_agents;
mod stores;
mod support;
