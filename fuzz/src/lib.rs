//! What must hold of the formats of `isomer-seal` for every input: one oracle for each fuzz target.
//!
//! The targets give them what libFuzzer invents; `seal/tests/corpus.rs` includes this file and
//! gives them the committed corpus. So nothing here may name libFuzzer or this crate.

pub mod blob;
pub mod master_key;
mod reader;
pub mod reference;
pub mod roundtrip;
