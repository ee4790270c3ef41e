//! The decoder against any bytes under any format column.
//!
//! The first byte of an input, modulo 8, chooses what the rest is read as: 0 to 4 are the format
//! columns -1 to 3, 5 is a wrapped seed, 6 and 7 are columns of a later version. Who has no key can
//! make nothing that opens, so only the blobs sealed here may.

use std::sync::LazyLock;

use isomer_seal::blob::{Blob, Format};
use isomer_seal::context::{Context, Scope};
use isomer_seal::master::MasterKey;
use isomer_seal::secret::Seed;
use isomer_seal::{Cause, Refused, v2, wrap};
use uuid::Uuid;

use super::reader::Reader;
use super::reference;

const VALUE: &[u8] = b"correct horse battery staple";
const WRAPPED: &[u8] = b"as KMS wrapped it";
const WORKSPACE: Uuid = Uuid::from_u128(0x1111_1111_2222_4333_8444_5555_5555_5555);
const DATA_KEY: Uuid = Uuid::from_u128(0xaaaa_aaaa_bbbb_4ccc_8ddd_eeee_eeee_eeee);
/// What stands for a wrapped seed where the others have their format column.
const SEED: i32 = 4;

/// The keys of the fixed vectors in `docs/architecture/secrets-key-custody.md`.
static READER: LazyLock<Reader> = LazyLock::new(|| Reader {
    master: MasterKey::from_bytes(&counting(0)).expect("the key is not zero"),
    seed: Seed::from_bytes(&counting(0x20)),
    data_key: DATA_KEY,
    wrapped: WRAPPED.to_vec(),
});

static SEALED: LazyLock<Vec<Sealed>> = LazyLock::new(|| {
    let mut all: Vec<Sealed> = [VALUE, b""].into_iter().flat_map(seal).collect();
    let seed = counting(0x20);
    let bytes = reference::wrap(&counting(0), &nonce(), &pairs("acme"), &seed);
    all.push(Sealed { number: SEED, bytes, value: seed.to_vec() });
    all
});

/// A blob that opens.
#[derive(Debug)]
pub struct Sealed {
    /// Its format column, or [`SEED`].
    number: i32,
    bytes: Vec<u8>,
    value: Vec<u8>,
}

impl Sealed {
    /// Returns the input that reads it as what it is.
    pub fn input(&self) -> Vec<u8> {
        let selector = u8::try_from(self.number + 1).expect("numbers begin at -1");
        [&[selector][..], &self.bytes].concat()
    }
}

/// Returns every blob that may open: all formats with the value of the fixed vectors and with none,
/// and a wrapped seed.
pub fn sealed() -> &'static [Sealed] {
    &SEALED
}

/// Reads an input. Returns what it was read as, and whether it opened; `None` for no input.
///
/// # Panics
/// On a finding.
pub fn check(input: &[u8]) -> Option<(i32, bool)> {
    let (selector, bytes) = input.split_first()?;
    let number = i32::from(selector % 8) - 1;
    let opened = match Format::from_number(number) {
        Ok(format) => {
            assert_eq!(format.number(), number);
            parse(format, bytes);
            open(format, bytes)
        }
        Err(refused) => {
            assert_eq!((refused.0, number > 3), (Cause::Format, true));
            number == SEED && unwrap(bytes)
        }
    };
    Some((number, opened))
}

/// What parses is what the description says, and every part of it is of the input.
fn parse(format: Format, bytes: &[u8]) {
    let long = bytes.len() >= reference::OVERHEAD;
    let text = std::str::from_utf8(bytes);
    let envelope = reference::split_envelope(bytes);
    let expected = match format {
        Format::Unknown | Format::Static => long,
        Format::Plain => (text.is_ok() || long) && !bytes.starts_with(b"\x03SV3"),
        Format::Envelope => envelope.is_some(),
        Format::Bound => bytes.len() >= 113 && bytes.starts_with(b"\x03SV3\x01"),
    };
    let parsed = Blob::parse(format, bytes);
    assert_eq!(parsed.is_ok(), expected, "{parsed:?}");
    let kept = match parsed {
        Err(refused) => one_text(refused),
        Ok(Blob::Plain(read)) => format == Format::Plain && read.as_bytes() == bytes,
        Ok(Blob::Static(read)) => format == Format::Static && read == bytes,
        Ok(Blob::Envelope(parts)) => Some(parts.wrapped) == envelope.map(|(wrapped, _)| wrapped),
        Ok(Blob::Bound(parts)) => parts.data_key.as_bytes()[..] == bytes[5..21],
        Ok(Blob::Unknown { bytes: read, envelope: parts }) => {
            let unknown = format == Format::Unknown || format == Format::Plain && text.is_err();
            let also = (format == Format::Unknown).then(|| v2::parse(bytes).ok()).flatten();
            unknown && read == bytes && parts == also
        }
    };
    assert!(kept, "{parsed:?}");
}

/// It opens if and only if it was sealed here, and then only with its key and at its place.
fn open(format: Format, bytes: &[u8]) -> bool {
    let expected = match std::str::from_utf8(bytes) {
        Ok(_) if format == Format::Plain && !bytes.starts_with(b"\x03SV3") => Some(bytes),
        _ => expected(format.number(), bytes),
    };
    let opened = READER.open(format, bytes, &place("acme"));
    assert_eq!(opened.as_ref().ok().map(|plain| plain.as_slice()), expected);
    assert!(opened.is_ok() || opened.is_err_and(one_text));
    if format == Format::Bound {
        assert!(READER.open(format, bytes, &place("evil")).is_err(), "at another place");
    }
    if let (Format::Envelope, Ok(parts)) = (format, v2::parse(bytes)) {
        assert!(parts.open(&Seed::from_bytes(&counting(1))).is_err(), "with another key");
    }
    expected.is_some()
}

/// The same for wrapped seeds.
fn unwrap(bytes: &[u8]) -> bool {
    let expected = expected(SEED, bytes);
    let opened = wrap::unwrap(&READER.master, bytes, &pairs("acme"));
    assert_eq!(opened.ok().as_ref().map(|seed| &seed.expose()[..]), expected);
    assert!(wrap::unwrap(&READER.master, bytes, &pairs("evil")).is_err(), "in another context");
    expected.is_some()
}

/// The value when `bytes` were sealed here and may be read as `number`: an unknown format may be
/// either of the older ones, and an import may have left format 1 under 0.
fn expected(number: i32, bytes: &[u8]) -> Option<&'static [u8]> {
    let sealed = SEALED.iter().find(|sealed| sealed.bytes == bytes)?;
    let read = number == sealed.number || matches!((number, sealed.number), (-1, 1 | 2) | (0, 1));
    read.then_some(&sealed.value)
}

/// The text of a refusal says nothing of its cause.
fn one_text(refused: Refused) -> bool {
    refused.to_string() == Refused(Cause::Authentication).to_string()
}

fn seal(value: &[u8]) -> [Sealed; 3] {
    let (key, seed, nonce) = (counting(0), counting(0x20), nonce());
    let context = place("acme");
    let bound =
        reference::seal_bound(&seed, DATA_KEY.as_bytes(), &counting(0x40), &nonce, &context, value);
    [
        (1, reference::seal_static(&key, &nonce, value)),
        (2, reference::seal_envelope(&seed, WRAPPED, &nonce, value)),
        (3, bound),
    ]
    .map(|(number, bytes)| Sealed { number, bytes, value: value.to_vec() })
}

fn place(tenant: &str) -> Context<'_> {
    let scope = Scope::Workspace(WORKSPACE);
    Context { purpose: "secret", tenant, scope, key: "OPENAI_API_KEY", version: 7 }
}

fn pairs(tenant: &str) -> [(&'static str, String); 2] {
    [("isomer:tenant", tenant.to_owned()), ("isomer:data-key", DATA_KEY.to_string())]
}

fn nonce() -> [u8; 12] {
    counting(0xc0)
}

fn counting<const N: usize>(from: u8) -> [u8; N] {
    std::array::from_fn(|n| from + u8::try_from(n).expect("no vector has 256 bytes"))
}
