//! Everything that can be done to a stored value short of having the key, over all formats; and
//! fixed vectors, which `docs/architecture/secrets-key-custody.md` repeats.

use proptest::prelude::*;
use uuid::Uuid;

use crate::blob::{Blob, Format};
use crate::context::{Context, Scope};
use crate::master::MasterKey;
use crate::secret::Seed;
use crate::{Cause, Plain, Refused, v1, v2, v3, wrap};

const PAGE: &str = include_str!("../../docs/architecture/secrets-key-custody.md");
const VALUE: &[u8] = b"correct horse battery staple";
const WORKSPACE: Uuid = Uuid::from_u128(0x1111_1111_2222_4333_8444_5555_5555_5555);
const DATA_KEY: Uuid = Uuid::from_u128(0xaaaa_aaaa_bbbb_4ccc_8ddd_eeee_eeee_eeee);

fn counting(from: u8) -> [u8; 32] {
    std::array::from_fn(|n| from + u8::try_from(n).unwrap())
}

fn master() -> MasterKey {
    MasterKey::from_bytes(&counting(0)).unwrap()
}

fn seed() -> Seed {
    Seed::from_bytes(&counting(32))
}

fn place() -> Context<'static> {
    Context {
        purpose: "secret",
        tenant: "acme",
        scope: Scope::Workspace(WORKSPACE),
        key: "OPENAI_API_KEY",
        version: 7,
    }
}

fn nonce() -> [u8; 12] {
    std::array::from_fn(|n| 0xc0 + u8::try_from(n).unwrap())
}

fn format_1() -> Vec<u8> {
    v1::seal_with(&master(), VALUE, nonce())
}

fn format_2() -> Vec<u8> {
    v2::seal_with(&seed(), b"as KMS wrapped it", VALUE, nonce())
}

fn format_3() -> Vec<u8> {
    v3::seal_with(&seed(), DATA_KEY, &place(), VALUE, counting(64), nonce())
}

/// Opens as a server does that holds the master key and whose KMS unwraps to `seed`.
fn open(format: Format, bytes: &[u8], context: &Context<'_>) -> Result<Plain, Refused> {
    match Blob::parse(format, bytes)? {
        Blob::Plain(text) => Ok(Plain::new(text.as_bytes().to_vec())),
        Blob::Static(bytes) => v1::open(&master(), bytes),
        Blob::Envelope(parts) => envelope(&parts),
        Blob::Bound(parts) if parts.data_key == DATA_KEY => parts.open(&seed(), context),
        Blob::Bound(_) => Err(Cause::DataKeyGone.into()),
        Blob::Unknown { bytes, envelope: parts } => {
            v1::open(&master(), bytes).or_else(|refused| envelope(&parts.ok_or(refused)?))
        }
    }
}

fn envelope(parts: &v2::Parts<'_>) -> Result<Plain, Refused> {
    if parts.wrapped == b"as KMS wrapped it" {
        parts.open(&seed())
    } else {
        Err(Cause::Unwrap.into())
    }
}

fn all() -> [(Format, Vec<u8>); 3] {
    [(Format::Static, format_1()), (Format::Envelope, format_2()), (Format::Bound, format_3())]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn fixed_vectors_are_those_of_the_page() {
    for (format, blob) in all() {
        assert_eq!(open(format, &blob, &place()).unwrap().as_slice(), VALUE);
        let text = hex(&blob);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
        assert!(PAGE.contains(&lines.join("\n")), "format {format}:\n{}", lines.join("\n"));
    }
    assert!(PAGE.contains(&format!("key id `{}`", master().id())), "{}", master().id());
}

#[test]
fn every_flipped_bit_is_noticed() {
    for (format, blob) in all() {
        for bit in 0..blob.len() * 8 {
            let mut changed = blob.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(format, &changed, &place()).is_err(), "format {format}, bit {bit}");
            assert!(open(Format::Unknown, &changed, &place()).is_err(), "unknown, bit {bit}");
        }
    }
}

#[test]
fn every_truncation_and_every_suffix_is_noticed() {
    for (format, blob) in all() {
        for length in 0..blob.len() {
            assert!(open(format, &blob[..length], &place()).is_err(), "format {format}, {length}");
            assert!(open(Format::Unknown, &blob[..length], &place()).is_err(), "{length}");
            assert!(open(format, &blob[length + 1..], &place()).is_err(), "format {format}");
        }
        for suffix in [&[0][..], &[0; 16], b"x", &blob] {
            let longer = [&blob[..], suffix].concat();
            assert!(open(format, &longer, &place()).is_err(), "format {format}");
        }
    }
}

#[test]
fn a_format_3_row_can_be_put_nowhere_else() {
    let blob = format_3();
    let other = Uuid::from_u128(9);
    for moved in [
        Context { purpose: "custody", ..place() },
        Context { tenant: "evil", ..place() },
        Context { tenant: "", ..place() },
        Context { scope: Scope::Workspace(other), ..place() },
        Context { scope: Scope::Global, ..place() },
        Context { key: "GITHUB_TOKEN", ..place() },
        Context { key: "openai_api_key", ..place() },
        Context { version: 6, ..place() },
        Context { version: 8, ..place() },
        Context { tenant: "acmesecret", purpose: "", ..place() },
    ] {
        assert_eq!(
            open(Format::Bound, &blob, &moved),
            Err(Refused(Cause::Commitment)),
            "{moved:?}"
        );
    }
}

#[test]
fn parts_of_two_format_3_blobs_do_not_fit() {
    let one = format_3();
    let two = v3::seal(&seed(), DATA_KEY, &place(), VALUE).unwrap();
    for cut in 1..one.len() {
        let spliced = [&one[..cut], &two[cut..]].concat();
        if spliced != one && spliced != two {
            assert!(open(Format::Bound, &spliced, &place()).is_err(), "cut at {cut}");
        }
    }
}

#[test]
fn another_key_opens_nothing() {
    let wrong = MasterKey::from_bytes(&counting(1)).unwrap();
    let other = Seed::from_bytes(&counting(33));
    assert!(v1::open(&wrong, &format_1()).is_err());
    assert!(v2::parse(&format_2()).unwrap().open(&other).is_err());
    let refused = v3::parse(&format_3()).unwrap().open(&other, &place());
    assert_eq!(refused, Err(Refused(Cause::Commitment)));
}

/// What the documents call "relabelled": the column says another format than the bytes are.
#[test]
fn a_changed_format_column_is_refused() {
    for (written, blob) in all() {
        for claimed in [Format::Plain, Format::Static, Format::Envelope, Format::Bound] {
            // Format 1 under the label 0 is what an import of the contract's reference left
            // behind; it authenticates, so nothing false is read.
            if claimed != written && (claimed, written) != (Format::Plain, Format::Static) {
                assert!(open(claimed, &blob, &place()).is_err(), "{written} as {claimed}");
            }
        }
    }
    let imported = open(Format::Plain, &format_1(), &place()).unwrap();
    assert_eq!(imported.as_slice(), VALUE);
}

/// Where formats 0, 1 and 2 cannot refuse; the page says the same.
#[test]
fn older_formats_do_not_know_their_place() {
    let elsewhere = Context { key: "GITHUB_TOKEN", version: 1, ..place() };
    for (format, blob) in [(Format::Static, format_1()), (Format::Envelope, format_2())] {
        assert_eq!(open(format, &blob, &elsewhere).unwrap().as_slice(), VALUE);
    }
    assert_eq!(open(Format::Plain, b"planted", &place()).unwrap().as_slice(), b"planted");
}

/// One static blob in 256 begins with the envelope's mark.
#[test]
fn a_static_blob_that_looks_like_an_envelope_is_still_read() {
    let mut nonce = nonce();
    nonce[..3].copy_from_slice(&[v2::MAGIC, 0, 5]);
    let blob = v1::seal_with(&master(), VALUE, nonce);
    let parsed = Blob::parse(Format::Unknown, &blob).unwrap();
    assert!(matches!(parsed, Blob::Unknown { envelope: Some(_), .. }), "it looks like one");
    for format in [Format::Static, Format::Unknown] {
        assert_eq!(open(format, &blob, &place()).unwrap().as_slice(), VALUE);
    }
    assert!(open(Format::Envelope, &blob, &place()).is_err());
}

#[test]
fn a_wrapped_seed_is_bound_to_its_context() {
    let pairs =
        |key: &str| [("isomer:tenant", "acme".to_owned()), ("isomer:data-key", key.to_owned())];
    let wrapped = wrap::wrap(&master(), &seed(), &pairs("a")).unwrap();
    assert!(wrap::unwrap(&master(), &wrapped, &pairs("a")).unwrap().is(&seed()));
    assert!(wrap::unwrap(&master(), &wrapped, &pairs("b")).is_err());
    assert!(wrap::unwrap(&master(), &wrapped, &pairs("a")[..1]).is_err());
    for bit in 0..wrapped.len() * 8 {
        let mut changed = wrapped.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(wrap::unwrap(&master(), &changed, &pairs("a")).is_err(), "bit {bit}");
    }
    for length in 0..wrapped.len() {
        assert!(wrap::unwrap(&master(), &wrapped[..length], &pairs("a")).is_err());
    }
}

proptest! {
    #[test]
    fn what_was_sealed_comes_back(value in proptest::collection::vec(any::<u8>(), 0..300)) {
        let blob = v1::seal(&master(), &value).unwrap();
        prop_assert_eq!(open(Format::Static, &blob, &place()).unwrap().to_vec(), value.clone());
        let blob = v2::seal(&seed(), b"as KMS wrapped it", &value).unwrap();
        prop_assert_eq!(open(Format::Envelope, &blob, &place()).unwrap().to_vec(), value.clone());
        let blob = v3::seal(&seed(), DATA_KEY, &place(), &value).unwrap();
        prop_assert_eq!(open(Format::Bound, &blob, &place()).unwrap().to_vec(), value);
    }

    #[test]
    fn no_bytes_at_all_break_the_decoder(
        format in -1i32..=3,
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let format = Format::from_number(format).unwrap();
        if format != Format::Plain {
            prop_assert!(open(format, &bytes, &place()).is_err());
        }
    }

    #[test]
    fn no_text_breaks_the_key_parser(text in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(key) = MasterKey::parse(&text) {
            prop_assert_eq!(key.id().len(), 16);
        }
    }
}
