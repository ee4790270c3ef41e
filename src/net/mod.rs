//! Sockets: listening, accepting within limits, and checking the addresses that agents give.

pub mod guard;
pub mod listen;
pub mod serve;
