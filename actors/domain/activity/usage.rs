//! Tokens that an agent says it used (contract 04 §3.7).

use serde::Deserialize;
use serde_json::Value;

/// Most tokens that one answer can report of each kind.
const MOST: i64 = 10_000_000;
/// Millionths of a US dollar for each token that an agent read.
const INPUT_MICROS: i64 = 3;
/// Millionths of a US dollar for each token that an agent wrote.
const OUTPUT_MICROS: i64 = 15;

/// Tokens of one answer, each kind from 0 to 10,000,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input: i64,
    pub output: i64,
}

/// As agents tell it; what is no number counts as absent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    input_tokens: Value,
    output_tokens: Value,
}

impl Usage {
    /// Reads `{"input_tokens", "output_tokens"}`. `None`: neither is an integer.
    pub fn read(json: &str) -> Option<Self> {
        let told: Told = serde_json::from_str(json).ok()?;
        let (input, output) = (integer(&told.input_tokens), integer(&told.output_tokens));
        if input.is_none() && output.is_none() {
            return None;
        }
        Some(Self { input: input.unwrap_or(0), output: output.unwrap_or(0) })
    }

    /// Returns the estimated cost in millionths of a US dollar.
    pub fn micros(self) -> i64 {
        self.input * INPUT_MICROS + self.output * OUTPUT_MICROS
    }
}

fn integer(value: &Value) -> Option<i64> {
    let number = value.as_i64().or_else(|| value.as_u64().map(|_| MOST));
    number.map(|number| number.clamp(0, MOST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_integers_count_and_within_bounds() {
        let read = |value: Value| Usage::read(&value.to_string()).map(|u| (u.input, u.output));
        assert_eq!(read(json!({"input_tokens": 7, "output_tokens": 9, "x": 1})), Some((7, 9)));
        assert_eq!(read(json!({"input_tokens": -7})), Some((0, 0)));
        assert_eq!(read(json!({"output_tokens": u64::MAX})), Some((0, MOST)));
        for nothing in [json!({}), json!({"input_tokens": "7"}), json!({"output_tokens": 1.5})] {
            assert_eq!(read(nothing), None);
        }
        assert_eq!(read(json!([])), None);
        assert_eq!(read(json!("x")), None);
        assert_eq!(Usage { input: 1_000_000, output: 1_000_000 }.micros(), 18_000_000);
    }

    proptest! {
        #[test]
        fn any_numbers_are_clamped(input in any::<i64>(), output in any::<i64>()) {
            let text = json!({"input_tokens": input, "output_tokens": output}).to_string();
            let usage = Usage::read(&text).unwrap();
            prop_assert_eq!(usage.input, input.clamp(0, MOST));
            prop_assert!((0..=180_000_000).contains(&usage.micros()));
        }
    }
}
