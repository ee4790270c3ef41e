//! Key custody: sealing secrets, the keys that do it, and their rotation.
//!
//! `docs/architecture/secrets-key-custody.md` is the canonical text. The formats are the crate
//! `isomer-seal`; here are the keys ([`ring`], [`kms`]), the seeds in memory ([`seeds`]), the vault
//! that seals and opens ([`vault`]), the check value ([`custody`]), what people and agents do
//! ([`secrets`]) and [`rotation`].

pub mod cli;
pub mod custody;
pub mod error;
pub mod kms;
pub mod metrics;
pub mod names;
pub mod ports;
pub mod ring;
pub mod rotation;
pub mod secrets;
pub mod seeds;
pub mod setup;
pub mod status;
pub mod tenant;
pub mod vault;
