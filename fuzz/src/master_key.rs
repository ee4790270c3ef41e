//! The parser of `SECRETS_ENCRYPTION_KEY` against contract 05 §4.1.

use isomer_seal::master::{BadKey, MasterKey};
use isomer_seal::v1;

use super::reference;

/// How a text was a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    Base64,
    Raw,
    /// 32 bytes, all zero.
    Zero,
    Refused,
}

/// Reads a text, and compares with the contract. Returns how it was read.
///
/// # Panics
/// On a finding.
pub fn check(text: &[u8]) -> Read {
    let (read, key) = match (base64(text), <&[u8; 32]>::try_from(text)) {
        (Some(key), _) => (Read::Base64, key),
        (None, Ok(key)) => (Read::Raw, *key),
        (None, Err(_)) => (Read::Refused, [0; 32]),
    };
    let parsed = MasterKey::parse(text);
    if read == Read::Refused {
        assert_eq!(parsed.err(), Some(BadKey::Length(text.len())));
        return read;
    }
    if key == [0; 32] {
        assert_eq!(parsed.err(), Some(BadKey::Zero));
        return Read::Zero;
    }
    is(&parsed.expect("the contract says that it is a key"), &key);
    read
}

/// It is that key: it has its name, and opens what is sealed under it.
fn is(parsed: &MasterKey, key: &[u8; 32]) {
    let id = reference::key_id(key);
    assert_eq!(parsed.id(), id);
    assert_eq!(format!("{parsed:?}"), format!("MasterKey {{ id: {id:?}, .. }}"));
    let blob = reference::seal_static(key, b"twelve bytes", b"value");
    assert_eq!(v1::open(parsed, &blob).expect("it is the key").as_slice(), b"value");
}

/// Standard padded base64 (RFC 4648 §4) of exactly 32 bytes: 43 digits, whose last two bits are
/// zero, and one `=`.
fn base64(text: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; 43] = text.strip_suffix(b"=")?.try_into().ok()?;
    let mut bits = Vec::with_capacity(43 * 6);
    for digit in digits {
        let six = sextet(*digit)?;
        bits.extend((0..6).rev().map(|n| six >> n & 1));
    }
    let (bytes, rest) = bits.split_at(32 * 8);
    let mut key = [0; 32];
    for (byte, eight) in key.iter_mut().zip(bytes.chunks_exact(8)) {
        *byte = eight.iter().fold(0, |byte, bit| byte << 1 | bit);
    }
    (rest == [0, 0]).then_some(key)
}

fn sextet(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
