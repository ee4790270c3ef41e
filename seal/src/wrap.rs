//! Wrapping seeds under the static master key, as KMS would: with an encryption context.
//!
//! `0x01 ‖ nonce 12 ‖ AES-256-GCM ciphertext 32 ‖ tag 16` under a key derived from the master key;
//! the additional data is every pair of the context, name and value each after its length.

use crate::context::join;
use crate::gcm::{Key, NONCE};
use crate::master::MasterKey;
use crate::secret::Seed;
use crate::{Cause, NoRandomness, Refused, random};

const VERSION: u8 = 1;

/// Named values that a wrapped key is bound to. The order counts.
pub type Pairs = [(&'static str, String)];

/// Wraps a seed.
///
/// # Errors
/// [`NoRandomness`].
pub fn wrap(master: &MasterKey, seed: &Seed, context: &Pairs) -> Result<Vec<u8>, NoRandomness> {
    let nonce: [u8; NONCE] = random()?;
    let sealed = Key(&master.wrapping()).seal(&nonce, &aad(context), seed.expose());
    Ok([&[VERSION][..], &nonce, &sealed].concat())
}

/// Unwraps a seed.
///
/// # Errors
/// [`Refused`]: another master key, context, or other bytes.
pub fn unwrap(master: &MasterKey, wrapped: &[u8], context: &Pairs) -> Result<Seed, Refused> {
    let (version, rest) = wrapped.split_first().ok_or(Cause::TooShort)?;
    if *version != VERSION {
        return Err(Cause::Magic.into());
    }
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(Cause::TooShort)?;
    let plain = Key(&master.wrapping()).open(nonce, &aad(context), sealed)?;
    Seed::from_slice(&plain).ok_or(Refused(Cause::Length))
}

fn aad(context: &Pairs) -> Vec<u8> {
    join(context.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]))
}
