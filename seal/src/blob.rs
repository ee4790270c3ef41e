//! The format column, and what it makes of bytes.

use std::fmt;

use crate::{Cause, Refused, v1, v2, v3};

/// How a value is written. The number is the column `encryption_version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// -1: nobody knows; both keys are tried.
    Unknown,
    /// 0: in clear.
    Plain,
    /// 1: under the static key.
    Static,
    /// 2: under a KMS data key of its own.
    Envelope,
    /// 3: under the scope's seed, bound to its place.
    Bound,
}

impl Format {
    /// Returns the column's number.
    pub fn number(self) -> i32 {
        self as i32 - 1
    }

    /// Reads the column.
    ///
    /// # Errors
    /// [`Cause::Format`] for a number of a later version.
    pub fn from_number(number: i32) -> Result<Self, Refused> {
        match number {
            -1 => Ok(Self::Unknown),
            0 => Ok(Self::Plain),
            1 => Ok(Self::Static),
            2 => Ok(Self::Envelope),
            3 => Ok(Self::Bound),
            _ => Err(Cause::Format.into()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

/// A value as its format column says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blob<'a> {
    /// Text in clear.
    Plain(&'a str),
    /// To be opened with [`v1::open`].
    Static(&'a [u8]),
    Envelope(v2::Parts<'a>),
    Bound(v3::Parts<'a>),
    /// To be tried with the static key, and then as an envelope if it can be one.
    Unknown {
        bytes: &'a [u8],
        envelope: Option<v2::Parts<'a>>,
    },
}

impl<'a> Blob<'a> {
    /// Reads `bytes` as `format`.
    ///
    /// Clear text that is no text, or that carries the mark of format 3, is mislabelled: somebody
    /// changed the column. (Binary of at least [`v1::MIN`] bytes may still be a format 1 blob that
    /// an import of the contract's reference left under 0; it is `Unknown`, so it must
    /// authenticate.)
    ///
    /// # Errors
    /// [`Refused`].
    pub fn parse(format: Format, bytes: &'a [u8]) -> Result<Self, Refused> {
        match format {
            Format::Plain => clear(bytes),
            Format::Static if bytes.len() < v1::MIN => Err(Cause::TooShort.into()),
            Format::Static => Ok(Self::Static(bytes)),
            Format::Envelope => v2::parse(bytes).map(Self::Envelope),
            Format::Bound => v3::parse(bytes).map(Self::Bound),
            Format::Unknown if bytes.len() < v1::MIN => Err(Cause::TooShort.into()),
            Format::Unknown => Ok(Self::Unknown { bytes, envelope: v2::parse(bytes).ok() }),
        }
    }
}

fn clear(bytes: &[u8]) -> Result<Blob<'_>, Refused> {
    if bytes.starts_with(v3::MAGIC) {
        return Err(Cause::Mislabelled.into());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Blob::Plain(text)),
        Err(_) if bytes.len() >= v1::MIN => Ok(Blob::Unknown { bytes, envelope: None }),
        Err(_) => Err(Cause::Mislabelled.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_column() {
        for number in -1..=3 {
            assert_eq!(Format::from_number(number).unwrap().number(), number);
        }
        assert_eq!(Format::from_number(4), Err(Refused(Cause::Format)));
        assert_eq!(Format::from_number(i32::MIN), Err(Refused(Cause::Format)));
    }
}
