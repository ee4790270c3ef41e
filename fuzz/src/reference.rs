//! The formats a second time, written from their description and sharing only AES-GCM and HKDF with
//! the code under test. Every random part is an argument, so that a finding can be repeated.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use isomer_seal::context::{Context, Scope};
use sha2::Sha256;

/// Bytes of a nonce and of a tag: what sealing adds to a value.
pub const OVERHEAD: usize = 12 + 16;

/// Writes format 1.
pub fn seal_static(key: &[u8; 32], nonce: &[u8; 12], plain: &[u8]) -> Vec<u8> {
    [&nonce[..], &encrypt(key, nonce, &[], plain)].concat()
}

/// Reads format 1.
pub fn open_static(key: &[u8; 32], blob: &[u8]) -> Option<Vec<u8>> {
    decrypt(key, blob, &[])
}

/// Writes format 2.
pub fn seal_envelope(key: &[u8; 32], wrapped: &[u8], nonce: &[u8; 12], plain: &[u8]) -> Vec<u8> {
    let length = u16::try_from(wrapped.len()).expect("inputs are far below 64 KiB").to_be_bytes();
    [&[2][..], &length, wrapped, &seal_static(key, nonce, plain)].concat()
}

/// Splits format 2 after the wrapped data key; `None` when it is no format 2.
pub fn split_envelope(blob: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(*blob.get(1)?) * 256 + usize::from(*blob.get(2)?);
    let fits = blob[0] == 2 && length > 0 && blob.len() >= 3 + length + OVERHEAD;
    fits.then(|| blob[3..].split_at(length))
}

/// Reads format 2.
pub fn open_envelope(key: &[u8; 32], blob: &[u8]) -> Option<Vec<u8>> {
    open_static(key, split_envelope(blob)?.1)
}

/// Writes format 3.
pub fn seal_bound(
    seed: &[u8; 32],
    data_key: &[u8; 16],
    info: &[u8; 32],
    nonce: &[u8; 12],
    context: &Context<'_>,
    plain: &[u8],
) -> Vec<u8> {
    let header = [b"\x03SV3\x01", &data_key[..], info].concat();
    let context = place(context);
    let [key, commitment] = derive_bound(seed, &header, &context);
    let aad = [&header[..], &commitment, &context].concat();
    [&header[..], &commitment, nonce, &encrypt(&key, nonce, &aad, plain)].concat()
}

/// Reads format 3.
pub fn open_bound(seed: &[u8; 32], context: &Context<'_>, blob: &[u8]) -> Option<Vec<u8>> {
    let (header, rest) = blob.split_at_checked(53)?;
    let (committed, sealed) = rest.split_at_checked(32)?;
    let context = place(context);
    let [key, commitment] = derive_bound(seed, header, &context);
    if !header.starts_with(b"\x03SV3\x01") || committed != commitment {
        return None;
    }
    decrypt(&key, sealed, &[header, committed, &context].concat())
}

/// Wraps a seed under the static key.
pub fn wrap(
    master: &[u8; 32],
    nonce: &[u8; 12],
    pairs: &[(&str, String)],
    seed: &[u8; 32],
) -> Vec<u8> {
    let key = derive(None, master, b"isomer/static/wrap/1");
    [&[1][..], nonce, &encrypt(&key, nonce, &joined(pairs), seed)].concat()
}

/// Unwraps a seed.
pub fn unwrap(master: &[u8; 32], pairs: &[(&str, String)], wrapped: &[u8]) -> Option<Vec<u8>> {
    let key = derive(None, master, b"isomer/static/wrap/1");
    decrypt(&key, wrapped.strip_prefix(&[1])?, &joined(pairs))
}

/// Names a static key.
pub fn key_id(master: &[u8; 32]) -> String {
    let id: [u8; 8] = derive(None, master, b"isomer/static/id/1");
    format!("{:016x}", u64::from_be_bytes(id))
}

fn derive_bound(seed: &[u8; 32], header: &[u8], context: &[u8]) -> [[u8; 32]; 2] {
    let info = &header[21..53];
    [&b"isomer/sv3/key"[..], b"isomer/sv3/commitment"]
        .map(|label| derive(Some(info), seed, &[label, header, context].concat()))
}

fn derive<const N: usize>(salt: Option<&[u8]>, key: &[u8], label: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    Hkdf::<Sha256>::new(salt, key).expand(label, &mut out).expect("32 bytes are one block");
    out
}

fn joined(pairs: &[(&str, String)]) -> Vec<u8> {
    let parts: Vec<&[u8]> =
        pairs.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
    prefixed(&parts)
}

fn place(context: &Context<'_>) -> Vec<u8> {
    let scope = match context.scope {
        Scope::Global => "global".to_owned(),
        Scope::Workspace(id) => id.to_string(),
    };
    let version = context.version.to_be_bytes();
    let [purpose, tenant, key] = [context.purpose, context.tenant, context.key].map(str::as_bytes);
    prefixed(&[purpose, tenant, scope.as_bytes(), key, &version])
}

fn prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        let length = u32::try_from(part.len()).expect("inputs are far below 4 GiB");
        out.extend(length.to_be_bytes());
        out.extend(*part);
    }
    out
}

fn encrypt(key: &[u8; 32], nonce: &[u8; 12], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    Aes256Gcm::new(key.into())
        .encrypt(nonce.into(), Payload { msg, aad })
        .expect("AES-GCM refuses only above 64 GiB")
}

/// Reads `nonce ‖ ciphertext ‖ tag`.
fn decrypt(key: &[u8; 32], blob: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let (nonce, msg) = blob.split_first_chunk::<12>()?;
    Aes256Gcm::new(key.into()).decrypt(nonce.into(), Payload { msg, aad }).ok()
}
