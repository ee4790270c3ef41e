//! The static master key: how it is written (contract 05 §4.1), and what derives from it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::gcm::Key;
use crate::locked::Locked;

/// `SECRETS_ENCRYPTION_KEY`: 32 bytes on a pinned page.
pub struct MasterKey {
    bytes: Locked,
    id: String,
}

/// Why a text is no master key. Never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("32 bytes are needed, as standard base64 or raw; {0} bytes were given")]
    Length(usize),
    #[error("every byte is zero")]
    Zero,
    #[error("there is no memory for it")]
    Memory,
}

impl MasterKey {
    /// Reads a key: standard padded base64 of exactly 32 bytes, else exactly 32 raw bytes.
    ///
    /// The contract's reference refuses 32 raw bytes that happen to be base64 letters; they are
    /// accepted here. No text that it accepts means another key here.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn parse(text: &[u8]) -> Result<Self, BadKey> {
        let decoded = Zeroizing::new(STANDARD.decode(text).unwrap_or_default());
        let bytes: &[u8; 32] = decoded
            .as_slice()
            .try_into()
            .or_else(|_| text.try_into())
            .map_err(|_| BadKey::Length(text.len()))?;
        Self::from_bytes(bytes)
    }

    /// Takes a key as it is.
    ///
    /// # Errors
    /// `Zero`, `Memory`.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, BadKey> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(BadKey::Zero);
        }
        let bytes = Locked::new(bytes).ok_or(BadKey::Memory)?;
        let mut id = [0; 8];
        expand(bytes.expose(), b"isomer/static/id/1", &mut id);
        let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { bytes, id })
    }

    /// Returns the key's name: 16 hexadecimal digits that say nothing about the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns whether the key can never be swapped out.
    pub fn is_pinned(&self) -> bool {
        self.bytes.is_pinned()
    }

    /// The key of format 1 is the master key itself.
    pub(crate) fn format_1(&self) -> Key<'_> {
        Key(self.bytes.expose())
    }

    /// The key that wraps seeds is derived, so that no two uses share one.
    pub(crate) fn wrapping(&self) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        expand(self.bytes.expose(), b"isomer/static/wrap/1", &mut *key);
        key
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

fn expand(key: &[u8; 32], label: &[u8], out: &mut [u8]) {
    Hkdf::<Sha256>::new(None, key)
        .expand(label, out)
        .expect("at most 255 blocks of SHA-256 are asked for");
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn both_ways_of_writing_it_give_the_same_key() {
        let raw = MasterKey::parse(BYTES).unwrap();
        let encoded = MasterKey::parse(STANDARD.encode(BYTES).as_bytes()).unwrap();
        assert_eq!(raw.format_1().0, encoded.format_1().0);
        assert_eq!(raw.id(), encoded.id());
        assert_ne!(raw.wrapping().as_slice(), BYTES);
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for (text, expected) in [
            (&b""[..], BadKey::Length(0)),
            (b"short", BadKey::Length(5)),
            (b"AAAA", BadKey::Length(4)),
            (&[7; 33], BadKey::Length(33)),
            (&[0; 32], BadKey::Zero),
            (b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", BadKey::Zero),
            // base64 without its padding
            (b"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", BadKey::Length(43)),
        ] {
            assert_eq!(MasterKey::parse(text).unwrap_err(), expected);
        }
        let shown = format!("{:?}", MasterKey::parse(BYTES).unwrap());
        assert!(!shown.contains("0123"), "{shown}");
    }
}
