//! Format 2: `0x02 ‖ u16 BE n ‖ wrapped data key n ‖ nonce 12 ‖ ciphertext and tag`, one data key
//! of KMS per blob (contract 05 §4.4). The place is bound only in the KMS encryption context.

use crate::gcm::{Key, NONCE, TAG};
use crate::secret::Seed;
use crate::{Cause, NoRandomness, Plain, Refused, random};

/// The first byte.
pub const MAGIC: u8 = 0x02;

/// The parts of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The data key as KMS wrapped it.
    pub wrapped: &'a [u8],
    nonce: &'a [u8; NONCE],
    sealed: &'a [u8],
}

/// Seals under a data key and puts it, wrapped, in front.
///
/// # Errors
/// [`NoRandomness`].
///
/// # Panics
/// When `wrapped` has more than 65,535 bytes; KMS gives at most 6,144.
pub fn seal(data_key: &Seed, wrapped: &[u8], plain: &[u8]) -> Result<Vec<u8>, NoRandomness> {
    Ok(seal_with(data_key, wrapped, plain, random()?))
}

/// The same with a given nonce: for fixed vectors only.
pub(crate) fn seal_with(
    data_key: &Seed,
    wrapped: &[u8],
    plain: &[u8],
    nonce: [u8; NONCE],
) -> Vec<u8> {
    let length = u16::try_from(wrapped.len()).expect("KMS wraps a key in at most 6,144 bytes");
    let sealed = Key(data_key.expose()).seal(&nonce, &[], plain);
    [&[MAGIC][..], &length.to_be_bytes(), wrapped, &nonce, &sealed].concat()
}

/// Takes a blob apart.
///
/// # Errors
/// [`Refused`].
pub fn parse(blob: &[u8]) -> Result<Parts<'_>, Refused> {
    let (&[magic, high, low], rest) = blob.split_first_chunk::<3>().ok_or(Cause::TooShort)?;
    if magic != MAGIC {
        return Err(Cause::Magic.into());
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (wrapped, rest) = rest.split_at_checked(length).ok_or(Cause::Length)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(Cause::TooShort)?;
    if wrapped.is_empty() {
        return Err(Cause::Length.into());
    }
    if sealed.len() < TAG {
        return Err(Cause::TooShort.into());
    }
    Ok(Parts { wrapped, nonce, sealed })
}

impl Parts<'_> {
    /// Opens under the unwrapped data key.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn open(&self, data_key: &Seed) -> Result<Plain, Refused> {
        Key(data_key.expose()).open(self.nonce, &[], self.sealed)
    }
}
