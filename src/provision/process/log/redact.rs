//! Keeps the values of secrets out of what is kept. Pure.

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// Shorter values are words that stand anywhere, in bytes.
const SHORTEST: usize = 8;

/// Replaces values by `[REDACTED:NAME]`, also where they come in pieces.
pub(in super::super) struct Redactor {
    /// Longest first: one may begin with another.
    values: Vec<(Zeroizing<Vec<u8>>, Vec<u8>)>,
    /// Indexes of values by their first byte.
    beginning: Vec<Vec<usize>>,
    /// The end of what came, which may be the beginning of a value.
    held: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Returns one for these values. Those of less than 8 bytes are not looked for.
    pub(in super::super) fn new<'a>(
        secrets: impl Iterator<Item = (&'a str, &'a SecretString)>,
    ) -> Self {
        let long = secrets.filter(|(_, value)| value.expose_secret().len() >= SHORTEST);
        let mut values: Vec<_> = long
            .map(|(name, value)| {
                let marker = format!("[REDACTED:{name}]").into_bytes();
                (Zeroizing::new(value.expose_secret().as_bytes().to_vec()), marker)
            })
            .collect();
        values.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.1.cmp(&b.1)));
        let mut beginning = vec![Vec::new(); 256];
        for (index, (value, _)) in values.iter().enumerate() {
            beginning[usize::from(value[0])].push(index);
        }
        Self { values, beginning, held: Zeroizing::default() }
    }

    /// Returns what may be kept of everything that came so far and was not returned yet.
    pub(in super::super) fn pass(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut input = std::mem::take(&mut self.held);
        input.extend_from_slice(piece);
        let (kept, used) = self.replaced(&input, false);
        self.held = Zeroizing::new(input[used..].to_vec());
        kept
    }

    /// Returns the rest: nothing more comes.
    pub(in super::super) fn end(&mut self) -> Vec<u8> {
        let input = std::mem::take(&mut self.held);
        self.replaced(&input, true).0
    }

    /// Returns the output, and how much of the input it stands for. What could become a longer value
    /// than one that is whole already waits, too.
    fn replaced(&self, input: &[u8], at_end: bool) -> (Vec<u8>, usize) {
        let (mut output, mut at) = (Vec::with_capacity(input.len()), 0);
        'input: while at < input.len() {
            let rest = &input[at..];
            for index in &self.beginning[usize::from(rest[0])] {
                let (value, marker) = &self.values[*index];
                if rest.starts_with(value) {
                    output.extend_from_slice(marker);
                    at += value.len();
                    continue 'input;
                }
                if !at_end && value.starts_with(rest) {
                    return (output, at);
                }
            }
            output.push(rest[0]);
            at += 1;
        }
        (output, at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(secrets: &[(String, SecretString)], pieces: &[Vec<u8>]) -> Vec<u8> {
        let mut redactor = Redactor::new(secrets.iter().map(|(n, v)| (n.as_str(), v)));
        let mut output: Vec<u8> = pieces.iter().flat_map(|piece| redactor.pass(piece)).collect();
        output.extend(redactor.end());
        output
    }

    fn secrets(values: &[&str]) -> Vec<(String, SecretString)> {
        values.iter().enumerate().map(|(i, v)| (format!("S{i}"), SecretString::from(*v))).collect()
    }

    #[test]
    fn values_are_replaced_by_their_names_and_short_ones_stay() {
        let secrets = secrets(&["correct-horse", "correct-horse-battery", "short"]);
        let text = b"a correct-horse, correct-horse-battery and short correct-hors".to_vec();
        let output = through(&secrets, &[text]);
        let expected = "a [REDACTED:S0], [REDACTED:S1] and short correct-hors";
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }

    #[test]
    fn output_that_begins_no_value_is_not_held_back() {
        let mut redactor = Redactor::new(std::iter::empty());
        assert_eq!(redactor.pass(b"prompt> "), b"prompt> ");
        let secrets = secrets(&["password-1"]);
        let mut redactor = Redactor::new(secrets.iter().map(|(n, v)| (n.as_str(), v)));
        assert_eq!(redactor.pass(b"the pass"), b"the ");
        assert_eq!(redactor.pass(b"age"), b"passage");
    }

    proptest! {
        // A small alphabet, so that values overlap, begin and hold each other.
        #[test]
        fn where_the_pieces_end_makes_no_difference(
            values in prop::collection::vec("[ab]{8,12}", 0..4),
            text in "[ab]{0,80}",
            cuts in prop::collection::vec(0usize..80, 0..8),
        ) {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            let secrets = secrets(&values);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> =
                cuts.windows(2).map(|cut| text.as_bytes()[cut[0]..cut[1]].to_vec()).collect();
            let whole = through(&secrets, &[text.clone().into_bytes()]);
            prop_assert_eq!(&through(&secrets, &pieces), &whole);
            let whole = String::from_utf8(whole).unwrap();
            for value in values {
                prop_assert!(!whole.contains(value));
            }
        }

        #[test]
        fn without_values_nothing_is_changed(text in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(through(&[], std::slice::from_ref(&text)), text);
        }
    }
}
