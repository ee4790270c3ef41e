//! What a sealed value belongs to: bound into its key and into its tag.

use uuid::Uuid;

/// Whose secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every workspace's.
    Global,
    Workspace(Uuid),
}

impl Scope {
    /// Returns the workspace; `None` for the global secrets.
    pub fn workspace(self) -> Option<Uuid> {
        match self {
            Self::Global => None,
            Self::Workspace(id) => Some(id),
        }
    }

    /// Returns the spelling in contexts: `global`, or the lower-case hyphenated id.
    pub fn text(self) -> String {
        match self {
            Self::Global => "global".to_owned(),
            Self::Workspace(id) => id.to_string(),
        }
    }
}

impl From<Option<Uuid>> for Scope {
    fn from(workspace: Option<Uuid>) -> Self {
        workspace.map_or(Self::Global, Self::Workspace)
    }
}

/// The place of one sealed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context<'a> {
    /// What it is for: `secret`, or `custody` for the check value.
    pub purpose: &'a str,
    /// The tenant that the deployment belongs to; empty for none.
    pub tenant: &'a str,
    pub scope: Scope,
    /// The secret's name.
    pub key: &'a str,
    /// Counts the writes of this row.
    pub version: i64,
}

impl Context<'_> {
    /// Returns the one encoding: every part after its length as u32 BE, so that no two contexts
    /// are written alike.
    pub fn encode(&self) -> Vec<u8> {
        let scope = self.scope.text();
        let version = self.version.to_be_bytes();
        let parts: [&[u8]; 5] = [
            self.purpose.as_bytes(),
            self.tenant.as_bytes(),
            scope.as_bytes(),
            self.key.as_bytes(),
            &version,
        ];
        join(parts.into_iter())
    }
}

/// Joins parts, each after its length as u32 BE.
pub(crate) fn join<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        // A part of 4 GiB never gets here: bodies are far smaller. Saturating keeps it total.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn two_contexts_are_never_written_alike(
            a in ("[a-c]{0,3}", "[a-c]{0,3}", "[a-c]{0,3}", 0i64..3),
            b in ("[a-c]{0,3}", "[a-c]{0,3}", "[a-c]{0,3}", 0i64..3),
        ) {
            let context = |c: &(String, String, String, i64)| {
                Context {
                    purpose: &c.0, tenant: &c.1, scope: Scope::Global, key: &c.2, version: c.3,
                }.encode()
            };
            prop_assert_eq!(context(&a) == context(&b), a == b);
        }
    }
}
