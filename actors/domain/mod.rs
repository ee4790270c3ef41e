//! The pure core: ids, statuses, hierarchy, events, judgements.
//!
//! Nothing here reads a clock, a socket or a store. Every decision of the
//! runtime is a function in this folder, so that it can be property-tested.

pub mod activity;
pub mod approval;
pub mod beat;
pub mod chain;
pub mod change;
pub mod config;
pub mod delegation;
pub mod dialect;
pub mod event;
pub mod hierarchy;
pub mod ids;
pub mod message;
pub mod record;
pub mod restart;
pub mod silence;
pub mod status;
pub mod text;
pub mod token;
