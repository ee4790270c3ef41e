//! Format 1: `nonce 12 ‖ AES-256-GCM ciphertext and tag` under the master key, without additional
//! data (contract 05 §4.2). A row of it can be moved to another place unnoticed.

use crate::gcm::{NONCE, TAG};
use crate::master::MasterKey;
use crate::{Cause, NoRandomness, Plain, Refused, random};

/// The smallest blob.
pub const MIN: usize = NONCE + TAG;

/// Seals under the master key.
///
/// # Errors
/// [`NoRandomness`].
pub fn seal(master: &MasterKey, plain: &[u8]) -> Result<Vec<u8>, NoRandomness> {
    Ok(seal_with(master, plain, random()?))
}

/// The same with a given nonce: for fixed vectors only.
pub(crate) fn seal_with(master: &MasterKey, plain: &[u8], nonce: [u8; NONCE]) -> Vec<u8> {
    [&nonce[..], &master.format_1().seal(&nonce, &[], plain)].concat()
}

/// Opens under the master key.
///
/// # Errors
/// [`Refused`].
pub fn open(master: &MasterKey, blob: &[u8]) -> Result<Plain, Refused> {
    let (nonce, sealed) = blob.split_first_chunk::<NONCE>().ok_or(Cause::TooShort)?;
    master.format_1().open(nonce, &[], sealed)
}
