//! Opens stored values as a server does that holds the master key and whose KMS knows one data key.

use isomer_seal::blob::{Blob, Format};
use isomer_seal::context::Context;
use isomer_seal::master::MasterKey;
use isomer_seal::secret::Seed;
use isomer_seal::{Cause, Plain, Refused, v1, v2};
use uuid::Uuid;

/// The keys at hand.
#[derive(Debug)]
pub struct Reader {
    pub master: MasterKey,
    /// The data key of format 2, and the seed of format 3.
    pub seed: Seed,
    /// Whose seed it is.
    pub data_key: Uuid,
    /// What KMS unwraps to `seed`; it refuses everything else.
    pub wrapped: Vec<u8>,
}

impl Reader {
    /// Opens `bytes` as what the format column says, at a place.
    pub fn open(
        &self,
        format: Format,
        bytes: &[u8],
        context: &Context<'_>,
    ) -> Result<Plain, Refused> {
        match Blob::parse(format, bytes)? {
            Blob::Plain(text) => Ok(Plain::new(text.as_bytes().to_vec())),
            Blob::Static(bytes) => v1::open(&self.master, bytes),
            Blob::Envelope(parts) => self.envelope(&parts),
            Blob::Bound(parts) if parts.data_key == self.data_key => {
                parts.open(&self.seed, context)
            }
            Blob::Bound(_) => Err(Cause::DataKeyGone.into()),
            Blob::Unknown { bytes, envelope } => v1::open(&self.master, bytes)
                .or_else(|refused| self.envelope(&envelope.ok_or(refused)?)),
        }
    }

    fn envelope(&self, parts: &v2::Parts<'_>) -> Result<Plain, Refused> {
        if parts.wrapped == self.wrapped {
            parts.open(&self.seed)
        } else {
            Err(Cause::Unwrap.into())
        }
    }
}
