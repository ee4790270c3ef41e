//! Where a page ended, as clients hand it back. Opaque to them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use isomer_actors::ports::Place;

/// Changes with the bytes that follow.
const VERSION: u8 = 1;

/// Writes a place.
pub fn encode(place: Place) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&place.at.timestamp_micros().to_be_bytes());
    bytes.extend_from_slice(&place.seq.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a place; `None` for what was never written by [`encode`].
pub fn decode(text: &str) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (version, numbers) = bytes.split_first()?;
    let (micros, seq) = numbers.split_at_checked(8)?;
    let number = |bytes: &[u8]| Some(i64::from_be_bytes(bytes.try_into().ok()?));
    let at = DateTime::from_timestamp_micros(number(micros)?)?;
    (*version == VERSION).then_some(Place { at, seq: number(seq)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_comes_back(micros in -62_000_000_000_000_000_i64..253_000_000_000_000_000, seq in any::<i64>()) {
            let place = Place { at: DateTime::from_timestamp_micros(micros).unwrap(), seq };
            let text = encode(place);
            prop_assert_eq!(decode(&text), Some(place));
            let safe = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            prop_assert!(text.bytes().all(safe));
        }

        #[test]
        fn any_text_is_a_place_or_none(text in ".{0,40}") {
            if let Some(place) = decode(&text) {
                prop_assert_eq!(encode(place), text);
            }
        }

        #[test]
        fn any_bytes_are_a_place_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            if let Some(place) = decode(&text) {
                prop_assert_eq!(encode(place), text);
            }
        }
    }
}
