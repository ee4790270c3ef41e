//! Format 3: bound to its place, with a committed single-use key.
//!
//! ```text
//!  0  4  0x03 "SV3"
//!  4  1  suite: 0x01 = HKDF-SHA256, AES-256-GCM
//!  5 16  data key id
//! 21 32  info: random, the HKDF salt
//! 53 32  commitment
//! 85 12  nonce
//! 97  …  ciphertext, tag 16
//! ```
//!
//! With `H` the first 53 bytes and `C` the encoded context:
//! `PRK = HKDF-Extract(info, seed)`; `key = HKDF-Expand(PRK, "isomer/sv3/key" ‖ H ‖ C)`;
//! `commitment = HKDF-Expand(PRK, "isomer/sv3/commitment" ‖ H ‖ C)`; additional data
//! `H ‖ commitment ‖ C`. GCM alone commits to no key (Grubbs, Lu, Ristenpart 2017); the commitment
//! is compared, in constant time, before anything is decrypted.

use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::gcm::{Key, NONCE, TAG};
use crate::secret::Seed;
use crate::{Cause, NoRandomness, Plain, Refused, random};

/// The first bytes.
pub const MAGIC: &[u8; 4] = b"\x03SV3";
/// The only suite so far.
pub const SUITE: u8 = 1;
/// Bytes before the commitment.
const HEADER: usize = 53;
const COMMITMENT: usize = 32;
/// The smallest blob.
pub const MIN: usize = HEADER + COMMITMENT + NONCE + TAG;

/// The parts of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Whose seed it is sealed under.
    pub data_key: Uuid,
    header: &'a [u8; HEADER],
    commitment: &'a [u8; COMMITMENT],
    nonce: &'a [u8; NONCE],
    sealed: &'a [u8],
}

struct Derived {
    key: Zeroizing<[u8; 32]>,
    commitment: [u8; COMMITMENT],
}

/// Seals `plain` at its place under a seed.
///
/// # Errors
/// [`NoRandomness`].
pub fn seal(
    seed: &Seed,
    data_key: Uuid,
    context: &Context<'_>,
    plain: &[u8],
) -> Result<Vec<u8>, NoRandomness> {
    Ok(seal_with(seed, data_key, context, plain, random()?, random()?))
}

/// The same with given random parts: for fixed vectors only.
pub(crate) fn seal_with(
    seed: &Seed,
    data_key: Uuid,
    context: &Context<'_>,
    plain: &[u8],
    info: [u8; 32],
    nonce: [u8; NONCE],
) -> Vec<u8> {
    let context = context.encode();
    let mut blob = Vec::with_capacity(MIN + plain.len());
    blob.extend_from_slice(MAGIC);
    blob.push(SUITE);
    blob.extend_from_slice(data_key.as_bytes());
    blob.extend_from_slice(&info);
    let derived = derive(seed, &blob, &context);
    blob.extend_from_slice(&derived.commitment);
    let aad = [&blob[..], &context].concat();
    blob.extend_from_slice(&nonce);
    blob.extend_from_slice(&Key(&derived.key).seal(&nonce, &aad, plain));
    blob
}

/// Takes a blob apart.
///
/// # Errors
/// [`Refused`].
pub fn parse(blob: &[u8]) -> Result<Parts<'_>, Refused> {
    if blob.len() < MIN {
        return Err(Cause::TooShort.into());
    }
    let (header, rest) = blob.split_first_chunk::<HEADER>().ok_or(Cause::TooShort)?;
    let (commitment, rest) = rest.split_first_chunk::<COMMITMENT>().ok_or(Cause::TooShort)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(Cause::TooShort)?;
    if !header.starts_with(MAGIC) {
        return Err(Cause::Magic.into());
    }
    if header[4] != SUITE {
        return Err(Cause::Suite.into());
    }
    let id = Uuid::from_slice(&header[5..21]).map_err(|_| Cause::Magic)?;
    Ok(Parts { data_key: id, header, commitment, nonce, sealed })
}

impl Parts<'_> {
    /// Opens at a place. The caller gives the seed of [`Self::data_key`].
    ///
    /// # Errors
    /// [`Refused`]: another seed, place, version, or other bytes.
    pub fn open(&self, seed: &Seed, context: &Context<'_>) -> Result<Plain, Refused> {
        let context = context.encode();
        let derived = derive(seed, self.header, &context);
        if !bool::from(derived.commitment.ct_eq(self.commitment)) {
            return Err(Cause::Commitment.into());
        }
        let aad = [&self.header[..], &self.commitment[..], &context].concat();
        Key(&derived.key).open(self.nonce, &aad, self.sealed)
    }
}

fn derive(seed: &Seed, header: &[u8], context: &[u8]) -> Derived {
    let info = &header[21..HEADER];
    let hkdf = Hkdf::<Sha256>::new(Some(info), seed.expose());
    let expand = |label: &[u8], out: &mut [u8]| {
        hkdf.expand_multi_info(&[label, header, context], out)
            .expect("at most 255 blocks of SHA-256 are asked for");
    };
    let mut derived = Derived { key: Zeroizing::new([0; 32]), commitment: [0; COMMITMENT] };
    expand(b"isomer/sv3/key", &mut *derived.key);
    expand(b"isomer/sv3/commitment", &mut derived.commitment);
    derived
}

#[cfg(test)]
mod tests {
    use aes_gcm::Aes256Gcm;
    use zeroize::ZeroizeOnDrop;

    use super::*;

    /// The states that HKDF and AES-GCM hold keys in: it would not compile without.
    #[test]
    fn keyed_states_are_erased() {
        fn erased<T: ZeroizeOnDrop>() {}
        erased::<Sha256>();
        erased::<Aes256Gcm>();
    }
}
