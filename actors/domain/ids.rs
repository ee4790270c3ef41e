//! Newtypes for every identifier, so that no two can be confused.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Identifies a workspace. Shown hyphenated and lower-case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkspaceId(pub Uuid);

impl WorkspaceId {
    /// Returns a random (version 4) id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Parses the loose form of contract 00 §2: hyphenated, bare hex, braces
    /// or `urn:uuid:`, in any case.
    pub fn parse_loose(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// Parses only the hyphenated lower-case form (contract 00 §2, secrets).
    pub fn parse_strict(text: &str) -> Option<Self> {
        let id = Self::parse_loose(text)?;
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), f)
    }
}

impl fmt::Debug for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Position of an event in the global order. Starts at 1, has no holes for readers.
pub type Seq = i64;

/// How many events a workspace has: the version its row and its chain agree on.
pub type Version = i64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loose_takes_every_written_form_and_strict_only_one() {
        let plain = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let forms = [
            plain.to_owned(),
            plain.to_uppercase(),
            plain.replace('-', ""),
            format!("{{{plain}}}"),
            format!("urn:uuid:{plain}"),
        ];
        for form in &forms {
            assert!(WorkspaceId::parse_loose(form).is_some(), "{form}");
            assert_eq!(WorkspaceId::parse_strict(form).is_some(), form == plain);
        }
        for bad in ["", "x", "67e55044-10b1-426f-9247", "67e55044-10b1-426f-9247-bb680e5fe0c8 "] {
            assert!(WorkspaceId::parse_loose(bad).is_none(), "{bad}");
        }
    }
}
