//! Translation between the two generations of A2A over JSON-RPC, 0.3 and 1.0. Pure: bytes in,
//! bytes out.
//!
//! A [`request`] of one generation becomes one of the other, and comes with the [`Answers`] that
//! its answer is translated back by: a whole one, or events as they come ([`EventStream`]).
//! Members that are not known here stay as they were written. What cannot be said in the other
//! generation is answered with a JSON-RPC error in the sender's words; nothing is left out.
//! The mapping is described in `docs/api/a2a.md`.

mod answer;
pub mod card;
mod error;
mod method;
mod object;
mod part;
mod push;
mod request;
mod sse;
mod thing;

#[cfg(test)]
mod tests;

pub use self::answer::Answers;
pub use self::error::RpcError;
pub use self::method::{Operation, method};
pub use self::request::{Translated, request, unknown_version};
pub use self::sse::{EventStream, Flow, MAX_EVENT};
